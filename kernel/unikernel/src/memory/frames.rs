//! Page frames: the buddy allocator behind its lock and caches, and what others need of it.

use alloc::boxed::Box;
use core::ops::Range;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};

use buddy::{Buddy, FrameCaches, MAX_ORDER, Statistics};
use paging::{PhysicalAddress, TableMemory, TranslationGranule};
use stress::options::FailPoint;
use zpool::{Env, Granule};

use super::failing::Failing;
use crate::arch::{memory_functions, mmu};
use crate::cpu::{self, MAX_CPUS};
use crate::sched::preemption;
use crate::sync::{Once, ThreadLock};

/// The page frames of the machine. All of RAM is mapped where it is, so a frame's address is a
/// pointer to it.
pub struct Frames<G: 'static> {
    caches: FrameCaches<'static, G, ThreadLock<Buddy<'static, G>>, MAX_CPUS>,
    /// The largest order that pools get.
    largest_order: AtomicU32,
    /// Frames that were taken for something else than arenas.
    uses: Uses,
    /// Allocations to make fail; none without one.
    failing: Once<Failing>,
}

/// How many frames are whose.
struct Uses {
    /// Taken before there was an account: the heap.
    heap: usize,
    /// Translation tables.
    tables: AtomicUsize,
    /// Stacks, and what is reserved for good.
    kernel: AtomicUsize,
    /// Pools.
    pools: AtomicUsize,
}

impl<G: Granule> Frames<G> {
    /// The frames that `buddy` manages.
    pub fn new(buddy: Buddy<'static, G>) -> Self {
        let uses = Uses {
            heap: buddy.statistics().allocated_frames(),
            tables: AtomicUsize::new(0),
            kernel: AtomicUsize::new(0),
            pools: AtomicUsize::new(0),
        };
        Self {
            caches: FrameCaches::new(buddy),
            largest_order: AtomicU32::new(MAX_ORDER),
            uses,
            failing: Once::new(),
        }
    }

    /// Makes allocations from now on fail.
    pub fn fail_at(&self, point: FailPoint) {
        self.failing.set(Box::leak(Box::new(Failing::new(point))));
    }

    /// Frames taken by others than arenas: by pools, and in all.
    pub fn accounted(&self) -> (usize, usize) {
        let load = |count: &AtomicUsize| count.load(Ordering::Relaxed);
        let Uses { heap, tables, kernel, pools } = &self.uses;
        (load(pools), heap + load(tables) + load(kernel) + load(pools))
    }

    /// The frames of a block were taken by [`Frames::take`] for the kernel itself, or, with a
    /// negative number, given back.
    pub fn account_kernel(&self, frames: isize) {
        self.uses.kernel.fetch_add(frames as usize, Ordering::Relaxed);
    }

    /// A block of `2^order` frames for good.
    pub fn reserve(&self, order: u32) -> Option<NonNull<u8>> {
        let address = self.caches.alloc(cpu::current().id, order).ok()?;
        self.account_kernel(1 << order);
        NonNull::new(core::ptr::with_exposed_provenance_mut(address as usize))
    }

    /// Whether the boot arguments want this allocation to fail.
    #[inline]
    fn fails(&self) -> bool {
        self.failing.get().is_some_and(|failing| failing.call().is_some())
    }

    /// From now on pools get single frames only, as if all of RAM were fragmented.
    pub fn fragment(&self) {
        self.largest_order.store(0, Ordering::Relaxed);
    }

    /// One frame, contents unspecified.
    pub fn take(&self) -> Option<Frame<G>> {
        if self.fails() {
            return None;
        }
        let address = self.caches.alloc(cpu::current().id, 0).ok()?;
        Some(Frame { address: address as usize, granule: core::marker::PhantomData })
    }

    /// Takes a frame back.
    pub fn give(&self, frame: Frame<G>) {
        self.release(frame.address as u64, 0);
    }

    /// What is free now.
    pub fn statistics(&self) -> Statistics {
        self.caches.statistics()
    }

    fn release(&self, address: u64, order: u32) {
        if let Err(error) = self.caches.free(cpu::current().id, address, order) {
            panic!("page frames were given back wrongly: {error}");
        }
    }
}

/// One page frame that belongs to whoever holds this.
pub struct Frame<G> {
    address: usize,
    granule: core::marker::PhantomData<G>,
}

impl<G: Granule> Frame<G> {
    /// The frame at this address.
    ///
    /// # Safety
    /// It came from [`Frames::take`] and was turned into an address by [`Frame::into_address`],
    /// once.
    pub unsafe fn from_address(address: PhysicalAddress) -> Self {
        Self { address: address.0 as usize, granule: core::marker::PhantomData }
    }

    /// Gives up the frame for its address.
    pub fn into_address(self) -> PhysicalAddress {
        PhysicalAddress(self.address as u64)
    }

    /// Its bytes.
    pub fn bytes(&mut self) -> &mut [u8] {
        // SAFETY: the frame is RAM, mapped where it is, initialised (RAM always holds something),
        // and nobody else's.
        unsafe { core::slice::from_raw_parts_mut(self.pointer(), G::SIZE) }
    }

    /// Fills it with zeros.
    pub fn clear(&mut self) {
        // SAFETY: the frame is a page of normal memory and nobody else's.
        unsafe { memory_functions::zero_page(self.pointer(), G::SIZE) };
    }

    fn pointer(&self) -> *mut u8 {
        core::ptr::with_exposed_provenance_mut(self.address)
    }
}

// SAFETY: 1. the buddy allocator hands a block to one caller until it is given back; all of RAM
// is mapped. 2. Physical addresses of supported machines are below 2^47 (48-bit output, RAM far
// below the end), and frames only exist as exposed addresses. 3. Locks of back ends are held
// with preemption off; threads are pinned, and no handler takes one.
unsafe impl<G: Granule> Env for Frames<G> {
    type Granule = G;

    fn alloc(&self, order: u32) -> Option<NonNull<u8>> {
        if order > self.largest_order.load(Ordering::Relaxed) || self.fails() {
            return None;
        }
        let address = self.caches.alloc(cpu::current().id, order).ok()?;
        self.uses.pools.fetch_add(1 << order, Ordering::Relaxed);
        NonNull::new(core::ptr::with_exposed_provenance_mut(address as usize))
    }

    unsafe fn free(&self, frames: NonNull<u8>, order: u32) {
        self.uses.pools.fetch_sub(1 << order, Ordering::Relaxed);
        self.release(frames.as_ptr().addr() as u64, order);
    }

    #[inline]
    fn cpu(&self) -> usize {
        cpu::current().id
    }

    fn cpus(&self) -> usize {
        cpu::online().max(1)
    }

    #[inline]
    fn mask(&self) -> usize {
        preemption::disable();
        0
    }

    #[inline]
    fn unmask(&self, _: usize) {
        preemption::enable();
    }
}

/// Frames that hold translation tables.
pub struct TableFrames<G: 'static>(pub &'static Frames<G>);

impl<G> Clone for TableFrames<G> {
    fn clone(&self) -> Self {
        Self(self.0)
    }
}

// SAFETY: 1. frames are aligned to their size, below 2^48, cleared here, and nobody else's.
// 2. They are mapped where they are for good. 3. Invalidation is broadcast and waited for.
unsafe impl<G: TranslationGranule> TableMemory for TableFrames<G> {
    type Granule = G;

    fn allocate(&self) -> Option<PhysicalAddress> {
        let mut frame = self.0.take()?;
        self.0.uses.tables.fetch_add(1, Ordering::Relaxed);
        frame.clear();
        Some(frame.into_address())
    }

    unsafe fn free(&self, table: PhysicalAddress) {
        self.0.uses.tables.fetch_sub(1, Ordering::Relaxed);
        // SAFETY: the caller gives back what `allocate` turned into an address.
        self.0.give(unsafe { Frame::from_address(table) });
    }

    fn pointer(&self, table: PhysicalAddress) -> NonNull<AtomicU64> {
        let pointer = core::ptr::with_exposed_provenance_mut::<AtomicU64>(table.0 as usize);
        // SAFETY: RAM does not begin at zero on any board that keeps firmware there, and the
        // buddy allocator never hands out a reserved frame.
        unsafe { NonNull::new_unchecked(pointer) }
    }

    fn synchronize(&self) {
        mmu::publish_entry();
    }

    fn invalidate(&self, _range: Range<usize>) {
        mmu::invalidate_all();
    }
}
