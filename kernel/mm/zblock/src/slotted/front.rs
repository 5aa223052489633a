//! The front of a block: what is known of it beside its objects.

use core::sync::atomic::{AtomicPtr, AtomicU8, AtomicU16, AtomicU32, Ordering};

use super::entry::{Entry, NIL, UNIT};
use super::lists::{Link, NOWHERE};
use super::stamp::{Seen, State};

/// Being emptied: nothing is allocated in it.
pub(super) const EVACUATING: u16 = 1;
/// Emptying it has failed; not tried again before something is freed in it.
pub(super) const STUCK: u16 = 2;

/// Sixteen bits that the owner of the block alone touches.
pub(super) struct Field(AtomicU16);

impl Field {
    const fn new(value: u32) -> Self {
        Self(AtomicU16::new(value as u16))
    }

    #[inline(always)]
    pub(super) fn get(&self) -> u32 {
        u32::from(self.0.load(Ordering::Relaxed))
    }

    #[inline(always)]
    pub(super) fn set(&self, value: u32) {
        self.0.store(value as u16, Ordering::Relaxed);
    }

    /// Stores another value; what it was before.
    #[inline(always)]
    pub(super) fn replace(&self, value: u32) -> u32 {
        let before = self.get();
        self.set(value);
        before
    }
}

/// At the first byte of a block; the directory follows.
///
/// A block on a shelf belongs to whoever holds the lock of that shelf, any other to background
/// work. Its owner alone touches what is in here, but for `entries` and `freed`.
#[repr(C)]
pub(super) struct Front {
    /// Entries in the directory, unused ones included. Read by everyone, so that no object's bytes
    /// are taken for an entry.
    pub(super) entries: AtomicU16,
    /// Where the window ends, in units: the next object is placed below.
    pub(super) low: Field,
    /// Where the window begins. If it is the gap: above the directory and one entry more.
    pub(super) floor: Field,
    /// The entry of the object above the window.
    pub(super) last: Field,
    /// First of the unused entries.
    pub(super) unused: Field,
    /// Generation of the next object.
    pub(super) generation: Field,
    /// Where the window ended at first if it is a hole; zero if it is the gap.
    pub(super) ceiling: Field,
    /// The entry of the object that was freed last, as far as is known: whoever frees one leaves it
    /// here for background work, which need not search.
    pub(super) freed: AtomicU16,
    pub(super) number: AtomicU32,
    /// The entry of the uppermost object.
    pub(super) first: Field,
    /// While the window is a hole: what `low` and `last` of the gap are, and how many units an
    /// object in it may have.
    pub(super) gap_low: Field,
    pub(super) gap_last: Field,
    pub(super) gap_room: Field,
    /// Units between objects that belong to none, those of the window as it was at first included,
    /// less those that were won before it was known that they are free.
    holes: Field,
    /// Units of the block.
    pub(super) end: Field,
    /// [`EVACUATING`] and the like.
    flags: Field,
    /// The shelf, and the list of it that the block is in.
    pub(super) shelf: AtomicU8,
    pub(super) list: AtomicU8,
    /// The lists of background work that it is in, and its neighbours in them.
    pub(super) lists: [AtomicU8; 2],
    pub(super) links: [Link; 2],
    /// Neighbours in the list of the shelf. The first one's `previous` says nothing.
    pub(super) next: AtomicPtr<u8>,
    pub(super) previous: AtomicPtr<u8>,
}

/// Bytes of the front.
pub(super) const FRONT_BYTES: u32 = size_of::<Front>() as u32;

/// Where objects may begin, in units, above so many entries and one more.
#[inline(always)]
pub(super) const fn directory_end(entries: u32) -> u32 {
    (FRONT_BYTES + (entries + 1) * Entry::BYTES).div_ceil(UNIT)
}

impl Front {
    /// Of an empty block, in no list.
    pub(super) fn new(number: u32, bytes: u32, generation: u32, shelf: u8) -> Self {
        let zero = || Field::new(0);
        let nil = || Field::new(NIL);
        let end = bytes / UNIT;
        Self {
            next: AtomicPtr::default(),
            previous: AtomicPtr::default(),
            low: Field::new(end),
            floor: Field::new(directory_end(0)),
            last: nil(),
            unused: nil(),
            generation: Field::new(generation),
            ceiling: zero(),
            freed: AtomicU16::new(NIL as u16),
            number: AtomicU32::new(number),
            entries: AtomicU16::new(0),
            first: nil(),
            gap_low: zero(),
            gap_last: nil(),
            gap_room: zero(),
            holes: zero(),
            end: Field::new(end),
            flags: zero(),
            shelf: AtomicU8::new(shelf),
            list: AtomicU8::new(NOWHERE),
            lists: [const { AtomicU8::new(NOWHERE) }; 2],
            links: [Link::default(), Link::default()],
        }
    }

    /// Entries in the directory.
    #[inline(always)]
    pub(super) fn entries(&self) -> u32 {
        u32::from(self.entries.load(Ordering::Acquire))
    }

    /// What a descriptor without frames remembers: the generation that the next objects' count on
    /// from.
    pub(super) fn generation_seen(&self) -> Seen {
        Seen::new(State::Unused, self.generation.get(), 1)
    }

    /// The lowest unit of an object.
    #[inline(always)]
    pub(super) fn bottom(&self) -> u32 {
        if self.ceiling.get() == 0 { self.low.get() } else { self.gap_low.get() }
    }

    /// Units between objects that belong to none; negative while more was won than is known to be
    /// free.
    pub(super) fn hole_units(&self) -> i32 {
        let filled = if self.ceiling.get() == 0 { 0 } else { self.ceiling.get() - self.low.get() };
        i32::from(self.holes.get() as i16) - filled as i32
    }

    /// Units between objects that belong to none, as far as it is known.
    pub(super) fn holes(&self) -> u32 {
        self.hole_units().max(0) as u32
    }

    /// So many units of holes more.
    pub(super) fn add_holes(&self, units: u32) {
        self.holes.set(self.holes.get().wrapping_add(units));
    }

    /// So many less.
    pub(super) fn remove_holes(&self, units: u32) {
        self.holes.set(self.holes.get().wrapping_sub(units));
    }

    /// Units of objects that are not known to be freed.
    pub(super) fn live_units(&self) -> u32 {
        ((self.end.get() - self.bottom()) as i32 - self.hole_units()) as u32
    }

    /// One of [`EVACUATING`] and [`STUCK`] is set.
    pub(super) fn has(&self, flags: u16) -> bool {
        self.flags.get() & u32::from(flags) != 0
    }

    pub(super) fn set(&self, flags: u16) {
        self.flags.set(self.flags.get() | u32::from(flags));
    }

    pub(super) fn clear(&self, flags: u16) {
        self.flags.set(self.flags.get() & !u32::from(flags));
    }
}
