//! Writing pages of the compressed store back to the second tier.
//!
//! One thread does it, woken when the pool is full or page frames run out. Round the entries of all
//! arenas a hand goes like the clock's, in the order of addresses: a page that was stored since it
//! came by is passed by once more. The keyed store of a run has its own list, in the order of time.

use alloc::vec;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use paging::{Entry, TranslationGranule};
use zswap::{Leave, Reject, Stored, WriteBackError};

use super::arenas::{Pinned, SLOT_PAGES, SLOTS};
use super::pager::{self, Pager};
use super::{swap, upkeep};
use crate::sched::sleep_lock::SleepLock;
use crate::sched::thread::Thread;
use crate::sched::{self, PRIORITY_WORKER};
use crate::sync::Once;

/// Pages that could not be written after which a run ends, as in the kernel's worker.
const FAILURES: usize = 16;

/// Pages written back for page frames that ran out, in one run.
const BATCH: usize = zswap::shrinker::BATCH;

/// Priority for the keyed store's shrinker: a quarter of its entries twice over.
const SHRINK_PRIORITY: u32 = 2;

/// Entries of an arena looked at between two looks at the pool.
const VISITS: usize = 1024;

/// A store with keys, as threads see it that do something about its pages.
pub trait KeyedUpkeep: Sync {
    /// A run of writing back what the pool has too much of; whether another one is called for.
    fn write_back(&self, buffer: &mut [u8]) -> bool;

    /// Writes back for the sake of page frames.
    fn shrink(&self, priority: u32, buffer: &mut [u8]);

    /// Entries of its table.
    fn entries(&self) -> usize;

    /// Looks at the next `entries` entries and recompresses cold objects of at least `least` bytes.
    fn recompress(&self, entries: usize, least: usize, buffer: &mut [u8]);
}

static THREAD: Once<Thread> = Once::new();
/// There is something to do since the thread looked.
static WANTED: AtomicBool = AtomicBool::new(false);
/// Page frames ran out since the thread looked.
static PRESSURE: AtomicBool = AtomicBool::new(false);
/// Number of the entry to look at next: a slot and a page in it.
static HAND: AtomicUsize = AtomicUsize::new(0);
/// The keyed store of the run, if there is one.
static KEYED: SleepLock<Option<&'static dyn KeyedUpkeep>> = SleepLock::new(None);

/// Starts the thread; false when there is no memory for it.
pub fn start() -> bool {
    let Some(thread) = Thread::spawn(0, PRIORITY_WORKER, run, 0) else { return false };
    THREAD.set(thread);
    sched::start(thread);
    true
}

/// The store refused a page: what the thread can do about it, it does.
pub fn refused(reject: Reject) {
    if reject == Reject::AllocFail {
        PRESSURE.store(true, Ordering::Relaxed);
    }
    wake();
}

/// Page frames ran out.
pub fn pressure() {
    PRESSURE.store(true, Ordering::Relaxed);
    wake();
}

fn wake() {
    if let Some(thread) = THREAD.get()
        && !WANTED.swap(true, Ordering::AcqRel)
    {
        sched::unpark(thread);
    }
}

/// From now on this keyed store is written back and recompressed, too, by the threads that there are;
/// with `None` none is, and they are done with the one before.
pub fn set_keyed(keyed: Option<&'static dyn KeyedUpkeep>) {
    *KEYED.lock() = keyed;
}

/// Does something with the keyed store of the run, if there is one. The thread waits meanwhile.
pub fn with_keyed(work: impl FnOnce(&dyn KeyedUpkeep)) {
    if let Some(keyed) = &*KEYED.lock() {
        work(*keyed);
    }
}

fn run(_: u64) {
    let Some(paging) = pager::get() else { return };
    let mut buffer = vec![0; paging.page_size()].into_boxed_slice();
    loop {
        while WANTED.swap(false, Ordering::AcqRel) {
            let pressure = PRESSURE.swap(false, Ordering::Relaxed);
            paging.write_back(pressure, &mut buffer);
            if let Some(keyed) = &*KEYED.lock() {
                if pressure {
                    keyed.shrink(SHRINK_PRIORITY, &mut buffer);
                }
                // A run gives up when it has only given second chances. Elsewhere every refused page
                // begins another one; here a thread that is refused pages may never wait.
                while keyed.write_back(&mut buffer) {}
            }
        }
        sched::park();
    }
}

impl<G: TranslationGranule> Pager<G> {
    /// Writes objects of arenas back until the pool is at its acceptance threshold; under pressure
    /// a batch of them at least. Ends as well after two whole turns, or when writing keeps failing.
    pub(super) fn write_objects_back(&self, pressure: bool, buffer: &mut [u8]) {
        let mut batch = if pressure { BATCH } else { 0 };
        let (mut failures, mut empty_slots) = (0, 0);
        // In the first turn all may get a second chance.
        while failures < FAILURES && empty_slots <= 2 * SLOTS {
            let above = self.store.pool().total_pages() > self.store.limits().accept_pages();
            if !above && batch == 0 {
                return;
            }
            match self.write_next_back(buffer) {
                Step::Written => {
                    upkeep::after_eviction(self, false);
                    batch = batch.saturating_sub(1);
                    empty_slots = 0;
                }
                Step::Failed => failures += 1,
                Step::Full => return,
                Step::Visited => {}
                Step::EndOfArena => empty_slots += 1,
            }
        }
    }

    /// Goes on to the next object, but not beyond the arena, and writes it back.
    fn write_next_back(&self, buffer: &mut [u8]) -> Step {
        let number = HAND.load(Ordering::Relaxed);
        let (slot, mut page) = (number / SLOT_PAGES % SLOTS, number % SLOT_PAGES);
        let mut step = Step::EndOfArena;
        if let Some(pinned) = self.arenas.pin(slot) {
            let end = pinned.pages().min(page + VISITS);
            while page < end && !matches!(step, Step::Written | Step::Failed | Step::Full) {
                step = self.write_page_back(&pinned, page, buffer);
                page += 1;
            }
            if page < pinned.pages() {
                HAND.store(slot * SLOT_PAGES + page, Ordering::Relaxed);
                return if step == Step::EndOfArena { Step::Visited } else { step };
            }
        }
        HAND.store((slot + 1) % SLOTS * SLOT_PAGES, Ordering::Relaxed);
        if step == Step::Visited { Step::EndOfArena } else { step }
    }

    fn write_page_back(&self, pinned: &Pinned<'_, G>, page: usize, buffer: &mut [u8]) -> Step {
        let Some(entry) = pinned.entry(page) else { return Step::Visited };
        let Ok(found @ Entry::Object { .. }) = entry.load() else { return Step::Visited };
        let Ok(claim) = entry.claim(found) else { return Step::Visited };
        let stored = swap::stored_of(claim.before());
        let Some(stored @ Stored::Object { .. }) = stored else {
            claim.restore();
            return Step::Visited;
        };
        if !pinned.pass(page) {
            claim.restore();
            return Step::Visited;
        }
        let swapped = match self.store.write_back(stored, buffer) {
            Ok(swapped) => swapped,
            Err(problem) => {
                claim.restore();
                return if problem == WriteBackError::Full { Step::Full } else { Step::Failed };
            }
        };
        claim.publish(swap::entry_of(swapped));
        // A refusal is counted by the store.
        let _ = self.store.release(stored, Leave::WrittenBack);
        Step::Written
    }
}

/// What a step of the hand came to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    /// A page is in the second tier.
    Written,
    /// One could not be written.
    Failed,
    /// There is no room in the second tier.
    Full,
    /// Nothing to write among the entries looked at.
    Visited,
    /// As before, and they were the last of their arena.
    EndOfArena,
}
