//! Descriptors of tables and blocks (Arm ARM DDI 0487, D8.3.1).

use crate::granule::LEAF_LEVEL;
use crate::{Attributes, PhysicalAddress};

/// Bit 0: the entry translates or leads on.
pub(crate) const VALID: u64 = 1 << 0;

/// Bit 1: a table at levels 0 to 2, a page at level 3. Clear, a valid entry is a block.
pub(crate) const TABLE_OR_PAGE: u64 = 1 << 1;

/// Bit 55 of a table descriptor, which hardware ignores: the table is the leaf table of an arena.
pub(crate) const ARENA: u64 = 1 << 55;

/// Bits 47:12: the output address. A 16 KiB page has bits 13:12 clear by its alignment.
pub(crate) const ADDRESS: u64 = 0x0000_ffff_ffff_f000;

/// What an entry of a table says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Descriptor {
    /// Hardware faults here. At level 3 of an arena the word has a meaning of its own.
    Invalid,
    /// The walk goes on in this table.
    Table { table: PhysicalAddress, arena: bool },
    /// A block or page.
    Leaf { output: PhysicalAddress, attributes: Attributes },
}

impl Descriptor {
    /// What the word means at this level.
    pub(crate) const fn decode(bits: u64, level: u32) -> Self {
        let address = PhysicalAddress(bits & ADDRESS);
        if bits & VALID == 0 {
            Self::Invalid
        } else if bits & TABLE_OR_PAGE != 0 && level < LEAF_LEVEL {
            Self::Table { table: address, arena: bits & ARENA != 0 }
        } else {
            Self::Leaf { output: address, attributes: Attributes::from_bits_truncate(bits) }
        }
    }

    /// The word at this level.
    pub(crate) const fn encode(self, level: u32) -> u64 {
        match self {
            Self::Invalid => 0,
            Self::Table { table, arena } => {
                table.0 | VALID | TABLE_OR_PAGE | if arena { ARENA } else { 0 }
            }
            Self::Leaf { output, attributes } => {
                let kind = if level == LEAF_LEVEL { TABLE_OR_PAGE } else { 0 };
                output.0 | attributes.bits() | VALID | kind
            }
        }
    }
}
