//! Several threads on one pool, every byte checked.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::vec::Vec;

use zpool::testing::HostEnv;
use zpool::{Budget, Granule, Granule4K, Handle, Owner, Owners, ZPool};

use super::super::Slotted;

const THREADS: usize = if cfg!(miri) { 2 } else { 4 };
const ROUNDS: u64 = if cfg!(miri) { 60 } else { 10_000 };

struct Table(Vec<Mutex<Option<(Handle, usize)>>>);

impl Owners for Table {
    fn relocated(&self, owner: Owner, old: Handle, new: Handle) -> bool {
        let Ok(mut slot) = self.0[owner.0 as usize].try_lock() else { return false };
        match slot.as_mut() {
            Some((handle, _)) if *handle == old => {
                *handle = new;
                true
            }
            _ => false,
        }
    }
}

fn pattern(owner: usize, size: usize) -> Vec<u8> {
    (0..size).map(|at| (owner * 7 + size * 3 + at) as u8).collect()
}

fn replace<G: Granule>(pool: &Slotted<&HostEnv<G>>, table: &Table, owner: usize, size: usize) {
    let mut slot = table.0[owner].lock().unwrap();
    if let Some((handle, size)) = slot.take() {
        let mut scratch = vec![0; size];
        let read = pool.read(handle, size, &mut scratch).unwrap();
        assert!(*read == *pattern(owner, size), "object {owner} has changed");
        drop(read);
        pool.free(handle).unwrap();
        assert!(pool.free(handle).is_err(), "freed twice");
    }
    if size > 0 {
        let handle = pool.malloc(size, Owner(owner as u32)).unwrap();
        pool.write(handle, &pattern(owner, size)).unwrap();
        *slot = Some((handle, size));
    }
}

/// Threads replace and read objects of a shared table at random while one maintains without rest.
#[test]
fn soak() {
    let env = HostEnv::<Granule4K>::with_cpus(THREADS + 1);
    let pool = Slotted::new(&env).unwrap();
    let table = Table((0..64 * THREADS).map(|_| Mutex::new(None)).collect());
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..THREADS)
            .map(|cpu| {
                let (env, pool, table) = (&env, &pool, &table);
                scope.spawn(move || {
                    env.set_cpu(cpu);
                    let mut state = cpu as u64 + 1;
                    for _ in 0..ROUNDS {
                        state = state.wrapping_mul(6364136223846793005).wrapping_add(1);
                        let owner = (state >> 33) as usize % table.0.len();
                        let size = (state >> 44) as usize % 4097;
                        replace(pool, table, owner, size);
                    }
                })
            })
            .collect();
        scope.spawn(|| {
            env.set_cpu(THREADS);
            while !done.load(Ordering::Relaxed) {
                pool.maintain(Budget { bytes: 8192, objects: 1 }, &table);
                std::thread::yield_now();
            }
        });
        for worker in workers {
            worker.join().unwrap();
        }
        done.store(true, Ordering::Relaxed);
    });
    let live = table.0.iter().filter(|slot| slot.lock().unwrap().is_some()).count();
    assert_eq!(pool.statistics().objects, live);
    for owner in 0..table.0.len() {
        replace(&pool, &table, owner, 0);
    }
    pool.compact(&table);
    assert_eq!((pool.total_pages(), pool.statistics().objects), (0, 0));
}
