//! What holds when a run is over and everything was given back, whatever happened in it.

use alloc::vec::Vec;

use zpool::{NoOwners, ZPool};
use zswap::{Counters, Store};

use crate::arch::clock;
use crate::memory::pager::Paging;
use crate::memory::upkeep;
use crate::sched;

/// How often to look again: idle CPUs may be at background work while things are counted.
const LOOKS: usize = 50;

/// Time between two looks.
const PAUSE_NS: u64 = 2_000_000;

/// Frames that an empty pool may keep for its directories. What it keeps elsewhere for objects may
/// be on the heap, in frames of its own, or in frames half used.
const SLACK: usize = 8;

/// Checks the books of a run with these pools and stores besides the arenas'. Says what is wrong.
pub fn check(
    paging: &dyn Paging,
    keyed: Option<&Store<'static>>,
    pools: &[&dyn ZPool],
) -> Result<(), &'static str> {
    // Frames that wait for background work, or were kept for later, are in no statistics.
    for pool in pools {
        pool.compact(&NoOwners);
    }
    upkeep::finish(paging);
    let mut result = look(paging, keyed, pools);
    for _ in 1..LOOKS {
        if result.is_ok() {
            break;
        }
        sched::sleep_until_ns(clock::now_ns() + PAUSE_NS);
        result = look(paging, keyed, pools);
    }
    result
}

fn look(
    paging: &dyn Paging,
    keyed: Option<&Store<'static>>,
    pools: &[&dyn ZPool],
) -> Result<(), &'static str> {
    let paged = paging.store();
    let arenas = paged.counters();
    let stores: Vec<Counters> = keyed.into_iter().map(Store::counters).chain([arenas]).collect();
    if !stores.iter().all(Counters::balance) {
        return Err(
            "pages stored are not those loaded, invalidated, written back and stored still",
        );
    }
    if arenas.stored_pages + arenas.swapped_pages != 0 {
        return Err("pages of arenas that have ended are stored still");
    }
    if stores.iter().any(|counters| counters.free_fail != 0) {
        return Err("an object or a slot was not there to be given up");
    }
    let swapped: u64 = stores.iter().map(|counters| counters.swapped_pages).sum();
    if swapped != paged.area().map_or(0, |area| area.used() as u64) {
        return Err("slots of the second tier that are taken are not those of stored pages");
    }
    frames(paging, pools)
}

/// Every page frame is somebody's.
fn frames(paging: &dyn Paging, pools: &[&dyn ZPool]) -> Result<(), &'static str> {
    let (_, resident) = paging.allowance();
    if resident != 0 {
        return Err("frames of arenas that have ended are counted as resident");
    }
    let (of_pools, accounted) = paging.accounted();
    if paging.frames().allocated_frames() != accounted {
        return Err("page frames were lost");
    }
    let (mut held, mut most) = (0, 0);
    for pool in pools.iter().copied().chain([paging.store().pool()]) {
        let statistics = pool.statistics();
        held += statistics.pool_pages;
        most += statistics.pool_pages + SLACK;
        most += 2 * statistics.metadata_bytes.div_ceil(paging.page_size());
    }
    if !(held..=most).contains(&of_pools) {
        return Err("frames that pools have taken are not those they say they hold");
    }
    Ok(())
}
