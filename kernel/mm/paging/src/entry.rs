//! What the page-table entry of a pageable page says, and its 64 bits.
//!
//! | bits | present | not present |
//! |---|---|---|
//! | 0 | 1 | 0: hardware faults and ignores the rest |
//! | 2:1 | descriptor | state: 0 control, 1 object, 2 repeated word, 3 swapped |
//! | 16:3 | descriptor | length - 1 of an object; kind of a control entry; otherwise payload or 0 |
//! | 63:17 | descriptor | handle or slot |

use crate::{Attributes, Error, PhysicalAddress};

const VALID: u64 = 1 << 0;
/// Bits 1:0 of a page at level 3.
const PAGE: u64 = 0b11;
const FRAME: u64 = 0x0000_ffff_ffff_f000;

const STATE_SHIFT: u32 = 1;
const STATE_MASK: u64 = 0b11;
const STATE_CONTROL: u64 = 0;
const STATE_OBJECT: u64 = 1;
const STATE_SAME: u64 = 2;
const STATE_SWAPPED: u64 = 3;

const FIELD_SHIFT: u32 = 3;
const FIELD_BITS: u32 = 14;
const FIELD_MASK: u64 = (1 << FIELD_BITS) - 1;
const REFERENCE_SHIFT: u32 = FIELD_SHIFT + FIELD_BITS;

/// Kinds of a control entry, in the place of a length. An empty entry is all zeros.
const KIND_EMPTY: u64 = 0;
const KIND_BUSY: u64 = 1;
const KIND_SAME_OBJECT: u64 = 2;

/// The state of a page, decoded from its page-table entry.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Entry {
    /// Mapped. Hardware may set [`Attributes::ACCESSED`] at any time.
    Present(Page),
    /// Never touched, or discarded: reads as zeros. The word is zero.
    Empty,
    /// Someone works on it, and exactly one: whoever holds the [`Claim`](crate::Claim).
    Busy,
    /// Compressed.
    Object {
        /// Names the object in the pool.
        handle: Reference,
        /// Its bytes.
        length: Length,
    },
    /// One word over and over.
    Same(RepeatedWord),
    /// One word over and over that has no room here; an object of eight bytes holds it.
    SameObject {
        /// Names the object in the pool.
        handle: Reference,
    },
    /// In the second tier.
    Swapped {
        /// Where in the second tier.
        slot: Reference,
    },
}

impl Entry {
    /// The page-table entry.
    #[must_use]
    pub const fn bits(self) -> u64 {
        match self {
            Self::Present(page) => page.bits(),
            Self::Empty => absent(STATE_CONTROL, KIND_EMPTY, 0),
            Self::Busy => absent(STATE_CONTROL, KIND_BUSY, 0),
            Self::Object { handle, length } => absent(STATE_OBJECT, length.field(), handle.0),
            Self::Same(word) => (word.payload() << FIELD_SHIFT) | (STATE_SAME << STATE_SHIFT),
            Self::SameObject { handle } => absent(STATE_CONTROL, KIND_SAME_OBJECT, handle.0),
            Self::Swapped { slot } => absent(STATE_SWAPPED, 0, slot.0),
        }
    }

    /// What a page-table entry says.
    ///
    /// # Errors
    /// [`Error::Corrupt`] for a word that is the encoding of nothing.
    pub const fn from_bits(bits: u64) -> Result<Self, Error> {
        let corrupt = Err(Error::Corrupt { bits });
        if bits & VALID != 0 {
            return match Page::from_bits(bits) {
                Some(page) => Ok(Self::Present(page)),
                None => corrupt,
            };
        }
        let field = (bits >> FIELD_SHIFT) & FIELD_MASK;
        let reference = Reference::new(bits >> REFERENCE_SHIFT);
        // A reference of zero is legal only where there is none.
        let state = (bits >> STATE_SHIFT) & STATE_MASK;
        let entry = match (state, field, reference) {
            (STATE_CONTROL, KIND_EMPTY, None) => Self::Empty,
            (STATE_CONTROL, KIND_BUSY, None) => Self::Busy,
            (STATE_CONTROL, KIND_SAME_OBJECT, Some(handle)) => Self::SameObject { handle },
            (STATE_OBJECT, field, Some(handle)) => {
                Self::Object { handle, length: Length(field as u16) }
            }
            (STATE_SAME, ..) => match RepeatedWord::from_payload(bits >> FIELD_SHIFT) {
                Some(word) => Self::Same(word),
                None => return corrupt,
            },
            (STATE_SWAPPED, 0, Some(slot)) => Self::Swapped { slot },
            _ => return corrupt,
        };
        Ok(entry)
    }

    /// The entry of a compressed page; `None` when handle or length are out of range.
    #[must_use]
    pub const fn object(handle: u64, length: usize) -> Option<Self> {
        match (Reference::new(handle), Length::new(length)) {
            (Some(handle), Some(length)) => Some(Self::Object { handle, length }),
            _ => None,
        }
    }
}

/// The word of an entry that is not present.
const fn absent(state: u64, field: u64, reference: u64) -> u64 {
    (reference << REFERENCE_SHIFT) | (field << FIELD_SHIFT) | (state << STATE_SHIFT)
}

/// A mapped page: its frame and what may be done with it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Page {
    frame: PhysicalAddress,
    attributes: Attributes,
}

impl Page {
    /// A page in this frame; `None` unless its address is a multiple of 4 KiB and below 2^48.
    #[must_use]
    pub const fn new(frame: PhysicalAddress, attributes: Attributes) -> Option<Self> {
        if frame.0 & !FRAME == 0 { Some(Self { frame, attributes }) } else { None }
    }

    /// Its frame.
    #[must_use]
    pub const fn frame(self) -> PhysicalAddress {
        self.frame
    }

    /// What may be done with it.
    #[must_use]
    pub const fn attributes(self) -> Attributes {
        self.attributes
    }

    /// Whether it was used since the Access flag was last cleared.
    #[must_use]
    pub const fn accessed(self) -> bool {
        self.attributes.contains(Attributes::ACCESSED)
    }

    /// The same page with the Access flag set or clear.
    #[must_use]
    pub const fn with_accessed(self, accessed: bool) -> Self {
        let others = self.attributes.difference(Attributes::ACCESSED);
        let flag = if accessed { Attributes::ACCESSED } else { Attributes::empty() };
        Self { frame: self.frame, attributes: others.union(flag) }
    }

    const fn bits(self) -> u64 {
        self.frame.0 | self.attributes.bits() | PAGE
    }

    const fn from_bits(bits: u64) -> Option<Self> {
        match Attributes::from_bits(bits & !FRAME & !PAGE) {
            Some(attributes) if bits & PAGE == PAGE => {
                Some(Self { frame: PhysicalAddress(bits & FRAME), attributes })
            }
            _ => None,
        }
    }
}

/// Names an object of the pool or a place of the second tier: not zero, below 2^47.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Reference(u64);

impl Reference {
    /// Bits of a reference.
    pub const BITS: u32 = 47;

    /// The reference with these bits; `None` for zero and for 2^47 and above.
    #[must_use]
    pub const fn new(bits: u64) -> Option<Self> {
        if bits != 0 && bits >> Self::BITS == 0 { Some(Self(bits)) } else { None }
    }

    /// The bits.
    #[must_use]
    pub const fn bits(self) -> u64 {
        self.0
    }
}

/// Length of a compressed page: 1 to 16384 bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Length(u16);

impl Length {
    /// The longest, in bytes: a page of 16 KiB.
    pub const MAX: usize = 1 << FIELD_BITS;

    /// That many bytes; `None` for zero and for more than [`Length::MAX`].
    #[must_use]
    pub const fn new(bytes: usize) -> Option<Self> {
        if bytes >= 1 && bytes <= Self::MAX { Some(Self((bytes - 1) as u16)) } else { None }
    }

    /// The bytes.
    #[must_use]
    pub const fn bytes(self) -> usize {
        self.0 as usize + 1
    }

    const fn field(self) -> u64 {
        self.0 as u64
    }
}

/// A 64-bit word that fits an entry: a number of 60 bits with its sign, or two equal halves (which
/// is what filling memory with one byte leaves).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct RepeatedWord(u64);

impl RepeatedWord {
    /// Bits of a number, sign included.
    const NUMBER_BITS: u32 = 60;
    /// Bit 0 of the payload: halves instead of a number.
    const HALVES: u64 = 1;

    /// The word; `None` when it does not fit.
    #[must_use]
    pub const fn new(word: u64) -> Option<Self> {
        if Self::is_number(word) || word >> 32 == word & 0xffff_ffff {
            Some(Self(word))
        } else {
            None
        }
    }

    /// The word.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    const fn is_number(word: u64) -> bool {
        Self::sign_extend(word) == word
    }

    const fn sign_extend(word: u64) -> u64 {
        let unused = u64::BITS - Self::NUMBER_BITS;
        (((word << unused) as i64) >> unused) as u64
    }

    /// 61 bits: the number or one half, above the bit that tells which.
    const fn payload(self) -> u64 {
        if Self::is_number(self.0) {
            (self.0 & ((1 << Self::NUMBER_BITS) - 1)) << 1
        } else {
            ((self.0 & 0xffff_ffff) << 1) | Self::HALVES
        }
    }

    /// The word of a payload; `None` unless it is the payload of that word.
    const fn from_payload(payload: u64) -> Option<Self> {
        let value = payload >> 1;
        if payload & Self::HALVES == 0 {
            return Some(Self(Self::sign_extend(value)));
        }
        if value >> 32 != 0 {
            return None;
        }
        let word = (value << 32) | value;
        if Self::is_number(word) { None } else { Some(Self(word)) }
    }
}
