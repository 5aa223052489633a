//! What a handle says: which block, which entry of its directory, which generation.

use zpool::Handle;

use super::entry::INDEX_BITS;
use super::stamp::GENERATION_BITS;

/// Bits that number a block. With the 10 of an entry they leave 15 for the generation.
pub(super) const NUMBER_BITS: u32 = Handle::BITS - INDEX_BITS - GENERATION_BITS;

/// A handle taken apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Name {
    /// Number of the block; never zero, so that no handle is.
    pub(super) number: u32,
    /// Entry in the block's directory; zero for an object in a page of its own.
    pub(super) index: u32,
    pub(super) generation: u32,
}

impl Name {
    /// Takes a handle apart.
    #[inline]
    pub(super) const fn of(handle: Handle) -> Self {
        let bits = handle.bits();
        Self {
            number: (bits >> INDEX_BITS) as u32 & ((1 << NUMBER_BITS) - 1),
            index: bits as u32 & ((1 << INDEX_BITS) - 1),
            generation: (bits >> (INDEX_BITS + NUMBER_BITS)) as u32,
        }
    }

    /// The handle.
    #[inline(always)]
    pub(super) const fn handle(self) -> Handle {
        let bits = (self.generation as u64) << (INDEX_BITS + NUMBER_BITS)
            | (self.number as u64) << INDEX_BITS
            | self.index as u64;
        match Handle::from_bits(bits) {
            Some(handle) => handle,
            None => panic!("block numbers begin with one, and generations have 15 bits"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_says_what_was_put_in() {
        for (number, index, generation) in
            [(1, 0, 0), ((1 << NUMBER_BITS) - 1, 1022, (1 << GENERATION_BITS) - 1), (77, 5, 4096)]
        {
            let name = Name { number, index, generation };
            assert_eq!(Name::of(name.handle()), name);
        }
    }
}
