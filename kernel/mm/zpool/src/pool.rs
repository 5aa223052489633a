//! The operations of a back end.

use crate::{AllocError, Handle, HandleError, Owner, ReadGuard};

/// An allocator for compressed pages.
///
/// Every operation may be called from any thread of any CPU at once. None of them calls back into
/// whoever called it except [`ZPool::maintain`] and [`ZPool::compact`], through [`Owners`].
/// Dropping a pool gives every page frame back to its environment, live objects or not.
pub trait ZPool: Send + Sync {
    /// A place for `size` bytes, contents unspecified. `owner` is told when the object moves.
    ///
    /// # Errors
    /// [`AllocError::Invalid`] for a size of zero, [`AllocError::NoSpace`] for one that is larger
    /// than the back end stores, [`AllocError::NoMemory`] when a page frame was needed and none
    /// was there.
    fn malloc(&self, size: usize, owner: Owner) -> Result<Handle, AllocError>;

    /// Ends the object. Empty page frames go back to the environment now or by
    /// [`ZPool::maintain`].
    ///
    /// # Errors
    /// [`HandleError::Invalid`], [`HandleError::Stale`], [`HandleError::Busy`], as far as the
    /// back end can tell; back ends that model one which cannot, say so.
    fn free(&self, handle: Handle) -> Result<(), HandleError>;

    /// The first `length` bytes of the object, in place where the layout allows it, otherwise
    /// copied to `scratch`, which has room for `length` bytes.
    ///
    /// # Errors
    /// As [`ZPool::free`], and [`HandleError::Length`] when the object has fewer bytes.
    fn read<'a>(
        &'a self,
        handle: Handle,
        length: usize,
        scratch: &'a mut [u8],
    ) -> Result<ReadGuard<'a>, HandleError>;

    /// Copies `bytes` to the front of the object.
    ///
    /// # Errors
    /// As [`ZPool::read`].
    fn write(&self, handle: Handle, bytes: &[u8]) -> Result<(), HandleError>;

    /// One bounded step of background work: sliding, relocating, giving frames back. Says what it
    /// did; [`Work::more`] is false once there is nothing left worth doing.
    fn maintain(&self, budget: Budget, owners: &dyn Owners) -> Work {
        let _ = (budget, owners);
        Work::default()
    }

    /// Compacts to completion, in bounded steps.
    fn compact(&self, owners: &dyn Owners) -> Work {
        let _ = owners;
        Work::default()
    }

    /// Page frames that the pool holds now, cached ones included.
    fn total_pages(&self) -> usize;

    /// What the pool holds now. May take locks and walk; not for the hot path.
    fn statistics(&self) -> Statistics;
}

/// Whoever holds handles and can be told that an object moved.
pub trait Owners {
    /// The object of `owner` was copied from `old` to `new`. Whoever holds `old` replaces it by
    /// `new` in one atomic step and answers true, after which `old` is gone; or answers false
    /// (the handle is in use, or not `old` any more), and the move is undone.
    ///
    /// Called with locks of the pool held: only ever *tries* locks, and never calls the pool.
    fn relocated(&self, owner: Owner, old: Handle, new: Handle) -> bool;
}

/// Owners that refuse every move.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoOwners;

impl Owners for NoOwners {
    fn relocated(&self, _: Owner, _: Handle, _: Handle) -> bool {
        false
    }
}

/// How much one call of [`ZPool::maintain`] may do at most.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Budget {
    /// Bytes to copy.
    pub bytes: usize,
    /// Objects to relocate between blocks.
    pub objects: usize,
}

/// What background work did.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Work {
    /// Bytes copied.
    pub bytes: usize,
    /// Objects relocated between blocks.
    pub objects: usize,
    /// Page frames given back.
    pub pages: usize,
    /// There is more to do.
    pub more: bool,
}

impl core::ops::AddAssign for Work {
    fn add_assign(&mut self, other: Self) {
        self.bytes += other.bytes;
        self.objects += other.objects;
        self.pages += other.pages;
        self.more = other.more;
    }
}

/// What a pool holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Statistics {
    /// Page frames of the pool, whole.
    pub pool_pages: usize,
    /// Bytes kept elsewhere for the pool's frames and objects: directories, handles,
    /// descriptors, reserves.
    pub metadata_bytes: usize,
    /// Live objects.
    pub objects: usize,
    /// Idle capital: bytes of the pool's frames that hold no object.
    pub idle_bytes: usize,
}
