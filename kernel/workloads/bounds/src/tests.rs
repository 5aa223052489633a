//! The search on the host, with a counter that the tests move.

use std::boxed::Box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use report::{Bounds, Unit};
use zpool::testing::HostEnv;
use zpool::{
    AllocError, Budget, Granule4K, Handle, HandleError, Owner, Owners, ReadGuard, Statistics, Work,
    ZPool, find,
};

use crate::{Machine, Supply, search};

/// Frames of the host. Every look at the counter moves it by one.
#[derive(Default)]
struct Host {
    env: HostEnv<Granule4K>,
    zpool: &'static str,
    clock: Arc<Clock>,
}

#[derive(Default)]
struct Clock {
    ticks: AtomicU64,
    /// No frame is to be had.
    exhausted: AtomicBool,
}

impl Machine for Host {
    fn page_size(&self) -> usize {
        4096
    }

    fn pool(&self) -> Option<Box<dyn ZPool + '_>> {
        let all = backends::all();
        let pool = (find(&all, self.zpool)?.create)(&self.env).ok()?;
        Some(Box::new(Slow { pool, clock: Arc::clone(&self.clock) }))
    }

    fn checks_handles(&self) -> bool {
        matches!(self.zpool, "zblock" | "zblock-fixed")
    }

    fn now(&self) -> u64 {
        self.clock.ticks.fetch_add(1, Ordering::Relaxed)
    }

    fn mask(&self) -> usize {
        0
    }

    fn unmask(&self, _: usize) {}

    fn supply(&self, supply: Supply) {
        let exhausted = supply == Supply::Exhausted;
        self.clock.exhausted.store(exhausted, Ordering::Relaxed);
        self.env.set_largest_order(if supply == Supply::Fragmented { 0 } else { u32::MAX });
        self.env.set_limit(if exhausted { self.env.pages() } else { usize::MAX });
    }
}

/// A pool that takes 500 ticks more for a page when no frame is left, 7 for a read and 70 for one
/// that it refuses, and one for each byte that background work copies.
struct Slow<'a> {
    pool: Box<dyn ZPool + 'a>,
    clock: Arc<Clock>,
}

impl ZPool for Slow<'_> {
    fn malloc(&self, size: usize, owner: Owner) -> Result<Handle, AllocError> {
        if size == 4096 && self.clock.exhausted.load(Ordering::Relaxed) {
            self.clock.ticks.fetch_add(500, Ordering::Relaxed);
        }
        self.pool.malloc(size, owner)
    }

    fn free(&self, handle: Handle) -> Result<(), HandleError> {
        self.pool.free(handle)
    }

    fn read<'a>(
        &'a self,
        handle: Handle,
        length: usize,
        scratch: &'a mut [u8],
    ) -> Result<ReadGuard<'a>, HandleError> {
        let read = self.pool.read(handle, length, scratch);
        self.clock.ticks.fetch_add(if read.is_err() { 70 } else { 7 }, Ordering::Relaxed);
        read
    }

    fn write(&self, handle: Handle, bytes: &[u8]) -> Result<(), HandleError> {
        self.pool.write(handle, bytes)
    }

    fn maintain(&self, budget: Budget, owners: &dyn Owners) -> Work {
        let work = self.pool.maintain(budget, owners);
        self.clock.ticks.fetch_add(work.bytes as u64, Ordering::Relaxed);
        work
    }

    fn total_pages(&self) -> usize {
        self.pool.total_pages()
    }

    fn statistics(&self) -> Statistics {
        self.pool.statistics()
    }
}

fn bounds(zpool: &'static str, operations: u64) -> Bounds {
    let host = Host { zpool, ..Host::default() };
    search(&host, Unit::Instructions, operations, 1).unwrap()
}

#[test]
fn every_allocator_goes_through_every_state() {
    for backend in backends::all::<&HostEnv<Granule4K>>() {
        let bounds = bounds(backend.name, 3000);
        // One step of background work may be on top.
        assert!(matches!(bounds.random_operations, 3000..=3001), "{}", backend.name);
        let count: u64 = bounds.operations[..5].iter().map(|bound| bound.count).sum();
        assert_eq!((bounds.overhead, count), (1, bounds.random_operations));
        let checks = Host { zpool: backend.name, ..Host::default() }.checks_handles();
        for state in &bounds.states {
            let spared = ["pinned objects", "stale handle", "forged handle"];
            let searched = checks || !spared.contains(&state.state.as_str());
            let most = state.max.iter().copied().max();
            assert_eq!(most > Some(0), searched, "{}: {}", backend.name, state.state);
        }
    }
}

#[test]
fn the_worst_case_is_found_and_named() {
    let bounds = bounds("zblock", 20_000);
    let malloc = bounds.operation("malloc").unwrap();
    assert_eq!((malloc.median, malloc.percent_99_99, malloc.max), (1, 1, 501));
    assert_eq!((malloc.worst_state.as_str(), malloc.worst_size), ("frames exhausted", 4096));
    let read = bounds.operation("read and end").unwrap();
    // Refused reads are only in directed states: random ones name live objects.
    assert_eq!((read.median, read.percent_99_99, read.max), (8, 8, 71));
    assert_eq!(read.worst_state, "stale handle");
    let copying = bounds.operation("maintain").unwrap();
    assert!(copying.max > 4096 && copying.max <= 2 * 4096 + 1, "{}", copying.max);
    assert_eq!(bounds.operation("maintain besides copying").unwrap().max, 1);
}

#[test]
fn another_search_finds_the_same() {
    assert_eq!(bounds("zblock-fixed", 5000), bounds("zblock-fixed", 5000));
}

#[test]
fn both_tables_are_written() {
    let bounds = bounds("zblock", 1000);
    let mut text = std::string::String::new();
    bounds.write("zlab: ", &mut text).unwrap();
    assert!(text.lines().all(|line| line.starts_with("zlab: ")), "{text}");
    assert_eq!(text.lines().count(), 2 + 6 + 1 + bounds.states.len() + 1, "{text}");
    assert!(text.contains("frames exhausted (4096)"), "{text}");
}
