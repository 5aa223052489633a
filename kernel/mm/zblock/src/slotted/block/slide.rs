//! Objects that move: up over holes inside their block, or out of it.

use core::ptr::NonNull;

use super::super::entry::{Entry, NIL, UNIT, units};
use super::super::stamp::{Seen, State};
use super::Block;

/// Entries that the search for an object to relocate passes, at most.
const CHAIN_PROBED: usize = 16;

/// A pass over a block: everything above has been looked at and slid up.
#[derive(Clone, Copy)]
pub(in crate::slotted) struct Pass {
    /// The entry above the one to come.
    previous: u32,
    /// Where the lowest object above begins, in units.
    ceiling: u32,
}

/// What one piece of a pass did.
#[derive(Default)]
pub(in crate::slotted) struct Slid {
    /// Bytes copied.
    pub(in crate::slotted) bytes: usize,
    /// Entries passed.
    pub(in crate::slotted) visited: usize,
    /// The pass is over; so many units were won by it.
    pub(in crate::slotted) won: Option<u32>,
    /// The next object is longer than what may be copied still.
    pub(in crate::slotted) full: bool,
}

impl Slid {
    /// Adds what the next piece did.
    pub(in crate::slotted) fn add(&mut self, next: Self) {
        self.bytes += next.bytes;
        self.visited += next.visited;
        self.won = next.won;
        self.full = next.full;
    }
}

/// An object picked to leave its block, its mover's own.
#[derive(Clone, Copy)]
pub(in crate::slotted) struct Leaving {
    pub(in crate::slotted) index: u32,
    pub(in crate::slotted) seen: Seen,
    pub(in crate::slotted) owner: u32,
    pub(in crate::slotted) bytes: NonNull<u8>,
    pub(in crate::slotted) length: u32,
    /// Entries passed to find it.
    pub(in crate::slotted) visited: usize,
}

impl Block {
    /// Begins a pass. Only for the owner, as all here.
    pub(in crate::slotted) fn pass(&self) -> Pass {
        Pass { previous: NIL, ceiling: self.front().end.get() }
    }

    /// Goes on with a pass: passes up to `visits` entries, unchains what was freed, and slides up
    /// the first one below a hole that is not read, if it has `most` bytes at most. Only for the owner, with interrupts
    /// masked: a handler on this CPU that waited for an object that moves would wait for ever.
    ///
    /// A pass ends early where less than `worth` units would be scattered beside the hole that it
    /// has come to: that becomes the window.
    pub(in crate::slotted) fn slide(
        &self,
        pass: &mut Pass,
        most: usize,
        visits: usize,
        worth: u32,
    ) -> Slid {
        self.close_hole();
        let mut slid = Slid::default();
        while slid.visited < visits {
            let index = match pass.previous {
                NIL => self.front().first.get(),
                previous => self.entry(previous).place().next(),
            };
            if index == NIL {
                slid.won = Some(self.finish(pass));
                break;
            }
            slid.visited += 1;
            let entry = self.entry(index);
            if entry.stamp.seen().state() == State::Dead {
                self.unchain(pass.previous, index);
                continue;
            }
            let length = entry.place().length(entry.stamp.seen());
            let end = entry.place().offset() + units(length);
            if self.suffices(pass.ceiling - end, worth) {
                self.open(end, pass.ceiling, pass.previous);
                slid.won = Some(pass.ceiling - end);
                break;
            }
            if end < pass.ceiling {
                if length as usize > most {
                    slid.full = true;
                    break;
                }
                if self.raise(entry, length, pass.ceiling - end) {
                    slid.bytes += length as usize;
                }
            }
            *pass = Pass { previous: index, ceiling: entry.place().offset() };
            if slid.bytes != 0 {
                break;
            }
        }
        slid
    }

    /// A hole of so many units is large enough for a window.
    fn suffices(&self, hole: u32, worth: u32) -> bool {
        let gap = self.gap();
        let spare = self.front().unused.get() != NIL || gap >= Entry::BYTES;
        spare && hole > self.gap_room() && gap / UNIT + self.front().holes() < hole + worth
    }

    /// The gap begins where the last object that was passed does.
    fn finish(&self, pass: &Pass) -> u32 {
        let front = self.front();
        let won = pass.ceiling - front.low.get();
        front.low.set(pass.ceiling);
        front.remove_holes(won);
        won
    }

    /// Moves an object up by so many units, unless somebody reads or writes it.
    fn raise(&self, entry: &Entry, length: u32, by: u32) -> bool {
        let Some(seen) = entry.stamp.hold_any() else { return false };
        let place = entry.place();
        let (from, to) = (self.byte(place.offset()), self.byte(place.offset() + by));
        // SAFETY: the object is this CPU's own until its stamp is set, and what is above it, up to
        // the next object, belongs to none.
        unsafe { to.copy_from(from, length as usize) };
        entry.set_place(place.with_offset(place.offset() + by));
        entry.stamp.set(seen.live());
        true
    }

    /// Picks an object that may leave the block, of those whose owner can be told and that nobody
    /// reads, and makes it the caller's own. Only for the owner.
    pub(in crate::slotted) fn leave(&self, skip: usize) -> Option<Leaving> {
        self.close_hole();
        let (mut previous, mut skip) = (NIL, skip);
        let mut index = self.front().first.get();
        for visited in 0..CHAIN_PROBED {
            if index == NIL {
                break;
            }
            let entry = self.entry(index);
            let next = entry.place().next();
            if entry.stamp.seen().state() == State::Dead {
                self.unchain(previous, index);
                index = next;
                continue;
            }
            if entry.owner() != zpool::Owner::NONE.0 {
                if skip > 0 {
                    skip -= 1;
                } else if let Some(seen) = entry.stamp.hold_any() {
                    let place = entry.place();
                    return Some(Leaving {
                        index,
                        seen,
                        owner: entry.owner(),
                        bytes: self.byte(place.offset()),
                        length: place.length(seen),
                        visited,
                    });
                }
            }
            (previous, index) = (index, next);
        }
        None
    }
}
