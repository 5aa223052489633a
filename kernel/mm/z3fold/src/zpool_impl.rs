//! The interface of back ends; reading and writing.

use core::sync::atomic::Ordering;

use buddy::Granule;
use zpool::{
    AllocError, Budget, Env, Handle, HandleError, Owner, Owners, ReadEnd, ReadGuard, Statistics,
    Work, ZPool,
};

use crate::Z3fold;
use crate::page::chunk;
use crate::slots::{Name, SLOTS_BYTES};

impl<E: Env> ZPool for Z3fold<E> {
    fn malloc(&self, size: usize, _: Owner) -> Result<Handle, AllocError> {
        self.allocate(size)
    }

    fn free(&self, handle: Handle) -> Result<(), HandleError> {
        match Name::of(handle)? {
            Name::Slot(number, slot) => self.free_slot(number, slot),
            Name::Headless(number) => self.free_headless(number),
        }?;
        self.trim(self.env.cpus());
        Ok(())
    }

    /// Always in place: objects never straddle pages. The page is locked for the look-up only.
    fn read<'a>(
        &'a self,
        handle: Handle,
        length: usize,
        _: &'a mut [u8],
    ) -> Result<ReadGuard<'a>, HandleError> {
        let reading = self.enter();
        let start = match Name::of(handle)? {
            Name::Slot(number, slot) => {
                let (page, place) = self.lock_object(&reading, number, slot)?;
                if length > page.size(place) * chunk::<E::Granule>() {
                    return Err(HandleError::Length);
                }
                page.pin_shared(place)?;
                page.object(place)
            }
            Name::Headless(number) => {
                if length > E::Granule::SIZE {
                    return Err(HandleError::Length);
                }
                let entry = self.headless.get(&reading, number).ok_or(HandleError::Invalid)?;
                core::ptr::with_exposed_provenance_mut(entry.pin_shared()?)
            }
        };
        // SAFETY: the object has that many bytes; while it is pinned nobody frees, moves or
        // writes it.
        let bytes = unsafe { core::slice::from_raw_parts(start, length) };
        Ok(ReadGuard::pinned(bytes, self, handle.bits()))
    }

    fn write(&self, handle: Handle, bytes: &[u8]) -> Result<(), HandleError> {
        let reading = self.enter();
        match Name::of(handle)? {
            Name::Slot(number, slot) => {
                let (page, place) = self.lock_object(&reading, number, slot)?;
                if bytes.len() > page.size(place) * chunk::<E::Granule>() {
                    return Err(HandleError::Length);
                }
                page.pin_exclusive(place)?;
                let start = page.object(place);
                drop(page);
                // SAFETY: the object has that many bytes, and nobody else uses or moves it.
                unsafe { start.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
                let (page, place) = self.lock_object(&reading, number, slot)?;
                page.unpin(place);
            }
            Name::Headless(number) => {
                if bytes.len() > E::Granule::SIZE {
                    return Err(HandleError::Length);
                }
                let entry = self.headless.get(&reading, number).ok_or(HandleError::Invalid)?;
                let start = core::ptr::with_exposed_provenance_mut::<u8>(entry.pin_exclusive()?);
                // SAFETY: as above.
                unsafe { start.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
                entry.unpin_exclusive();
            }
        }
        Ok(())
    }

    /// Runs the work that freeing has deferred.
    fn maintain(&self, budget: Budget, _: &dyn Owners) -> Work {
        self.run_some(budget)
    }

    fn compact(&self, _: &dyn Owners) -> Work {
        let work = self.run_all();
        while self.trim(0) {}
        work
    }

    /// Without pages that were released and wait to be given back.
    fn total_pages(&self) -> usize {
        self.pages.load(Ordering::Relaxed)
    }

    fn statistics(&self) -> Statistics {
        let (objects, used) = self.usage();
        let pool_pages = self.total_pages();
        Statistics {
            pool_pages,
            metadata_bytes: self.slots.len() * SLOTS_BYTES,
            objects,
            idle_bytes: (pool_pages * E::Granule::SIZE).saturating_sub(used),
        }
    }
}

impl<E: Env> ReadEnd for Z3fold<E> {
    fn read_end(&self, token: u64) {
        let reading = self.enter();
        match Handle::from_bits(token).map(Name::of) {
            Some(Ok(Name::Slot(number, slot))) => {
                if let Ok((page, place)) = self.lock_object(&reading, number, slot) {
                    page.unpin(place);
                }
            }
            Some(Ok(Name::Headless(number))) => {
                if let Some(entry) = self.headless.get(&reading, number) {
                    entry.unpin_shared();
                }
            }
            _ => {}
        }
    }
}
