//! The window: where the next objects are placed.

use core::sync::atomic::Ordering;

use super::super::entry::{NIL, units};
use super::super::front::directory_end;
use super::super::stamp::{Seen, State};
use super::Block;

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
    fn has_entry(&self) -> bool {
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
        front.floor.set(directory_end(u32::from(front.entries.load(Ordering::Relaxed))));
        front.low.set(front.gap_low.get());
        front.last.set(front.gap_last.get());
    }

    /// Looks for the largest hole among the uppermost `visits` entries, on the way freeing those
    /// whose objects are gone, and makes it the window if it is larger than the gap; how many it
    /// has passed. Only for the owner.
    pub(in crate::slotted) fn open_hole(&self, visits: usize) -> usize {
        self.close_hole();
        let front = self.front();
        let (mut previous, mut ceiling) = (NIL, front.end.get());
        let (mut best, mut visited) = ((0, 0, NIL), 0);
        let mut index = front.first.get();
        for _ in 0..visits {
            if index == NIL {
                // Below the last object there is only the gap.
                front.remove_holes(ceiling - front.low.get());
                front.low.set(ceiling);
                break;
            }
            visited += 1;
            let entry = self.entry(index);
            let (place, seen) = (entry.place(), entry.stamp.seen());
            let next = place.next();
            if seen.state() == State::Dead {
                self.unchain(previous, index);
            } else {
                let top = place.offset() + units(place.length(seen));
                if ceiling - top > best.0 {
                    best = (ceiling - top, top, previous);
                }
                (previous, ceiling) = (index, place.offset());
            }
            index = next;
        }
        let (size, floor, above) = best;
        if size > self.gap_room() {
            self.open(floor, floor + size, above);
        }
        visited
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
