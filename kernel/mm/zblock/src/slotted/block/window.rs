//! The window: where the next objects are placed.

use core::sync::atomic::Ordering;

use super::super::entry::{Entry, NIL, Place, UNIT, units};
use super::super::stamp::{Seen, State};
use super::Block;

impl Block {
    /// Sees to it that there is an unused entry, and that `room` says what fits the window; how many
    /// units of it were used up since that was done last, less what another window has more. Goes back from a hole to the gap where
    /// that is larger. Only for the owner.
    #[inline(always)]
    pub(in crate::slotted) fn measure(&self) -> i32 {
        let front = self.front();
        let before = front.room.get();
        let spare = front.unused.get() != NIL || self.add_entry();
        let gap = if spare { self.gap() / UNIT } else { 0 };
        let room = if front.floor.get() == 0 { gap } else { self.measure_hole(gap, spare) };
        front.room.set(room);
        before as i32 - room as i32
    }

    /// The room of a window that is a hole, unless there is more in the gap.
    #[inline(always)]
    fn measure_hole(&self, gap: u32, spare: bool) -> u32 {
        let front = self.front();
        let hole = if spare { front.low.get() - front.floor.get() } else { 0 };
        if hole > gap {
            return hole;
        }
        self.close_hole();
        gap
    }

    /// Takes an entry from the gap, if there is one to be had.
    #[inline(always)]
    fn add_entry(&self) -> bool {
        let front = self.front();
        let entries = front.entries.load(Ordering::Relaxed);
        if u32::from(entries) == NIL || self.gap() < Entry::BYTES {
            return false;
        }
        let entry = self.entry(u32::from(entries));
        entry.stamp.set(Seen::new(State::Unused, 0, 1));
        entry.set_place(Place::new(0, 1));
        front.entries.store(entries + 1, Ordering::Release);
        front.unused.set(u32::from(entries));
        true
    }

    /// Makes the gap the window.
    #[inline(always)]
    pub(in crate::slotted) fn close_hole(&self) {
        let front = self.front();
        if front.floor.get() == 0 {
            return;
        }
        front.remove_holes(front.ceiling.get() - front.low.get());
        front.floor.set(0);
        front.low.set(front.gap_low.get());
        front.last.set(front.gap_last.get());
    }

    /// Looks for the largest hole among the uppermost `visits` entries, on the way freeing those
    /// whose objects are gone, and makes it the window if it is larger than the gap. Only for the
    /// owner.
    pub(in crate::slotted) fn open_hole(&self, visits: usize) {
        self.close_hole();
        let front = self.front();
        let (mut previous, mut ceiling) = (NIL, front.end.get());
        let mut best = (0, 0, NIL);
        let mut index = front.first.get();
        for _ in 0..visits {
            if index == NIL {
                // Below the last object there is only the gap.
                front.remove_holes(ceiling - front.low.get());
                front.low.set(ceiling);
                break;
            }
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
        if size > self.gap() / UNIT {
            self.open(floor, floor + size, above);
        }
    }

    /// Makes a hole below entry `above` the window, which was the gap.
    pub(super) fn open(&self, floor: u32, ceiling: u32, above: u32) {
        let front = self.front();
        front.gap_low.set(front.low.get());
        front.gap_last.set(front.last.get());
        front.floor.set(floor);
        front.ceiling.set(ceiling);
        front.low.set(ceiling);
        front.last.set(above);
    }
}
