//! Writing back, against the worked examples of the kernel's behaviour.

use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::vec;

use zpool::testing::HostEnv;
use zpool::{Granule4K, ZPool};

use super::*;
use crate::tests::disk::Disk;
use crate::tests::pool::TestPool;
use crate::tests::{PAGE, fakes, page_of};
use crate::{Contexts, Settings, SwapArea};

const ENTRIES: u64 = 100;

/// A limit of 100 frames, storing resumes at 90; one frame for each object.
fn settings() -> Settings {
    Settings { max_pool_percent: 10, ..Settings::new(PAGE, 1000) }
}

/// Runs `check` on a table whose entries 0 to 99 are stored in this order.
fn with_entries(disk: &Disk, check: impl Fn(&Keyed<'_, HostEnv<Granule4K>>, &TestPool)) {
    let (pool, contexts) = (TestPool::default(), fakes());
    let area = SwapArea::new(disk).unwrap();
    let store = Store::new(&pool, &contexts, settings()).with_area(&area);
    let keyed = Keyed::new(&store, HostEnv::new(), ENTRIES as usize).unwrap();
    for key in 0..ENTRIES {
        keyed.store(key, &page_of(100, key as u8)).unwrap();
    }
    check(&keyed, &pool);
    let counters = store.counters();
    assert!(counters.balance(), "{counters:?}");
    assert_eq!(counters.swapped_pages as usize, area.used());
    let mut page = [0; PAGE];
    for key in 0..ENTRIES {
        if keyed.load(key, &mut page) == Ok(true) {
            assert_eq!(page[..], page_of(100, key as u8), "{key}");
        }
    }
    let counters = store.counters();
    assert!(counters.balance(), "{counters:?}");
    assert_eq!((pool.total_pages(), area.used(), counters.free_fail), (0, 0, 0));
}

/// Keys whose pages are on the disk.
fn written(keyed: &Keyed<'_, HostEnv<Granule4K>>) -> Vec<u64> {
    let in_tier = |&key: &u64| {
        let hash = hash(key);
        let mut shard = keyed.shard(keyed.number(hash)).lock(&keyed.env);
        let (index, stored) = shard.begin(key, hash, false).unwrap();
        assert_eq!(shard.end(index), None);
        matches!(stored, Stored::Swapped(_))
    };
    (0..ENTRIES).filter(in_tier).collect()
}

/// A run that ended because it failed too often, or because the pool had shrunk.
fn run(rotated: usize, written: usize, failures: usize) -> Run {
    Run { rotated, written, failures, above: failures == 16 }
}

#[test]
fn referenced_entries_get_a_second_chance() {
    with_entries(&Disk::new(200), |keyed, pool| {
        let mut buffer = [0; PAGE];
        for _ in 1..=6 {
            assert_eq!(keyed.write_back(&mut buffer), run(16, 0, 16));
        }
        assert_eq!((pool.total_pages(), written(keyed).len()), (100, 0));
        assert_eq!(keyed.write_back(&mut buffer), run(4, 10, 4));
        assert_eq!(written(keyed), (0..10).collect::<Vec<_>>());
        assert_eq!(pool.total_pages(), 90);
        assert_eq!(keyed.write_back(&mut buffer), run(0, 1, 0));
        assert_eq!(pool.total_pages(), 89);
        let counters = keyed.store.counters();
        assert_eq!((counters.zswpwb, counters.written_back_pages, counters.pswpout), (11, 11, 11));
        assert_eq!((counters.reject_reclaim_fail, counters.swapped_pages), (0, 11));
    });
}

/// Takes the reference from every entry; the order stays.
fn unreference(keyed: &Keyed<'_, HostEnv<Granule4K>>) {
    let mut lru = keyed.lru.as_ref().unwrap().lock(&keyed.env);
    (0..ENTRIES).for_each(|_| assert_eq!(lru.visit(), crate::lru::Visit::Rotated));
}

#[test]
fn entries_without_reference_are_written_oldest_first() {
    with_entries(&Disk::new(200), |keyed, _| {
        unreference(keyed);
        assert_eq!(keyed.write_back(&mut [0; PAGE]), run(0, 10, 0));
        assert_eq!(written(keyed), (0..10).collect::<Vec<_>>());
    });
}

#[test]
fn alternating_entries() {
    with_entries(&Disk::new(200), |keyed, _| {
        unreference(keyed);
        let entry = |key| {
            let hash = hash(key);
            let number = keyed.number(hash);
            let mut shard = keyed.shard(number).lock(&keyed.env);
            let (index, _) = shard.begin(key, hash, false).unwrap();
            shard.end(index);
            keyed.owner(number, index).0
        };
        for key in (0..ENTRIES).step_by(2) {
            keyed.lru.as_ref().unwrap().lock(&keyed.env).reference(entry(key));
        }
        assert_eq!(keyed.write_back(&mut [0; PAGE]), run(10, 10, 10));
        assert_eq!(written(keyed), (0..10).map(|pair| 2 * pair + 1).collect::<Vec<_>>());
    });
}

#[test]
fn nothing_to_write_back_ends_a_run() {
    let (pool, contexts) = (TestPool::default(), fakes());
    let disk = Disk::new(8);
    let area = SwapArea::new(&disk).unwrap();
    let store = Store::new(&pool, &contexts, settings()).with_area(&area);
    let keyed = Keyed::new(&store, HostEnv::<Granule4K>::new(), 10).unwrap();
    assert_eq!(keyed.write_back(&mut [0; PAGE]), Run::default());
    // Repeated words are no candidates.
    keyed.store(1, &[7; PAGE]).unwrap();
    assert_eq!(keyed.write_back(&mut [0; PAGE]), Run::default());
    assert_eq!(keyed.shrink(0, &mut [0; PAGE]), 0);
}

#[test]
fn a_failing_disk_keeps_the_entry() {
    let disk = Disk::new(200);
    with_entries(&disk, |keyed, pool| {
        unreference(keyed);
        disk.fail_writes.store(true, Ordering::Relaxed);
        assert_eq!(keyed.write_back(&mut [0; PAGE]), run(0, 0, 16));
        disk.fail_writes.store(false, Ordering::Relaxed);
        let counters = keyed.store.counters();
        assert_eq!((counters.reject_reclaim_fail, counters.swap_write_fail), (16, 16));
        assert_eq!((counters.written_back_pages, pool.total_pages()), (0, 100));
        // Each failure made its entry the newest.
        assert_eq!(keyed.write_back(&mut [0; PAGE]), run(0, 10, 0));
        assert_eq!(written(keyed), (16..26).collect::<Vec<_>>());
    });
}

#[test]
fn a_full_disk_keeps_the_entry() {
    with_entries(&Disk::new(4), |keyed, _| {
        unreference(keyed);
        assert_eq!(keyed.write_back(&mut [0; PAGE]), run(0, 4, 16));
        assert_eq!(keyed.store.counters().swap_full, 16);
        // And what the full pool refuses, is refused.
        assert_eq!(keyed.store(1000, &page_of(0, 1)), Err(Reject::CompressFail));
    });
}

#[test]
fn a_failed_read_is_reported_and_not_shown() {
    let disk = Disk::new(200);
    with_entries(&disk, |keyed, _| {
        unreference(keyed);
        keyed.write_back(&mut [0; PAGE]);
        disk.fail_reads.store(true, Ordering::Relaxed);
        let mut page = [7; PAGE];
        assert_eq!(keyed.read(3, &mut page), Err(LoadError::Device));
        assert_eq!((page, keyed.store.counters().swap_read_fail), ([0; PAGE], 1));
        disk.fail_reads.store(false, Ordering::Relaxed);
        assert_eq!(keyed.read(3, &mut page), Ok(true), "it was an error of the moment");
        assert_eq!(page[..], page_of(100, 3));
    });
}

/// What the pool refuses goes to the disk.
#[test]
fn refused_pages_are_swapped_out() {
    static ASKED: AtomicBool = AtomicBool::new(false);
    let (pool, contexts) = (TestPool::default(), fakes());
    let disk = Disk::new(8);
    let area = SwapArea::new(&disk).unwrap();
    let settings = Settings { refused: |_| ASKED.store(true, Ordering::Relaxed), ..settings() };
    let store = Store::new(&pool, &contexts, settings).with_area(&area);
    let keyed = Keyed::new(&store, HostEnv::<Granule4K>::new(), 10).unwrap();
    keyed.store(1, &page_of(0, 1)).unwrap();
    assert!(!ASKED.load(Ordering::Relaxed));
    pool.more_pages.store(100, Ordering::Relaxed);
    keyed.store(2, &page_of(9, 2)).unwrap();
    assert!(ASKED.load(Ordering::Relaxed), "the pool is full");
    let counters = store.counters();
    assert_eq!((counters.reject_compress_fail, counters.pool_limit_hit), (1, 1));
    assert_eq!((counters.pswpout, counters.swapped_pages, counters.zswpout), (2, 2, 0));
    let mut page = [0; PAGE];
    for key in [1, 2] {
        assert_eq!(keyed.load(key, &mut page), Ok(true));
        assert_eq!(page[2..], [key as u8; PAGE - 2]);
        assert_eq!(keyed.load(key, &mut page), Ok(false));
    }
    assert_eq!((store.counters().pswpin, area.used()), (2, 0));
}

/// Does something while a context is lent, as another thread might.
struct Meanwhile<'a, C> {
    contexts: &'a C,
    action: Mutex<Option<&'a (dyn Fn() + Sync)>>,
}

impl<C: Contexts> Contexts for Meanwhile<'_, C> {
    fn with(&self, f: &mut dyn FnMut(&mut crate::Context)) {
        let action = self.action.lock().unwrap().take();
        self.contexts.with(f);
        if let Some(action) = action {
            action();
        }
    }
}

/// An entry that goes while it is written back is not resurrected.
#[test]
fn an_entry_that_goes_meanwhile_leaves_no_trace() {
    let (pool, contexts) = (TestPool::default(), fakes());
    let disk = Disk::new(8);
    let area = SwapArea::new(&disk).unwrap();
    let contexts = Meanwhile { contexts: &contexts, action: Mutex::new(None) };
    let store = Store::new(&pool, &contexts, settings()).with_area(&area);
    let keyed = Keyed::new(&store, HostEnv::<Granule4K>::new(), 10).unwrap();
    keyed.store(1, &page_of(9, 1)).unwrap();
    let invalidate = || assert!(keyed.invalidate(1));
    *contexts.action.lock().unwrap() = Some(&invalidate);
    let mut buffer = [0; PAGE];
    assert_eq!(keyed.write_back(&mut buffer), run(1, 0, 1));
    assert_eq!(keyed.write_back(&mut buffer), run(0, 0, 1));
    assert_eq!(keyed.read(1, &mut buffer), Ok(false));
    let counters = store.counters();
    assert!(counters.balance(), "{counters:?}");
    assert_eq!((counters.reject_reclaim_fail, counters.written_back_pages), (1, 0));
    assert_eq!((pool.total_pages(), area.used()), (0, 0));
}

#[test]
fn an_entry_that_is_being_loaded_stays() {
    with_entries(&Disk::new(8), |keyed, _| {
        unreference(keyed);
        let hash = hash(0);
        let shard = keyed.shard(keyed.number(hash));
        let (index, _) = shard.lock(&keyed.env).begin(0, hash, false).unwrap();
        let result = keyed.write_back(&mut [0; PAGE]);
        assert_eq!((result.written, keyed.store.counters().reject_reclaim_fail > 0), (8, true));
        assert_eq!(written(keyed), (1..9).collect::<Vec<_>>());
        shard.lock(&keyed.env).end(index);
    });
}

#[test]
fn pressure_shrinks_the_pool() {
    with_entries(&Disk::new(200), |keyed, pool| {
        unreference(keyed);
        let mut buffer = [0; PAGE];
        assert_eq!(keyed.shrink(12, &mut buffer), 0);
        assert_eq!(keyed.shrink(1, &mut buffer), 100);
        assert_eq!(pool.total_pages(), 0);
    });
    with_entries(&Disk::new(200), |keyed, _| {
        unreference(keyed);
        let mut buffer = [0; PAGE];
        keyed.write_back(&mut buffer);
        // Page-ins from the disk protect as many entries.
        vec![0, 1, 2, 3].into_iter().for_each(|key| {
            assert_eq!(keyed.read(key, &mut buffer), Ok(true));
        });
        assert_eq!(keyed.swapins.load(Ordering::Relaxed), 4);
        assert_eq!(keyed.shrink(0, &mut buffer), 90, "(90 - 4) * 2 visits");
        assert_eq!(keyed.swapins.load(Ordering::Relaxed), 0);
    });
}
