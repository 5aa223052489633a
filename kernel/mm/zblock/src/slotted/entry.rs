//! Directory entries of a block: twelve bytes that describe one object or one hole.
//!
//! ```text
//! place  offset in 8-byte units : 14 | previous entry : 10 | state : 2 | slack bytes : 6
//! stamp  next entry : 10 | generation : 15 | pins : 7
//! owner  back-reference of an object; of a hole its neighbours in the list of holes
//! ```
//!
//! Entries in use form a chain in address order that tiles the block: whatever an entry describes
//! ends where the next one begins, so a length is never stored twice.

/// No entry.
pub(super) const NIL: u32 = (1 << INDEX_BITS) - 1;
/// Bits that number an entry of a block.
pub(super) const INDEX_BITS: u32 = 10;
/// Bits of a generation.
pub(super) const GENERATION_BITS: u32 = 15;
/// Readers that one object can have at once.
pub(super) const PINS_MAX: u32 = (1 << 7) - 1;

/// What an entry stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum State {
    /// Nothing: the entry is in the list of free entries.
    Unused,
    /// An object.
    Live,
    /// Bytes between objects that belong to none.
    Hole,
    /// An object or a hole that one CPU has for itself while it copies.
    Moving,
}

/// One entry, as it lies in the block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C)]
pub(super) struct Entry {
    place: u32,
    stamp: u32,
    owner: u32,
}

const fn field(word: u32, shift: u32, bits: u32) -> u32 {
    word >> shift & ((1 << bits) - 1)
}

const fn with(word: u32, shift: u32, bits: u32, value: u32) -> u32 {
    let mask = ((1u32 << bits) - 1) << shift;
    word & !mask | (value << shift & mask)
}

impl Entry {
    /// Bytes of an entry in the directory.
    pub(super) const BYTES: u32 = 12;

    /// An entry in no chain and no list.
    #[inline(always)]
    pub(super) const fn new(offset: u32, state: State) -> Self {
        Self { place: 0, stamp: 0, owner: 0 }
            .with_offset(offset)
            .with_state(state)
            .with_previous(NIL)
            .with_next(NIL)
    }

    /// An object at the end of the chain, after entry `previous`.
    #[inline(always)]
    pub(super) const fn object(
        offset: u32,
        previous: u32,
        slack: u32,
        generation: u32,
        owner: u32,
    ) -> Self {
        Self {
            place: offset | previous << 14 | 1 << 24 | slack << 26,
            stamp: NIL | generation << 10,
            owner,
        }
    }

    /// Where it begins, in 8-byte units from the front of the block.
    #[inline(always)]
    pub(super) const fn offset(self) -> u32 {
        field(self.place, 0, 14)
    }

    /// The same, beginning elsewhere.
    #[inline(always)]
    pub(super) const fn with_offset(self, offset: u32) -> Self {
        Self { place: with(self.place, 0, 14, offset), ..self }
    }

    /// The entry before it in address order.
    #[inline(always)]
    pub(super) const fn previous(self) -> u32 {
        field(self.place, 14, 10)
    }

    /// The same, after another entry.
    #[inline(always)]
    pub(super) const fn with_previous(self, entry: u32) -> Self {
        Self { place: with(self.place, 14, 10, entry), ..self }
    }

    /// What it stands for.
    #[inline(always)]
    pub(super) const fn state(self) -> State {
        match field(self.place, 24, 2) {
            0 => State::Unused,
            1 => State::Live,
            2 => State::Hole,
            _ => State::Moving,
        }
    }

    /// The same, standing for something else.
    #[inline(always)]
    pub(super) const fn with_state(self, state: State) -> Self {
        let bits = match state {
            State::Unused => 0,
            State::Live => 1,
            State::Hole => 2,
            State::Moving => 3,
        };
        Self { place: with(self.place, 24, 2, bits), ..self }
    }

    /// Bytes at the end of its place that are not the object's.
    #[inline(always)]
    pub(super) const fn slack(self) -> u32 {
        field(self.place, 26, 6)
    }

    /// The same with that many bytes of slack.
    #[inline(always)]
    pub(super) const fn with_slack(self, bytes: u32) -> Self {
        Self { place: with(self.place, 26, 6, bytes), ..self }
    }

    /// The entry after it: in address order, or in the list of free entries.
    #[inline(always)]
    pub(super) const fn next(self) -> u32 {
        field(self.stamp, 0, 10)
    }

    /// The same, before another entry.
    #[inline(always)]
    pub(super) const fn with_next(self, entry: u32) -> Self {
        Self { stamp: with(self.stamp, 0, 10, entry), ..self }
    }

    /// Tells the object from others that had this entry.
    #[inline(always)]
    pub(super) const fn generation(self) -> u32 {
        field(self.stamp, 10, GENERATION_BITS)
    }

    /// Readers that hold the object.
    #[inline(always)]
    pub(super) const fn pins(self) -> u32 {
        field(self.stamp, 25, 7)
    }

    /// The same with that many readers.
    #[inline(always)]
    pub(super) const fn with_pins(self, pins: u32) -> Self {
        Self { stamp: with(self.stamp, 25, 7, pins), ..self }
    }

    /// Back-reference of an object.
    #[inline(always)]
    pub(super) const fn owner(self) -> u32 {
        self.owner
    }

    /// The hole before and the hole after this one in the list of holes.
    #[inline(always)]
    pub(super) const fn neighbours(self) -> (u32, u32) {
        (field(self.owner, 0, 10), field(self.owner, 10, 10))
    }

    /// The same between other holes.
    #[inline(always)]
    pub(super) const fn with_neighbours(self, before: u32, after: u32) -> Self {
        Self { owner: before | after << 10, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_do_not_overlap() {
        let entry = Entry::object(16383, 1022, 63, 0x5555, 0xdead_beef)
            .with_state(State::Moving)
            .with_next(513)
            .with_pins(PINS_MAX);
        assert_eq!(entry.offset(), 16383);
        assert_eq!(entry.previous(), 1022);
        assert_eq!(entry.state(), State::Moving);
        assert_eq!(entry.slack(), 63);
        assert_eq!(entry.next(), 513);
        assert_eq!(entry.generation(), 0x5555);
        assert_eq!(entry.pins(), 127);
        assert_eq!(entry.owner(), 0xdead_beef);
        let other =
            entry.with_offset(0).with_pins(0).with_state(State::Hole).with_neighbours(1, NIL);
        assert_eq!((other.previous(), other.slack(), other.generation()), (1022, 63, 0x5555));
        assert_eq!(other.neighbours(), (1, NIL));
    }

    #[test]
    fn an_entry_has_its_size() {
        assert_eq!(size_of::<Entry>(), Entry::BYTES as usize);
    }
}
