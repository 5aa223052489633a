//! Arenas: ranges of pageable addresses, in a fixed number of slots.
//!
//! An arena may go while another CPU looks for victims in it, so whoever uses entries pins the
//! slot first; releasing an arena waits until nobody does.

use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicU16, AtomicU32, AtomicU64, AtomicUsize, Ordering};

use paging::{Arena, Entries, PageEntry, PageSet, TranslationGranule};
use zpool::Owner;

use super::frames::TableFrames;
use crate::arch::{icount, mmu};
use crate::sched::{self, thread, wait::Wait};

/// Where arenas are.
pub const BASE: usize = 0x4000_0000_0000;

/// Most arenas at once.
pub const SLOTS: usize = 63;

/// Binary logarithm of the pages of a slot. An [`Owner`] is a slot and a page in it.
const SLOT_PAGES_SHIFT: u32 = 26;

/// Pages of a slot.
pub const SLOT_PAGES: usize = 1 << SLOT_PAGES_SHIFT;

/// Whether the address is where arenas can be, with pages of `page_shift` bits.
pub fn contains(address: usize, page_shift: u32) -> bool {
    address >= BASE && (address - BASE) >> page_shift < SLOTS * SLOT_PAGES
}

/// An arena, and what its entries have no room for.
struct Pages<G: TranslationGranule> {
    arena: Arena<TableFrames<G>>,
    sets: Sets,
}

/// Some of the pages of an arena. A page is added and removed by whoever has its entry claimed.
pub struct Sets {
    /// Those with a frame.
    resident: PageSet,
    /// Stored pages that write-back has passed by since they were stored.
    passed: PageSet,
    /// Stored pages that were looked at since they were stored, to be recompressed some time later.
    idle: PageSet,
    /// Stored pages that were recompressed since, or in vain.
    recompressed: PageSet,
}

impl Sets {
    /// No pages of so many; `None` without memory for them.
    pub fn new(pages: usize) -> Option<Self> {
        Some(Self {
            resident: PageSet::new(pages)?,
            passed: PageSet::new(pages)?,
            idle: PageSet::new(pages)?,
            recompressed: PageSet::new(pages)?,
        })
    }
}

struct Slot<G: TranslationGranule> {
    arena: UnsafeCell<Option<Pages<G>>>,
    /// Those who use the arena's entries now.
    pins: AtomicU32,
    /// The thread that mapped it, to clean up after.
    thread: AtomicU16,
    resident: AtomicUsize,
}

/// The slots.
pub struct Arenas<G: TranslationGranule> {
    slots: [Slot<G>; SLOTS],
    /// Bit i: slot i is taken.
    taken: AtomicU64,
    /// Bit i: slot i may be pinned.
    active: AtomicU64,
}

// SAFETY: the arena of a slot is written only while its slot is taken and not active and nobody
// has it pinned, by whoever took or deactivated the slot; otherwise it is only read.
unsafe impl<G: TranslationGranule> Sync for Arenas<G> {}
// SAFETY: nothing in it belongs to a thread.
unsafe impl<G: TranslationGranule> Send for Arenas<G> {}

impl<G: TranslationGranule> Arenas<G> {
    /// No arenas.
    pub fn new() -> Self {
        Self {
            slots: core::array::from_fn(|_| Slot {
                arena: UnsafeCell::new(None),
                pins: AtomicU32::new(0),
                thread: AtomicU16::new(thread::NONE),
                resident: AtomicUsize::new(0),
            }),
            taken: AtomicU64::new(0),
            active: AtomicU64::new(0),
        }
    }

    /// Takes a free slot.
    pub fn take_slot(&self) -> Option<usize> {
        let mut taken = self.taken.load(Ordering::Relaxed);
        loop {
            let slot = (!taken).trailing_zeros() as usize;
            if slot >= SLOTS {
                return None;
            }
            match self.taken.compare_exchange(
                taken,
                taken | 1 << slot,
                Ordering::Acquire,
                Ordering::Relaxed,
            ) {
                Ok(_) => return Some(slot),
                Err(found) => taken = found,
            }
        }
    }

    /// Gives back a slot that holds no arena.
    pub fn give_slot(&self, slot: usize) {
        self.taken.fetch_and(!(1 << slot), Ordering::Release);
    }

    /// First address of a slot.
    pub fn slot_address(slot: usize) -> usize {
        BASE + (slot << (SLOT_PAGES_SHIFT + G::SHIFT))
    }

    /// Puts an arena into a slot that the caller took; `sets` have room for all of its pages, and
    /// none of them.
    pub fn activate(&self, slot: usize, arena: Arena<TableFrames<G>>, sets: Sets) {
        let place = &self.slots[slot];
        // SAFETY: the caller took the slot, and it is not active: nobody else looks.
        unsafe { *place.arena.get() = Some(Pages { arena, sets }) };
        place.resident.store(0, Ordering::Relaxed);
        place.thread.store(sched::current().index(), Ordering::Relaxed);
        self.active.fetch_or(1 << slot, Ordering::SeqCst);
    }

    /// Takes an arena out of its slot, once nobody uses it.
    pub fn deactivate(&self, slot: usize) -> Option<Arena<TableFrames<G>>> {
        let before = self.active.fetch_and(!(1 << slot), Ordering::SeqCst);
        if before & (1 << slot) == 0 {
            return None;
        }
        let place = &self.slots[slot];
        let mut wait = Wait::new();
        while place.pins.load(Ordering::SeqCst) != 0 {
            wait.pause();
        }
        place.thread.store(thread::NONE, Ordering::Relaxed);
        // SAFETY: the slot is not active, nobody has it pinned, and only the one call that found
        // it active gets here.
        unsafe { (*place.arena.get()).take() }.map(|pages| pages.arena)
    }

    /// Slots whose arena was mapped by `thread` and still is: bit i for slot i.
    pub fn of_thread(&self, thread: u16) -> u64 {
        let active = self.active.load(Ordering::Relaxed);
        let its = |slot: &usize| self.slots[*slot].thread.load(Ordering::Relaxed) == thread;
        (0..SLOTS).filter(its).fold(0, |bits, slot| bits | 1 << slot) & active
    }

    /// Pins the arena in a slot.
    pub fn pin(&self, slot: usize) -> Option<Pinned<'_, G>> {
        let place = self.slots.get(slot)?;
        place.pins.fetch_add(1, Ordering::SeqCst);
        if self.active.load(Ordering::SeqCst) & (1 << slot) == 0 {
            place.pins.fetch_sub(1, Ordering::SeqCst);
            return None;
        }
        Some(Pinned { place, slot })
    }

    /// Pins the arena that an address is in, and says which of its pages.
    pub fn pin_address(&self, address: usize) -> Option<(Pinned<'_, G>, usize)> {
        let number = address.checked_sub(BASE)? >> G::SHIFT;
        Some((self.pin(number >> SLOT_PAGES_SHIFT)?, number % SLOT_PAGES))
    }

    /// Pins the arena of an owner, and says which of its pages.
    pub fn pin_owner(&self, owner: Owner) -> Option<(Pinned<'_, G>, usize)> {
        let number = owner.0 as usize;
        Some((self.pin(number >> SLOT_PAGES_SHIFT)?, number % SLOT_PAGES))
    }

    /// Pins all arenas. O(arenas).
    pub fn pin_all(&self) -> PinnedAll<'_, G> {
        let mut pinned = self.active.load(Ordering::Relaxed);
        each_bit(pinned, |slot| {
            self.slots[slot].pins.fetch_add(1, Ordering::SeqCst);
        });
        // Those that were about to go are let go.
        let gone = pinned & !self.active.load(Ordering::SeqCst);
        each_bit(gone, |slot| {
            self.slots[slot].pins.fetch_sub(1, Ordering::SeqCst);
        });
        pinned &= !gone;
        PinnedAll { arenas: self, pinned }
    }
}

/// An arena that stays while this lives.
pub struct Pinned<'a, G: TranslationGranule> {
    place: &'a Slot<G>,
    slot: usize,
}

impl<G: TranslationGranule> Pinned<'_, G> {
    /// The entry of a page; `None` behind the end.
    pub fn entry(&self, page: usize) -> Option<&PageEntry> {
        self.inner()?.arena.entry_of_page(page)
    }

    /// Pages of the arena.
    pub fn pages(&self) -> usize {
        self.inner().map_or(0, |pages| pages.arena.pages())
    }

    /// Address of a page.
    pub fn address(&self, page: usize) -> usize {
        Arenas::<G>::slot_address(self.slot) + (page << G::SHIFT)
    }

    /// Who owns the object of a page.
    pub fn owner(&self, page: usize) -> Owner {
        Owner((self.slot << SLOT_PAGES_SHIFT | page) as u32)
    }

    /// Pages of it that have a frame.
    pub fn resident(&self) -> usize {
        self.place.resident.load(Ordering::Relaxed)
    }

    /// The page gets a frame. Whoever says so has its entry claimed and publishes it afterwards.
    pub fn add_resident(&self, page: usize) {
        self.place.resident.fetch_add(1, Ordering::Relaxed);
        if let Some(pages) = self.inner() {
            pages.sets.resident.insert(page);
        }
    }

    /// The page has no frame any more. Its entry is still claimed.
    pub fn remove_resident(&self, page: usize) {
        self.place.resident.fetch_sub(1, Ordering::Relaxed);
        if let Some(pages) = self.inner() {
            pages.sets.resident.remove(page);
        }
    }

    /// The page was stored just now, and may be used again soon.
    pub fn add_stored(&self, page: usize) {
        if let Some(Pages { sets: Sets { passed, idle, recompressed, .. }, .. }) = self.inner() {
            for set in [passed, idle, recompressed] {
                set.remove(page);
            }
        }
    }

    /// Write-back comes by a stored page: whether it did before since the page was stored. The
    /// second chance of a page that has no Access flag any more.
    pub fn pass(&self, page: usize) -> bool {
        self.inner().is_some_and(|pages| add(&pages.sets.passed, page))
    }

    /// A stored page is looked at, to be recompressed: whether it was before since it was stored,
    /// and not recompressed since.
    pub fn is_cold(&self, page: usize) -> bool {
        self.inner().is_some_and(|pages| {
            add(&pages.sets.idle, page) && !add(&pages.sets.recompressed, page)
        })
    }

    /// The frame of one page becomes that of another; both entries are claimed.
    pub fn move_resident(&self, from: usize, to: usize) {
        self.remove_resident(from);
        self.add_resident(to);
    }

    fn inner(&self) -> Option<&Pages<G>> {
        // SAFETY: this value keeps the slot pinned.
        unsafe { self.place.pages() }
    }
}

impl<G: TranslationGranule> Slot<G> {
    /// What it holds.
    ///
    /// # Safety
    /// The slot stays pinned while the result is in use.
    unsafe fn pages(&self) -> Option<&Pages<G>> {
        // SAFETY: the arena of a pinned slot is only read.
        unsafe { (*self.arena.get()).as_ref() }
    }
}

/// Adds a page to a set; whether it was in it.
fn add(set: &PageSet, page: usize) -> bool {
    let before = set.contains(page);
    if !before {
        set.insert(page);
    }
    before
}

/// Calls `f` with the number of each bit that is set.
#[inline]
fn each_bit(mut word: u64, mut f: impl FnMut(usize)) {
    while word != 0 {
        f(word.trailing_zeros() as usize % SLOTS);
        word &= word - 1;
    }
}

impl<G: TranslationGranule> Drop for Pinned<'_, G> {
    fn drop(&mut self) {
        self.place.pins.fetch_sub(1, Ordering::SeqCst);
    }
}

/// All arenas, as the clock goes round them: pages with a frame, numbered like their owners.
///
/// When the clock clears an Access flag, cached translations stay: invalidating them would make
/// the choice of victims more exact, at the price of a broadcast for every page looked at.
pub struct PinnedAll<'a, G: TranslationGranule> {
    arenas: &'a Arenas<G>,
    /// Bit i: slot i is pinned.
    pinned: u64,
}

impl<G: TranslationGranule> PinnedAll<'_, G> {
    /// The arena and the page with this number.
    pub fn locate(&self, number: usize) -> Option<(Pinned<'_, G>, usize)> {
        let slot = number >> SLOT_PAGES_SHIFT;
        if self.pinned & (1 << slot) == 0 {
            return None;
        }
        // Pinned already, so it may be pinned once more even if somebody waits for it.
        let place = &self.arenas.slots[slot];
        place.pins.fetch_add(1, Ordering::SeqCst);
        Some((Pinned { place, slot }, number % SLOT_PAGES))
    }
}

impl<G: TranslationGranule> Entries for PinnedAll<'_, G> {
    fn next(&self, from: usize) -> Option<(usize, &PageEntry)> {
        let first = from >> SLOT_PAGES_SHIFT;
        let mut page = from % SLOT_PAGES;
        let mut slots = self.pinned & (u64::MAX << first);
        while slots != 0 {
            let slot = slots.trailing_zeros() as usize;
            slots &= slots - 1;
            if slot != first {
                page = 0;
            }
            // SAFETY: this value keeps the slot pinned.
            let pages = unsafe { self.arenas.slots[slot].pages() }?;
            if let Some(page) = pages.sets.resident.next(page) {
                return Some((slot << SLOT_PAGES_SHIFT | page, pages.arena.entry_of_page(page)?));
            }
        }
        None
    }

    fn cleared(&self, number: usize) {
        if icount::drops_translations() {
            let slot = Arenas::<G>::slot_address(number >> SLOT_PAGES_SHIFT);
            mmu::forget_page(slot + ((number % SLOT_PAGES) << G::SHIFT));
        }
    }
}

impl<G: TranslationGranule> Drop for PinnedAll<'_, G> {
    fn drop(&mut self) {
        each_bit(self.pinned, |slot| {
            self.arenas.slots[slot].pins.fetch_sub(1, Ordering::SeqCst);
        });
    }
}
