//! Four CPUs that fill one pool at once, and use it afterwards, leave it as dense as one would.

use std::sync::Mutex;

use zblock::Slotted;
use zpool::testing::HostEnv;
use zpool::{Budget, Granule, Granule4K, Granule16K, Handle, NoOwners, Owner, Owners, ZPool};

const CPUS: usize = 4;

/// Objects with their sizes. Each CPU replaces its own part of them.
struct Objects(Vec<Mutex<(Handle, usize)>>);

impl Owners for Objects {
    fn relocated(&self, owner: Owner, old: Handle, new: Handle) -> bool {
        // Objects that are being placed are not among these yet.
        let Some(place) = self.0.get(owner.0 as usize) else { return false };
        let Ok(mut object) = place.try_lock() else { return false };
        let known = object.0 == old;
        if known {
            object.0 = new;
        }
        known
    }
}

struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (((self.0 >> 32) * bound as u64) >> 32) as usize
    }
}

/// How sizes are distributed, as shares of a page in 1/1024.
#[derive(Clone, Copy)]
enum Sizes {
    /// All alike.
    Uniform,
    /// Around a quarter of a page, as compressed pages are; some hardly compress.
    Compressed,
    /// Two sizes.
    Two,
}

impl Sizes {
    const ALL: [Self; 3] = [Self::Uniform, Self::Compressed, Self::Two];

    fn draw(self, random: &mut Random, page: usize) -> usize {
        let share = match self {
            Self::Uniform => 8 + random.below(1016),
            Self::Compressed if random.below(8) == 0 => 512 + random.below(512),
            Self::Compressed => 64 + random.below(200) + random.below(200),
            Self::Two => [170, 680][random.below(2)],
        };
        (page * share / 1024).max(1)
    }
}

impl Objects {
    /// Live bytes over all that the pool holds.
    fn density<G: Granule>(&self, pool: &impl ZPool) -> f64 {
        let live: usize = self.0.iter().map(|object| object.lock().unwrap().1).sum();
        let statistics = pool.statistics();
        live as f64 / (statistics.pool_pages * G::SIZE + statistics.metadata_bytes) as f64
    }
}

/// What each CPU does; the results in their order.
fn on_each_cpu<G: Granule, T: Send>(env: &HostEnv<G>, act: impl Fn(usize) -> T + Sync) -> Vec<T> {
    std::thread::scope(|scope| {
        let act = &act;
        let threads = (0..CPUS).map(|cpu| {
            scope.spawn(move || {
                env.set_cpu(cpu);
                act(cpu)
            })
        });
        let threads: Vec<_> = threads.collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

/// Fills a pool with so many objects from all CPUs at once, and replaces as many. Its density is then
/// to be `least`, and `later`.
fn check<G: Granule>(count: usize, sizes: Sizes, least: f64, later: f64) {
    zpool::serve_any_waiter();
    let env = HostEnv::<G>::with_cpus(CPUS);
    let pool = Slotted::new(&env).unwrap();
    let share = count / CPUS;
    // Whoever waits for his turn sleeps: the host may have put the one aside whose turn it is.
    let turn = Mutex::new(());
    let maintain = |objects: &dyn Owners| {
        let _turn = turn.lock().unwrap();
        pool.maintain(Budget { bytes: 2 * G::SIZE, objects: 1 }, objects);
    };
    let allocate = |random: &mut Random, owner: usize| {
        let size = sizes.draw(random, G::SIZE);
        (pool.malloc(size, Owner(owner as u32)).unwrap(), size)
    };
    let parts = on_each_cpu(&env, |cpu| {
        let mut random = Random(cpu as u64);
        let object = |index| {
            let object = allocate(&mut random, cpu * share + index);
            maintain(&NoOwners);
            Mutex::new(object)
        };
        (0..share).map(object).collect::<Vec<_>>()
    });
    let objects = Objects(parts.into_iter().flatten().collect());
    let filled = objects.density::<G>(&pool);

    on_each_cpu(&env, |cpu| {
        let mut random = Random(!(cpu as u64));
        for _ in 0..share {
            let owner = cpu * share + random.below(share);
            let mut object = objects.0[owner].lock().unwrap();
            pool.free(object.0).unwrap();
            *object = allocate(&mut random, owner);
            drop(object);
            maintain(&objects);
        }
    });
    let replaced = objects.density::<G>(&pool);
    let what = format!("{count} objects, {} KiB pages", G::SIZE >> 10);
    println!("{what}: filled {filled:.4}, replaced {replaced:.4}");
    assert!(filled >= least, "{what}: {filled:.4} when filled");
    assert!(replaced >= later, "{what}: {replaced:.4} when replaced");
    assert_eq!(pool.statistics().objects, objects.0.len());
}

#[test]
#[cfg_attr(miri, ignore = "many objects")]
fn large_pools_at_4k() {
    for sizes in Sizes::ALL {
        check::<Granule4K>(60_000, sizes, 0.95, 0.92);
    }
}

#[test]
#[cfg_attr(miri, ignore = "many objects")]
fn large_pools_at_16k() {
    for sizes in Sizes::ALL {
        check::<Granule16K>(30_000, sizes, 0.95, 0.92);
    }
}

#[test]
#[cfg_attr(miri, ignore = "many objects")]
fn small_pools() {
    for sizes in Sizes::ALL {
        check::<Granule4K>(2_000, sizes, 0.92, 0.90);
        check::<Granule16K>(1_000, sizes, 0.92, 0.90);
    }
}
