//! How handles name objects.

use core::ptr::NonNull;

use zpool::{Env, Granule, Handle, HandleError};

use super::table::Table;

/// Where an object is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Place {
    /// First byte of the block.
    pub(super) block: NonNull<u8>,
    /// What [`Names::enroll`] called the block.
    pub(super) record: u32,
    pub(super) class: usize,
    pub(super) slot: usize,
}

/// A way to name objects, with as much checking of handles as it affords.
pub(crate) trait Names<G: Granule>: Send + Sync {
    /// Whether a read keeps its object from being freed and written.
    const PINS: bool;

    /// No names yet, for blocks of these classes.
    fn new(table: &'static Table) -> Self;

    /// Makes the slots of a new block nameable; `None` when that takes a page frame and there is
    /// none.
    fn enroll<E: Env<Granule = G>>(&self, env: &E, class: usize, block: NonNull<u8>)
    -> Option<u32>;

    /// The block of that record, without objects, is about to go back to the environment.
    fn dismiss<E: Env<Granule = G>>(&self, env: &E, class: usize, record: u32);

    /// The handle of a new object. Its place is reserved for it.
    fn issue(&self, place: Place) -> Handle;

    /// Ends a handle: nobody else gets this place from it any more.
    fn retire(&self, handle: Handle) -> Result<Place, HandleError>;

    /// The place of an object that stays until [`Names::end_read`].
    fn begin_read(&self, handle: Handle) -> Result<Place, HandleError>;

    /// The read that was begun with these bits of a handle is over.
    fn end_read(&self, handle_bits: u64);

    /// The place of an object that nobody else reads, writes or frees until [`Names::end_write`].
    fn begin_write(&self, handle: Handle) -> Result<Place, HandleError>;

    /// The write is over.
    fn end_write(&self, handle: Handle);

    /// Page frames the names take.
    fn pages(&self) -> usize;

    /// Calls `found` with every enrolled block whose class keeps no list of blocks (whole pages),
    /// then gives the frames of the names back. The pool is going away.
    fn dissolve<E: Env<Granule = G>>(&mut self, env: &E, found: impl FnMut(NonNull<u8>));
}
