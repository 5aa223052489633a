//! Worked examples: which page and place an object gets.

use std::vec::Vec;

use zpool::testing::HostEnv;
use zpool::{AllocError, Granule, Granule4K, Granule16K, Handle, Owner, ZPool};

use crate::Zbud;

/// Page and offset in it of a new object.
fn place<G: Granule>(pool: &Zbud<&HostEnv<G>>, size: usize) -> (Handle, usize, usize) {
    let handle = pool.malloc(size, Owner::NONE).unwrap();
    let address = pool.read(handle, size, &mut []).unwrap().as_ptr().addr();
    (handle, address / G::SIZE, address % G::SIZE)
}

#[test]
fn the_first_is_behind_the_header_and_the_last_at_the_end() {
    let env = HostEnv::<Granule4K>::new();
    let pool = Zbud::new(&env);
    let (first, page, offset) = place(&pool, 2000);
    assert_eq!(offset, 64);
    let (_, same_page, offset) = place(&pool, 1984);
    assert_eq!((same_page, offset), (page, 2112));
    assert_eq!(pool.total_pages(), 1);
    // The first goes; 2048 bytes are 32 chunks and fit in its place.
    pool.free(first).unwrap();
    let (_, same_page, offset) = place(&pool, 2048);
    assert_eq!((same_page, offset), (page, 64));
    place(&pool, 2000);
    place(&pool, 2000);
    assert_eq!(pool.total_pages(), 3);
}

#[test]
fn sizes_out_of_range_are_refused() {
    let env = HostEnv::<Granule4K>::new();
    let pool = Zbud::new(&env);
    assert_eq!(pool.malloc(0, Owner::NONE), Err(AllocError::Invalid));
    assert_eq!(pool.malloc(3969, Owner::NONE), Err(AllocError::NoSpace));
    assert_eq!(place(&pool, 3968).2, 64);
    let env = HostEnv::<Granule16K>::new();
    let pool = Zbud::new(&env);
    assert_eq!(pool.malloc(15873, Owner::NONE), Err(AllocError::NoSpace));
    place(&pool, 8000);
    place(&pool, 7936);
    assert_eq!(pool.total_pages(), 1);
    place(&pool, 15872);
    assert_eq!(pool.total_pages(), 2);
}

#[test]
fn the_least_room_that_is_enough_is_taken() {
    let env = HostEnv::<Granule4K>::new();
    let pool = Zbud::new(&env);
    let pages: Vec<usize> =
        [640, 1280, 320, 3000, 500].into_iter().map(|size| place(&pool, size).1).collect();
    assert_eq!(pages[0], pages[1]);
    assert_eq!(pages[2], pages[3]);
    assert_eq!(pool.total_pages(), 3);
}

/// Pages after 720 objects of one size.
#[test]
#[cfg_attr(miri, ignore = "too many objects")]
fn equal_sizes_pair_up_to_half_a_page() {
    fn pages<G: Granule>(size: usize) -> usize {
        let env = HostEnv::<G>::new();
        let pool = Zbud::new(&env);
        for _ in 0..720 {
            let _ = pool.malloc(size, Owner::NONE);
        }
        pool.total_pages()
    }
    for size in [500, 1984] {
        assert_eq!((pages::<Granule4K>(size), pages::<Granule16K>(4 * size)), (360, 360));
    }
    for size in [1985, 3904] {
        assert_eq!((pages::<Granule4K>(size), pages::<Granule16K>(4 * size)), (720, 720));
    }
    assert_eq!(pages::<Granule16K>(15873), 0);
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig {
        cases: if cfg!(miri) { 2 } else { 64 },
        failure_persistence: None,
        ..Default::default()
    })]

    /// Objects keep their contents, lie in their page behind the header and do not overlap, and
    /// a page has one or two of them, whatever is freed.
    #[test]
    fn places_and_contents_agree(
        steps in proptest::collection::vec((0_usize..7, 1_usize..=3968, 0_usize..64), 1..200),
    ) {
        let env = HostEnv::<Granule4K>::new();
        let pool = Zbud::new(&env);
        let mut live: Vec<(Handle, u8, usize)> = Vec::new();
        for (step, &(what, size, victim)) in steps.iter().enumerate() {
            if what < 5 {
                let handle = pool.malloc(size, Owner::NONE).unwrap();
                pool.write(handle, &std::vec![step as u8; size]).unwrap();
                live.push((handle, step as u8, size));
            } else if !live.is_empty() {
                pool.free(live.swap_remove(victim % live.len()).0).unwrap();
            }
        }
        let mut places = Vec::new();
        for &(handle, byte, size) in &live {
            let read = pool.read(handle, size, &mut []).unwrap();
            assert!(read.iter().all(|&b| b == byte));
            let start = read.as_ptr().addr();
            assert!(start % 4096 >= 64 && start % 4096 + size <= 4096);
            places.push((start, start + size));
        }
        places.sort_unstable();
        assert!(places.windows(2).all(|pair| pair[0].1 <= pair[1].0));
        let mut pages: Vec<usize> = places.iter().map(|place| place.0 / 4096).collect();
        assert!(pages.windows(3).all(|three| three[0] != three[2]));
        pages.dedup();
        assert_eq!(pages.len(), pool.total_pages());
        live.into_iter().for_each(|(handle, ..)| pool.free(handle).unwrap());
        assert_eq!((pool.total_pages(), pool.statistics().idle_bytes), (0, 0));
    }
}
