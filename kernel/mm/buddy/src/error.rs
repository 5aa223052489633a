//! Why the allocator refused.

use crate::{MAX_ORDER, MAX_RANGES};

/// Why an operation was refused. Nothing has changed in the allocator.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// More RAM ranges than the allocator keeps apart.
    #[error("{0} RAM ranges given, at most {MAX_RANGES} are supported")]
    TooManyRanges(usize),
    /// A RAM range that begins below the end of the one before it, or ends before it begins.
    #[error("RAM range {0} overlaps the one before it or is not in ascending order")]
    UnorderedRanges(usize),
    /// More frames than links in the frame array can number.
    #[error("{0} page frames given, at most 268435455 are supported")]
    TooManyFrames(u64),
    /// The frame array lent is shorter than [`Buddy::metadata_entries`] says.
    ///
    /// [`Buddy::metadata_entries`]: crate::Buddy::metadata_entries
    #[error("frame array has {given} entries, {needed} are needed")]
    FrameArrayTooShort {
        /// Entries that the RAM ranges need.
        needed: usize,
        /// Entries lent.
        given: usize,
    },
    /// An order above [`MAX_ORDER`].
    #[error("order {0} exceeds the largest, {MAX_ORDER}")]
    OrderTooLarge(u32),
    /// No free block of this order or a larger one.
    #[error("no free block of order {0} or larger")]
    OutOfMemory(u32),
    /// The address is not a multiple of the page size.
    #[error("address {0:#x} is not on a page boundary")]
    Unaligned(u64),
    /// The address is in none of the allocator's RAM ranges.
    #[error("address {0:#x} is not in the RAM that is managed here")]
    Foreign(u64),
    /// The frame is in a reserved hole and was never handed out.
    #[error("frame {0:#x} is reserved and was never handed out")]
    Reserved(u64),
    /// The frame is free already.
    #[error("frame {0:#x} is free already")]
    DoubleFree(u64),
    /// The block was handed out with another order.
    #[error("block {address:#x} has order {allocated}, not {given}")]
    WrongOrder {
        /// Address of the block.
        address: u64,
        /// Order it was handed out with.
        allocated: u32,
        /// Order it was to be freed with.
        given: u32,
    },
    /// The frame is inside a block that was handed out, not its first.
    #[error("frame {address:#x} is inside the block at {block:#x}; only whole blocks are freed")]
    InsideBlock {
        /// Address of the frame.
        address: u64,
        /// Address of the block that it is part of.
        block: u64,
    },
}
