//! What a back end asks of the kernel around it.

use core::ptr::NonNull;

use buddy::Granule;

/// Page frames, the number of the running CPU, and interrupt masking.
///
/// # Safety
/// An implementation upholds, for everyone who relies on the memory it hands out:
/// 1. [`Env::alloc`] returns memory that is valid for reads and writes of `G::SIZE << order`
///    bytes, aligned to that size, and used by nobody else until it is given back.
/// 2. Its addresses are below 2^47 and their provenance is exposed, so that a pointer can be made
///    again from an address ([`core::ptr::with_exposed_provenance_mut`]).
/// 3. Between [`Env::mask`] and the matching [`Env::unmask`] the calling thread is neither
///    preempted nor interrupted by anything that takes a [`SpinLock`](crate::SpinLock).
pub unsafe trait Env: Send + Sync {
    /// The page size.
    type Granule: Granule;

    /// `2^order` contiguous page frames, aligned to their size, contents unspecified; `None` when
    /// there are none. `order` is at most 10.
    fn alloc(&self, order: u32) -> Option<NonNull<u8>>;

    /// Takes back what [`Env::alloc`] gave.
    ///
    /// # Safety
    /// `frames` came from `alloc(order)` of this environment, was not given back since, and is
    /// not used afterwards.
    unsafe fn free(&self, frames: NonNull<u8>, order: u32);

    /// Number of the CPU that runs this, below [`Env::cpus`]. A hint: without [`Env::mask`] the
    /// thread may be elsewhere by the time it is used.
    fn cpu(&self) -> usize {
        0
    }

    /// How many CPUs there are.
    fn cpus(&self) -> usize {
        1
    }

    /// Masks interrupts on this CPU; returns what [`Env::unmask`] needs to restore them.
    fn mask(&self) -> usize {
        0
    }

    /// Restores interrupts as they were before [`Env::mask`].
    fn unmask(&self, saved: usize) {
        let _ = saved;
    }
}

// SAFETY: every promise is kept by the environment referred to.
unsafe impl<E: Env> Env for &E {
    type Granule = E::Granule;

    fn alloc(&self, order: u32) -> Option<NonNull<u8>> {
        (**self).alloc(order)
    }

    unsafe fn free(&self, frames: NonNull<u8>, order: u32) {
        // SAFETY: the caller's promise is the one asked for.
        unsafe { (**self).free(frames, order) }
    }

    #[inline]
    fn cpu(&self) -> usize {
        (**self).cpu()
    }

    #[inline]
    fn cpus(&self) -> usize {
        (**self).cpus()
    }

    #[inline]
    fn mask(&self) -> usize {
        (**self).mask()
    }

    #[inline]
    fn unmask(&self, saved: usize) {
        (**self).unmask(saved);
    }
}
