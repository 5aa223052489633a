//! Objects coming and going: the gap, holes, and how they merge.

use super::super::entry::{Entry, NIL, State};
use super::{Block, HOLES_PROBED, UNIT};

/// A remainder of up to this many units stays with the object instead of becoming a hole.
const REMAINDER_KEPT: u32 = 2;

impl Block {
    /// Size of the largest object that [`Block::alloc`] certainly takes.
    pub(in crate::slotted) fn usable(&mut self) -> u32 {
        let gap = self.gap();
        let entry = if u32::from(self.header().unused) != NIL {
            0
        } else if u32::from(self.header().entries) < NIL && gap >= Entry::BYTES {
            Entry::BYTES
        } else {
            return 0;
        };
        let mut largest = (gap - entry) / UNIT;
        let mut hole = u32::from(self.header().holes);
        for _ in 0..HOLES_PROBED {
            if hole == NIL {
                break;
            }
            let entry = self.entry(hole);
            largest = largest.max(self.end(entry) - entry.offset());
            hole = entry.neighbours().1;
        }
        largest * UNIT
    }

    /// Free bytes that an object of the size [`Block::usable`] would leave: what sliding gathers.
    pub(in crate::slotted) fn scattered(&mut self) -> u32 {
        self.free().saturating_sub(self.usable())
    }

    /// Places an object of `length` bytes and returns its entry, in `state`; `None` if the bytes
    /// or the entry are not there.
    pub(in crate::slotted) fn alloc(
        &mut self,
        length: u32,
        generation: u32,
        owner: u32,
        state: State,
    ) -> Option<u32> {
        let units = length.div_ceil(UNIT);
        let index = match self.best_hole(units) {
            Some(hole) => self.fill_hole(hole, units)?,
            None => self.append(units)?,
        };
        let entry = self.entry(index);
        let place = (self.end(entry) - entry.offset()) * UNIT;
        self.set(
            index,
            entry
                .with_state(state)
                .with_slack(place - length)
                .with_generation(generation)
                .with_pins(0)
                .with_owner(owner),
        );
        self.header().live += 1;
        Some(index)
    }

    /// The smallest of the first holes that has that many units.
    fn best_hole(&mut self, units: u32) -> Option<u32> {
        let mut best = None;
        let mut least = u32::MAX;
        let mut hole = u32::from(self.header().holes);
        for _ in 0..HOLES_PROBED {
            if hole == NIL {
                break;
            }
            let entry = self.entry(hole);
            let size = self.end(entry) - entry.offset();
            if size >= units && size < least {
                (best, least) = (Some(hole), size);
            }
            hole = entry.neighbours().1;
        }
        best
    }

    /// Takes `units` from the front of a hole; the rest becomes a hole of its own.
    fn fill_hole(&mut self, hole: u32, units: u32) -> Option<u32> {
        let entry = self.entry(hole);
        let size = self.end(entry) - entry.offset();
        if size - units > REMAINDER_KEPT {
            let rest = self.take_entry()?;
            let next = entry.next();
            let place = Entry::new(entry.offset() + units, State::Hole);
            self.set(rest, place.with_previous(hole).with_next(next));
            self.set(hole, entry.with_next(rest));
            self.set_previous(next, rest);
            self.push_hole(rest);
            self.header().dead -= units as u16;
        } else {
            self.header().dead -= size as u16;
        }
        self.remove_hole(hole);
        Some(hole)
    }

    /// Takes `units` from the gap.
    fn append(&mut self, units: u32) -> Option<u32> {
        let need = if u32::from(self.header().unused) == NIL { Entry::BYTES } else { 0 };
        if self.gap() < units * UNIT + need {
            return None;
        }
        let index = self.take_entry()?;
        let (bump, last) = (u32::from(self.header().bump), u32::from(self.header().last));
        self.set(index, Entry::new(bump, State::Live).with_previous(last));
        self.set_next(last, index);
        self.header().last = index as u16;
        self.header().bump += units as u16;
        Some(index)
    }

    /// Ends an object; its bytes join the holes or the gap around them.
    pub(in crate::slotted) fn release(&mut self, index: u32) {
        let entry = self.entry(index);
        let units = self.end(entry) - entry.offset();
        self.set(index, entry.with_state(State::Hole));
        let header = self.header();
        header.live -= 1;
        header.dead += units as u16;
        self.settle(index);
        if self.live() == 0 {
            let header = self.header();
            header.entries = 0;
            header.unused = NIL as u16;
        }
    }

    /// Merges a hole that is in no list with the holes beside it, or with the gap.
    pub(super) fn settle(&mut self, index: u32) {
        let mut index = index;
        let next = self.entry(index).next();
        if next != NIL && self.entry(next).state() == State::Hole {
            self.remove_hole(next);
            self.unchain(next);
        }
        let previous = self.entry(index).previous();
        if previous != NIL && self.entry(previous).state() == State::Hole {
            self.unchain(index);
            index = previous;
            self.remove_hole(index);
        }
        if self.entry(index).next() == NIL {
            let offset = self.entry(index).offset();
            let header = self.header();
            header.dead -= header.bump - offset as u16;
            header.bump = offset as u16;
            self.unchain(index);
        } else {
            self.push_hole(index);
        }
    }

    /// An unused entry, from the list or from the gap.
    fn take_entry(&mut self) -> Option<u32> {
        let unused = u32::from(self.header().unused);
        if unused != NIL {
            let next = self.entry(unused).next();
            self.header().unused = next as u16;
            return Some(unused);
        }
        let index = u32::from(self.header().entries);
        if index == NIL || self.gap() < Entry::BYTES {
            return None;
        }
        self.header().entries += 1;
        Some(index)
    }

    /// Takes an entry out of the chain and puts it into the list of unused ones.
    fn unchain(&mut self, index: u32) {
        let entry = self.entry(index);
        self.set_next(entry.previous(), entry.next());
        self.set_previous(entry.next(), entry.previous());
        let unused = u32::from(self.header().unused);
        // The generation stays, so that a stale handle is told from a forged one's luck.
        self.set(index, entry.with_state(State::Unused).with_next(unused));
        self.header().unused = index as u16;
    }

    pub(super) fn push_hole(&mut self, index: u32) {
        let head = u32::from(self.header().holes);
        let entry = self.entry(index);
        self.set(index, entry.with_neighbours(NIL, head));
        if head != NIL {
            let entry = self.entry(head);
            self.set(head, entry.with_neighbours(index, entry.neighbours().1));
        }
        self.header().holes = index as u16;
    }

    pub(super) fn remove_hole(&mut self, index: u32) {
        let (before, after) = self.entry(index).neighbours();
        if before == NIL {
            self.header().holes = after as u16;
        } else {
            let entry = self.entry(before);
            self.set(before, entry.with_neighbours(entry.neighbours().0, after));
        }
        if after != NIL {
            let entry = self.entry(after);
            self.set(after, entry.with_neighbours(before, entry.neighbours().1));
        }
    }

    /// Bytes between the last object and the directory.
    pub(super) fn gap(&mut self) -> u32 {
        let header = self.header();
        let (bump, entries) = (u32::from(header.bump), u32::from(header.entries));
        self.bytes - entries * Entry::BYTES - bump * UNIT
    }
}
