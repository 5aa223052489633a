//! What a thread says of pages that it has mapped, as with `madvise`.

use core::ops::Range;

use paging::{Entry, TranslationGranule};
pub use stress::Advice;

use super::arenas::Pinned;
use super::pager::Pager;
use super::{fault, swap};
use crate::arch::{icount, mmu};

impl<G: TranslationGranule> Pager<G> {
    /// See [`super::pager::Paging::advise`].
    pub(super) fn advise_pages(&self, slot: usize, pages: Range<usize>, advice: Advice) -> usize {
        let Some(pinned) = self.arenas.pin(slot) else { return 0 };
        let pages = pages.start..pages.end.min(pinned.pages());
        let each = match advice {
            Advice::DontNeed => {
                self.empty(&pinned, pages.clone());
                return pages.len();
            }
            Advice::WillNeed => Self::page_in,
            Advice::Cold => Self::make_cold,
            Advice::PageOut => Self::page_out,
        };
        pages.filter(|&page| each(self, &pinned, page)).count()
    }

    /// Gives a stored page a frame if one is free; nothing is evicted for it.
    fn page_in(&self, pinned: &Pinned<'_, G>, page: usize) -> bool {
        let Some(entry) = pinned.entry(page) else { return false };
        let Ok(found) = entry.load() else { return false };
        if swap::stored_of(found).is_none() {
            return false;
        }
        let Some(frame) = self.take_free() else { return false };
        let Ok(claim) = entry.claim(found) else {
            self.frames.give(frame);
            self.residency.release();
            return false;
        };
        // A damaged page is reported to whoever touches it.
        fault::fill(self, pinned, page, claim, frame).is_ok()
    }

    /// Makes a page look unused, so that the clock takes it when it comes by.
    fn make_cold(&self, pinned: &Pinned<'_, G>, page: usize) -> bool {
        let Some(entry) = pinned.entry(page) else { return false };
        match entry.load() {
            Ok(Entry::Present(present)) if present.accessed() => {
                let cleared = entry.clear_accessed(present).is_ok();
                if cleared && icount::drops_translations() {
                    mmu::forget_page(pinned.address(page));
                }
                cleared
            }
            _ => false,
        }
    }

    /// Evicts a page, used or not, and gives its frame back.
    fn page_out(&self, pinned: &Pinned<'_, G>, page: usize) -> bool {
        let Some(entry) = pinned.entry(page) else { return false };
        let Ok(Entry::Present(present)) = entry.load() else { return false };
        let victim = entry.clear_accessed(present).and_then(|present| entry.evict(present));
        let Ok(victim) = victim else { return false };
        let Some(frame) = self.store_victim(pinned, page, victim) else { return false };
        self.frames.give(frame);
        let counted = self.residency.release();
        debug_assert!(counted, "a frame that was not counted");
        true
    }
}
