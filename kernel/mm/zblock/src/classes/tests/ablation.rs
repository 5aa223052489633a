//! Every variant keeps what it is given, and none keeps a frame.

use zpool::testing::HostEnv;
use zpool::{Granule, Granule4K, Granule16K, Handle, Owner};

use crate::ablations;

/// Replaces objects of many sizes at random, and compares every one before it is freed.
fn churn<G: Granule>(pools: usize, operations: usize) {
    for index in 0..pools {
        let env = HostEnv::<G>::new();
        let variant = &ablations::<&HostEnv<G>>()[index];
        let pool = (variant.create)(&env).unwrap();
        let mut objects: std::vec::Vec<Option<(Handle, std::vec::Vec<u8>)>> = std::vec![None; 300];
        let mut state = 1_u64;
        let mut scratch = std::vec![0; G::SIZE];
        for _ in 0..operations {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            let place = (state >> 33) as usize % objects.len();
            let size = (state >> 20) as usize % (G::SIZE * 3 / 4) + 1;
            if let Some((handle, bytes)) = objects[place].take() {
                assert_eq!(*pool.read(handle, bytes.len(), &mut scratch).unwrap(), *bytes);
                pool.free(handle).unwrap();
            }
            let bytes: std::vec::Vec<u8> =
                (0..size).map(|index| (index as u64 ^ state >> 7) as u8).collect();
            let handle = pool.malloc(size, Owner::NONE).unwrap();
            pool.write(handle, &bytes).unwrap();
            objects[place] = Some((handle, bytes));
        }
        let live = objects.iter().flatten().count();
        assert_eq!(pool.statistics().objects, live, "{}", variant.name);
        // Half of them go, the rest is the pool's to give back.
        for (handle, bytes) in objects.into_iter().flatten().take(live / 2) {
            assert_eq!(*pool.read(handle, bytes.len(), &mut scratch).unwrap(), *bytes);
            pool.free(handle).unwrap();
        }
        drop(pool);
        assert_eq!(env.pages(), 0, "{}", variant.name);
    }
}

#[test]
fn every_variant_keeps_what_it_is_given() {
    let operations = if cfg!(miri) { 200 } else { 5000 };
    churn::<Granule4K>(6, operations);
    churn::<Granule16K>(if cfg!(miri) { 0 } else { 6 }, operations);
}

/// The unchanged variant decides as v4 does.
#[test]
fn the_unchanged_variant_is_v4() {
    let env = HostEnv::<Granule4K>::new();
    let variant = (ablations::<&HostEnv<Granule4K>>()[0].create)(&env).unwrap();
    let v4 = (super::super::v4().create)(&env).unwrap();
    for size in (0..4100).step_by(3) {
        let results = [&variant, &v4].map(|pool| pool.malloc(size, Owner::NONE).map(drop));
        assert_eq!(results[0], results[1], "{size}");
        assert_eq!(variant.total_pages(), v4.total_pages(), "{size}");
    }
}

/// Frames run out in the middle of a block: nothing is kept, nothing is lost.
#[test]
fn a_block_that_cannot_be_had_leaves_nothing() {
    for index in 0..6 {
        let env = HostEnv::<Granule4K>::new();
        let variant = &ablations::<&HostEnv<Granule4K>>()[index];
        let pool = (variant.create)(&env).unwrap();
        for limit in 0..12 {
            env.set_limit(limit);
            let handle = pool.malloc(2900, Owner::NONE);
            env.set_limit(usize::MAX);
            if let Ok(handle) = handle {
                pool.free(handle).unwrap();
            }
            assert_eq!(pool.total_pages(), 0, "{} at {limit}", variant.name);
        }
    }
}
