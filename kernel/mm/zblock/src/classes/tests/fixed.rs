//! v4's defects, and that `zblock-fixed` has none of them.

use std::cell::Cell;
use std::ptr::NonNull;
use std::sync::Mutex;
use std::vec::Vec;

use zpool::testing::HostEnv;
use zpool::{
    AllocError, Budget, Env, Granule, Granule4K, Granule16K, Handle, HandleError, NoOwners, Owner,
    ZPool,
};

use crate::classes::policy::Fixed;
use crate::classes::pool::Pool;

const BUDGET: Budget = Budget { bytes: 8192, objects: 1 };

fn malloc(pool: &dyn ZPool, size: usize) -> Handle {
    pool.malloc(size, Owner::NONE).unwrap()
}

/// Record and slot of a handle: the block and the place in it.
fn place(handle: Handle) -> (u64, u64) {
    (handle.bits() >> 8 & ((1 << 25) - 1), handle.bits() & 255)
}

#[test]
fn all_sizes_up_to_a_page_are_stored_and_none_beyond() {
    fn check<G: Granule>() {
        let env = HostEnv::<G>::new();
        let pool = Pool::<_, Fixed>::new(&env).unwrap();
        for size in [1, G::SIZE / 5 * 4, G::SIZE - 8, G::SIZE - 1, G::SIZE] {
            malloc(&pool, size);
        }
        assert_eq!(pool.malloc(0, Owner::NONE), Err(AllocError::Invalid));
        assert_eq!(pool.malloc(G::SIZE + 1, Owner::NONE), Err(AllocError::NoSpace));
    }
    check::<Granule4K>();
    check::<Granule16K>();
}

/// An object of a page costs a page, not a slot of a larger block.
#[test]
fn whole_pages_cost_a_page() {
    let env = HostEnv::<Granule16K>::new();
    let pool = Pool::<_, Fixed>::new(&env).unwrap();
    malloc(&pool, 100);
    let before = pool.total_pages();
    for count in 1..10 {
        malloc(&pool, 16384);
        assert_eq!(pool.total_pages(), before + count);
    }
}

#[test]
fn the_fullest_block_is_filled_first() {
    let env = HostEnv::<Granule4K>::new();
    let pool = Pool::<_, Fixed>::new(&env).unwrap();
    // Three blocks of eight; five of the first, one of the second, three of the third go.
    let handles: Vec<Handle> = (0..24).map(|_| malloc(&pool, 500)).collect();
    for index in [0, 1, 2, 3, 4, 9, 16, 17, 18] {
        pool.free(handles[index]).unwrap();
    }
    let order: Vec<_> = (0..9).map(|_| place(malloc(&pool, 500)).0).collect();
    let [first, second, third] = [0, 8, 16].map(|index| place(handles[index]).0);
    assert_eq!(order[0], second);
    assert_eq!(order[1..4], [third; 3]);
    assert_eq!(order[4..], [first; 5]);
}

#[test]
fn one_empty_block_a_type_is_kept_until_maintenance() {
    let env = HostEnv::<Granule4K>::new();
    let pool = Pool::<_, Fixed>::new(&env).unwrap();
    let handles: Vec<Handle> = (0..17).map(|_| malloc(&pool, 2000)).collect();
    let pages = |expected: usize| {
        // Beside the blocks, one frame of the directory.
        assert_eq!((pool.total_pages(), env.pages()), (expected + 1, expected + 1));
    };
    pages(12);
    // Around the edge of a block the page allocator is not called.
    env.set_limit(env.pages());
    pool.free(handles[16]).unwrap();
    pages(12);
    pool.free(malloc(&pool, 2000)).unwrap();
    pages(12);
    for handle in &handles[8..16] {
        pool.free(*handle).unwrap();
    }
    pages(8);
    assert!(pool.statistics().idle_bytes >= 8 * 2040);
    let work = pool.maintain(BUDGET, &NoOwners);
    assert_eq!((work.pages, work.more), (4, false));
    pages(4);
}

/// What the pool keeps for later it gives up before it refuses.
#[test]
fn kept_blocks_serve_other_types_in_need() {
    let env = HostEnv::<Granule4K>::new();
    let pool = Pool::<_, Fixed>::new(&env).unwrap();
    let large = malloc(&pool, 2000);
    pool.free(large).unwrap();
    env.set_limit(env.pages());
    malloc(&pool, 1200);
    assert_eq!(env.pages(), 5);
}

/// Where no eight pages are contiguous, smaller blocks with larger slots serve.
#[test]
fn a_shortage_of_contiguous_frames_falls_back() {
    let env = HostEnv::<Granule4K>::new();
    let pool = Pool::<_, Fixed>::new(&env).unwrap();
    malloc(&pool, 64);
    let before = env.pages();
    env.set_limit(before + 4);
    malloc(&pool, 2100);
    assert_eq!(env.pages(), before + 4, "six slots of 2720 in four pages");
    env.set_limit(before + 5);
    malloc(&pool, 1100);
    assert_eq!(env.pages(), before + 5, "a whole page");
}

#[test]
fn dead_handles_stay_dead_when_their_place_is_reused() {
    let env = HostEnv::<Granule4K>::new();
    let pool = Pool::<_, Fixed>::new(&env).unwrap();
    malloc(&pool, 100);
    let mut dead: Vec<Handle> = Vec::new();
    for _ in 0..if cfg!(miri) { 50 } else { 4095 } {
        let handle = malloc(&pool, 100);
        pool.free(handle).unwrap();
        dead.push(handle);
    }
    let alive = malloc(&pool, 100);
    assert!(dead.iter().all(|&handle| place(handle) == place(alive)));
    for handle in dead {
        assert_eq!(pool.free(handle), Err(HandleError::Stale));
    }
    pool.free(alive).unwrap();
}

#[test]
fn lengths_beyond_the_slot_are_refused() {
    let env = HostEnv::<Granule4K>::new();
    let pool = Pool::<_, Fixed>::new(&env).unwrap();
    let handle = malloc(&pool, 2000);
    assert_eq!(pool.write(handle, &[0; 2040]), Ok(()));
    assert_eq!(pool.write(handle, &[0; 2041]), Err(HandleError::Length));
    assert_eq!(pool.read(handle, 2041, &mut []).map(drop), Err(HandleError::Length));
    pool.free(handle).expect("a refused read does not pin");
}

#[test]
fn thirteen_readers_at_once() {
    let env = HostEnv::<Granule4K>::new();
    let pool = Pool::<_, Fixed>::new(&env).unwrap();
    let handle = malloc(&pool, 10);
    let mut scratch = [[]; 14];
    let reads: Vec<_> = scratch.iter_mut().map(|scratch| pool.read(handle, 10, scratch)).collect();
    assert!(reads[..13].iter().all(Result::is_ok));
    assert_eq!(reads[13].as_ref().map(drop), Err(&HandleError::Busy));
    drop(reads);
    pool.write(handle, &[1; 10]).unwrap();
}

/// The directory grows beyond its near leaves, and gives everything back.
#[test]
#[cfg_attr(miri, ignore = "slow")]
fn many_blocks_need_far_leaves() {
    let env = HostEnv::<Granule4K>::new();
    let pool = Pool::<_, Fixed>::new(&env).unwrap();
    // 64 near leaves have room for 252 records of whole pages each.
    let handles: Vec<Handle> = (0..64 * 252 + 1000).map(|_| malloc(&pool, 4096)).collect();
    assert_eq!(env.pages(), handles.len() + 64 + 1 + 4);
    for handle in &handles[100..] {
        pool.free(*handle).unwrap();
    }
    assert_eq!(pool.free(handles[handles.len() - 1]), Err(HandleError::Stale));
    drop(pool);
    assert_eq!(env.pages(), 0);
}

/// Allocations that meet in the page allocator share a block.
#[test]
fn allocations_that_meet_share_a_block() {
    let env = Meeting::new();
    let pool = Pool::<_, Fixed>::new(&env).unwrap();
    malloc(&pool, 64);
    let handles = env.meet(&pool, 2000);
    assert_eq!(place(handles[0]).0, place(handles[1]).0);
    pool.compact(&NoOwners);
    assert_eq!(pool.total_pages(), 1 + 1 + 4);
}

/// An environment in which, once, another allocation of the same size happens while the page
/// allocator works.
pub(super) struct Meeting {
    env: HostEnv<Granule4K>,
    inner: Mutex<Option<Inner>>,
}

struct Inner {
    pool: *const dyn ZPool,
    size: usize,
}

// SAFETY: the pool outlives the meeting and may be used from any thread.
unsafe impl Send for Inner {}

thread_local! {
    static SECOND: Cell<Option<Handle>> = const { Cell::new(None) };
}

impl Meeting {
    pub(super) fn new() -> Self {
        Self { env: HostEnv::new(), inner: Mutex::new(None) }
    }

    /// Handles of the outer and of the inner allocation.
    pub(super) fn meet(&self, pool: &dyn ZPool, size: usize) -> [Handle; 2] {
        // SAFETY: only the lifetime changes; the pointer is taken out again before this returns.
        let pool_pointer = unsafe {
            std::mem::transmute::<*const (dyn ZPool + '_), *const (dyn ZPool + 'static)>(pool)
        };
        *self.inner.lock().unwrap() = Some(Inner { pool: pool_pointer, size });
        let outer = malloc(pool, size);
        assert!(self.inner.lock().unwrap().is_none(), "the page allocator was not called");
        [outer, SECOND.take().unwrap()]
    }
}

// SAFETY: frames are those of the environment inside.
unsafe impl Env for Meeting {
    type Granule = Granule4K;

    fn alloc(&self, order: u32) -> Option<NonNull<u8>> {
        let inner = self.inner.lock().unwrap().take();
        if let Some(Inner { pool, size }) = inner {
            // SAFETY: `meet` is on the stack above and has the pool borrowed.
            SECOND.set(Some(malloc(unsafe { &*pool }, size)));
        }
        self.env.alloc(order)
    }

    unsafe fn free(&self, frames: NonNull<u8>, order: u32) {
        // SAFETY: the caller's promise is the one asked for.
        unsafe { self.env.free(frames, order) }
    }
}
