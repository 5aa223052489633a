//! Geometry of a table walk: 48-bit virtual addresses, four levels in both granules.

use buddy::{Granule, Granule4K, Granule16K};

use crate::Error;

/// Bits of a virtual address that are translated.
pub(crate) const VIRTUAL_BITS: u32 = 48;

/// Bits of a physical address a descriptor holds (no FEAT_LPA, no FEAT_LPA2).
pub(crate) const PHYSICAL_BITS: u32 = 48;

/// The level whose entries are pages.
pub(crate) const LEAF_LEVEL: u32 = 3;

/// A granule the Arm translation tables know.
///
/// Level 0 is the root: 512 entries of 512 GiB with 4 KiB pages, 2 entries of 128 TiB with
/// 16 KiB pages. Level 3 holds pages.
pub trait TranslationGranule: Granule {
    /// The first level whose entries may be blocks: 1 (1 GiB) for 4 KiB pages, 2 (32 MiB) for
    /// 16 KiB pages.
    const FIRST_BLOCK_LEVEL: u32;
    /// TCR_EL1.TG0 of this granule.
    const TG0: u64;
    /// TCR_EL1.TG1 of this granule (encoded differently from TG0).
    const TG1: u64;
    /// Bits of the virtual address one level translates.
    const BITS_PER_LEVEL: u32 = Self::SHIFT - 3;
    /// Entries of a table.
    const ENTRIES: usize = 1 << Self::BITS_PER_LEVEL;
    /// Bytes of virtual address a leaf table covers: 2 MiB or 32 MiB.
    const LEAF_TABLE_SPAN: usize = Self::SIZE << Self::BITS_PER_LEVEL;

    /// Whether the processor has this granule.
    ///
    /// # Errors
    /// [`Error::GranuleUnsupported`] when ID_AA64MMFR0_EL1, whose value is `mmfr0`, says it has
    /// not.
    fn check(mmfr0: u64) -> Result<(), Error>;

    /// Binary logarithm of the bytes an entry of this level covers.
    #[must_use]
    fn level_shift(level: u32) -> u32 {
        Self::SHIFT + Self::BITS_PER_LEVEL * (LEAF_LEVEL - level)
    }

    /// Bytes an entry of this level covers.
    #[must_use]
    fn level_size(level: u32) -> usize {
        1 << Self::level_shift(level)
    }

    /// Index of the entry of this level that translates the address.
    #[must_use]
    fn index(address: usize, level: u32) -> usize {
        (address >> Self::level_shift(level)) & (Self::ENTRIES - 1)
    }
}

/// The four-bit field of an identification register.
const fn field(register: u64, shift: u32) -> u64 {
    (register >> shift) & 0xf
}

impl TranslationGranule for Granule4K {
    const FIRST_BLOCK_LEVEL: u32 = 1;
    const TG0: u64 = 0b00;
    const TG1: u64 = 0b10;

    fn check(mmfr0: u64) -> Result<(), Error> {
        // TGran4, bits 31:28: 0 supported, 1 supported with 52 bits, 0b1111 not supported.
        match field(mmfr0, 28) {
            0 | 1 => Ok(()),
            _ => Err(Error::GranuleUnsupported { granule: Self::NAME }),
        }
    }
}

impl TranslationGranule for Granule16K {
    const FIRST_BLOCK_LEVEL: u32 = 2;
    const TG0: u64 = 0b10;
    const TG1: u64 = 0b01;

    fn check(mmfr0: u64) -> Result<(), Error> {
        // TGran16, bits 23:20: 0 not supported, 1 supported, 2 supported with 52 bits.
        match field(mmfr0, 20) {
            1 | 2 => Ok(()),
            _ => Err(Error::GranuleUnsupported { granule: Self::NAME }),
        }
    }
}
