//! Recompressing cold pages, if the boot arguments say so (`recompress=`).
//!
//! One thread goes round the entries of all arenas, and round those of the keyed store of a run, once
//! in the time after which a page counts as cold (`recompress-after=`), some entries at a time. An
//! object that it finds for the second time, stored for that time at least, is compressed by the
//! second compressor; once, until the page is stored anew.

use alloc::boxed::Box;
use alloc::vec;
use core::sync::atomic::{AtomicUsize, Ordering};

use paging::{Entry, TranslationGranule};
use stress::options::BootOptions;
use zswap::Leave;

use super::arenas::{Pinned, SLOT_PAGES, SLOTS};
use super::pager::{self, Pager};
use super::{swap, upkeep, writeback};
use crate::arch::clock;
use crate::sched::thread::Thread;
use crate::sched::{self, PRIORITY_WORKER};

/// Time between two looks.
const PAUSE_NS: u64 = 10_000_000;

/// Entries of a keyed store looked at while it is kept from being written back.
const ENTRIES: usize = 64;

/// Number of the entry to look at next: a slot and a page in it.
static HAND: AtomicUsize = AtomicUsize::new(0);

/// What the thread is told.
struct Orders {
    after_ns: u64,
    least: usize,
}

/// Starts the thread; false when there is no memory for it.
pub fn start(options: &BootOptions) -> bool {
    let orders = Orders {
        after_ns: options.recompress_after_ns.max(PAUSE_NS),
        least: options.recompress_least as usize,
    };
    let argument = core::ptr::from_ref(Box::leak(Box::new(orders))).expose_provenance() as u64;
    match Thread::spawn(0, PRIORITY_WORKER, run, argument) {
        Some(thread) => {
            sched::start(thread);
            true
        }
        None => false,
    }
}

#[cold]
fn run(argument: u64) {
    let orders = core::ptr::with_exposed_provenance::<Orders>(argument as usize);
    // SAFETY: `start` passes the address of leaked orders.
    let orders = unsafe { &*orders };
    let Some(paging) = pager::get() else { return };
    let mut buffer = vec![0; paging.page_size()].into_boxed_slice();
    let mut before_ns = clock::now_ns();
    loop {
        sched::sleep_until_ns(before_ns + PAUSE_NS);
        // As much of a turn as the time since the last look is of the time of a turn.
        let now_ns = clock::now_ns();
        let passed_ns = u128::from((now_ns - before_ns).min(orders.after_ns));
        before_ns = now_ns;
        let part = |of: usize| (of as u128 * passed_ns / u128::from(orders.after_ns)) as usize + 1;
        paging.recompress(part(paging.arena_pages()), orders.least, &mut buffer);
        let mut left = 0;
        writeback::with_keyed(|keyed| left = part(keyed.entries()));
        while left > 0 {
            let entries = left.min(ENTRIES);
            writeback::with_keyed(|keyed| keyed.recompress(entries, orders.least, &mut buffer));
            left -= entries;
        }
    }
}

impl<G: TranslationGranule> Pager<G> {
    /// See [`super::pager::Paging::recompress`].
    pub(super) fn recompress_pages(&self, mut pages: usize, least: usize, buffer: &mut [u8]) {
        let mut slots = 0;
        while pages > 0 && slots <= SLOTS {
            let number = HAND.load(Ordering::Relaxed);
            let (slot, mut page) = (number / SLOT_PAGES % SLOTS, number % SLOT_PAGES);
            if let Some(pinned) = self.arenas.pin(slot) {
                let end = pinned.pages().min(page.saturating_add(pages));
                pages -= end.saturating_sub(page);
                while page < end {
                    self.recompress_page(&pinned, page, least, buffer);
                    page += 1;
                }
                if page < pinned.pages() {
                    HAND.store(slot * SLOT_PAGES + page, Ordering::Relaxed);
                    return;
                }
            }
            HAND.store((slot + 1) % SLOTS * SLOT_PAGES, Ordering::Relaxed);
            slots += 1;
        }
    }

    #[cold]
    fn recompress_page(
        &self,
        pinned: &Pinned<'_, G>,
        page: usize,
        least: usize,
        buffer: &mut [u8],
    ) {
        let Some(entry) = pinned.entry(page) else { return };
        let Ok(found @ Entry::Object { .. }) = entry.load() else { return };
        let Ok(claim) = entry.claim(found) else { return };
        if !pinned.is_cold(page) {
            return claim.restore();
        }
        let stored = swap::stored_of(claim.before());
        let smaller = stored.and_then(|stored| {
            let smaller = self.store.recompress(stored, pinned.owner(page), least, buffer)?;
            Some((stored, smaller))
        });
        let Some((stored, smaller)) = smaller else { return claim.restore() };
        claim.publish(swap::entry_of(smaller));
        // A refusal is counted by the store.
        let _ = self.store.release(stored, Leave::Recompressed);
        upkeep::after_eviction(self, false);
    }
}
