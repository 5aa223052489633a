//! The inside of a block: objects growing up, their directory growing down, the gap between.
//!
//! ```text
//! | header | object | hole | object | object |      gap      | entry 2 | entry 1 | entry 0 |
//!          ^ HEADER_UNITS                    ^ bump
//! ```

#[cfg(test)]
mod check;
mod place;
mod slide;

use core::ptr::NonNull;

use super::entry::{Entry, NIL, State};
use super::lists::Link;

/// Bytes of a unit: offsets and places are multiples of it.
pub(super) const UNIT: u32 = 8;
/// Holes that one operation looks at, at most.
const HOLES_PROBED: usize = 4;

/// Queued for the next look at its free space.
pub(super) const DIRTY: u16 = 1;
/// Being emptied: nothing is allocated in it.
pub(super) const EVACUATING: u16 = 2;
/// Emptying it has failed; not tried again before something is freed in it.
pub(super) const STUCK: u16 = 4;

/// What a block knows of itself, at its front.
#[repr(C)]
pub(super) struct Header {
    /// End of the last object, in units.
    bump: u16,
    /// Entries in the directory, unused ones included.
    entries: u16,
    /// First of the unused entries.
    unused: u16,
    /// First and last entry in address order.
    first: u16,
    last: u16,
    /// First of the list of holes.
    holes: u16,
    /// Objects.
    live: u16,
    /// Units in holes.
    dead: u16,
    /// The hole that objects are placed in, and its units; zero where there is none.
    best: u16,
    best_units: u16,
    /// [`DIRTY`] and the like.
    pub(super) flags: u16,
}

/// What the pool's lists keep of a block, behind its header. Protected by the lock of the lists,
/// not by the lock of the block.
#[repr(C)]
pub(super) struct Membership {
    /// Neighbours in the lists of [`Kind::Scattered`](super::lists::Kind) and of `Kind::Free`.
    pub(super) links: [Link; 2],
    /// Free units as the pool last counted them.
    pub(super) counted: u16,
    /// Units of the largest object that fits, as the lists know it.
    pub(super) room: u16,
    /// The list of each kind that it is in.
    pub(super) lists: [u8; 3],
}

/// Bytes of the header.
pub(super) const HEADER_BYTES: usize = size_of::<Header>().next_multiple_of(4);
/// Units before the first object.
pub(super) const HEADER_UNITS: u32 =
    ((HEADER_BYTES + size_of::<Membership>()) as u32).div_ceil(UNIT);

/// A block whose lock is held.
pub(super) struct Block {
    base: NonNull<u8>,
    bytes: u32,
}

impl Block {
    /// The block at `base`, of `bytes` bytes.
    ///
    /// # Safety
    /// 1. `base` points to that many bytes, aligned to a page and initialised by [`Block::format`].
    /// 2. Nobody else touches its header and its directory while the result lives, nor bytes of
    ///    it that belong to no object.
    #[inline(always)]
    pub(super) unsafe fn new(base: NonNull<u8>, bytes: usize) -> Self {
        Self { base, bytes: bytes as u32 }
    }

    /// Makes an empty block of fresh frames.
    ///
    /// # Safety
    /// `base` points to `bytes` bytes, aligned to a page, that nobody else uses.
    pub(super) unsafe fn format(base: NonNull<u8>, bytes: usize) -> Self {
        let header = Header {
            bump: HEADER_UNITS as u16,
            entries: 0,
            unused: NIL as u16,
            first: NIL as u16,
            last: NIL as u16,
            holes: NIL as u16,
            live: 0,
            dead: 0,
            best: NIL as u16,
            best_units: 0,
            flags: 0,
        };
        let membership = Membership {
            links: [Link::default(); 2],
            counted: 0,
            room: 0,
            lists: [super::lists::NOWHERE; 3],
        };
        // SAFETY: the frames are the caller's, large and aligned enough for both.
        unsafe {
            base.cast::<Header>().write(header);
            base.add(HEADER_BYTES).cast::<Membership>().write(membership);
        }
        Self { base, bytes: bytes as u32 }
    }

    /// What the block knows of itself.
    #[inline(always)]
    pub(super) fn header(&mut self) -> &mut Header {
        // SAFETY: by the contract of `new` and `format` the header is initialised and ours.
        unsafe { self.base.cast::<Header>().as_mut() }
    }

    /// Objects in the block.
    #[inline(always)]
    pub(super) fn live(&mut self) -> u32 {
        u32::from(self.header().live)
    }

    /// Bytes in holes.
    #[inline(always)]
    pub(super) fn dead(&mut self) -> u32 {
        u32::from(self.header().dead) * UNIT
    }

    /// Bytes of the gap and of the holes.
    #[inline(always)]
    pub(super) fn free(&mut self) -> u32 {
        self.gap() + self.dead()
    }

    /// Bytes of the block.
    pub(super) fn bytes(&self) -> u32 {
        self.bytes
    }

    /// Bytes of objects, each rounded up to its place.
    pub(super) fn object_bytes(&mut self) -> u32 {
        let header = self.header();
        (u32::from(header.bump - header.dead) - HEADER_UNITS) * UNIT
    }

    /// Bytes of objects with their rounding, and of their entries.
    pub(super) fn used(&mut self) -> u32 {
        self.object_bytes() + self.live() * Entry::BYTES
    }

    /// The live object of that entry and generation; `None` if there is none.
    #[inline(always)]
    pub(super) fn find(&mut self, index: u32, generation: u32) -> Option<Entry> {
        if index >= u32::from(self.header().entries) {
            return None;
        }
        let entry = self.entry(index);
        let there = matches!(entry.state(), State::Live | State::Moving);
        (there && entry.generation() == generation).then_some(entry)
    }

    /// One reader more, of at most [`PINS_MAX`](super::entry::PINS_MAX).
    pub(super) fn pin(&mut self, index: u32) {
        let entry = self.entry_mut(index);
        *entry = entry.with_pins(entry.pins() + 1);
    }

    /// One reader less.
    pub(super) fn unpin(&mut self, index: u32) {
        let entry = self.entry_mut(index);
        *entry = entry.with_pins(entry.pins() - 1);
    }

    /// First byte of the object of that entry.
    pub(super) fn data_of(&self, index: u32) -> NonNull<u8> {
        self.data(self.entry(index))
    }

    /// First byte of what an entry describes.
    #[inline(always)]
    pub(super) fn data(&self, entry: Entry) -> NonNull<u8> {
        self.at(entry.offset())
    }

    /// Bytes of an object.
    pub(super) fn length(&mut self, entry: Entry) -> usize {
        ((self.end(entry) - entry.offset()) * UNIT - entry.slack()) as usize
    }

    /// Where what an entry describes ends, in units.
    #[inline(always)]
    fn end(&mut self, entry: Entry) -> u32 {
        match entry.next() {
            NIL => u32::from(self.header().bump),
            next => self.entry(next).offset(),
        }
    }

    #[inline(always)]
    fn at(&self, units: u32) -> NonNull<u8> {
        // SAFETY: every offset in a directory is inside the block.
        unsafe { self.base.add((units * UNIT) as usize) }
    }

    #[inline(always)]
    fn slot(&self, index: u32) -> NonNull<Entry> {
        debug_assert!(index < NIL);
        // SAFETY: the directory's entries are inside the block, below its end.
        let slot = unsafe { self.base.add((self.bytes - (index + 1) * Entry::BYTES) as usize) };
        slot.cast()
    }

    #[inline(always)]
    fn entry(&self, index: u32) -> Entry {
        // SAFETY: callers pass numbers of entries that exist; by the contract of `new` they are
        // initialised and nobody else writes them.
        unsafe { self.slot(index).read() }
    }

    #[inline(always)]
    fn set(&mut self, index: u32, entry: Entry) {
        // SAFETY: callers pass numbers of entries that exist, and the directory is ours.
        unsafe { self.slot(index).write(entry) }
    }

    /// An entry in its place.
    #[inline(always)]
    fn entry_mut(&mut self, index: u32) -> &mut Entry {
        // SAFETY: as for `entry`, and the borrow of `self` keeps others away.
        unsafe { self.slot(index).as_mut() }
    }

    fn set_next(&mut self, index: u32, next: u32) {
        if index == NIL {
            self.header().first = next as u16;
        } else {
            let entry = self.entry_mut(index);
            *entry = entry.with_next(next);
        }
    }

    fn set_previous(&mut self, index: u32, previous: u32) {
        if index == NIL {
            self.header().last = previous as u16;
        } else {
            let entry = self.entry_mut(index);
            *entry = entry.with_previous(previous);
        }
    }
}
