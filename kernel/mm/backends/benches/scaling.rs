//! One pool, used by 1, 2, 4 and 8 threads at once.
//!
//! `cargo bench -p backends` or `cargo bench -p backends -- zblock zsmalloc`. Each thread replaces
//! objects: malloc, write, read, free. Shown are replacements per second of the host's clock,
//! nanoseconds of CPU time for each, which a loaded host does not change as much, and how often a
//! thread had to wait for another one, in 1000 replacements: turns of loops that wait for a lock or
//! for an object that is being copied.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use zpool::testing::{HostEnv, waits};
use zpool::{Budget, Granule4K, Handle, NoOwners, Owner, ZPool};

const PAGE: usize = 4096;
const THREADS: [usize; 4] = [1, 2, 4, 8];
/// Replacements of all threads together.
const REPLACEMENTS: usize = 400_000;
/// Live objects of all threads together.
const PLACES: usize = 32_768;
/// Replacements of a thread for each of its steps of background work.
const UPKEEP: usize = 4;

/// Which objects a thread replaces, and of what size.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pattern {
    /// Its own, all of one size.
    OneSize,
    /// It allocates its own and frees the next thread's.
    HandOver,
    /// Anybody's.
    Random,
}

const PATTERNS: [(&str, Pattern); 3] =
    [("one size", Pattern::OneSize), ("hand over", Pattern::HandOver), ("random", Pattern::Random)];

struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (((self.0 >> 32) * bound as u64) >> 32) as usize
    }
}

/// What all threads share.
struct Course<'a> {
    pool: &'a dyn ZPool,
    /// Handles with their sizes above them.
    places: Vec<AtomicU64>,
    threads: usize,
    pattern: Pattern,
}

const HANDLE_BITS: u32 = 47;

fn object(place: u64) -> Option<(Handle, usize)> {
    let handle = Handle::from_bits(place & ((1 << HANDLE_BITS) - 1))?;
    Some((handle, (place >> HANDLE_BITS) as usize))
}

impl Course<'_> {
    fn put(&self, place: usize, random: &mut Random, bytes: &[u8]) {
        let size = match self.pattern {
            Pattern::OneSize => PAGE / 4,
            _ => 32 + random.below(PAGE * 3 / 4),
        };
        let handle = self.pool.malloc(size, Owner::NONE).expect("memory without a limit");
        self.pool.write(handle, &bytes[..size]).expect("an object of that size");
        let object = handle.bits() | (size as u64) << HANDLE_BITS;
        let free = Ordering::Relaxed;
        if self.places[place].compare_exchange(0, object, Ordering::Release, free).is_err() {
            self.pool.free(handle).expect("an object");
        }
    }

    fn clear(&self, place: usize, scratch: &mut [u8]) {
        let Some((handle, size)) = object(self.places[place].swap(0, Ordering::Acquire)) else {
            return;
        };
        let read = self.pool.read(handle, size, scratch).expect("an object of that size");
        std::hint::black_box(&*read);
        drop(read);
        self.pool.free(handle).expect("an object");
    }

    /// What one thread does; the CPU time that it took.
    fn run(&self, number: usize) -> Duration {
        let start = cpu_time();
        let mut random = Random(number as u64);
        let (bytes, mut scratch) = (vec![0x5a; PAGE], vec![0; PAGE]);
        let part = PLACES / self.threads;
        let (own, next) = (number * part, (number + 1) % self.threads * part);
        for round in 0..REPLACEMENTS / self.threads {
            let place = match self.pattern {
                Pattern::Random => random.below(PLACES),
                _ => own + random.below(part),
            };
            if self.pattern == Pattern::HandOver {
                self.clear(next + random.below(part), &mut scratch);
            }
            self.clear(place, &mut scratch);
            self.put(place, &mut random, &bytes);
            if round.is_multiple_of(UPKEEP) {
                self.pool.maintain(Budget { bytes: 2 * PAGE, objects: 1 }, &NoOwners);
            }
        }
        cpu_time().saturating_sub(start)
    }
}

/// CPU time of this thread, as Linux tells it; zero elsewhere.
fn cpu_time() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let first = text.split_ascii_whitespace().next();
    Duration::from_nanos(first.and_then(|ns| ns.parse().ok()).unwrap_or(0))
}

fn measure(name: &str, pattern: Pattern, threads: usize) -> [f64; 3] {
    let env = HostEnv::<Granule4K>::with_cpus(threads);
    let all = backends::all::<&HostEnv<Granule4K>>();
    let backend = zpool::find(&all, name).unwrap_or_else(|| panic!("there is no back end {name}"));
    let pool = (backend.create)(&env).expect("a pool");
    let places = (0..PLACES).map(|_| AtomicU64::new(0)).collect();
    let course = Course { pool: &*pool, places, threads, pattern };
    let (mut random, bytes) = (Random(99), vec![0x5a; PAGE]);
    (0..PLACES).for_each(|place| course.put(place, &mut random, &bytes));

    let (start, waited) = (Instant::now(), waits());
    let took: Duration = std::thread::scope(|scope| {
        let (course, env) = (&course, &env);
        let workers: Vec<_> = (0..threads)
            .map(|number| {
                scope.spawn(move || {
                    env.set_cpu(number);
                    course.run(number)
                })
            })
            .collect();
        workers.into_iter().map(|worker| worker.join().expect("no thread fails")).sum()
    });
    let elapsed = start.elapsed().as_secs_f64();
    let count = REPLACEMENTS as f64;
    let waited = (waits() - waited) as f64;
    [count / elapsed, took.as_nanos() as f64 / count, waited * 1000.0 / count]
}

fn main() {
    // Threads of the host may be put aside while they stand in line for a lock.
    zpool::serve_any_waiter();
    let given: Vec<String> =
        std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let names: Vec<&str> = match given.len() {
        0 => vec!["zblock", "zblock-fixed", "zsmalloc", "z3fold"],
        _ => given.iter().map(String::as_str).collect(),
    };
    println!("per second / ns of CPU time each / waits in 1000, by threads");
    println!("{:<13} {:<10} {}", "", "", THREADS.map(|threads| format!("{threads:>22}")).join(""));
    for name in names {
        for (title, pattern) in PATTERNS {
            let cells = THREADS.map(|threads| {
                let [rate, cost, waited] = measure(name, pattern, threads);
                format!("{:>22}", format!("{:.0}k / {cost:.0} / {waited:.1}", rate / 1000.0))
            });
            println!("{name:<13} {title:<10} {}", cells.join(""));
        }
    }
}
