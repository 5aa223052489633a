//! What names an object, and what an object remembers of its owner.

use core::num::NonZeroU64;

/// Names one live object of one pool. Never zero and below 2^[`Handle::BITS`], so that it fits a
/// non-present page-table entry.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Handle(NonZeroU64);

impl Handle {
    /// Bits of a handle.
    pub const BITS: u32 = 47;

    /// The handle with these bits; `None` for zero and for anything of 2^47 and above.
    ///
    /// Whether it names an object is for the pool to say.
    #[must_use]
    pub const fn from_bits(bits: u64) -> Option<Self> {
        if bits >> Self::BITS != 0 {
            return None;
        }
        match NonZeroU64::new(bits) {
            Some(bits) => Some(Self(bits)),
            None => None,
        }
    }

    /// The bits.
    #[must_use]
    pub const fn bits(self) -> u64 {
        self.0.get()
    }
}

/// Back-reference from an object to whoever holds its handle, given at allocation and handed to
/// [`Owners::relocated`](crate::Owners::relocated) when the object moves. Opaque to the pool.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Owner(pub u32);

impl Owner {
    /// For objects whose holder cannot be told of a move: such an object stays where it is.
    pub const NONE: Self = Self(u32::MAX);
}
