//! A soak: threads that replace, read and overwrite each other's objects, every byte checked, while
//! background work goes on and the pool is compacted.

mod crew;
mod objects;

use std::boxed::Box;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::HostEnv;
use crate::{AllocError, Granule, ZPool};
use crew::Crew;
use objects::Table;

/// What a soak does, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct Soak {
    /// Threads that use the pool, each of them a CPU. One more compacts now and then.
    pub threads: usize,
    /// Places for objects; any thread uses any of them.
    pub places: usize,
    /// Bytes of the largest object.
    pub largest: usize,
    /// It ends after so many operations, of all threads together: calls of `malloc`, `free`, `read`
    /// and `write`. Background work does not count.
    pub operations: u64,
    /// Or after this time, whichever comes first.
    pub limit: Duration,
    /// Between two looks at the pool, each of which walks through it, and every fourth compacts it.
    pub pause: Duration,
    /// Freed handles are used again, and have to be refused.
    pub checks_handles: bool,
}

/// What a soak has come to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Soaked {
    /// Calls of `malloc`, `free`, `read` and `write`.
    pub operations: u64,
    /// Time since it began.
    pub elapsed: Duration,
    /// Objects that background work relocated.
    pub relocated: u64,
    /// Bytes that background work copied.
    pub copied: u64,
    /// Bytes of live objects when the pool was last looked at.
    pub live_bytes: u64,
    /// Bytes of all that it held then.
    pub pool_bytes: u64,
    live_most: u64,
    /// Sums of both over the looks at which the pool was at least half full.
    live_sum: u64,
    pool_sum: u64,
}

impl Soaked {
    /// Live bytes over all that the pool holds, at the last look.
    #[must_use]
    pub fn density(&self) -> f64 {
        self.live_bytes as f64 / self.pool_bytes.max(1) as f64
    }

    /// The same over all looks at a pool that was at least half full, each with the weight of what
    /// it held.
    #[must_use]
    pub fn mean_density(&self) -> f64 {
        self.live_sum as f64 / self.pool_sum.max(1) as f64
    }
}

impl Default for Soak {
    /// A short one with four threads on a pool of some dozen blocks.
    fn default() -> Self {
        Self {
            threads: 4,
            places: 512,
            largest: 4096,
            operations: 100_000,
            limit: Duration::MAX,
            pause: Duration::from_millis(5),
            checks_handles: true,
        }
    }
}

impl Soak {
    /// Runs it on a pool of its own. `watch` is told after each look at the pool.
    ///
    /// # Panics
    /// When a content is wrong, an operation on a live object is refused, a freed handle is
    /// accepted, or something is left when all objects are freed.
    pub fn run<G: Granule>(
        &self,
        create: impl for<'e> Fn(&'e HostEnv<G>) -> Result<Box<dyn ZPool + 'e>, AllocError>,
        mut watch: impl FnMut(&Soaked),
    ) -> Soaked {
        // Threads of the host may be put aside while they stand in line for a lock.
        crate::serve_any_waiter();
        let env = HostEnv::<G>::with_cpus(self.threads + 1);
        let pool = create(&env).expect("a pool in an environment without a limit");
        let table = Table::new(self.places, self.largest);
        let crew = Crew::new(self, &*pool, &table, G::SIZE);
        let start = Instant::now();
        let mut soaked = Soaked::default();
        std::thread::scope(|scope| {
            let (env, crew) = (&env, &crew);
            let workers: std::vec::Vec<_> = (0..self.threads)
                .map(|cpu| {
                    scope.spawn(move || {
                        env.set_cpu(cpu);
                        crew.work(cpu);
                    })
                })
                .collect();
            env.set_cpu(self.threads);
            let mut looks = 0_u64;
            while workers.iter().any(|worker| !worker.is_finished()) {
                std::thread::park_timeout(self.pause);
                if start.elapsed() >= self.limit {
                    crew.done.store(true, Ordering::Relaxed);
                }
                looks += 1;
                if looks.is_multiple_of(4) {
                    crew.compact();
                }
                crew.look(&mut soaked, start.elapsed());
                watch(&soaked);
            }
            let failed = workers.into_iter().filter_map(|worker| worker.join().err()).count();
            assert_eq!(failed, 0, "threads have failed");
        });
        crew.look(&mut soaked, start.elapsed());
        crew.check_all();
        let live = table.live();
        assert_eq!(pool.statistics().objects, live, "objects that the pool counts, and live ones");
        crew.end_all();
        pool.compact(&table);
        let statistics = pool.statistics();
        assert_eq!(
            (statistics.objects, statistics.pool_pages),
            (0, 0),
            "left after all were freed"
        );
        soaked
    }
}
