//! Compaction of a page: its last object is moved elsewhere, or its middle one aside.

use core::sync::atomic::Ordering;

use buddy::Granule;
use zpool::slab::Reading;
use zpool::{Env, Work};

use crate::Z3fold;
use crate::allocate::PATIENCE;
use crate::page::{
    CHUNKS, CLAIMED, Locked, NEEDS_COMPACTING, Page, Place, STALE, chunk, header_chunks,
};

/// A middle object is moved when that gains so many chunks.
const GAP: usize = 3;

impl<E: Env> Z3fold<E> {
    /// Compacts a page that has a reference for it; says what was copied and given up.
    pub(crate) fn compact_page(
        &self,
        reading: &Reading<'_>,
        page: Locked<'_, E::Granule, E>,
    ) -> Work {
        let mut work = Work::default();
        page.clear(NEEDS_COMPACTING);
        self.lists.lock(&*self.env).remove(&page);
        if page.unrefer() {
            self.release(page);
            work.pages = 1;
            return work;
        }
        if page.has(STALE) || page.set(CLAIMED) {
            return work;
        }
        if let Some(bytes) = self.move_single(reading, &page) {
            work.bytes = bytes;
            work.objects = 1;
            self.evacuations.fetch_add(1, Ordering::Relaxed);
            if page.unrefer() {
                self.release(page);
                work.pages = 1;
            }
            return work;
        }
        work.bytes = tidy(&page);
        if work.bytes != 0 {
            self.middle_moves.fetch_add(1, Ordering::Relaxed);
        }
        self.lists.lock(&*self.env).insert(self.env.cpu(), &page);
        page.clear(CLAIMED);
        work
    }

    /// Moves the only object of a page to another one with room. An object that was moved once
    /// stays, and so does one that is used. The bytes copied.
    fn move_single(
        &self,
        reading: &Reading<'_>,
        page: &Locked<'_, E::Granule, E>,
    ) -> Option<usize> {
        let mut live = page.live();
        let (Some(place), None) = (live.next(), live.next()) else { return None };
        if page.header().foreign.load(Ordering::Relaxed) != 0 || page.is_used(place) {
            return None;
        }
        let own = self.slots.get(reading, page.header().slots.load(Ordering::Relaxed))?;
        let wanted = page.size(place);
        // With the lock of the page held. The object keeps its handle: slots of the other page, which
        // go with the last object that has its handle there, would stay for good.
        let (target, target_place) = self.find_page(wanted, false, PATIENCE)?;
        target.occupy(target_place, wanted);
        let bytes = wanted * chunk::<E::Granule>();
        // SAFETY: both places have that many bytes, in different pages, both locked, and nobody
        // uses either object.
        unsafe { target.object(target_place).copy_from_nonoverlapping(page.object(place), bytes) };
        target.header().foreign.fetch_add(1, Ordering::Relaxed);
        own.set(page.index(place), &target, target_place);
        self.lists.lock(&*self.env).insert(self.env.cpu(), &target);
        page.set_size(place, 0);
        Some(bytes)
    }
}

/// Moves the middle object of a page to where it leaves the most room; the bytes copied.
fn tidy<G: Granule, E: Env>(page: &Locked<'_, G, E>) -> usize {
    let [first, middle, last] = Place::ALL.map(|place| page.size(place));
    if middle == 0 || page.is_used(Place::Middle) {
        return 0;
    }
    let start = page.start_middle();
    let lowest = header_chunks::<G>() + first;
    let highest = CHUNKS - last - middle;
    if first == 0 && last == 0 {
        move_middle(page, lowest);
        page.middle_becomes_first();
    } else if first != 0 && last == 0 && start >= lowest + GAP {
        move_middle(page, lowest);
        page.set_start_middle(lowest);
    } else if last != 0 && first == 0 && highest >= start + GAP {
        move_middle(page, highest);
        page.set_start_middle(highest);
    } else {
        return 0;
    }
    middle * chunk::<G>()
}

/// Copies the middle object so that it begins with that chunk.
fn move_middle<G: Granule>(page: &Page<'_, G>, start: usize) {
    let bytes = page.size(Place::Middle) * chunk::<G>();
    // SAFETY: the caller has the lock of the page; source and target lie between the objects or
    // are the object's own chunks, and nobody uses it. They may overlap.
    unsafe { page.chunk(start).copy_from(page.object(Place::Middle), bytes) };
}
