//! Why a result block could not be read.

use alloc::string::String;
use core::fmt;

/// Why a document could not be written or a result block not be read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ReportError {
    /// The text has no `@report BEGIN` line.
    Missing,
    /// The `@report BEGIN` line does not carry a length and a checksum.
    Header,
    /// There is no `@report END` line after the beginning.
    Unfinished,
    /// The document is longer or shorter than announced.
    Length {
        /// Bytes announced.
        announced: usize,
        /// Bytes found.
        found: usize,
    },
    /// The document's CRC-32 is not the one announced.
    Checksum {
        /// CRC-32 announced.
        announced: u32,
        /// CRC-32 of what was found.
        found: u32,
    },
    /// The document is intact but not what this version understands.
    Json(String),
    /// Whatever the block was written to refused it.
    Write,
}

impl fmt::Display for ReportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("there is no result document (no `@report BEGIN` line)"),
            Self::Header => {
                f.write_str("the `@report BEGIN` line is damaged: it carries a length and a CRC-32")
            }
            Self::Unfinished => {
                f.write_str("the result document ends early (no `@report END` line)")
            }
            Self::Length { announced, found } => write!(
                f,
                "the result document is damaged: {announced} bytes announced, {found} found"
            ),
            Self::Checksum { announced, found } => write!(
                f,
                "the result document is damaged: CRC-32 {announced:08x} announced, {found:08x} found"
            ),
            Self::Json(message) => write!(f, "the result document is not understood: {message}"),
            Self::Write => f.write_str("the result document could not be written"),
        }
    }
}

impl core::error::Error for ReportError {}

impl From<fmt::Error> for ReportError {
    fn from(_: fmt::Error) -> Self {
        Self::Write
    }
}
