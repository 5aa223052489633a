//! Where v4 puts objects, in which order, and what it refuses.

use std::vec::Vec;

use zpool::testing::HostEnv;
use zpool::{AllocError, Granule, Granule4K, Granule16K, Handle, HandleError, Owner, ZPool};

use super::exact::Exact;
use crate::classes::policy::{Policy, V4};
use crate::classes::pool::Pool;
use crate::classes::shelf::FULL;

fn malloc(pool: &dyn ZPool, size: usize) -> Handle {
    pool.malloc(size, Owner::NONE).unwrap()
}

/// Block and slot of a handle at 4K.
fn block_and_slot(handle: Handle) -> (u64, u64) {
    (handle.bits() & !4095, handle.bits() & 127)
}

/// The active and the full list of type 22.
fn lists(pool: &Pool<&HostEnv<Granule4K>, V4>) -> [Vec<u64>; 2] {
    let shelf = pool.shelves[22].0.lock(&pool.env);
    [0, FULL].map(|list| {
        shelf.list(list).into_iter().map(|block| block.as_ptr().addr() as u64).collect()
    })
}

#[test]
fn fill_spill_and_list_order() {
    let env = HostEnv::<Granule4K>::new();
    let pool = Pool::<_, V4>::new(&env).unwrap();
    let first: Vec<Handle> = (0..9).map(|_| malloc(&pool, 2000)).collect();
    let (a, b) = (block_and_slot(first[0]).0, block_and_slot(first[8]).0);
    for (slot, &handle) in first[..8].iter().enumerate() {
        assert_eq!(block_and_slot(handle), (a, slot as u64));
        assert_eq!(handle.bits() >> 7 & 31, 22);
    }
    assert_eq!(block_and_slot(first[8]), (b, 0));
    assert_eq!((pool.total_pages(), lists(&pool)), (8, [vec![b], vec![a]]));

    pool.free(first[3]).unwrap();
    assert_eq!((pool.total_pages(), lists(&pool)), (8, [vec![b, a], vec![]]));

    for slot in 1..8 {
        assert_eq!(block_and_slot(malloc(&pool, 2000)), (b, slot));
    }
    assert_eq!((pool.total_pages(), lists(&pool)), (8, [vec![a], vec![b]]));

    assert_eq!(block_and_slot(malloc(&pool, 2000)), (a, 3));
    let last = malloc(&pool, 2000);
    let (c, slot) = block_and_slot(last);
    assert!(c != a && c != b && slot == 0);
    assert_eq!(pool.total_pages(), 12);
    pool.free(last).unwrap();
    assert_eq!((pool.total_pages(), env.pages()), (8, 8));
}

#[test]
fn an_object_is_at_header_plus_slots() {
    fn offset_of<G: Granule>(size: usize, slot: usize) -> usize {
        let env = HostEnv::<G>::new();
        let pool = Pool::<_, V4>::new(&env).unwrap();
        let handle = (0..=slot).map(|_| malloc(&pool, size)).last().unwrap();
        let read = pool.read(handle, size, &mut []).unwrap();
        read.as_ptr().addr() - (handle.bits() as usize & !(G::SIZE - 1))
    }
    assert_eq!(offset_of::<Granule4K>(2000, 5), 10240);
    assert_eq!(offset_of::<Granule16K>(8000, 7), 57344);
}

#[test]
fn pages_of_few_objects() {
    fn pages<P: Policy>(size: usize, count: usize) -> usize {
        let env = HostEnv::<Granule4K>::new();
        let pool = Pool::<_, P>::new(&env).unwrap();
        for _ in 0..count {
            malloc(&pool, size);
        }
        assert_eq!(pool.total_pages(), env.pages());
        pool.total_pages()
    }
    assert_eq!(pages::<V4>(100, 1), 1);
    assert_eq!(pages::<V4>(560, 1), 2);
    assert_eq!(pages::<Exact>(560, 1), 4);
    assert_eq!(pages::<V4>(1100, 1), 8);
    assert_eq!(pages::<V4>(4000, 1), 4);
    assert_eq!(pages::<V4>(4000, 4), 4);
    assert_eq!(pages::<V4>(4000, 5), 8);
}

#[test]
fn refused_sizes_and_missing_frames() {
    let env = HostEnv::<Granule4K>::new();
    let pool = Pool::<_, V4>::new(&env).unwrap();
    let refusal = |size| pool.malloc(size, Owner::NONE).unwrap_err();
    assert_eq!(
        [0, 4095, 4096, 4097].map(refusal),
        [AllocError::Invalid, AllocError::NoSpace, AllocError::Invalid, AllocError::NoSpace]
    );
    malloc(&pool, 100);
    env.set_limit(1);
    assert_eq!(refusal(2000), AllocError::NoMemory);
    assert_eq!((pool.total_pages(), env.pages()), (1, 1));
}

#[test]
fn what_the_header_shows_is_refused() {
    let env = HostEnv::<Granule16K>::new();
    let pool = Pool::<_, V4>::new(&env).unwrap();
    let [first, _] = [malloc(&pool, 100), malloc(&pool, 100)];
    pool.free(first).unwrap();
    assert_eq!(pool.free(first), Err(HandleError::Stale));
    assert_eq!(pool.statistics().objects, 1);
    let type_40 = Handle::from_bits(first.bits() & !16383 | 40 << 8).unwrap();
    assert_eq!(pool.free(type_40), Err(HandleError::Invalid));
}

/// A block that appears while the page allocator works is not looked at: each of two allocations
/// that meet gets a block of its own, the later one in front.
#[test]
fn allocations_that_meet_make_a_block_each() {
    let env = super::fixed::Meeting::new();
    let pool = Pool::<_, V4>::new(&env).unwrap();
    let handles = env.meet(&pool, 2000);
    assert_ne!(block_and_slot(handles[0]).0, block_and_slot(handles[1]).0);
    assert_eq!(pool.total_pages(), 8);
}
