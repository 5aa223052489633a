//! Pages between a store and its second tier.

use zpool::HandleError;

use super::Slot;
use crate::{LoadError, Reject, Store, Stored, WriteBackError};

impl Store<'_> {
    /// Stores a page that the pool refused in the second tier, or passes the refusal on. Called
    /// after each refusal: when the pool is full, it asks for pages to be written back.
    pub(crate) fn put_elsewhere(&self, page: &[u8], reject: Reject) -> Result<Stored, Reject> {
        if self.limits.full() || reject == Reject::AllocFail {
            (self.settings.refused)(reject);
        }
        if page.len() != self.settings.page_size {
            return Err(reject);
        }
        self.swap_out(page).map_err(|_| reject)
    }

    /// Writes a page to a new slot.
    fn swap_out(&self, page: &[u8]) -> Result<Stored, WriteBackError> {
        let area = self.area.ok_or(WriteBackError::Full)?;
        let Some(slot) = area.take() else {
            self.counters.swap_full.add(1);
            return Err(WriteBackError::Full);
        };
        if !area.write(slot, page) {
            area.give(slot);
            self.counters.swap_write_fail.add(1);
            return Err(WriteBackError::Device);
        }
        self.counters.pswpout.add(1);
        self.counters.swapped_pages.add(1);
        Ok(Stored::Swapped(slot))
    }

    /// Writes a page of the pool to the second tier, by way of `buffer`, which is one page long.
    /// The caller, whose page nobody else loads, discards or moves meanwhile, puts what it gets in
    /// the place of `stored`, and then lets that go ([`Leave::WrittenBack`](crate::Leave::WrittenBack)).
    ///
    /// # Errors
    /// A [`WriteBackError`], counted; nothing has changed then.
    pub fn write_back(&self, stored: Stored, buffer: &mut [u8]) -> Result<Stored, WriteBackError> {
        let result = match stored {
            Stored::Object { handle, length } => self
                .decompress(handle, length as usize, buffer)
                .map_err(WriteBackError::Load)
                .and_then(|()| {
                    self.counters.zswpwb.add(1);
                    self.swap_out(buffer)
                }),
            _ => Err(WriteBackError::NoObject),
        };
        result.inspect_err(|_| self.counters.reject_reclaim_fail.add(1))
    }

    /// Reads a page, which stays.
    pub(crate) fn swap_in(&self, slot: Slot, page: &mut [u8]) -> Result<(), LoadError> {
        if !self.area.is_some_and(|area| area.read(slot, page)) {
            self.counters.swap_read_fail.add(1);
            page.fill(0);
            return Err(LoadError::Device);
        }
        self.counters.pswpin.add(1);
        Ok(())
    }

    /// Gives up a slot.
    pub(crate) fn release_slot(&self, slot: Slot) -> Result<(), HandleError> {
        if !self.area.is_some_and(|area| area.give(slot)) {
            self.counters.free_fail.add(1);
            return Err(HandleError::Stale);
        }
        self.counters.swapped_pages.subtract(1);
        Ok(())
    }
}
