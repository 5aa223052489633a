//! From a page in use to an object in the store.
//!
//! The clock proposes a victim that was not used for a whole turn, already unmapped; its
//! translation is invalidated everywhere; the store compresses it; its frame serves the fault
//! that asked. A page that the store refuses is mapped again, and another one is tried.

use core::sync::atomic::Ordering;

use paging::TranslationGranule;
use zpool::probe::{OPERATION_BEGIN, OPERATION_END, mark, probe};

use super::arenas::Pinned;
use super::counters::count;
use super::frames::Frame;
use super::pager::Pager;
use super::{swap, upkeep, writeback};
use crate::arch::{clock, mmu};
use crate::sched;
use crate::trace::operations::{EVICTION, STORE};

/// Entries the clock looks at in one step.
const VISITS: usize = 64;

/// How long a thread waits for a frame at most.
const PATIENCE_NS: u64 = 1_000_000_000;

/// How long others may go on before it looks again.
const PAUSE_NS: u64 = 50_000;

/// What two turns of the clock came to.
struct Round<G: TranslationGranule> {
    frame: Option<Frame<G>>,
    /// Victims that the store did not take.
    refused: usize,
}

impl<G: TranslationGranule> Pager<G> {
    /// A frame for a page, counted as resident: a free one within the allowance, otherwise a
    /// victim's. `None` when nothing can be evicted.
    ///
    /// Gives up when, in two turns of the clock, the store refused as many victims as there are
    /// resident pages. Otherwise other threads were at the pages, such as one that gives up its
    /// arena: it lets them go on and tries again, for [`PATIENCE_NS`].
    pub(super) fn take_frame(&self) -> Option<Frame<G>> {
        if let Some(frame) = self.take_free() {
            return Some(frame);
        }
        let mut deadline = None;
        loop {
            let resident = self.residency.resident_pages();
            let round = self.evict_once();
            if round.frame.is_some() {
                return round.frame;
            }
            // Meanwhile others may have given frames back.
            if let Some(frame) = self.take_free() {
                return Some(frame);
            }
            let now = clock::now_ns();
            if round.refused >= resident || now > *deadline.get_or_insert(now + PATIENCE_NS) {
                return None;
            }
            sched::sleep_until_ns(now + PAUSE_NS);
        }
    }

    /// A free frame within the allowance.
    pub(super) fn take_free(&self) -> Option<Frame<G>> {
        if !self.residency.try_reserve() {
            return None;
        }
        let frame = self.frames.take();
        if frame.is_some() {
            let resident = self.residency.resident_pages() as u64;
            self.counters.resident_max.fetch_max(resident, Ordering::Relaxed);
        } else {
            // RAM is used up before the allowance is: live within what there is.
            writeback::pressure();
            self.residency.release();
        }
        frame
    }

    /// Takes the frame of a page that can be stored, within two turns of the clock; it stays counted
    /// as resident, for the page that gets it.
    fn evict_once(&self) -> Round<G> {
        let mut round = Round { frame: None, refused: 0 };
        let arenas = self.arenas.pin_all();
        mark::<{ OPERATION_BEGIN + EVICTION }>();
        let mut visits = 2 * self.residency.resident_pages() + VISITS;
        while visits > 0 && round.frame.is_none() {
            let scan = self.clock.step(&arenas, VISITS.min(visits));
            self.counters.scanned.fetch_add(scan.visited as u64, Ordering::Relaxed);
            if scan.visited == 0 {
                break;
            }
            visits -= scan.visited;
            if let Some((number, victim)) = scan.victim {
                let Some((pinned, page)) = arenas.locate(number) else { break };
                round.frame = self.store_victim(&pinned, page, victim);
                round.refused += usize::from(round.frame.is_none());
            }
        }
        if round.frame.is_some() {
            mark::<{ OPERATION_END + EVICTION }>();
        }
        round
    }

    /// Stores a page that was unmapped; its frame, which stays counted as resident. A page that the
    /// store refuses is mapped again.
    pub(super) fn store_victim(
        &self,
        pinned: &Pinned<'_, G>,
        page: usize,
        victim: paging::Victim<'_>,
    ) -> Option<Frame<G>> {
        let (present, claim) = victim.invalidate(|| mmu::invalidate_page(pinned.address(page)));
        // SAFETY: the entry named a frame that `take_frame` handed out; the claim makes it this
        // code's alone, and it is given up again below if the page goes back.
        let mut frame = unsafe { Frame::from_address(present.frame()) };
        probe::<{ OPERATION_BEGIN + STORE }>(pinned.address(page));
        let stored = self.store.put(frame.bytes(), pinned.owner(page));
        mark::<{ OPERATION_END + STORE }>();
        let refused = stored.is_err();
        let frame = match stored {
            Ok(stored) => {
                pinned.remove_resident(page);
                pinned.add_stored(page);
                claim.publish(swap::entry_of(stored));
                count(&self.counters.evictions);
                Some(frame)
            }
            Err(_) => {
                // The entry still names the frame.
                let _ = frame.into_address();
                claim.restore();
                count(&self.counters.refused);
                None
            }
        };
        // After a refusal too: frames that the pool gives back make room. The page is not claimed any
        // more: nobody waits for it meanwhile.
        upkeep::after_eviction(self, refused);
        frame
    }
}
