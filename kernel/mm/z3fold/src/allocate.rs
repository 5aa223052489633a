//! Allocation: the page with the least room that is enough.

use core::sync::atomic::Ordering;

use buddy::Granule;
use zpool::slab::Reading;
use zpool::{AllocError, Env, Handle, Masked, relax};

use crate::Z3fold;
use crate::page::{CLAIMED, Locked, NEEDS_COMPACTING, Page, Place, chunk, chunks, usable};
use crate::slots::{NO_SLOTS, Name};

/// Pages in use or waiting for compaction that a search comes by before it gives up, where that is
/// better than to go on: interrupts stay masked meanwhile, and there may be as many as pages.
pub(crate) const PATIENCE: usize = 8;

/// A look at one list. Interrupts stay masked throughout.
enum Look<'a, E: Env> {
    /// A page, off the list and locked.
    Found(Locked<'a, E::Granule, E>),
    /// The list is empty.
    Empty(Masked<'a, E>),
    /// Someone is busy with the page, or it waits for compaction.
    Retry(Masked<'a, E>),
}

impl<E: Env> Z3fold<E> {
    /// Takes a place in a page with room, or in a new page.
    pub(crate) fn allocate(&self, size: usize) -> Result<Handle, AllocError> {
        if size == 0 {
            return Err(AllocError::Invalid);
        }
        if size > E::Granule::SIZE {
            return Err(AllocError::NoSpace);
        }
        if size > (usable::<E::Granule>() - 1) * chunk::<E::Granule>() {
            return self.allocate_headless();
        }
        let wanted = chunks::<E::Granule>(size);
        let reading = self.enter();
        let found = self.find_page(wanted, true, usize::MAX);
        if let Some((page, place)) = found {
            return Ok(self.begin(&reading, page, place, wanted));
        }
        let Some(page) = self.create_page() else {
            drop(reading);
            while self.trim(0) {}
            return Err(AllocError::NoMemory);
        };
        Ok(self.begin(&reading, page.lock(&*self.env), Place::First, wanted))
    }

    /// Begins an object in a page, lists the page and makes the handle.
    fn begin(
        &self,
        reading: &Reading<'_>,
        page: Locked<'_, E::Granule, E>,
        place: Place,
        wanted: usize,
    ) -> Handle {
        page.occupy(place, wanted);
        self.count(wanted);
        let number = page.header().slots.load(Ordering::Relaxed);
        let slot = page.index(place);
        let lists = self.lists.lock(&*self.env);
        lists.insert(self.env.cpu(), &page);
        if let Some(slots) = self.slots.get(reading, number) {
            slots.set(slot, &page, place);
        }
        Name::Slot(number, slot).handle()
    }

    fn create_page(&self) -> Option<Page<'_, E::Granule>> {
        let frame = self.env.alloc(0)?;
        let Some(slots) = self.slots.alloc() else {
            // SAFETY: the frame was just handed out, and nobody has seen it.
            unsafe { self.env.free(frame, 0) };
            return None;
        };
        self.pages.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the frame is fresh; nobody gives it back before it has had an object.
        Some(unsafe { Page::create(frame, slots) })
    }

    /// A page with room for so many chunks: off its list, locked, with one more reference and
    /// with slots if a handle is to be made there; and which place is free. Comes by so many others
    /// that are busy at most.
    pub(crate) fn find_page(
        &self,
        wanted: usize,
        named: bool,
        patience: usize,
    ) -> Option<(Locked<'_, E::Granule, E>, Place)> {
        let page = self.take_listed(wanted, patience)?;
        let place = page.place_for(wanted).filter(|_| !named || self.has_slots(&page));
        match place {
            Some(place) => Some((page, place)),
            // No memory for slots: as if there were no such page.
            None if page.unrefer() => {
                self.release(page);
                None
            }
            None => {
                self.lists.lock(&*self.env).insert(self.env.cpu(), &page);
                None
            }
        }
    }

    /// Whether the page has slots, by now.
    fn has_slots(&self, page: &Page<'_, E::Granule>) -> bool {
        let slots = &page.header().slots;
        if slots.load(Ordering::Relaxed) == NO_SLOTS {
            let Some(number) = self.slots.alloc() else { return false };
            slots.store(number, Ordering::Relaxed);
        }
        true
    }

    /// The best fit of this CPU, or an exact one of any.
    fn take_listed(&self, wanted: usize, mut patience: usize) -> Option<Locked<'_, E::Granule, E>> {
        let mut masked = Masked::new(&*self.env);
        let cpu = self.env.cpu();
        let mut list = wanted;
        while list < usable::<E::Granule>() {
            masked = match self.take_head(masked, cpu, list) {
                Look::Found(page) => return Some(page),
                Look::Empty(masked) => {
                    list += 1;
                    masked
                }
                // The lists before were empty. A look is bounded, their number is not: whoever is
                // more important comes in between.
                Look::Retry(masked) => {
                    patience = patience.checked_sub(1)?;
                    drop(masked);
                    relax();
                    Masked::new(&*self.env)
                }
            }
        }
        for cpu in 0..self.lists.cpus() {
            masked = match self.take_head(masked, cpu, wanted) {
                Look::Found(page) => return Some(page),
                Look::Empty(masked) | Look::Retry(masked) => masked,
            }
        }
        None
    }

    /// Takes the page that came to a list last. The lists are locked before the page here, so
    /// that its lock is only tried.
    fn take_head<'a>(&'a self, masked: Masked<'a, E>, cpu: usize, list: usize) -> Look<'a, E> {
        let head = self.lists.head(cpu, list);
        if head == 0 {
            return Look::Empty(masked);
        }
        let lists = self.lists.lock(&*self.env);
        let Some(page) = lists.page(cpu, list, head) else {
            drop(lists);
            return Look::Retry(masked);
        };
        let page = match page.try_lock(masked) {
            Ok(page) => page,
            Err(masked) => {
                drop(lists);
                return Look::Retry(masked);
            }
        };
        lists.remove(&page);
        drop(lists);
        if page.has(NEEDS_COMPACTING | CLAIMED) {
            // Off the lists it stays until its compaction puts it back.
            return Look::Retry(page.unlock());
        }
        page.refer();
        Look::Found(page)
    }
}
