//! The inside of a block: its directory growing up, objects growing down, the gap between.
//!
//! ```text
//! | front | entry 0 | entry 1 | entry 2 |      gap      | object | hole | object | object |
//!                                       ^ entries       ^ bottom                        end ^
//! ```
//!
//! Objects are placed from the upper end of a *window* downwards: the gap, or a hole.

#[cfg(test)]
mod check;
mod slide;
mod window;

use core::ptr::NonNull;
use core::sync::atomic::Ordering;

use zpool::Handle;

use super::entry::{Entry, NIL, Place, UNIT, units};
use super::front::{FRONT_BYTES, Front};
use super::name::Name;
use super::stamp::{GENERATION_BITS, Seen, State};

pub(super) use slide::{Leaving, Pass, Slid};

/// A block whose frames stay.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Block {
    base: NonNull<u8>,
}

/// An object that was placed.
pub(super) struct Placed {
    pub(super) handle: Handle,
    /// Bytes that it takes of what was free.
    pub(super) bytes: u32,
    /// Units of the room that is left in the window.
    pub(super) room: u32,
}

impl Block {
    /// The block at `base`.
    ///
    /// # Safety
    /// [`Block::format`] made it, and it stays as long as the result is used: the caller is its
    /// user or its owner, or keeps it from being retired.
    #[inline(always)]
    pub(super) const unsafe fn at(base: NonNull<u8>) -> Self {
        Self { base }
    }

    /// Makes an empty block of fresh frames.
    ///
    /// # Safety
    /// `base` points to `bytes` bytes, aligned to a page, that nobody else uses.
    pub(super) unsafe fn format(
        base: NonNull<u8>,
        bytes: usize,
        number: u32,
        generation: u32,
        shelf: u8,
    ) -> Self {
        // SAFETY: the frames are the caller's, large and aligned enough.
        unsafe { base.cast().write(Front::new(number, bytes as u32, generation, shelf)) };
        Self { base }
    }

    /// What the block knows of itself.
    #[inline(always)]
    pub(super) fn front(&self) -> &Front {
        // SAFETY: by the contract of `at` the front is there; all of it is atomic.
        unsafe { self.base.cast().as_ref() }
    }

    /// An entry that exists, or the owner's next one.
    #[inline(always)]
    pub(super) fn entry(&self, index: u32) -> &Entry {
        debug_assert!(index < NIL);
        // SAFETY: directories end inside the block, and RAM is initialised; all of an entry is
        // atomic.
        unsafe { self.base.add(FRONT_BYTES as usize).cast::<Entry>().add(index as usize).as_ref() }
    }

    /// The first byte of the frames.
    #[inline(always)]
    pub(super) const fn base(&self) -> NonNull<u8> {
        self.base
    }

    /// The byte that many units from the front.
    #[inline(always)]
    pub(super) fn byte(&self, offset: u32) -> NonNull<u8> {
        // SAFETY: every offset in a directory is inside the block.
        unsafe { self.base.add((offset * UNIT) as usize) }
    }

    /// Places an object of `length` bytes, for which there is room, at the upper end of the
    /// window, then goes back from a hole to the gap where that is larger, or there is no entry for
    /// another object in it. `None` where there is no entry for it. Only for the owner.
    #[inline(always)]
    pub(super) fn place(&self, length: u32, owner: u32, state: State) -> Option<Placed> {
        let front = self.front();
        let (unused, last) = (front.unused.get(), front.last.get());
        let mut bytes = units(length) * UNIT;
        let index = if unused == NIL {
            bytes += Entry::BYTES;
            self.add_entry()?
        } else {
            front.unused.set(self.entry(unused).owner());
            unused
        };
        let entry = self.entry(index);
        let next = if last == NIL {
            front.first.replace(index)
        } else {
            let above = self.entry(last);
            let place = above.place();
            above.set_place(place.with_next(index));
            place.next()
        };
        let low = front.low.get() - units(length);
        front.low.set(low);
        front.last.set(index);
        entry.set_place(Place::new(low, length).with_next(next));
        entry.set_owner(owner);
        let generation = front.generation.get();
        front.generation.set(generation + 1);
        entry.stamp.set(Seen::new(state, generation, length));
        let generation = generation & ((1 << GENERATION_BITS) - 1);
        let name = Name { number: front.number.load(Ordering::Relaxed), index, generation };
        let mut room = low.saturating_sub(front.floor.get());
        if front.ceiling.get() != 0 && (room <= front.gap_room.get() || !self.has_entry()) {
            room = front.gap_room.get();
            self.close_hole();
        }
        Some(Placed { handle: name.handle(), bytes, room })
    }

    /// Bytes of the block.
    pub(super) fn bytes(&self) -> u32 {
        self.front().end.get() * UNIT
    }

    /// Bytes between the directory and the lowest object.
    #[inline(always)]
    pub(super) fn gap(&self) -> u32 {
        let front = self.front();
        let entries = u32::from(front.entries.load(Ordering::Relaxed));
        front.bottom() * UNIT - FRONT_BYTES - entries * Entry::BYTES
    }

    /// Bytes that belong to no object, less those that are not known to be free and were won.
    pub(super) fn balance(&self) -> i32 {
        self.gap() as i32 + self.front().hole_units() * UNIT as i32
    }

    /// Bytes that belong to no object, as far as it is known.
    pub(super) fn free(&self) -> u32 {
        self.gap() + self.front().holes() * UNIT
    }

    /// Objects, and the bytes of their places.
    pub(super) fn count(&self) -> (usize, usize) {
        let (mut objects, mut bytes) = (0, 0);
        for index in 0..self.front().entries() {
            let entry = self.entry(index);
            let seen = entry.stamp.seen();
            if seen.is_object() {
                objects += 1;
                bytes += (units(entry.place().length(seen)) * UNIT) as usize;
            }
        }
        (objects, bytes)
    }

    /// Bytes of objects and of the directory.
    pub(super) fn used(&self) -> u32 {
        self.bytes() - self.free() - FRONT_BYTES
    }

    /// Makes `next` the one below entry `index` in the chain.
    #[inline(always)]
    fn set_next(&self, index: u32, next: u32) {
        if index == NIL {
            self.front().first.set(next);
        } else {
            let entry = self.entry(index);
            entry.set_place(entry.place().with_next(next));
        }
    }

    /// Takes an entry out of the chain, below entry `previous`, and makes it usable again. The
    /// window is the gap.
    fn unchain(&self, previous: u32, index: u32) {
        let (front, entry) = (self.front(), self.entry(index));
        let next = entry.place().next();
        self.set_next(previous, next);
        if next == NIL {
            front.last.set(previous);
        }
        entry.stamp.set(entry.stamp.seen().unused());
        entry.set_owner(front.unused.get());
        front.unused.set(index);
    }
}
