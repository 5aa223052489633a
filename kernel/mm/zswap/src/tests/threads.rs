//! Several threads at once.

use std::sync::atomic::{AtomicBool, Ordering};
use std::vec::Vec;

use zpool::testing::HostEnv;
use zpool::{Budget, Granule4K, Owner, Owners, ZPool, find};

use super::pool::TestPool;
use super::{PAGE, Random, text};
use crate::testing::HostContexts;
use crate::{Keyed, Settings, Store};

const THREADS: usize = 4;
const ROUNDS: usize = 100;
const BUDGET: Budget = Budget { bytes: 16384, objects: 8 };

/// Fewer contexts than threads, so that they wait for each other.
fn contexts() -> HostContexts {
    HostContexts::new(crate::Choice::parse("lz4").unwrap(), PAGE, THREADS - 1)
}

/// A page that says which key it is of.
fn page_of(key: u64, version: u64) -> Vec<u8> {
    let mut page = text(key ^ (version << 32));
    page[..8].copy_from_slice(&key.to_le_bytes());
    page[8..16].copy_from_slice(&version.to_le_bytes());
    page
}

/// Whether the page is one that was stored under the key.
fn is_of(page: &[u8], key: u64) -> bool {
    let word = |place| u64::from_le_bytes(*page[place..].first_chunk().unwrap());
    word(0) == key && page == page_of(key, word(8))
}

/// Lets every thread run `work(thread, keyed)` while objects are moved.
fn run(pool: &dyn ZPool, keys: usize, work: impl Fn(usize, &Keyed<'_, HostEnv<Granule4K>>) + Sync) {
    let contexts = contexts();
    let store = Store::new(pool, &contexts, Settings::new(PAGE, 100_000));
    let keyed = Keyed::new(&store, HostEnv::with_cpus(THREADS), keys).unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..THREADS)
            .map(|thread| {
                scope.spawn({
                    let (work, keyed) = (&work, &keyed);
                    move || work(thread, keyed)
                })
            })
            .collect();
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                pool.maintain(BUDGET, &keyed as &dyn Owners);
                std::thread::yield_now();
            }
        });
        let results: Vec<_> = workers.into_iter().map(|worker| worker.join()).collect();
        done.store(true, Ordering::Relaxed);
        assert!(results.iter().all(Result::is_ok), "a worker failed");
    });
    for key in 0..keys as u64 {
        keyed.invalidate(key);
    }
    let counters = store.counters();
    assert_eq!((counters.stored_pages, counters.compressed_bytes), (0, 0));
    assert_eq!((counters.decompress_fail, counters.free_fail), (0, 0));
    assert_eq!(pool.statistics().objects, 0);
}

/// Each thread has its own keys and knows what they hold.
fn own_keys(pool: &dyn ZPool) {
    const KEYS: u64 = 32;
    run(pool, THREADS * KEYS as usize, |thread, keyed| {
        let mut random = Random(thread as u64);
        let mut versions = [None; KEYS as usize];
        let mut page = [0; PAGE];
        for round in 0..ROUNDS as u64 {
            let index = random.next() % KEYS;
            let (key, version) = (thread as u64 * KEYS + index, &mut versions[index as usize]);
            match random.next() % 4 {
                0 | 1 => {
                    keyed.store(key, &page_of(key, round)).unwrap();
                    *version = Some(round);
                }
                2 => {
                    assert_eq!(keyed.load(key, &mut page), Ok(version.is_some()));
                    if let Some(version) = version.take() {
                        assert_eq!(page[..], page_of(key, version));
                    }
                }
                _ => {
                    assert_eq!(keyed.read(key, &mut page), Ok(version.is_some()));
                    if let Some(version) = *version {
                        assert_eq!(page[..], page_of(key, version));
                    }
                }
            }
        }
    });
}

/// All threads fight over a few keys, against the rule that the caller serialises them.
fn shared_keys(pool: &dyn ZPool) {
    const KEYS: u64 = 4;
    run(pool, 64, |thread, keyed| {
        let mut random = Random(100 + thread as u64);
        let mut page = [0; PAGE];
        for round in 0..ROUNDS as u64 {
            let key = random.next() % KEYS;
            let found = match random.next() % 5 {
                0 | 1 => {
                    keyed.store(key, &page_of(key, round)).unwrap();
                    continue;
                }
                2 => {
                    keyed.invalidate(key);
                    continue;
                }
                3 => keyed.load(key, &mut page),
                _ => keyed.read(key, &mut page),
            };
            if found.unwrap() {
                assert!(is_of(&page, key), "key {key} shows another page");
            }
        }
    });
}

fn with_zblock(test: impl Fn(&dyn ZPool)) {
    for name in ["zblock", "zblock-v4"] {
        let env = HostEnv::<Granule4K>::with_cpus(THREADS);
        let backends = zblock::backends::<&HostEnv<Granule4K>>();
        let pool = (find(&backends, name).unwrap().create)(&env).unwrap();
        test(&*pool);
    }
}

#[test]
#[cfg_attr(miri, ignore = "minutes of compression in an interpreter")]
fn threads_find_their_own_pages() {
    with_zblock(own_keys);
    own_keys(&TestPool::default());
}

#[test]
#[cfg_attr(miri, ignore = "minutes of compression in an interpreter")]
fn threads_that_share_keys_see_whole_pages() {
    with_zblock(shared_keys);
    shared_keys(&TestPool::default());
}

#[test]
#[cfg_attr(miri, ignore = "minutes of compression in an interpreter")]
fn one_store_serves_all_threads() {
    with_zblock(|pool| {
        let contexts = contexts();
        let store = Store::new(pool, &contexts, Settings::new(PAGE, 100_000));
        std::thread::scope(|scope| {
            for thread in 0..THREADS as u64 {
                let store = &store;
                scope.spawn(move || {
                    let mut page = [0; PAGE];
                    for round in 0..ROUNDS as u64 {
                        let expected = page_of(thread, round);
                        let stored = store.put(&expected, Owner::NONE).unwrap();
                        store.get(stored, &mut page).unwrap();
                        assert_eq!(page[..], expected);
                        store.discard(stored).unwrap();
                    }
                });
            }
        });
        let counters = store.counters();
        assert_eq!(counters.stored_pages, 0);
        let each = (THREADS * ROUNDS) as u64;
        assert_eq!((counters.zswpout, counters.zswpin), (each, each));
    });
}
