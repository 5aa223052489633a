//! Why a page was not stored, or not restored.

use zpool::HandleError;

/// Why a page was not stored. Nothing has changed but a counter.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Reject {
    /// The store is disabled.
    Disabled,
    /// The pool is at its limit, or was and has not shrunk to the acceptance threshold yet.
    PoolLimit,
    /// The compressor failed; an incompressible page counts as such.
    CompressFail,
    /// The compressed page is larger than the pool stores.
    CompressPoor,
    /// The pool got no page frame, or refused in another way than by size.
    AllocFail,
    /// The table of a keyed store is full.
    NoEntry,
    /// No context was lent.
    NoContext,
    /// The slice is not as long as a page of this store.
    PageSize,
}

impl core::fmt::Display for Reject {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Disabled => "store is disabled",
            Self::PoolLimit => "pool is at its limit",
            Self::CompressFail => "page does not compress",
            Self::CompressPoor => "compressed page is larger than the pool stores",
            Self::AllocFail => "pool has no memory",
            Self::NoEntry => "table of keys is full",
            Self::NoContext => "no compression context was lent",
            Self::PageSize => "slice is not as long as a page of this store",
        })
    }
}

impl core::error::Error for Reject {}

/// Why a page was not restored. The contents of the page are zero after [`LoadError::Damaged`]
/// and [`LoadError::Device`], otherwise unchanged.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum LoadError {
    /// The stored bytes do not decode to a page.
    Damaged,
    /// The pool does not know the object.
    Handle(HandleError),
    /// The second tier failed to read it.
    Device,
    /// No context was lent.
    NoContext,
    /// The slice is not as long as a page of this store.
    PageSize,
}

impl core::fmt::Display for LoadError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Damaged => f.write_str("stored page is damaged"),
            Self::Device => f.write_str("second tier failed to read the page"),
            Self::Handle(error) => write!(f, "pool refused the handle: {error}"),
            Self::NoContext => f.write_str("no compression context was lent"),
            Self::PageSize => f.write_str("slice is not as long as a page of this store"),
        }
    }
}

impl core::error::Error for LoadError {}

/// Why a page was not written back. It stays where it was.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum WriteBackError {
    /// It is no object of the pool.
    NoObject,
    /// There is no second tier, or no free slot in it.
    Full,
    /// The second tier failed to write it.
    Device,
    /// It cannot be restored.
    Load(LoadError),
}

impl core::fmt::Display for WriteBackError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::NoObject => f.write_str("page is no object of the pool"),
            Self::Full => f.write_str("second tier is full"),
            Self::Device => f.write_str("second tier failed to write the page"),
            Self::Load(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for WriteBackError {}
