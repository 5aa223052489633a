//! What tells the configurations apart: v4 as posted, and v4 mended.

use zpool::{AllocError, Granule};

use super::addresses::Addresses;
use super::directory::Directory;
use super::names::Names;
use super::shelf::FULL;
use super::table::Table;

/// A configuration: its table, its names of objects, and its choices where blocks compete.
pub(crate) trait Policy: Send + Sync + 'static {
    /// How handles name objects.
    type Names<G: Granule>: Names<G>;

    /// Whether a class keeps one empty block for later, and a new block that turns out not to be
    /// needed, because objects were freed while the page allocator worked, is such a block.
    const KEEPS_EMPTY: bool;

    /// Whether a block that regained a free slot queues behind the others of its list.
    const REJOINS_LAST: bool;

    /// The classes.
    fn table<G: Granule>() -> &'static Table;

    /// The class for objects of `size` bytes.
    fn class_for<G: Granule>(size: usize) -> Result<usize, AllocError>;

    /// The list of a block with `free` of `slots` slots free. Allocation takes from the first
    /// list that is not empty, and never from [`FULL`].
    fn list(free: usize, slots: usize) -> usize;
}

/// zblock as posted on 12 April 2025.
pub(crate) struct V4;

impl Policy for V4 {
    type Names<G: Granule> = Addresses<G>;
    const KEEPS_EMPTY: bool = false;
    const REJOINS_LAST: bool = true;

    fn table<G: Granule>() -> &'static Table {
        Table::v4::<G>()
    }

    fn class_for<G: Granule>(size: usize) -> Result<usize, AllocError> {
        // The range check lets exactly a page pass, the search then finds no interval for it.
        if size == 0 || size == G::SIZE {
            return Err(AllocError::Invalid);
        }
        Self::table::<G>().first_larger(size).ok_or(AllocError::NoSpace)
    }

    fn list(free: usize, _: usize) -> usize {
        if free == 0 { FULL } else { 0 }
    }
}

/// v4's layout without v4's defects.
pub(crate) struct Fixed;

impl Policy for Fixed {
    type Names<G: Granule> = Directory<G>;
    const KEEPS_EMPTY: bool = true;
    const REJOINS_LAST: bool = false;

    fn table<G: Granule>() -> &'static Table {
        Table::fixed::<G>()
    }

    fn class_for<G: Granule>(size: usize) -> Result<usize, AllocError> {
        match size {
            0 => Err(AllocError::Invalid),
            _ if size > G::SIZE => Err(AllocError::NoSpace),
            _ => Self::table::<G>().smallest_fit(size).ok_or(AllocError::NoSpace),
        }
    }

    /// Fullest first: one list for each eighth of a block.
    fn list(free: usize, slots: usize) -> usize {
        if free == 0 { FULL } else { (free - 1) * FULL / slots }
    }
}
