//! Compressors, and how one is found by name.

use alloc::boxed::Box;

#[cfg(feature = "deflate")]
mod deflate;
mod lz4;
#[cfg(feature = "lz4rip")]
mod lz4rip;
mod none;
#[cfg(feature = "zstd")]
mod zstd;

/// A codec together with its scratch memory: one for each context, none of it shared.
///
/// What an operation allocates, if anything, it gives back before it ends.
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

    /// Bytes of the heap that it holds between operations.
    fn scratch_bytes(&self) -> usize;
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
    /// Its levels, if it has any.
    pub levels: Option<Levels>,
    /// Makes a compressor for pages of this many bytes; level zero for one without levels.
    pub create: fn(page_size: usize, level: i32) -> Box<dyn Compressor>,
}

impl Algorithm {
    /// This compressor at the level that is taken when none is said.
    #[must_use]
    pub fn at_default_level(&'static self) -> Choice {
        Choice { algorithm: self, level: self.levels.map_or(0, |levels| levels.default) }
    }
}

/// Which levels a compressor has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Levels {
    /// The fastest.
    pub least: i32,
    /// Taken when none is said.
    pub default: i32,
    /// The strongest.
    pub most: i32,
}

/// Every compressor of this build.
pub const COMPRESSORS: &[Algorithm] = &[
    lz4::ALGORITHM,
    #[cfg(feature = "lz4rip")]
    lz4rip::ALGORITHM,
    #[cfg(feature = "zstd")]
    zstd::ALGORITHM,
    #[cfg(feature = "deflate")]
    deflate::ALGORITHM,
    none::ALGORITHM,
];

/// Names of compressors that are built in by a cargo feature of the same name.
pub const OPTIONAL: &[&str] = &["zstd", "deflate", "lz4rip"];

/// What can be asked for, in any build.
pub const ACCEPTED: &str =
    "lz4, none, and if built with them zstd[:LEVEL], deflate[:LEVEL], lz4rip";

/// The compressor of that name, if this build has it.
#[must_use]
pub fn find(name: &str) -> Option<&'static Algorithm> {
    COMPRESSORS.iter().find(|algorithm| algorithm.name == name)
}

/// A compressor and its level.
#[derive(Clone, Copy, Debug)]
pub struct Choice {
    /// The compressor.
    pub algorithm: &'static Algorithm,
    /// Its level; zero without levels.
    pub level: i32,
}

impl Choice {
    /// Understands `NAME` and `NAME:LEVEL`.
    ///
    /// # Errors
    /// Why there is no such compressor.
    pub fn parse(text: &str) -> Result<Self, ChoiceError> {
        let (name, level) = match text.split_once(':') {
            Some((name, level)) => (name, Some(level)),
            None => (text, None),
        };
        let algorithm = find(name).ok_or(match OPTIONAL.contains(&name) {
            true => ChoiceError::NotBuilt,
            false => ChoiceError::Unknown,
        })?;
        let level = match (algorithm.levels, level) {
            (None, None) => 0,
            (None, Some(_)) => return Err(ChoiceError::NoLevels),
            (Some(levels), None) => levels.default,
            (Some(levels), Some(level)) => level
                .parse()
                .ok()
                .filter(|level| (levels.least..=levels.most).contains(level))
                .ok_or(ChoiceError::Level(levels))?,
        };
        Ok(Self { algorithm, level })
    }
}

/// Why a compressor cannot be chosen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ChoiceError {
    /// Nothing has that name.
    Unknown,
    /// This build does not have it, others do ([`OPTIONAL`]).
    NotBuilt,
    /// It has no levels.
    NoLevels,
    /// It does not have that level.
    Level(Levels),
}

impl core::fmt::Display for ChoiceError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Unknown => f.write_str("no such compressor"),
            Self::NotBuilt => f.write_str("this build does not have it"),
            Self::NoLevels => f.write_str("it has no levels"),
            Self::Level(Levels { least, most, .. }) => {
                write!(f, "its levels are {least} to {most}")
            }
        }
    }
}

impl core::error::Error for ChoiceError {}
