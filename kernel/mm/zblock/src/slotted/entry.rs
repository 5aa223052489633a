//! Directory entries of a block: twelve bytes that describe one object.
//!
//! ```text
//! stamp  who may do what with it, and the low bits of its length
//! place  length above 6 bits : 8 | next entry : 10 | offset in 8-byte units : 14
//! owner  back-reference
//! ```
//!
//! Entries of objects form a chain from the top of the block downwards, in the order in which
//! they were placed. Place and owner are stored by the owner of the block only; a reader has
//! pinned the object, so that where it is and how long stays.

use core::sync::atomic::{AtomicU32, Ordering};

use super::stamp::{LENGTH_BITS, Seen, Stamp};

/// No entry.
pub(super) const NIL: u32 = (1 << INDEX_BITS) - 1;
/// Bits that number an entry of a block.
pub(super) const INDEX_BITS: u32 = 10;
/// Bytes of a unit: offsets and places are multiples of it.
pub(super) const UNIT: u32 = 8;

const OFFSET_BITS: u32 = 14;
const HIGH_SHIFT: u32 = OFFSET_BITS + INDEX_BITS;

/// One entry, as it lies in the block.
#[repr(C)]
pub(super) struct Entry {
    pub(super) stamp: Stamp,
    place: AtomicU32,
    owner: AtomicU32,
}

/// Where an object is, how much of its length the stamp does not say, and what comes next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Place(u32);

impl Place {
    /// The end of the chain.
    #[inline(always)]
    pub(super) const fn new(offset: u32, length: u32) -> Self {
        Self(offset | NIL << OFFSET_BITS | (length - 1) >> LENGTH_BITS << HIGH_SHIFT)
    }

    /// Where it begins, in units from the front of the block.
    #[inline(always)]
    pub(super) const fn offset(self) -> u32 {
        self.0 & ((1 << OFFSET_BITS) - 1)
    }

    /// The same somewhere else.
    pub(super) const fn with_offset(self, offset: u32) -> Self {
        Self(self.0 & !((1 << OFFSET_BITS) - 1) | offset)
    }

    /// The entry below it.
    #[inline(always)]
    pub(super) const fn next(self) -> u32 {
        self.0 >> OFFSET_BITS & NIL
    }

    /// The same above another entry.
    #[inline(always)]
    pub(super) const fn with_next(self, next: u32) -> Self {
        Self(self.0 & !(NIL << OFFSET_BITS) | next << OFFSET_BITS)
    }

    /// Units of the object with that stamp.
    #[inline(always)]
    pub(super) const fn units(self, seen: Seen) -> u32 {
        (self.0 >> HIGH_SHIFT << (LENGTH_BITS - UNIT.ilog2()) | seen.length_bits() >> UNIT.ilog2())
            + 1
    }

    /// Bytes of the object with that stamp.
    #[inline(always)]
    pub(super) const fn length(self, seen: Seen) -> u32 {
        (self.0 >> HIGH_SHIFT << LENGTH_BITS | seen.length_bits()) + 1
    }
}

impl Entry {
    /// Bytes of an entry in the directory.
    pub(super) const BYTES: u32 = 12;

    /// Units of the object with that stamp.
    #[inline(always)]
    pub(super) fn units(&self, seen: Seen) -> u32 {
        self.place().units(seen)
    }

    #[inline(always)]
    pub(super) fn place(&self) -> Place {
        Place(self.place.load(Ordering::Relaxed))
    }

    /// Only for the owner of the block.
    #[inline(always)]
    pub(super) fn set_place(&self, place: Place) {
        self.place.store(place.0, Ordering::Relaxed);
    }

    /// Back-reference of an object; of an unused entry the next one.
    #[inline(always)]
    pub(super) fn owner(&self) -> u32 {
        self.owner.load(Ordering::Relaxed)
    }

    /// Only for the owner of the block.
    #[inline(always)]
    pub(super) fn set_owner(&self, owner: u32) {
        self.owner.store(owner, Ordering::Relaxed);
    }
}

/// Units of an object of `length` bytes.
#[inline(always)]
pub(super) const fn units(length: u32) -> u32 {
    length.div_ceil(UNIT)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::super::stamp::State;
    use super::*;

    #[test]
    fn a_place_says_what_was_put_in() {
        for length in [1, 64, 65, 4096, 16384] {
            let place = Place::new(16383, length);
            let seen = Seen::new(State::Live, 0, length);
            assert_eq!((place.offset(), place.next(), place.length(seen)), (16383, NIL, length));
            assert_eq!(place.units(seen), units(length));
            let other = place.with_offset(8).with_next(513);
            assert_eq!((other.offset(), other.next(), other.length(seen)), (8, 513, length));
        }
    }

    #[test]
    fn an_entry_has_its_size() {
        assert_eq!(size_of::<Entry>(), Entry::BYTES as usize);
    }
}
