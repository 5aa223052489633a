//! What holds after every operation, whatever the operations.

use std::collections::HashMap;
use std::vec::Vec;

use proptest::prelude::*;
use zpool::testing::HostEnv;
use zpool::{Granule, Granule4K, Granule16K, Handle, NoOwners, Owner, ZPool};

use super::exact::Exact;
use crate::classes::names::Names;
use crate::classes::policy::{Fixed, Policy, V4};
use crate::classes::pool::Pool;
use crate::classes::shelf::FULL;
use crate::classes::table::Class;

fn check<G: Granule, P: Policy>(operations: &[(u32, u32)]) {
    let env = HostEnv::<G>::new();
    let pool = Pool::<_, P>::new(&env).unwrap();
    let mut live: Vec<(Handle, usize)> = Vec::new();
    for &(size, free) in operations {
        if free % 3 == 0 && !live.is_empty() {
            let (handle, _) = live.swap_remove(free as usize % live.len());
            pool.free(handle).unwrap();
        } else if let Ok(handle) = pool.malloc(size as usize % (G::SIZE + 2), Owner::NONE) {
            live.push((handle, size as usize % (G::SIZE + 2)));
        }
        blocks_are_consistent(&pool, live.len());
        objects_do_not_overlap(&pool, &live);
        assert_eq!(pool.total_pages(), env.pages());
    }
    for (handle, _) in live {
        pool.free(handle).unwrap();
    }
    pool.compact(&NoOwners);
    assert_eq!(pool.total_pages(), pool.names.pages());
    assert_eq!(env.pages(), pool.names.pages());
}

/// Headers, bitmaps, lists and counters agree.
fn blocks_are_consistent<G: Granule, P: Policy>(pool: &Pool<&HostEnv<G>, P>, live: usize) {
    let (mut pages, mut objects) = (pool.names.pages(), 0);
    for (class, shelf) in P::table::<G>().classes.iter().zip(&pool.shelves) {
        let shelf = shelf.0.lock(&pool.env);
        let mut seen = HashMap::new();
        for list in 0..=FULL {
            for block in shelf.list(list) {
                assert_eq!(seen.insert(block, list), None, "a block on two lists");
                let occupied = occupied(class, shelf.inspect(block));
                assert!(occupied > 0, "an empty block on a list");
                assert_eq!(list == FULL, occupied == class.slots, "the full list");
                assert_eq!(list, P::list(class.slots - occupied, class.slots));
                objects += occupied;
            }
        }
        if class.is_whole_page() {
            assert_eq!(shelf.blocks, shelf.objects);
            objects += shelf.objects;
        } else {
            let kept = shelf.blocks - seen.len();
            assert!(kept <= usize::from(P::KEEPS_EMPTY), "{kept} empty blocks");
        }
        pages += shelf.blocks * class.pages();
    }
    assert_eq!(pool.total_pages(), pages);
    assert_eq!((objects, pool.statistics().objects), (live, live));
}

fn occupied(class: &Class, (free, bitmap): (usize, Vec<u64>)) -> usize {
    let bits: Vec<bool> =
        (0..bitmap.len() * 64).map(|n| bitmap[n / 64] >> (n % 64) & 1 == 1).collect();
    let occupied = bits[..class.slots].iter().filter(|&&bit| bit).count();
    assert_eq!(occupied + free, class.slots, "the count of free slots");
    assert!(bits[class.slots..].iter().all(|&bit| !bit), "a slot that does not exist");
    occupied
}

fn objects_do_not_overlap<G: Granule, P: Policy>(
    pool: &Pool<&HostEnv<G>, P>,
    live: &[(Handle, usize)],
) {
    let mut places: Vec<(usize, usize)> = live
        .iter()
        .map(|&(handle, size)| {
            let read = pool.read(handle, size, &mut []).unwrap();
            (read.as_ptr().addr(), size)
        })
        .collect();
    places.sort_unstable();
    for pair in places.windows(2) {
        assert!(pair[0].0 + pair[0].1 <= pair[1].0, "objects at {pair:x?} overlap");
    }
}

fn operations() -> impl Strategy<Value = Vec<(u32, u32)>> {
    // Few sizes, so that blocks fill; among them every kind of boundary.
    let size = prop_oneof![Just(64), Just(2000), Just(4080), 0..5000u32, 0..17000u32];
    prop::collection::vec((size, any::<u32>()), 1..if cfg!(miri) { 20 } else { 150 })
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if cfg!(miri) { 1 } else { 64 },
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn hold_for_v4(operations in operations()) {
        check::<Granule4K, V4>(&operations);
        check::<Granule16K, V4>(&operations);
    }

    #[test]
    fn hold_for_exact_fit(operations in operations()) {
        check::<Granule4K, Exact>(&operations);
    }

    #[test]
    fn hold_for_fixed(operations in operations()) {
        check::<Granule4K, Fixed>(&operations);
        check::<Granule16K, Fixed>(&operations);
    }
}
