//! A soak: threads, frees from other threads, reads that last, and compaction all at once.

use std::boxed::Box;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::vec;
use std::vec::Vec;

use super::HostEnv;
use crate::{AllocError, Budget, Granule, Handle, NoOwners, Owner, ZPool};

/// Workers; one more thread compacts all the time.
const WORKERS: usize = 3;
/// Objects that a worker has at most.
const LIVE: usize = 200;

struct Object {
    handle: Handle,
    size: usize,
    seed: u64,
}

/// Replaces objects of up to `largest` bytes in `rounds` rounds a worker, checking every byte of
/// whatever is read, and that nothing is left when all are freed.
///
/// # Panics
/// When a content is wrong, an operation on a live object is refused, or something is left.
pub fn soak<G: Granule>(
    create: impl for<'e> Fn(&'e HostEnv<G>) -> Result<Box<dyn ZPool + 'e>, AllocError>,
    largest: usize,
    rounds: usize,
) {
    let env = HostEnv::<G>::with_cpus(WORKERS + 1);
    let pool = create(&env).expect("a pool in an environment without a limit");
    let exchange = Mutex::new(Vec::new());
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let (env, pool, exchange, done) = (&env, &*pool, &exchange, &done);
        scope.spawn(move || {
            env.set_cpu(WORKERS);
            while !done.load(Ordering::Relaxed) {
                pool.maintain(Budget { bytes: 4 * G::SIZE, objects: 4 }, &NoOwners);
                pool.compact(&NoOwners);
                std::thread::yield_now();
            }
        });
        let workers: Vec<_> = (0..WORKERS)
            .map(|cpu| {
                scope.spawn(move || {
                    env.set_cpu(cpu);
                    work(pool, exchange, cpu as u64, largest, rounds);
                })
            })
            .collect();
        let failed =
            workers.into_iter().map(|worker| worker.join().is_err()).fold(false, |a, b| a | b);
        done.store(true, Ordering::Relaxed);
        assert!(!failed, "a worker has failed");
    });
    for object in exchange.into_inner().unwrap() {
        end(&*pool, object, &mut vec![0; G::SIZE]);
    }
    pool.compact(&NoOwners);
    let statistics = pool.statistics();
    assert_eq!((statistics.objects, statistics.pool_pages), (0, 0), "left after all were freed");
}

fn work(
    pool: &dyn ZPool,
    exchange: &Mutex<Vec<Object>>,
    number: u64,
    largest: usize,
    rounds: usize,
) {
    let mut random = Random(number);
    let mut live: Vec<Object> = Vec::new();
    let (mut scratch, mut other) = (vec![0; largest], vec![0; largest]);
    for round in 0..rounds {
        if live.len() < LIVE && random.below(100) < 55 {
            live.push(begin(pool, 1 + random.below(largest), number << 48 | round as u64));
        } else if !live.is_empty() {
            let object = live.swap_remove(random.below(live.len()));
            match random.below(4) {
                // Somebody else will free it.
                0 => {
                    let mut exchange = exchange.lock().unwrap();
                    exchange.push(object);
                    let index = random.below(exchange.len());
                    live.push(exchange.swap_remove(index));
                }
                // A read that lasts while another object comes and goes.
                1 => {
                    let read = pool.read(object.handle, object.size, &mut scratch);
                    let read = read.expect("reading a live object");
                    let short = begin(pool, 1 + random.below(largest), round as u64);
                    end(pool, short, &mut other);
                    assert!(*read == *pattern(&object), "content changed during a read");
                    drop(read);
                    live.push(object);
                }
                _ => end(pool, object, &mut scratch),
            }
        }
    }
    live.into_iter().for_each(|object| end(pool, object, &mut scratch));
}

fn begin(pool: &dyn ZPool, size: usize, seed: u64) -> Object {
    let handle = pool.malloc(size, Owner::NONE).expect("memory without a limit");
    let object = Object { handle, size, seed };
    pool.write(handle, &pattern(&object)).expect("writing a live object");
    object
}

fn end(pool: &dyn ZPool, object: Object, scratch: &mut [u8]) {
    let read = pool.read(object.handle, object.size, scratch).expect("reading a live object");
    assert!(*read == *pattern(&object), "an object of {} bytes has changed", object.size);
    drop(read);
    pool.free(object.handle).expect("freeing a live object");
}

fn pattern(object: &Object) -> Vec<u8> {
    let mut random = Random(object.seed);
    let mut bytes = Vec::with_capacity(object.size + 8);
    while bytes.len() < object.size {
        bytes.extend_from_slice(&random.next().to_le_bytes());
    }
    bytes.truncate(object.size);
    bytes
}

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        self.0 >> 16
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() >> 8) as usize % bound
    }
}
