//! v4 with a size equal to a slot size in that slot, and nothing else changed: the second
//! configuration for which figures of the original code exist.

use zpool::{AllocError, Granule};

use crate::classes::addresses::Addresses;
use crate::classes::policy::{Policy, V4};
use crate::classes::table::Table;

pub(super) struct Exact;

impl Policy for Exact {
    type Names<G: Granule> = Addresses<G>;
    const KEEPS_EMPTY: bool = false;
    const REJOINS_LAST: bool = true;

    fn table<G: Granule>() -> &'static Table {
        Table::v4::<G>()
    }

    fn class_for<G: Granule>(size: usize) -> Result<usize, AllocError> {
        match size {
            0 => Err(AllocError::Invalid),
            _ if size > G::SIZE => Err(AllocError::NoSpace),
            _ => Self::table::<G>().smallest_fit(size).ok_or(AllocError::NoSpace),
        }
    }

    fn list(free: usize, slots: usize) -> usize {
        V4::list(free, slots)
    }
}
