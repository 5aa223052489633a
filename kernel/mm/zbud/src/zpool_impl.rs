//! The interface of back ends; reading and writing.

use core::sync::atomic::Ordering;

use buddy::Granule;
use zpool::{
    AllocError, Budget, Env, Handle, HandleError, Owner, Owners, ReadEnd, ReadGuard, Statistics,
    Work, ZPool,
};

use crate::Zbud;
use crate::entry::Buddy;
use crate::page::{Page, chunk};

impl<E: Env> ZPool for Zbud<E> {
    fn malloc(&self, size: usize, _: Owner) -> Result<Handle, AllocError> {
        self.allocate(size)
    }

    fn free(&self, handle: Handle) -> Result<(), HandleError> {
        self.release(handle)
    }

    /// Always in place: objects never straddle pages.
    fn read<'a>(
        &'a self,
        handle: Handle,
        length: usize,
        _: &'a mut [u8],
    ) -> Result<ReadGuard<'a>, HandleError> {
        let reading = self.enter();
        let (_, buddy, entry) = self.entry(&reading, handle)?;
        let address = entry.pin_shared(buddy)?;
        // SAFETY: the object is pinned.
        let page = unsafe { Page::<E::Granule>::at(address) };
        if length > capacity(&page, buddy) {
            entry.unpin_shared(buddy);
            return Err(HandleError::Length);
        }
        // SAFETY: the object has that many bytes, and nobody writes to it while it is pinned.
        let bytes = unsafe { core::slice::from_raw_parts(page.object(buddy), length) };
        Ok(ReadGuard::pinned(bytes, self, handle.bits()))
    }

    fn write(&self, handle: Handle, bytes: &[u8]) -> Result<(), HandleError> {
        let reading = self.enter();
        let (_, buddy, entry) = self.entry(&reading, handle)?;
        let address = entry.pin_exclusive(buddy)?;
        // SAFETY: the object is pinned.
        let page = unsafe { Page::<E::Granule>::at(address) };
        let fits = bytes.len() <= capacity(&page, buddy);
        if fits {
            // SAFETY: the object has that many bytes, nobody else uses it, and the caller's bytes
            // are not part of the pool's frames that are written to.
            unsafe { page.object(buddy).copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
        }
        entry.unpin_exclusive(buddy);
        if fits { Ok(()) } else { Err(HandleError::Length) }
    }

    /// Gives frames of the page directory back; objects do not move.
    fn maintain(&self, _: Budget, _: &dyn Owners) -> Work {
        self.trim(1);
        Work::default()
    }

    fn compact(&self, _: &dyn Owners) -> Work {
        while self.trim(0) {}
        Work::default()
    }

    fn total_pages(&self) -> usize {
        self.pages.load(Ordering::Relaxed)
    }

    /// The original keeps nothing outside of its pages.
    fn statistics(&self) -> Statistics {
        let (objects, used) = self.usage();
        let pool_pages = self.total_pages();
        let idle_bytes = (pool_pages * E::Granule::SIZE).saturating_sub(used);
        Statistics { pool_pages, metadata_bytes: 0, objects, idle_bytes }
    }
}

impl<E: Env> ReadEnd for Zbud<E> {
    fn read_end(&self, token: u64) {
        let reading = self.enter();
        let entry = Handle::from_bits(token).map(|handle| self.entry(&reading, handle));
        if let Some(Ok((_, buddy, entry))) = entry {
            entry.unpin_shared(buddy);
        }
    }
}

/// Bytes of an object, as far as the page knows.
fn capacity<G: Granule>(page: &Page<'_, G>, buddy: Buddy) -> usize {
    page.chunks_of(buddy) * chunk::<G>()
}
