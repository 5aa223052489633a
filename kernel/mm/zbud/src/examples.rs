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
