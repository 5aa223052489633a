//! The window: where the next objects are placed.

use core::sync::atomic::Ordering;

use super::super::entry::NIL;
use super::super::front::directory_end;
use super::super::stamp::{Seen, State};
use super::Block;

/// Entries that the search for the end of a hole passes, at most.
const PASSED: usize = 4;

impl Block {
    /// Units of the largest object that fits the window.
    #[inline(always)]
    pub(in crate::slotted) fn window(&self) -> u32 {
        self.front().low.get().saturating_sub(self.front().floor.get())
    }

    /// Adds an entry to the directory, if there is room for it.
    #[inline(always)]
    pub(super) fn add_entry(&self) -> Option<u32> {
        let front = self.front();
        let index = u32::from(front.entries.load(Ordering::Relaxed));
        if index == NIL {
            return None;
        }
        let floor = directory_end(index + 1);
        if front.ceiling.get() == 0 {
            front.floor.set(floor);
        } else if directory_end(index) <= front.gap_low.get() {
            front.gap_room.set(front.gap_low.get().saturating_sub(floor));
        } else {
            return None;
        }
        self.entry(index).stamp.set(Seen::new(State::Unused, 0, 1));
        front.entries.store(index as u16 + 1, Ordering::Release);
        Some(index)
    }

    /// There is an entry for one more object, if there is room in the window.
    #[inline(always)]
    pub(super) fn has_entry(&self) -> bool {
        let front = self.front();
        let entries = u32::from(front.entries.load(Ordering::Relaxed));
        let spare = front.ceiling.get() == 0 || directory_end(entries) <= front.gap_low.get();
        front.unused.get() != NIL || entries != NIL && spare
    }

    /// Units that an object in the gap may have.
    pub(super) fn gap_room(&self) -> u32 {
        let front = self.front();
        let entries = u32::from(front.entries.load(Ordering::Relaxed));
        front.bottom().saturating_sub(directory_end(entries))
    }

    /// Makes the gap the window where that is larger or there is no entry for an object in the hole,
    /// and leaves no room where there is none at all. Only for the owner.
    pub(in crate::slotted) fn refit(&self) {
        let front = self.front();
        let no_entry = !self.has_entry();
        if front.ceiling.get() != 0 && (no_entry || self.window() <= front.gap_room.get()) {
            self.close_hole();
        }
        if front.ceiling.get() == 0 {
            let entries = u32::from(front.entries.load(Ordering::Relaxed));
            front.floor.set(if no_entry { front.low.get() } else { directory_end(entries) });
        }
    }

    /// Makes the gap the window.
    #[inline(always)]
    pub(in crate::slotted) fn close_hole(&self) {
        let front = self.front();
        if front.ceiling.get() == 0 {
            return;
        }
        front.remove_holes(front.ceiling.get() - front.low.get());
        front.ceiling.set(0);
        let last = front.last.get();
        if last == front.unused.get() && last != NIL {
            // The entry of the freed object was not used again.
            front.unused.set(self.entry(last).owner());
        }
        front.floor.set(directory_end(u32::from(front.entries.load(Ordering::Relaxed))));
        front.low.set(front.gap_low.get());
        front.last.set(front.gap_last.get());
    }

    /// Makes the hole that the object freed last has left the window, where it is larger than that,
    /// together with what was freed below it; how many entries it has passed. Only for the owner.
    ///
    /// The object's own entry is the one that the next object gets: it is where it belongs in the
    /// chain already.
    pub(in crate::slotted) fn open_freed(&self) -> usize {
        let front = self.front();
        let index = u32::from(front.freed.load(Ordering::Relaxed));
        if index >= front.entries() {
            return 0;
        }
        let entry = self.entry(index);
        let (place, seen) = (entry.place(), entry.stamp.seen());
        if seen.state() != State::Dead || place.offset() == 0 || place.units(seen) <= self.window()
        {
            return 0;
        }
        self.close_hole();
        let ceiling = place.offset() + place.units(seen);
        for visited in 1..=PASSED {
            let next = entry.place().next();
            if next == NIL {
                // Below the last object there is only the gap. The entry stays in the chain, for
                // what is above is not known; it has no place any more.
                front.remove_holes(ceiling - front.low.get());
                front.low.set(ceiling);
                entry.set_place(place.with_offset(0).with_next(NIL));
                return visited;
            }
            let below = self.entry(next);
            let (place, seen) = (below.place(), below.stamp.seen());
            if seen.state() == State::Dead {
                self.unchain(index, next);
                continue;
            }
            let floor = place.offset() + place.units(seen);
            if ceiling - floor > self.gap_room() {
                self.open(floor, ceiling, index);
                entry.set_owner(front.unused.replace(index));
            }
            return visited;
        }
        PASSED
    }

    /// Makes a hole below entry `above` the window, which was the gap.
    pub(super) fn open(&self, floor: u32, ceiling: u32, above: u32) {
        let front = self.front();
        front.gap_room.set(self.gap_room());
        front.gap_low.set(front.low.get());
        front.gap_last.set(front.last.get());
        front.floor.set(floor);
        front.ceiling.set(ceiling);
        front.low.set(ceiling);
        front.last.set(above);
    }
}
