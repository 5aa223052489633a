//! Freeing: the object goes at once, tidying up is deferred.

use core::sync::atomic::Ordering;

use zpool::{Env, HandleError};

use crate::Z3fold;
use crate::page::{CLAIMED, Locked, NEEDS_COMPACTING, NO_CPU, STALE};
use crate::slots::NO_SLOTS;

impl<E: Env> Z3fold<E> {
    /// Ends the object of a slot. A page that was full is compacted now, any other one later.
    pub(crate) fn free_slot(&self, number: u32, slot: u8) -> Result<(), HandleError> {
        let reading = self.enter();
        let (page, place) = self.lock_object(&reading, number, slot)?;
        if page.is_used(place) {
            return Err(HandleError::Busy);
        }
        page.set(CLAIMED);
        self.discount(page.size(place));
        page.set_size(place, 0);
        let own = page.header().slots.load(Ordering::Relaxed);
        if own != number {
            page.header().foreign.fetch_sub(1, Ordering::Relaxed);
        }
        if self.slots.get(&reading, number).is_some_and(|slots| slots.clear(slot)) {
            self.slots.free(&reading, number);
            if own == number {
                page.header().slots.store(NO_SLOTS, Ordering::Relaxed);
            }
        }
        if page.unrefer() {
            self.release(page);
            return Ok(());
        }
        let queued = page.set(NEEDS_COMPACTING);
        page.clear(CLAIMED);
        if queued {
            return Ok(());
        }
        page.refer();
        if page.header().cpu.load(Ordering::Relaxed) == NO_CPU {
            self.compact_page(&reading, page);
        } else {
            self.queues.compact_later(&*self.env, &page);
        }
        Ok(())
    }

    /// Gives up a page without references. Its frame goes back when deferred work has run.
    pub(crate) fn release(&self, page: Locked<'_, E::Granule, E>) {
        self.lists.lock(&*self.env).remove(&page);
        page.set(STALE);
        page.clear(NEEDS_COMPACTING);
        let released = *page;
        drop(page);
        self.queues.give_back_later(&*self.env, &released);
        self.pages.fetch_sub(1, Ordering::Relaxed);
    }
}
