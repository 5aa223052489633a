//! Why an operation was refused.

use core::fmt;

/// Why an operation on translation tables or entries was refused. Unless a variant says otherwise,
/// nothing that was mapped has changed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Error {
    /// The processor does not implement this granule (ID_AA64MMFR0_EL1).
    GranuleUnsupported {
        /// The granule asked for: `4k` or `16k`.
        granule: &'static str,
    },
    /// An address or a length is not a multiple of what it has to be: the page size, or for the
    /// start of an arena the span of a leaf table.
    Misaligned {
        /// The address or length in question.
        value: u64,
        /// What it has to be a multiple of, in bytes.
        alignment: u64,
    },
    /// The range is empty, reversed, or reaches beyond the 48 bits of virtual address.
    VirtualRange {
        /// First address of the range.
        start: usize,
        /// First address after it.
        end: usize,
    },
    /// The output would reach beyond the physical address size.
    PhysicalRange {
        /// The first physical address of the request.
        address: u64,
    },
    /// A mapping that is writable and executable at EL1 was asked for.
    WritableExecutable,
    /// Exactly this translation exists already.
    AlreadyMapped {
        /// The first address concerned.
        address: usize,
    },
    /// A live translation would change its output, attributes or size, or a block would have to
    /// be split: it has to be unmapped and invalidated first (Arm ARM, break-before-make).
    BreakBeforeMake {
        /// The first address concerned.
        address: usize,
    },
    /// The range overlaps an arena.
    Reserved {
        /// The first address concerned.
        address: usize,
    },
    /// Nothing is mapped there.
    NotMapped {
        /// The first address concerned.
        address: usize,
    },
    /// An arena that is to be released still holds something in an entry.
    NotEmpty {
        /// Address of the first page whose entry is not empty.
        address: usize,
    },
    /// The arena belongs to other tables.
    ForeignArena,
    /// No frame for another table. Empty tables may have been added; nothing was mapped.
    NoTableMemory,
    /// The word is none that this crate encodes: a page-table entry was overwritten.
    Corrupt {
        /// The word found.
        bits: u64,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::GranuleUnsupported { granule } => {
                write!(f, "this processor has no {granule} translation granule")
            }
            Self::Misaligned { value, alignment } => {
                write!(f, "{value:#x} is not a multiple of {alignment:#x}")
            }
            Self::VirtualRange { start, end } => {
                write!(f, "{start:#x}..{end:#x} is not a range of 48-bit virtual addresses")
            }
            Self::PhysicalRange { address } => {
                write!(f, "{address:#x} reaches beyond the physical address size")
            }
            Self::WritableExecutable => f.write_str("mapping would be writable and executable"),
            Self::AlreadyMapped { address } => write!(f, "{address:#x} is mapped already"),
            Self::BreakBeforeMake { address } => {
                write!(f, "{address:#x} has another translation that must be unmapped first")
            }
            Self::Reserved { address } => write!(f, "{address:#x} belongs to an arena"),
            Self::NotMapped { address } => write!(f, "{address:#x} is not mapped"),
            Self::NotEmpty { address } => write!(f, "arena still holds the page at {address:#x}"),
            Self::ForeignArena => f.write_str("arena belongs to other tables"),
            Self::NoTableMemory => f.write_str("no frame left for a translation table"),
            Self::Corrupt { bits } => write!(f, "page-table entry {bits:#018x} is corrupt"),
        }
    }
}

impl core::error::Error for Error {}
