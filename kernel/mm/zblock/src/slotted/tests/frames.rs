//! Which frames blocks and pages are made of.

use std::sync::Mutex;
use std::vec::Vec;

use zpool::testing::HostEnv;
use zpool::{Budget, Granule, Granule4K, Handle, NoOwners, Owner, Owners, ZPool};

use super::super::Slotted;

const STEP: Budget = Budget { bytes: 2 * Granule4K::SIZE, objects: 1 };

/// The only frames left may be those of an empty block: they do for a page, and go back as what they
/// came as.
#[test]
fn a_page_may_be_in_the_frames_of_a_block() {
    let env = HostEnv::<Granule4K>::new();
    let pool = Slotted::new(&env).expect("a pool");
    let objects: Vec<_> =
        (0..2000).map(|_| pool.malloc(3000, Owner::NONE).expect("memory")).collect();
    env.set_limit(0);
    for handle in objects {
        pool.free(handle).expect("a live object");
        pool.maintain(STEP, &NoOwners);
        if let Ok(page) = pool.malloc(Granule4K::SIZE, Owner::NONE) {
            pool.write(page, &[7; Granule4K::SIZE]).expect("a live object");
            pool.free(page).expect("a live object");
        }
    }
    pool.compact(&NoOwners);
    assert_eq!(pool.total_pages(), 0, "an empty pool keeps frames");
}

/// Where frames have no neighbours, blocks are single pages, and they are asked for as larger ones
/// again when there may be some.
#[test]
fn blocks_are_as_large_as_frames_allow() {
    let env = HostEnv::<Granule4K>::new();
    let pool = Slotted::new(&env).expect("a pool");
    env.set_largest_order(0);
    let fill = |count| {
        for _ in 0..count {
            pool.malloc(1500, Owner::NONE).expect("memory");
            pool.maintain(STEP, &NoOwners);
        }
    };
    fill(2000);
    let (single, frames) = (pool.total_pages(), env.blocks());
    assert!(frames >= single, "{frames} blocks in {single} pages");
    // Two objects to a page, and no more kept ready than is little.
    assert!(single < 1010, "{single} pages for 2000 objects");
    env.set_largest_order(3);
    fill(2000);
    let (pages, blocks) = (pool.total_pages() - single, env.blocks() - frames);
    assert!(blocks * 4 < pages, "{blocks} blocks in {pages} pages");
}

/// A step of background work for every four objects replaced is enough for pages of their own.
#[test]
fn pages_come_back_with_a_step_for_four() {
    let env = HostEnv::<Granule4K>::new();
    let pool = Slotted::new(&env).expect("a pool");
    let page = || pool.malloc(Granule4K::SIZE, Owner::NONE).expect("memory");
    let mut objects: Vec<_> = (0..256).map(|_| page()).collect();
    for round in 0..16 * objects.len() {
        let place = round % objects.len();
        let old = core::mem::replace(&mut objects[place], page());
        pool.free(old).expect("a live object");
        if round % 4 == 0 {
            pool.maintain(STEP, &NoOwners);
        }
    }
    let pages = pool.total_pages();
    assert!(pages < objects.len() + 32, "{pages} pages for {} objects", objects.len());
}

/// Handles by owner.
struct Places(Mutex<Vec<Handle>>);

impl Owners for Places {
    fn relocated(&self, owner: Owner, old: Handle, new: Handle) -> bool {
        let place = &mut self.0.lock().expect("one thread")[owner.0 as usize];
        let known = *place == old;
        if known {
            *place = new;
        }
        known
    }
}

/// Where there are no frames to keep ready, steps do what they can without them.
#[test]
fn a_pool_without_frames_is_compacted_by_steps() {
    let env = HostEnv::<Granule4K>::new();
    let pool = Slotted::new(&env).expect("a pool");
    let objects = if cfg!(miri) { 200 } else { 20_000 };
    let places: Vec<Handle> =
        (0..objects).map(|owner| pool.malloc(700, Owner(owner)).expect("memory")).collect();
    let places = Places(Mutex::new(places));
    env.set_limit(0);
    let before = pool.total_pages();
    for place in (0..objects as usize).step_by(2) {
        let handle = places.0.lock().expect("one thread")[place];
        pool.free(handle).expect("a live object");
        pool.maintain(STEP, &places);
    }
    let after = pool.total_pages();
    assert!(after * 3 < before * 2, "{after} of {before} pages");
}

/// A step that may copy nothing finds the place of what was freed, wherever in its block that was.
#[test]
fn what_was_freed_is_used_again_without_copying() {
    let env = HostEnv::<Granule4K>::new();
    let pool = Slotted::new(&env).expect("a pool");
    let place = || pool.malloc(700, Owner::NONE).expect("memory");
    let mut objects: Vec<Handle> = (0..601).map(|_| place()).collect();
    let pages = pool.total_pages();
    let count = objects.len();
    for at in (0..count).map(|at| at * 7 % count) {
        pool.free(objects[at]).expect("a live object");
        pool.maintain(Budget { bytes: 0, objects: 0 }, &NoOwners);
        objects[at] = place();
        let now = pool.total_pages();
        assert!(now < pages + 8, "{now} pages, {pages} before");
    }
}
