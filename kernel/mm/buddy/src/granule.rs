//! Page sizes.

/// A translation granule: the size of a page and of a page frame.
///
/// Everything in memory management is generic over it; one choice at boot picks the instance.
pub trait Granule: Copy + Send + Sync + core::fmt::Debug + 'static {
    /// Binary logarithm of the page size.
    const SHIFT: u32;
    /// Page size in bytes.
    const SIZE: usize = 1 << Self::SHIFT;
    /// The name boot options and reports use: `4k` or `16k`.
    const NAME: &'static str;
}

/// 4 KiB pages.
#[cfg(feature = "granule-4k")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Granule4K;

/// 16 KiB pages.
#[cfg(feature = "granule-16k")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Granule16K;

#[cfg(feature = "granule-4k")]
impl Granule for Granule4K {
    const SHIFT: u32 = 12;
    const NAME: &'static str = "4k";
}

#[cfg(feature = "granule-16k")]
impl Granule for Granule16K {
    const SHIFT: u32 = 14;
    const NAME: &'static str = "16k";
}
