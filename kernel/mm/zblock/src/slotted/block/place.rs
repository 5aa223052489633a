//! Objects coming and going: the gap, holes, and how they merge.

use super::super::entry::{Entry, NIL, State};
use super::{Block, HOLES_PROBED, UNIT};

/// A remainder of up to this many units stays with the object instead of becoming a hole.
const REMAINDER_KEPT: u32 = 2;

impl Block {
    /// Bytes of the largest object that [`Block::alloc`] certainly takes.
    #[inline]
    pub(in crate::slotted) fn usable(&mut self) -> u32 {
        let gap = self.gap();
        let header = self.header();
        let entry = if u32::from(header.unused) != NIL {
            0
        } else if u32::from(header.entries) < NIL && gap >= Entry::BYTES {
            Entry::BYTES
        } else {
            return 0;
        };
        ((gap - entry) / UNIT).max(u32::from(header.best_units)) * UNIT
    }

    /// Free bytes that an object of the size [`Block::usable`] would leave: what sliding gathers.
    pub(in crate::slotted) fn scattered(&mut self) -> u32 {
        self.free().saturating_sub(self.usable())
    }

    /// Places an object of `length` bytes and returns its entry; `None` if the bytes or the entry
    /// are not there. Goes into the best hole where that is the tighter place, else into the gap.
    #[inline]
    pub(in crate::slotted) fn alloc(
        &mut self,
        length: u32,
        generation: u32,
        owner: u32,
    ) -> Option<u32> {
        let units = length.div_ceil(UNIT);
        let gap = self.gap();
        let header = self.header();
        let (unused, best_units) = (u32::from(header.unused), u32::from(header.best_units));
        let entries = u32::from(header.entries);
        let need = units * UNIT + if unused == NIL { Entry::BYTES } else { 0 };
        let fits = gap >= need && (unused != NIL || entries < NIL);
        if best_units >= units && !(fits && gap < best_units * UNIT) {
            return self.fill(length, generation, owner);
        }
        if !fits {
            return None;
        }
        let (bump, last) = (u32::from(header.bump), u32::from(header.last));
        header.bump += units as u16;
        header.live += 1;
        let index = if unused == NIL {
            header.entries += 1;
            entries
        } else {
            unused
        };
        header.last = index as u16;
        if unused != NIL {
            let next = self.entry(unused).next();
            self.header().unused = next as u16;
        }
        self.set_next(last, index);
        let slack = units * UNIT - length;
        self.set(index, Entry::object(bump, last, slack, generation, owner));
        Some(index)
    }

    /// Places an object at the front of the best hole, which is large enough; the rest becomes a
    /// hole of its own.
    fn fill(&mut self, length: u32, generation: u32, owner: u32) -> Option<u32> {
        let units = length.div_ceil(UNIT);
        let (hole, size) = (u32::from(self.header().best), u32::from(self.header().best_units));
        let entry = self.entry(hole);
        let (mut next, mut place) = (entry.next(), size);
        if size - units > REMAINDER_KEPT {
            let rest = self.take_entry()?;
            let remainder = Entry::new(entry.offset() + units, State::Hole);
            self.set(rest, remainder.with_previous(hole).with_next(next));
            self.set_previous(next, rest);
            (next, place) = (rest, units);
        }
        self.remove_hole(hole);
        if place != size {
            self.push_hole(next);
        }
        let header = self.header();
        header.dead -= place as u16;
        header.live += 1;
        let slack = place * UNIT - length;
        let object = Entry::object(entry.offset(), entry.previous(), slack, generation, owner);
        self.set(hole, object.with_next(next));
        self.find_best();
        Some(hole)
    }

    /// Makes the largest of the first holes the best one.
    fn find_best(&mut self) {
        let (mut best, mut best_units) = (NIL, 0);
        let mut hole = u32::from(self.header().holes);
        for _ in 0..HOLES_PROBED {
            if hole == NIL {
                break;
            }
            let entry = self.entry(hole);
            let units = self.end(entry) - entry.offset();
            if units > best_units {
                (best, best_units) = (hole, units);
            }
            hole = entry.neighbours().1;
        }
        let header = self.header();
        (header.best, header.best_units) = (best as u16, best_units as u16);
    }

    /// Ends an object; its bytes join the holes or the gap around them.
    #[inline]
    pub(in crate::slotted) fn release(&mut self, index: u32) {
        let entry = self.entry(index);
        let units = self.end(entry) - entry.offset();
        self.set(index, entry.with_state(State::Hole));
        let header = self.header();
        header.live -= 1;
        header.dead += units as u16;
        self.settle(index);
        let header = self.header();
        if header.live == 0 {
            header.entries = 0;
            header.unused = NIL as u16;
        }
    }

    /// Merges a hole that is in no list with the holes beside it, or with the gap.
    #[inline]
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
        let entry = self.entry(index);
        if entry.next() == NIL {
            let offset = entry.offset();
            let header = self.header();
            header.dead -= header.bump - offset as u16;
            header.bump = offset as u16;
            self.unchain(index);
        } else {
            self.push_hole(index);
            let units = self.end(entry) - entry.offset();
            let header = self.header();
            if units > u32::from(header.best_units) {
                (header.best, header.best_units) = (index as u16, units as u16);
            }
        }
        let header = self.header();
        if header.best_units == 0 && u32::from(header.holes) != NIL {
            self.find_best();
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
        self.set(index, entry.with_state(State::Unused).with_next(unused));
        self.header().unused = index as u16;
    }

    /// Puts a hole into the list of holes.
    pub(super) fn push_hole(&mut self, index: u32) {
        let head = u32::from(self.header().holes);
        let entry = self.entry_mut(index);
        *entry = entry.with_neighbours(NIL, head);
        if head != NIL {
            let entry = self.entry_mut(head);
            *entry = entry.with_neighbours(index, entry.neighbours().1);
        }
        self.header().holes = index as u16;
    }

    /// Takes a hole out of the list of holes; it is not the best one any more.
    pub(super) fn remove_hole(&mut self, index: u32) {
        let (before, after) = self.entry(index).neighbours();
        if before == NIL {
            self.header().holes = after as u16;
        } else {
            let entry = self.entry_mut(before);
            *entry = entry.with_neighbours(entry.neighbours().0, after);
        }
        if after != NIL {
            let entry = self.entry_mut(after);
            *entry = entry.with_neighbours(before, entry.neighbours().1);
        }
        let header = self.header();
        if u32::from(header.best) == index {
            (header.best, header.best_units) = (NIL as u16, 0);
        }
    }

    /// Bytes between the last object and the directory.
    #[inline(always)]
    pub(super) fn gap(&mut self) -> u32 {
        let header = self.header();
        let (bump, entries) = (u32::from(header.bump), u32::from(header.entries));
        self.bytes - entries * Entry::BYTES - bump * UNIT
    }
}
