//! The pool: its parts, its locks, and how the interface maps to them.

use core::ptr::NonNull;
use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use zpool::{
    AllocError, Budget, Env, Granule, Handle, HandleError, Owner, Owners, ReadEnd, ReadGuard,
    SpinLock, Statistics, Work, ZPool,
};

use super::block::Block;
use super::name::NUMBER_BITS;
use super::place::Shelf;
use super::queue::Queue;
use super::table::{Descriptor, Table, Use};
use super::worker::Worker;

/// A pool of slotted blocks.
pub struct Slotted<E: Env> {
    pub(super) env: E,
    pub(super) table: Table<E>,
    /// Lists of blocks and of what is ready to become one. Taken before the lock of a block.
    pub(super) shelf: SpinLock<Shelf>,
    /// Blocks in which something was freed since they were last looked at, linked through
    /// [`Descriptor::word`].
    pub(super) dirty: Queue,
    /// Frames of blocks, empty ones included.
    pub(super) pages: AtomicUsize,
    pub(super) worker: Worker,
    salt: u32,
}

/// Pools made so far, so that no two of them number generations alike.
static POOLS: AtomicU32 = AtomicU32::new(0);

/// The lock of one block, held with interrupts masked.
pub(super) struct Locked<'a, E: Env> {
    descriptor: &'a Descriptor,
    env: &'a E,
    /// What `unmask` needs; `None` where interrupts were masked already.
    saved: Option<usize>,
}

impl<E: Env> Drop for Locked<'_, E> {
    #[inline]
    fn drop(&mut self) {
        self.descriptor.lock.unlock();
        if let Some(saved) = self.saved {
            self.env.unmask(saved);
        }
    }
}

impl<'a, E: Env> Locked<'a, E> {
    /// Masks interrupts and waits for the lock.
    #[inline]
    pub(super) fn new(descriptor: &'a Descriptor, env: &'a E) -> Self {
        let saved = Some(env.mask());
        descriptor.lock.lock();
        Self { descriptor, env, saved }
    }

    /// Waits for the lock, for a caller who has masked interrupts.
    #[inline]
    pub(super) fn nested(descriptor: &'a Descriptor, env: &'a E) -> Self {
        descriptor.lock.lock();
        Self { descriptor, env, saved: None }
    }

    /// The block, if the frames hold one.
    #[inline]
    pub(super) fn block(&mut self) -> Option<Block> {
        let bytes = self.descriptor.block_bytes::<E::Granule>()?;
        let frames = NonNull::new(self.descriptor.frames.load(Ordering::Relaxed))?;
        // SAFETY: the frames of a slotted block were formatted when it became one, and its lock,
        // which callers hold as long as they use the result, keeps everybody else away.
        Some(unsafe { Block::new(frames, bytes) })
    }
}

impl<E: Env> Slotted<E> {
    /// An empty pool; it has no frames yet.
    ///
    /// # Errors
    /// None at present; the type leaves room for reserves made at creation.
    pub fn new(env: E) -> Result<Self, AllocError> {
        let count = POOLS.fetch_add(1, Ordering::Relaxed);
        Ok(Self {
            env,
            table: Table::new(),
            shelf: SpinLock::new(Shelf::new()),
            dirty: Queue::new(),
            pages: AtomicUsize::new(0),
            worker: Worker::new(),
            salt: count.wrapping_mul(0x9e37_79b9),
        })
    }

    /// The first generation of a block's objects: differs between blocks and between pools, so
    /// that a handle with another block's or another pool's number meets another generation.
    pub(super) fn seed(&self, number: u32) -> u32 {
        (number.wrapping_mul(0x85eb_ca6b) ^ self.salt).wrapping_mul(0xc2b2_ae35) >> 16
    }

    /// Sizes above this one, 31/32 of a page, get a page of their own.
    pub(super) const SLOTTED_MAX: usize = E::Granule::SIZE / 32 * 31;
    /// Block numbers that handles can carry.
    pub(super) const NUMBERS: u32 = 1 << NUMBER_BITS;
}

impl<E: Env> ReadEnd for Slotted<E> {
    fn read_end(&self, token: u64) {
        if let Some(handle) = Handle::from_bits(token) {
            self.unpin(handle);
        }
    }
}

impl<E: Env> ZPool for Slotted<E> {
    fn malloc(&self, size: usize, owner: Owner) -> Result<Handle, AllocError> {
        if size == 0 {
            return Err(AllocError::Invalid);
        }
        if size > E::Granule::SIZE {
            return Err(AllocError::NoSpace);
        }
        if size > Self::SLOTTED_MAX { self.place_alone(size) } else { self.place(size, owner) }
    }

    fn free(&self, handle: Handle) -> Result<(), HandleError> {
        self.release(handle)
    }

    fn read<'a>(
        &'a self,
        handle: Handle,
        length: usize,
        _: &'a mut [u8],
    ) -> Result<ReadGuard<'a>, HandleError> {
        let data = self.pin(handle, length)?;
        // SAFETY: the object has `length` bytes, and its pin keeps it from being freed, moved or
        // written until `read_end`.
        let bytes = unsafe { core::slice::from_raw_parts(data.as_ptr(), length) };
        Ok(ReadGuard::pinned(bytes, self, handle.bits()))
    }

    fn write(&self, handle: Handle, bytes: &[u8]) -> Result<(), HandleError> {
        self.overwrite(handle, bytes)
    }

    fn maintain(&self, budget: Budget, owners: &dyn Owners) -> Work {
        self.step(budget, owners)
    }

    fn compact(&self, owners: &dyn Owners) -> Work {
        self.run(owners)
    }

    fn total_pages(&self) -> usize {
        self.pages.load(Ordering::Relaxed)
    }

    fn statistics(&self) -> Statistics {
        let mut objects = 0;
        let mut used = 0;
        for number in 1..self.table.used() {
            let Some(descriptor) = self.table.get(number) else { continue };
            let mut locked = Locked::new(descriptor, &self.env);
            if let Some(mut block) = locked.block() {
                objects += block.live() as usize;
                used += block.object_bytes() as usize;
            } else if descriptor.usage().0 == Use::Single {
                objects += 1;
                used += super::single::length(descriptor.word.load(Ordering::Relaxed));
            }
        }
        let pool_pages = self.total_pages();
        Statistics {
            pool_pages,
            metadata_bytes: self.table.pages() * E::Granule::SIZE + size_of::<Self>(),
            objects,
            idle_bytes: (pool_pages * E::Granule::SIZE).saturating_sub(used),
        }
    }
}

impl<E: Env> Drop for Slotted<E> {
    fn drop(&mut self) {
        for number in 1..self.table.used() {
            let Some(descriptor) = self.table.get(number) else { continue };
            let (usage, order) = descriptor.usage();
            let frames = NonNull::new(descriptor.frames.load(Ordering::Relaxed));
            if let (Some(frames), Use::Slotted | Use::Single) = (frames, usage) {
                // SAFETY: the frames came from `alloc` with this order; nobody uses a pool that
                // is being dropped.
                unsafe { self.env.free(frames, order) };
            }
        }
        while let Some((frames, order)) = self.shelf.get_mut().take_surplus() {
            // SAFETY: as above; surplus frames belong to no block.
            unsafe { self.env.free(frames, order) };
        }
        self.table.clear(&self.env);
    }
}
