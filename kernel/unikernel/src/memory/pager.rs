//! Paging as one whole: tables, arenas, the allowance, the store.
//!
//! Everything here is generic over the granule; the rest of the kernel sees [`Paging`], behind
//! the one pointer that boot sets.

use core::ops::Range;
use core::sync::atomic::Ordering;

use paging::{
    Attributes, Claim, Clock, Entry, PhysicalAddress, Residency, Tables, TranslationGranule,
};
use zpool::{Handle, Owner};
use zswap::Store;

use super::advise::Advice;
use super::arenas::{self, Arenas, Pinned, Sets};
use super::counters::Counters;
use super::frames::{Frame, Frames, TableFrames};
use super::store_cell::StoreCell;
use super::swap;
use crate::arch::mmu;
use crate::sched::{sleep_lock::SleepLock, wait::Wait};
use crate::sync::Once;

/// Pages whose translations are invalidated together when an arena is discarded.
const BATCH: usize = 32;

/// What the kernel asks of paging, whatever the granule.
pub trait Paging: Sync {
    /// Bytes of a page.
    fn page_size(&self) -> usize;

    /// Serves a fault of the running thread at this address, which is in the range of arenas;
    /// false when no arena is there.
    fn serve(&self, address: usize) -> bool;

    /// Maps fresh frames for the kernel; false when there is no memory (then nothing is mapped).
    fn map_kernel(&self, range: Range<usize>) -> bool;

    /// Makes an arena of at least `bytes` bytes; its slot and its addresses.
    fn map_arena(&self, bytes: usize) -> Option<(usize, Range<usize>)>;

    /// Forgets the contents of an arena.
    fn discard_arena(&self, slot: usize);

    /// Does about these pages of an arena what the advice calls for; for how many something was
    /// done.
    fn advise(&self, slot: usize, pages: Range<usize>, advice: Advice) -> usize;

    /// Exchanges two pages of an arena; false when somebody is at one of them.
    fn exchange(&self, slot: usize, one: usize, other: usize) -> bool;

    /// Moves an arena to a slot of its own with at least `bytes` bytes; its slot and addresses.
    /// `None` when there is none, and the arena is where it was.
    fn move_arena(&self, slot: usize, bytes: usize) -> Option<(usize, Range<usize>)>;

    /// Whether a page of an arena has a frame.
    fn is_resident(&self, slot: usize, page: usize) -> bool;

    /// Ends an arena.
    fn unmap_arena(&self, slot: usize);

    /// Pages of an arena that have a frame.
    fn arena_resident(&self, slot: usize) -> usize;

    /// The slots of arenas that a thread mapped: bit i for slot i.
    fn arenas_of(&self, thread: u16) -> u64;

    /// Allows arenas that many frames at once.
    fn set_allowance(&self, pages: usize);

    /// Frames arenas may have, and have.
    fn allowance(&self) -> (usize, usize);

    /// Most frames arenas had at once.
    fn resident_max(&self) -> usize;

    /// The store behind the arenas.
    fn store(&self) -> &Store<'static>;

    /// Puts another store behind the arenas, of which there are none; what was there before.
    /// Background work may still look at that.
    #[cfg(feature = "compare")]
    fn exchange_store(&self, store: &'static Store<'static>) -> &'static Store<'static>;

    /// Event counters.
    fn counters(&self) -> &Counters;

    /// Frames: what is free now.
    fn frames(&self) -> buddy::Statistics;

    /// Frames that were taken: by pools, and by all but arenas.
    fn accounted(&self) -> (usize, usize);

    /// Writes objects back to the second tier, as [`super::writeback`] wants it; `buffer` is one
    /// page long.
    fn write_back(&self, pressure: bool, buffer: &mut [u8]);

    /// Looks at the next `pages` pages of arenas and recompresses those objects of at least `least`
    /// bytes that were stored when it came by before; `buffer` is one page long.
    fn recompress(&self, pages: usize, least: usize, buffer: &mut [u8]);

    /// Pages that all arenas have room for.
    fn arena_pages(&self) -> usize;

    /// Follows an object of the store that moved.
    fn relocated(&self, owner: Owner, old: Handle, new: Handle) -> bool;
}

/// A `&dyn Paging` that a thin pointer can point at.
pub struct Instance(pub &'static dyn Paging);

static INSTANCE: Once<Instance> = Once::new();

/// Makes paging known to the kernel.
pub fn set(instance: &'static Instance) {
    INSTANCE.set(instance);
}

/// Paging; `None` before boot has set it up.
#[inline]
pub fn get() -> Option<&'static dyn Paging> {
    INSTANCE.get().map(|instance| instance.0)
}

/// Paging with granule `G`.
pub struct Pager<G: TranslationGranule> {
    pub(super) frames: &'static Frames<G>,
    tables: SleepLock<Tables<TableFrames<G>>>,
    pub(super) arenas: Arenas<G>,
    pub(super) residency: Residency,
    pub(super) clock: Clock,
    pub(super) store: StoreCell,
    pub(super) counters: Counters,
}

impl<G: TranslationGranule> Pager<G> {
    /// Paging with the kernel's tables for `cpus` CPUs, and nothing allowed yet.
    pub fn new(
        frames: &'static Frames<G>,
        tables: Tables<TableFrames<G>>,
        store: Store<'static>,
        cpus: usize,
    ) -> Self {
        Self {
            frames,
            tables: SleepLock::new(tables),
            arenas: Arenas::new(),
            residency: Residency::new(0),
            clock: Clock::new(),
            store: StoreCell::new(store),
            counters: Counters::new(cpus),
        }
    }

    /// Gives the frame of a page back that nobody reaches any more.
    pub(super) fn give_frame(&self, frame: PhysicalAddress) {
        // SAFETY: present entries of arenas hold frames that `serve` took and turned into
        // addresses; the entry does not name it any more.
        self.frames.give(unsafe { Frame::from_address(frame) });
        let counted = self.residency.release();
        debug_assert!(counted, "a frame that was not counted");
    }

    /// Gives back what [`Paging::map_kernel`] has mapped of a range that it could not map whole.
    fn unmap_kernel(&self, tables: &mut Tables<TableFrames<G>>, range: Range<usize>) {
        for address in range.step_by(G::SIZE) {
            let frame = tables.translate(address);
            if tables.unmap(address..address + G::SIZE).is_ok()
                && let Some(frame) = frame
            {
                // SAFETY: `map_kernel` took the frame for this page, which is mapped no more.
                self.frames.give(unsafe { Frame::from_address(frame) });
                self.frames.account_kernel(-1);
            }
        }
    }

    /// Makes pages of an arena empty.
    pub(super) fn empty(&self, pinned: &Pinned<'_, G>, pages: Range<usize>) {
        let mut page = pages.start;
        while page < pages.end {
            page = self.empty_batch(pinned, page..pages.end);
        }
    }

    /// Empties pages from the front until the batch is full; returns where to go on.
    fn empty_batch(&self, pinned: &Pinned<'_, G>, pages: Range<usize>) -> usize {
        let mut page = pages.start;
        let mut unmapped: heapless::Vec<(usize, Claim<'_>, PhysicalAddress), BATCH> =
            heapless::Vec::new();
        let mut wait = Wait::new();
        while page < pages.end && !unmapped.is_full() {
            let Some(entry) = pinned.entry(page) else { break };
            match entry.load() {
                Ok(Entry::Empty) => {}
                // Somebody is about to evict it, or to follow a move: he will be done soon.
                Ok(Entry::Busy) => {
                    wait.pause();
                    continue;
                }
                Ok(found) => {
                    let Ok(claim) = entry.claim(found) else { continue };
                    if let Entry::Present(present) = claim.before() {
                        let _ = unmapped.push((page, claim, present.frame()));
                    } else {
                        if let Some(stored) = swap::stored_of(claim.before()) {
                            // A refusal is counted by the store.
                            let _ = self.store.discard(stored);
                        }
                        claim.publish(Entry::Empty);
                    }
                }
                Err(error) => panic!("page-table entry of an arena: {error}"),
            }
            page += 1;
        }
        if !unmapped.is_empty() {
            mmu::invalidate_pages(pinned.address(pages.start)..pinned.address(page), G::SIZE);
        }
        for (page, claim, frame) in unmapped {
            pinned.remove_resident(page);
            claim.publish(Entry::Empty);
            self.give_frame(frame);
        }
        page
    }
}

impl<G: TranslationGranule> Paging for Pager<G> {
    fn page_size(&self) -> usize {
        G::SIZE
    }

    fn serve(&self, address: usize) -> bool {
        super::fault::serve_with(self, address)
    }

    fn map_kernel(&self, range: Range<usize>) -> bool {
        let mut tables = self.tables.lock();
        for address in range.clone().step_by(G::SIZE) {
            let mapped = self.frames.take().and_then(|mut frame| {
                frame.clear();
                let frame = frame.into_address();
                let page = address..address + G::SIZE;
                if tables.map(page, frame, Attributes::DATA).is_ok() {
                    return Some(());
                }
                // SAFETY: the frame came from `into_address` just now and was not mapped.
                self.frames.give(unsafe { Frame::from_address(frame) });
                None
            });
            if mapped.is_none() {
                self.unmap_kernel(&mut tables, range.start..address);
                return false;
            }
            self.frames.account_kernel(1);
        }
        true
    }

    fn map_arena(&self, bytes: usize) -> Option<(usize, Range<usize>)> {
        let pages = bytes.div_ceil(G::SIZE).max(1);
        if pages > arenas::SLOT_PAGES {
            return None;
        }
        let sets = Sets::new(pages)?;
        let slot = self.arenas.take_slot()?;
        let start = Arenas::<G>::slot_address(slot);
        let range = start..start + pages * G::SIZE;
        match self.tables.lock().reserve(range.clone()) {
            Ok(arena) => self.arenas.activate(slot, arena, sets),
            Err(_) => {
                self.arenas.give_slot(slot);
                return None;
            }
        }
        Some((slot, range))
    }

    fn discard_arena(&self, slot: usize) {
        if let Some(pinned) = self.arenas.pin(slot) {
            self.empty(&pinned, 0..pinned.pages());
        }
    }

    fn advise(&self, slot: usize, pages: Range<usize>, advice: Advice) -> usize {
        self.advise_pages(slot, pages, advice)
    }

    fn exchange(&self, slot: usize, one: usize, other: usize) -> bool {
        self.exchange_pages(slot, one, other)
    }

    fn move_arena(&self, slot: usize, bytes: usize) -> Option<(usize, Range<usize>)> {
        let (to, range) = self.map_arena(bytes)?;
        self.move_pages(slot, to);
        self.unmap_arena(slot);
        Some((to, range))
    }

    fn is_resident(&self, slot: usize, page: usize) -> bool {
        let pinned = self.arenas.pin(slot);
        let entry = pinned.as_ref().and_then(|pinned| pinned.entry(page));
        entry.is_some_and(|entry| matches!(entry.load(), Ok(Entry::Present(_))))
    }

    fn unmap_arena(&self, slot: usize) {
        self.discard_arena(slot);
        let Some(arena) = self.arenas.deactivate(slot) else { return };
        // Nobody else faults on it or evicts from it now, so what was emptied stays empty.
        if let Err((_, error)) = self.tables.lock().release(arena) {
            panic!("an arena could not be released: {error}");
        }
        self.arenas.give_slot(slot);
    }

    fn arena_resident(&self, slot: usize) -> usize {
        self.arenas.pin(slot).map_or(0, |pinned| pinned.resident())
    }

    fn arenas_of(&self, thread: u16) -> u64 {
        self.arenas.of_thread(thread)
    }

    fn set_allowance(&self, pages: usize) {
        self.residency.set_limit_pages(pages);
    }

    fn allowance(&self) -> (usize, usize) {
        (self.residency.limit_pages(), self.residency.resident_pages())
    }

    fn resident_max(&self) -> usize {
        self.counters.resident_max.load(Ordering::Relaxed) as usize
    }

    fn store(&self) -> &Store<'static> {
        &self.store
    }

    #[cfg(feature = "compare")]
    fn exchange_store(&self, store: &'static Store<'static>) -> &'static Store<'static> {
        self.store.exchange(store)
    }

    fn counters(&self) -> &Counters {
        &self.counters
    }

    fn frames(&self) -> buddy::Statistics {
        self.frames.statistics()
    }

    fn accounted(&self) -> (usize, usize) {
        self.frames.accounted()
    }

    fn write_back(&self, pressure: bool, buffer: &mut [u8]) {
        self.write_objects_back(pressure, buffer);
    }

    fn recompress(&self, pages: usize, least: usize, buffer: &mut [u8]) {
        self.recompress_pages(pages, least, buffer);
    }

    fn arena_pages(&self) -> usize {
        (0..arenas::SLOTS).filter_map(|slot| Some(self.arenas.pin(slot)?.pages())).sum()
    }

    fn relocated(&self, owner: Owner, old: Handle, new: Handle) -> bool {
        let Some((pinned, page)) = self.arenas.pin_owner(owner) else { return false };
        let Some(entry) = pinned.entry(page) else { return false };
        let reference = |handle: Handle| paging::Reference::new(handle.bits());
        match (reference(old), reference(new)) {
            (Some(old), Some(new)) => entry.relocate(old, new).is_ok(),
            _ => false,
        }
    }
}
