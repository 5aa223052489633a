//! Compressors, and how one is found by name.

use alloc::boxed::Box;

use crate::{lz4, none};

/// A codec together with its scratch memory: one for each context, none of it shared.
///
/// Neither operation allocates, and neither takes more than a few hundred bytes of stack.
pub trait Compressor: Send {
    /// Compresses `page` to the front of `out`, which is two pages long, and says how many bytes
    /// that takes: 1 to the length of a page. What `out` holds beyond is unspecified.
    ///
    /// # Errors
    /// [`CompressError::TooLong`] when it would take more than a page, [`CompressError::Failed`]
    /// for anything else.
    fn compress(&mut self, page: &[u8], out: &mut [u8]) -> Result<usize, CompressError>;

    /// Restores a page from `bytes`, all of it or nothing: Ok means that every byte of `page` was
    /// written from `bytes`. After an error the contents of `page` are unspecified.
    ///
    /// # Errors
    /// [`DecompressError::Damaged`] when `bytes` are not what `compress` made,
    /// [`DecompressError::Length`] when they decode to another length than that of `page`.
    fn decompress(&mut self, bytes: &[u8], page: &mut [u8]) -> Result<(), DecompressError>;
}

/// Why a page was not compressed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum CompressError {
    /// The result is longer than a page.
    TooLong,
    /// The compressor failed in another way.
    Failed,
}

impl core::fmt::Display for CompressError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::TooLong => "compressed page is longer than a page",
            Self::Failed => "compressor failed",
        })
    }
}

impl core::error::Error for CompressError {}

/// Why bytes were not restored to a page.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum DecompressError {
    /// The bytes are not the compressor's format.
    Damaged,
    /// The bytes decode to something that is not as long as a page.
    Length,
}

impl core::fmt::Display for DecompressError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Damaged => "compressed bytes are damaged",
            Self::Length => "compressed bytes decode to another length than a page",
        })
    }
}

impl core::error::Error for DecompressError {}

/// A compressor that can be chosen by name.
#[derive(Clone, Copy, Debug)]
pub struct Algorithm {
    /// The name options and results use, such as `lz4`.
    pub name: &'static str,
    /// One line for people.
    pub about: &'static str,
    /// Bytes of scratch that one compressor for pages of this many bytes takes from the heap.
    pub scratch_bytes: fn(page_size: usize) -> usize,
    /// Makes a compressor for pages of this many bytes.
    pub create: fn(page_size: usize) -> Box<dyn Compressor>,
}

/// Every compressor of this build.
pub const COMPRESSORS: &[Algorithm] = &[lz4::ALGORITHM, none::ALGORITHM];

/// The compressor of that name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Algorithm> {
    COMPRESSORS.iter().find(|algorithm| algorithm.name == name)
}
