//! A document on the wire: between `@report BEGIN LENGTH CRC32` and `@report END`.

use alloc::string::{String, ToString};
use core::fmt::Write;

use crate::{Document, ReportError};

/// First word of the line in front of a document; length and checksum follow.
pub const BEGIN: &str = "@report BEGIN";

/// The line after a document.
pub const END: &str = "@report END";

/// What the kernel's prompt begins each line with; what follows is typed.
pub const PROMPT: &str = "zlab> ";

/// What the line after a run at the prompt begins with; its verdict follows.
pub const ANSWER: &str = "zlab: info:  [0] this run: ";

/// Most characters a line of the document has.
pub const LINE_LIMIT: usize = 4000;

impl Document {
    /// The document as one line of JSON.
    ///
    /// # Errors
    /// [`ReportError::Json`] for what JSON cannot express.
    pub fn to_json(&self) -> Result<String, ReportError> {
        serde_json::to_string(self).map_err(|error| ReportError::Json(error.to_string()))
    }

    /// The document that [`Document::to_json`] wrote.
    ///
    /// # Errors
    /// [`ReportError::Json`] when `json` is no such document.
    pub fn from_json(json: &str) -> Result<Self, ReportError> {
        serde_json::from_str(json).map_err(|error| ReportError::Json(error.to_string()))
    }

    /// Writes the block: `@report BEGIN LENGTH CRC32`, the JSON in lines of at most
    /// [`LINE_LIMIT`] characters, `@report END`.
    ///
    /// LENGTH is the JSON's length in bytes, in decimal; CRC32 its CRC-32/ISO-HDLC in eight
    /// hexadecimal digits. The line breaks count for neither.
    ///
    /// # Errors
    /// [`ReportError::Write`] when `out` refuses, [`ReportError::Json`] as [`Document::to_json`].
    pub fn emit(&self, out: &mut dyn Write) -> Result<(), ReportError> {
        let json = self.to_json()?;
        writeln!(out, "{BEGIN} {} {:08x}", json.len(), crc32fast::hash(json.as_bytes()))?;
        let mut rest = json.as_str();
        while !rest.is_empty() {
            let limit = rest.char_indices().nth(LINE_LIMIT).map_or(rest.len(), |(at, _)| at);
            let (line, after) = rest.split_at(limit);
            writeln!(out, "{line}")?;
            rest = after;
        }
        writeln!(out, "{END}")?;
        Ok(())
    }
}

/// The document of the first block in `text`, checked for its length and checksum. Lines before
/// and after the block, and carriage returns at line ends, do not matter.
///
/// # Errors
/// [`ReportError::Missing`], [`ReportError::Header`], [`ReportError::Unfinished`],
/// [`ReportError::Length`], [`ReportError::Checksum`] or [`ReportError::Json`].
pub fn parse_block(text: &str) -> Result<Document, ReportError> {
    let mut lines = text.lines();
    let header = lines.find_map(|line| line.strip_prefix(BEGIN)).ok_or(ReportError::Missing)?;
    let (announced_length, announced_crc) = parse_header(header).ok_or(ReportError::Header)?;

    let mut json = String::new();
    loop {
        let line = lines.next().ok_or(ReportError::Unfinished)?;
        if line.trim_end() == END {
            break;
        }
        json.push_str(line);
    }
    if json.len() != announced_length {
        return Err(ReportError::Length { announced: announced_length, found: json.len() });
    }
    let found = crc32fast::hash(json.as_bytes());
    if found != announced_crc {
        return Err(ReportError::Checksum { announced: announced_crc, found });
    }
    Document::from_json(&json)
}

fn parse_header(words: &str) -> Option<(usize, u32)> {
    let mut words = words.split_ascii_whitespace();
    let length = words.next()?.parse().ok()?;
    let crc = words.next().filter(|word| word.len() == 8)?;
    let crc = u32::from_str_radix(crc, 16).ok()?;
    words.next().is_none().then_some((length, crc))
}
