//! The pool: its parts, and how the interface maps to them.

use core::ptr::NonNull;
use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use zpool::{
    AllocError, Budget, Env, Granule, Handle, HandleError, Owner, Owners, ReadGuard, SpinLock,
    Statistics, Work, ZPool,
};

use super::access::Unpin;
use super::depot::{Depot, LARGEST_ORDER};
use super::name::NUMBER_BITS;
use super::queue::Queue;
use super::shelf::Shelf;
use super::state::Use;
use super::table::{Descriptor, Table};
use super::worker::Worker;

/// Shelves of a pool; CPUs beyond that many share.
pub(super) const SHELVES: usize = 4;

/// A pool of slotted blocks.
#[repr(C)]
pub struct Slotted<E: Env> {
    /// At the front, where it is found soonest.
    pub(super) table: Table<E>,
    pub(super) env: E,
    /// Blocks with room.
    pub(super) shelves: [Shelf; SHELVES],
    /// What is applied to the number of a CPU for that of its shelf.
    pub(super) shelf_mask: AtomicUsize,
    /// Blocks and pages in which something was freed since they were last looked at, linked
    /// through [`Descriptor::link`].
    pub(super) freed: Queue,
    pub(super) depot: SpinLock<Depot>,
    /// The largest order that the environment seems to have.
    pub(super) supply: AtomicU32,
    /// Frames of blocks, empty ones included.
    pub(super) pages: AtomicUsize,
    /// Bytes that objects could have taken since the pool began: new blocks and what was freed, less
    /// what went with blocks; wrapping.
    pub(super) offered: AtomicUsize,
    /// Bytes of slotted blocks.
    pub(super) block_bytes: AtomicUsize,
    /// Blocks opened by allocations since background work last counted them.
    pub(super) opened: AtomicU32,
    pub(super) worker: Worker,
    unpin: Unpin,
    salt: u32,
}

/// Pools made so far, so that no two of them number generations alike.
static POOLS: AtomicU32 = AtomicU32::new(0);

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
            shelves: core::array::from_fn(|_| Shelf::new()),
            shelf_mask: AtomicUsize::new(0),
            freed: Queue::new(),
            depot: SpinLock::new(Depot::new()),
            supply: AtomicU32::new(LARGEST_ORDER),
            pages: AtomicUsize::new(0),
            offered: AtomicUsize::new(0),
            block_bytes: AtomicUsize::new(0),
            opened: AtomicU32::new(0),
            worker: Worker::new(),
            unpin: Unpin,
            salt: count.wrapping_mul(0x9e37_79b9),
        })
    }

    /// The first generation of a block's objects: differs between blocks and between pools, so
    /// that a handle with another block's or another pool's number meets another generation.
    pub(super) fn seed(&self, number: u32) -> u32 {
        (number.wrapping_mul(0x85eb_ca6b) ^ self.salt).wrapping_mul(0xc2b2_ae35) >> 16
    }

    /// Free bytes of slotted blocks, as far as it is known.
    pub(super) fn free_bytes(&self) -> usize {
        let offered = self.offered.load(Ordering::Relaxed);
        let free = self.shelves.iter().fold(offered, |sum, shelf| sum.wrapping_sub(shelf.taken()));
        // While others count, the parts of the sum are not of one moment.
        (free as isize).max(0) as usize
    }

    /// Counts live objects in one descriptor's frames, and the bytes of their places.
    fn count(descriptor: &Descriptor) -> (usize, usize) {
        let seen = descriptor.state.enter();
        let counted = match seen.usage() {
            Use::Nothing => (0, 0),
            Use::Single if descriptor.stamp.seen().is_object() => {
                (1, descriptor.link.load(Ordering::Relaxed) as usize)
            }
            Use::Single => (0, 0),
            // SAFETY: the frames are a block, and this is a user of it.
            Use::Slotted => match unsafe { Descriptor::block(seen) } {
                Some(block) => block.count(),
                None => (0, 0),
            },
        };
        descriptor.state.leave();
        counted
    }

    /// Sizes above this one, 31/32 of a page, get a page of their own.
    pub(super) const SLOTTED_MAX: usize = E::Granule::SIZE / 32 * 31;
    /// Block numbers that handles can carry.
    pub(super) const NUMBERS: u32 = 1 << NUMBER_BITS;
}

impl<E: Env> ZPool for Slotted<E> {
    fn malloc(&self, size: usize, owner: Owner) -> Result<Handle, AllocError> {
        if size.wrapping_sub(1) < Self::SLOTTED_MAX {
            self.place(size, owner)
        } else if size == 0 {
            Err(AllocError::Invalid)
        } else if size > E::Granule::SIZE {
            Err(AllocError::NoSpace)
        } else {
            self.place_alone(size)
        }
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
        let (data, token) = self.pin(handle, length)?;
        // SAFETY: the object has `length` bytes, and its pin keeps it from being freed, moved or
        // written until `read_end`.
        let bytes = unsafe { core::slice::from_raw_parts(data.as_ptr(), length) };
        Ok(ReadGuard::pinned(bytes, &self.unpin, token))
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
        let (mut objects, mut used) = (0, 0);
        for number in 1..self.table.used() {
            let Some(descriptor) = self.table.get(number) else { continue };
            let (count, bytes) = Self::count(descriptor);
            objects += count;
            used += bytes;
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
            let seen = descriptor.state.seen();
            let frames = NonNull::new(core::ptr::with_exposed_provenance_mut(seen.address()));
            if let (Some(frames), Use::Slotted | Use::Single) = (frames, seen.usage()) {
                // SAFETY: the frames came from `alloc` with this order; nobody uses a pool that
                // is being dropped.
                unsafe { self.env.free(frames, seen.order()) };
            }
        }
        for order in 0..=LARGEST_ORDER {
            while let Some(frames) = self.depot.get_mut().take(order) {
                // SAFETY: as above; surplus frames belong to no block.
                unsafe { self.env.free(frames, order) };
            }
        }
        self.table.clear(&self.env);
    }
}
