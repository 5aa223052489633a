//! Objects that move: down into a hole of their block, or out of it.

use core::ptr::NonNull;

use super::super::entry::{NIL, State};
use super::{Block, HOLES_PROBED, UNIT};

/// Entries that the search for a movable object passes, at most.
const CHAIN_PROBED: usize = 16;

/// A copy in progress, from [`Block::slide_begin`] to [`Block::slide_end`].
#[derive(Clone, Copy)]
pub(in crate::slotted) struct Slide {
    hole: u32,
    object: u32,
    /// Where the bytes are and where they go; the two may overlap.
    pub(in crate::slotted) from: NonNull<u8>,
    pub(in crate::slotted) to: NonNull<u8>,
    /// Bytes to copy.
    pub(in crate::slotted) length: usize,
}

/// An object picked to leave its block.
#[derive(Clone, Copy)]
pub(in crate::slotted) struct Leaving {
    pub(in crate::slotted) entry: u32,
    pub(in crate::slotted) generation: u32,
    pub(in crate::slotted) owner: u32,
    pub(in crate::slotted) bytes: NonNull<u8>,
    pub(in crate::slotted) length: usize,
}

impl Block {
    /// Begins to move the object above the lowest hole down into it. `None` when it has more than
    /// `most` bytes or none of the first holes has one that can be moved.
    pub(in crate::slotted) fn slide_begin(&mut self, most: usize) -> Option<Slide> {
        let mut lowest = None;
        let mut offset = u32::MAX;
        let mut hole = u32::from(self.header().holes);
        for _ in 0..4 * HOLES_PROBED {
            if hole == NIL {
                break;
            }
            let entry = self.entry(hole);
            let object = self.entry(entry.next());
            if entry.offset() < offset && object.state() == State::Live && object.pins() == 0 {
                (lowest, offset) = (Some(hole), entry.offset());
            }
            hole = entry.neighbours().1;
        }
        let hole = lowest?;
        let entry = self.entry(hole);
        let object = entry.next();
        let moved = self.entry(object);
        if self.length(moved) > most {
            return None;
        }
        self.remove_hole(hole);
        self.set(hole, entry.with_state(State::Moving));
        self.set(object, moved.with_state(State::Moving));
        Some(Slide {
            hole,
            object,
            from: self.at(moved.offset()),
            to: self.at(offset),
            length: self.length(moved),
        })
    }

    /// Ends what [`Block::slide_begin`] began, after the bytes were copied.
    pub(in crate::slotted) fn slide_end(&mut self, slide: Slide) {
        let (hole, object) = (self.entry(slide.hole), self.entry(slide.object));
        let (previous, next) = (hole.previous(), object.next());
        let place = self.end(object) - object.offset();
        let units = (slide.length as u32).div_ceil(UNIT);
        let slack = units * UNIT - slide.length as u32;
        self.header().dead += (place - units) as u16;
        self.set(
            slide.object,
            object
                .with_offset(hole.offset())
                .with_previous(previous)
                .with_next(slide.hole)
                .with_slack(slack)
                .with_state(State::Live),
        );
        self.set(
            slide.hole,
            hole.with_offset(hole.offset() + units)
                .with_previous(slide.object)
                .with_next(next)
                .with_state(State::Hole),
        );
        self.set_next(previous, slide.object);
        self.set_previous(next, slide.hole);
        self.settle(slide.hole);
    }

    /// Picks an object that may leave the block, of those whose owner can be told and that nobody
    /// reads, and marks it; [`Block::release`] or [`Block::stay`] ends that.
    pub(in crate::slotted) fn leave(&mut self, skip: usize) -> Option<Leaving> {
        let mut index = u32::from(self.header().first);
        let mut skip = skip;
        for _ in 0..CHAIN_PROBED {
            if index == NIL {
                break;
            }
            let entry = self.entry(index);
            let free = entry.state() == State::Live && entry.pins() == 0;
            if free && entry.owner() != zpool::Owner::NONE.0 {
                if skip == 0 {
                    self.set(index, entry.with_state(State::Moving));
                    return Some(Leaving {
                        entry: index,
                        generation: entry.generation(),
                        owner: entry.owner(),
                        bytes: self.at(entry.offset()),
                        length: self.length(entry),
                    });
                }
                skip -= 1;
            }
            index = entry.next();
        }
        None
    }

    /// The object is everybody's again.
    pub(in crate::slotted) fn stay(&mut self, index: u32) {
        let entry = self.entry(index);
        self.set(index, entry.with_state(State::Live));
    }

    /// The object is one CPU's own.
    pub(in crate::slotted) fn seize(&mut self, index: u32) {
        let entry = self.entry(index);
        self.set(index, entry.with_state(State::Moving));
    }
}
