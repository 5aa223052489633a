//! Moves pages to other addresses without copying them: their entries change places.
//!
//! The pool still has the former page as the owner of a stored object. When it asks that page to
//! follow a move of the object, the entry there names another one and refuses, so the object stays
//! where it is until it is loaded.

use paging::{Claim, Entry, TranslationGranule};

use super::arenas::Pinned;
use super::pager::Pager;
use crate::arch::mmu;
use crate::sched::wait::Wait;

/// Pages whose translations are invalidated together.
const BATCH: usize = 32;

impl<G: TranslationGranule> Pager<G> {
    /// See [`super::pager::Paging::exchange`].
    pub(super) fn exchange_pages(&self, slot: usize, one: usize, other: usize) -> bool {
        let Some(pinned) = self.arenas.pin(slot) else { return false };
        let claim = |page: usize| {
            let entry = pinned.entry(page)?;
            entry.claim(entry.load().ok()?).ok()
        };
        if one == other {
            return one < pinned.pages();
        }
        let Some(first) = claim(one) else { return false };
        let Some(second) = claim(other) else {
            first.restore();
            return false;
        };
        let contents = (first.before(), second.before());
        // Both entries are invalid until no CPU remembers what they said.
        let present = (is_present(&first), is_present(&second));
        for (present, page) in [(present.0, one), (present.1, other)] {
            if present {
                mmu::invalidate_page(pinned.address(page));
            }
        }
        match present {
            (true, false) => pinned.move_resident(one, other),
            (false, true) => pinned.move_resident(other, one),
            _ => {}
        }
        pinned.add_stored(one);
        pinned.add_stored(other);
        first.publish(contents.1);
        second.publish(contents.0);
        mmu::publish_entry();
        true
    }

    /// Moves the pages of one arena to the same places in another one, which has none yet. Those
    /// for which there is no place stay.
    pub(super) fn move_pages(&self, from: usize, to: usize) {
        let (Some(from), Some(to)) = (self.arenas.pin(from), self.arenas.pin(to)) else { return };
        let pages = from.pages().min(to.pages());
        let mut page = 0;
        while page < pages {
            page = self.move_batch(&from, &to, page, pages);
        }
    }

    /// Moves pages from `page` on until the batch is full; returns where to go on.
    fn move_batch(
        &self,
        from: &Pinned<'_, G>,
        to: &Pinned<'_, G>,
        mut page: usize,
        pages: usize,
    ) -> usize {
        let mut claims: heapless::Vec<(usize, Claim<'_>), BATCH> = heapless::Vec::new();
        let first = page;
        let mut present = false;
        let mut wait = Wait::new();
        while page < pages && !claims.is_full() {
            let Some(entry) = from.entry(page) else { break };
            match entry.load() {
                Ok(Entry::Empty) => {}
                // Somebody is about to evict it, or to follow a move: he will be done soon.
                Ok(Entry::Busy) => {
                    wait.pause();
                    continue;
                }
                Ok(found) => {
                    let Ok(claim) = entry.claim(found) else { continue };
                    present |= is_present(&claim);
                    let _ = claims.push((page, claim));
                }
                Err(error) => panic!("page-table entry of an arena: {error}"),
            }
            page += 1;
        }
        if present {
            mmu::invalidate_pages(from.address(first)..from.address(page), G::SIZE);
        }
        for (page, claim) in claims {
            if is_present(&claim) {
                from.remove_resident(page);
                to.add_resident(page);
            }
            // Nobody but the caller knows the new arena's addresses, so its pages are empty.
            let place = to.entry(page).and_then(|entry| entry.claim(Entry::Empty).ok());
            place.expect("a page of a new arena is empty").publish(claim.before());
            claim.publish(Entry::Empty);
        }
        mmu::publish_entry();
        page
    }
}

fn is_present(claim: &Claim<'_>) -> bool {
    matches!(claim.before(), Entry::Present(_))
}
