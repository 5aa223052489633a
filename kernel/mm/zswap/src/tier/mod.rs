//! The second tier: where pages go that the pool refuses or that are written back from it.

mod area;
mod swap;

pub use area::{Slot, SwapArea};

/// A device that holds whole pages, each in a slot of its own, such as a disk.
///
/// Whoever reads or writes may sleep. The caller never uses one slot from two threads at once.
pub trait Tier: Sync {
    /// How many pages it holds; less than 2^32.
    fn slots(&self) -> usize;

    /// Fills `page` from a slot, numbered from zero.
    ///
    /// # Errors
    /// [`TierError`], after which the contents of `page` are unspecified.
    fn read(&self, slot: usize, page: &mut [u8]) -> Result<(), TierError>;

    /// Writes `page` to a slot, numbered from zero.
    ///
    /// # Errors
    /// [`TierError`], after which the contents of the slot are unspecified.
    fn write(&self, slot: usize, page: &[u8]) -> Result<(), TierError>;
}

/// The device failed to read or to write.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct TierError;

impl core::fmt::Display for TierError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("input/output error of the second tier")
    }
}

impl core::error::Error for TierError {}
