//! Blocks that cannot be retired because somebody follows a handle just then, or opens them.

use std::vec::Vec;

use zpool::testing::HostEnv;
use zpool::{Budget, Granule, Granule4K, Handle, Masked, NoOwners, Owner, ZPool};

use super::super::Slotted;
use super::super::name::Name;
use super::super::stamp::State;

/// Compaction does not lose those that wait behind such a block.
#[test]
fn a_block_that_is_visited_does_not_hide_others() {
    let env = HostEnv::<Granule4K>::new();
    let pool = Slotted::new(&env).unwrap();
    let handles: Vec<Handle> = (0..40).map(|_| pool.malloc(1000, Owner::NONE).unwrap()).collect();
    handles.iter().for_each(|&handle| pool.free(handle).unwrap());
    let mut blocks: Vec<u32> = handles.iter().map(|&handle| Name::of(handle).number).collect();
    blocks.dedup();
    assert!(blocks.len() > 3, "{blocks:?}");
    let states = blocks.iter().map(|&number| &pool.table.get(number).unwrap().state);
    let states: Vec<_> = states.collect();
    for state in &states {
        state.enter();
    }
    pool.maintain(Budget { bytes: 8192, objects: 1 }, &NoOwners);
    states.iter().for_each(|state| state.leave());
    pool.compact(&NoOwners);
    assert_eq!(pool.total_pages(), 0, "frames of blocks that nobody looked at");
}

/// Compaction leaves a block alone whose first object is about to be placed.
#[test]
fn a_block_that_is_being_opened_is_not_retired() {
    let env = HostEnv::<Granule4K>::new();
    let pool = Slotted::new(&env).unwrap();
    let block = pool.new_block(1, 0).unwrap();
    pool.compact(&NoOwners);
    let handle = {
        let _masked = Masked::new(&pool.env);
        let shelf = pool.shelves[0].hold();
        shelf.place_first(block, 100, 0, State::Live, Granule4K::SHIFT).unwrap()
    };
    assert_eq!(pool.write(handle, &[1; 100]), Ok(()));
    pool.free(handle).unwrap();
    pool.compact(&NoOwners);
    assert_eq!(pool.total_pages(), 0);
}

/// What a large pool kept ready goes back when it has become small, without compaction.
#[test]
fn a_pool_that_has_become_empty_keeps_nothing_ready() {
    let env = HostEnv::<Granule4K>::new();
    let pool = Slotted::new(&env).unwrap();
    let step = || pool.maintain(Budget { bytes: 8192, objects: 1 }, &NoOwners);
    let objects = if cfg!(miri) { 100 } else { 6000 };
    let place = |_| {
        step();
        pool.malloc(3000, Owner::NONE).unwrap()
    };
    let handles: Vec<Handle> = (0..objects).map(place).collect();
    handles.iter().for_each(|&handle| pool.free(handle).unwrap());
    while step().more {}
    assert_eq!(pool.total_pages(), 0);
}
