//! The inside of a block: objects growing up, their directory growing down, the gap between.
//!
//! ```text
//! | header | object | hole | object | object |      gap      | entry 2 | entry 1 | entry 0 |
//!          ^ HEADER_UNITS                    ^ bump
//! ```

use core::ptr::NonNull;

use super::entry::{Entry, NIL, State};
use super::lists::Link;

/// Bytes of a unit: offsets and places are multiples of it.
pub(super) const UNIT: u32 = 8;
/// Holes that one operation looks at, at most.
const HOLES_PROBED: usize = 8;
/// Entries that the search for a movable object passes, at most.
const CHAIN_PROBED: usize = 16;
/// A remainder of up to this many units stays with the object instead of becoming a hole.
const REMAINDER_KEPT: u32 = 2;

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
    /// The list of each kind that it is in.
    pub(super) lists: [u8; 3],
}

/// Bytes of the header.
pub(super) const HEADER_BYTES: usize = size_of::<Header>().next_multiple_of(4);
/// Units before the first object.
pub(super) const HEADER_UNITS: u32 =
    ((HEADER_BYTES + size_of::<Membership>()) as u32).div_ceil(UNIT);

/// A copy in progress, from [`Block::slide_begin`] to [`Block::slide_end`].
#[derive(Clone, Copy)]
pub(super) struct Slide {
    hole: u32,
    object: u32,
    /// Where the bytes are and where they go; the two may overlap.
    pub(super) from: NonNull<u8>,
    pub(super) to: NonNull<u8>,
    /// Bytes to copy.
    pub(super) length: usize,
}

/// An object picked to leave its block.
#[derive(Clone, Copy)]
pub(super) struct Leaving {
    pub(super) entry: u32,
    pub(super) generation: u32,
    pub(super) owner: u32,
    pub(super) bytes: NonNull<u8>,
    pub(super) length: usize,
}

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
            flags: 0,
        };
        let membership = Membership {
            links: [Link::default(); 2],
            counted: 0,
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
    pub(super) fn header(&mut self) -> &mut Header {
        // SAFETY: by the contract of `new` and `format` the header is initialised and ours.
        unsafe { self.base.cast::<Header>().as_mut() }
    }

    /// Objects in the block.
    pub(super) fn live(&mut self) -> u32 {
        u32::from(self.header().live)
    }

    /// Bytes in holes.
    pub(super) fn dead(&mut self) -> u32 {
        u32::from(self.header().dead) * UNIT
    }

    /// Bytes of the gap and of the holes.
    pub(super) fn free(&mut self) -> u32 {
        self.gap() + self.dead()
    }

    /// Free bytes that an object of the size [`Block::usable`] would leave: what sliding gathers.
    pub(super) fn scattered(&mut self) -> u32 {
        self.free().saturating_sub(self.usable())
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

    /// Bytes between the last object and the directory.
    fn gap(&mut self) -> u32 {
        let header = self.header();
        let (bump, entries) = (u32::from(header.bump), u32::from(header.entries));
        self.bytes - entries * Entry::BYTES - bump * UNIT
    }

    /// Size of the largest object that [`Block::alloc`] certainly takes.
    pub(super) fn usable(&mut self) -> u32 {
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

    /// Places an object of `length` bytes and returns its entry, in `state`; `None` if the bytes
    /// or the entry are not there.
    pub(super) fn alloc(
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
    pub(super) fn release(&mut self, index: u32) {
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
    fn settle(&mut self, index: u32) {
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

    /// Begins to move the object above the lowest hole down into it. `None` when it has more than
    /// `most` bytes or none of the first holes has one that can be moved.
    pub(super) fn slide_begin(&mut self, most: usize) -> Option<Slide> {
        let mut lowest = None;
        let mut offset = u32::MAX;
        let mut hole = u32::from(self.header().holes);
        for _ in 0..2 * HOLES_PROBED {
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
        self.remove_hole(hole);
        let entry = self.entry(hole);
        let object = entry.next();
        let moved = self.entry(object);
        if self.length(moved) > most {
            self.push_hole(hole);
            return None;
        }
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
    pub(super) fn slide_end(&mut self, slide: Slide) {
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
    pub(super) fn leave(&mut self, skip: usize) -> Option<Leaving> {
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
    pub(super) fn stay(&mut self, index: u32) {
        let entry = self.entry(index);
        self.set(index, entry.with_state(State::Live));
    }

    /// The live object of that entry and generation; `None` if there is none.
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
        let entry = self.entry(index);
        self.set(index, entry.with_pins(entry.pins() + 1));
    }

    /// One reader less.
    pub(super) fn unpin(&mut self, index: u32) {
        let entry = self.entry(index);
        self.set(index, entry.with_pins(entry.pins() - 1));
    }

    /// The object is one CPU's own.
    pub(super) fn seize(&mut self, index: u32) {
        let entry = self.entry(index);
        self.set(index, entry.with_state(State::Moving));
    }

    /// First byte of the object of that entry.
    pub(super) fn data_of(&self, index: u32) -> NonNull<u8> {
        self.data(self.entry(index))
    }

    /// First byte of what an entry describes.
    pub(super) fn data(&self, entry: Entry) -> NonNull<u8> {
        self.at(entry.offset())
    }

    /// Bytes of an object.
    pub(super) fn length(&mut self, entry: Entry) -> usize {
        ((self.end(entry) - entry.offset()) * UNIT - entry.slack()) as usize
    }

    /// Where what an entry describes ends, in units.
    fn end(&mut self, entry: Entry) -> u32 {
        match entry.next() {
            NIL => u32::from(self.header().bump),
            next => self.entry(next).offset(),
        }
    }

    fn at(&self, units: u32) -> NonNull<u8> {
        // SAFETY: every offset in a directory is inside the block.
        unsafe { self.base.add((units * UNIT) as usize) }
    }

    fn slot(&self, index: u32) -> NonNull<Entry> {
        debug_assert!(index < NIL);
        // SAFETY: the directory's entries are inside the block, below its end.
        let slot = unsafe { self.base.add((self.bytes - (index + 1) * Entry::BYTES) as usize) };
        slot.cast()
    }

    fn entry(&self, index: u32) -> Entry {
        // SAFETY: callers pass numbers of entries that exist; by the contract of `new` they are
        // initialised and nobody else writes them.
        unsafe { self.slot(index).read() }
    }

    fn set(&mut self, index: u32, entry: Entry) {
        // SAFETY: callers pass numbers of entries that exist, and the directory is ours.
        unsafe { self.slot(index).write(entry) }
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

    fn set_next(&mut self, index: u32, next: u32) {
        if index == NIL {
            self.header().first = next as u16;
        } else {
            let entry = self.entry(index);
            self.set(index, entry.with_next(next));
        }
    }

    fn set_previous(&mut self, index: u32, previous: u32) {
        if index == NIL {
            self.header().last = previous as u16;
        } else {
            let entry = self.entry(index);
            self.set(index, entry.with_previous(previous));
        }
    }

    fn push_hole(&mut self, index: u32) {
        let head = u32::from(self.header().holes);
        let entry = self.entry(index);
        self.set(index, entry.with_neighbours(NIL, head));
        if head != NIL {
            let entry = self.entry(head);
            self.set(head, entry.with_neighbours(index, entry.neighbours().1));
        }
        self.header().holes = index as u16;
    }

    fn remove_hole(&mut self, index: u32) {
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
}
