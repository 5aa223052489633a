//! The trace as text and as operations.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::status::usage;

/// The first bytes of a file compressed by xz.
const XZ_MAGIC: &[u8] = b"\xFD7zXZ\0";

/// A trace whose every line is well formed.
pub(super) struct Trace {
    pub(super) operations: Vec<Operation>,
    /// The IDs of the trace. Operations name an object by its index here.
    pub(super) ids: Vec<u64>,
}

/// One line of a trace.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Operation {
    /// Number of the line, the first being 1.
    pub(super) line: u32,
    pub(super) kind: Kind,
}

/// What a line asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Allocate { object: u32, size: usize },
    Free { object: u32 },
    Query,
}

impl Trace {
    /// Reads a trace from a file.
    ///
    /// # Errors
    /// A file that cannot be read or decompressed; the first malformed line.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let what = || format!("trace {}", path.display());
        let mut bytes = fs::read(path).map_err(|error| usage(format!("{}: {error}", what())))?;
        if bytes.starts_with(XZ_MAGIC) {
            let mut text = Vec::new();
            lzma_rs::xz_decompress(&mut bytes.as_slice(), &mut text)
                .map_err(|error| usage(format!("{}: decompressing: {error:?}", what())))?;
            bytes = text;
        }
        let text = String::from_utf8(bytes)
            .map_err(|error| usage(format!("{}: not UTF-8: {error}", what())))?;
        Self::parse(&text)
    }

    /// Takes a trace apart.
    ///
    /// # Errors
    /// The first malformed line, with its number and what was expected.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let mut objects = HashMap::new();
        let mut trace = Self { operations: Vec::new(), ids: Vec::new() };
        for (index, text) in text.lines().enumerate() {
            let line = u32::try_from(index + 1).context("a trace has at most 2^32 lines")?;
            let kind = parse_line(text, &mut objects, &mut trace.ids)
                .map_err(|expected| malformed(line, text, &expected))?;
            trace.operations.extend(kind.map(|kind| Operation { line, kind }));
        }
        Ok(trace)
    }
}

/// The error for a line that is not what it should be.
fn malformed(line: u32, text: &str, expected: &str) -> anyhow::Error {
    let shown: String = text.chars().take(60).collect();
    usage(format!("trace line {line}: `{shown}`: {expected}"))
}

/// The operation of a line, if it has one, or what was expected there.
fn parse_line(
    line: &str,
    objects: &mut HashMap<u64, u32>,
    ids: &mut Vec<u64>,
) -> Result<Option<Kind>, String> {
    let mut words = line.split_ascii_whitespace();
    let Some(verb) = words.next().filter(|verb| !verb.starts_with('#')) else { return Ok(None) };
    let kind = match verb {
        "a" => {
            let id = number(words.next(), "`a ID SIZE`, ID")?;
            let size = number(words.next(), "`a ID SIZE`, SIZE")?;
            let object = match objects.entry(id) {
                Entry::Occupied(known) => *known.get(),
                Entry::Vacant(unknown) => {
                    let next = u32::try_from(ids.len()).ok().filter(|&next| next < u32::MAX);
                    ids.push(id);
                    *unknown.insert(next.ok_or("expected fewer than 2^32 - 1 IDs")?)
                }
            };
            Kind::Allocate { object, size: usize::try_from(size).unwrap_or(usize::MAX) }
        }
        "f" => {
            let id = number(words.next(), "`f ID`, ID")?;
            let object = *objects.get(&id).ok_or_else(|| never_allocated(id))?;
            Kind::Free { object }
        }
        "q" => Kind::Query,
        _ => return Err("expected `a ID SIZE`, `f ID`, `q` or a comment `# ...`".into()),
    };
    match words.next() {
        Some(word) if !word.starts_with('#') => Err(format!(
            "expected no more words than `{verb}` \
            takes, found `{word}`"
        )),
        _ => Ok(Some(kind)),
    }
}

fn number(word: Option<&str>, what: &str) -> Result<u64, String> {
    let expected = || format!("expected {what} a decimal number below 2^64");
    word.filter(|word| word.bytes().all(|byte| byte.is_ascii_digit()))
        .and_then(|word| word.parse().ok())
        .ok_or_else(expected)
}

fn never_allocated(id: u64) -> String {
    format!("expected an ID that is allocated, {id} was not allocated before")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        Trace::parse(text).err().expect("a refusal").to_string()
    }

    #[test]
    fn operations_comments_and_empty_lines() {
        let trace = Trace::parse(
            "# comment\n\na 18446744073709551615 100\r\n  q # now\nf 18446744073709551615",
        );
        let trace = trace.unwrap();
        assert_eq!(trace.ids, [u64::MAX]);
        assert_eq!(
            trace.operations,
            [
                Operation { line: 3, kind: Kind::Allocate { object: 0, size: 100 } },
                Operation { line: 4, kind: Kind::Query },
                Operation { line: 5, kind: Kind::Free { object: 0 } },
            ]
        );
    }

    #[test]
    fn malformed_lines_say_number_and_expectation() {
        for (text, line, expected) in [
            ("a 1 5\nx 1", 2, "expected `a ID SIZE`, `f ID`, `q`"),
            ("a", 1, "`a ID SIZE`, ID"),
            ("a 1", 1, "SIZE"),
            ("a 1 -5", 1, "SIZE"),
            ("a 1 +5", 1, "SIZE"),
            ("a 1 5 6", 1, "found `6`"),
            ("a 18446744073709551616 1", 1, "below 2^64"),
            ("q\n\nf 7", 3, "7 was not allocated"),
        ] {
            let refusal = refusal(text);
            assert!(refusal.contains(&format!("line {line}:")), "{refusal}");
            assert!(refusal.contains(expected), "{refusal}");
        }
    }

    #[test]
    fn compressed_traces_are_read() {
        let path = std::env::temp_dir().join(format!("zlab-trace-{}.xz", std::process::id()));
        let mut file = Vec::new();
        lzma_rs::xz_compress(&mut "a 3 5\nq\n".as_bytes(), &mut file).unwrap();
        fs::write(&path, file).unwrap();
        let trace = Trace::read(&path);
        fs::remove_file(&path).unwrap();
        assert_eq!(trace.unwrap().operations.len(), 2);
        assert!(Trace::read(&path).is_err());
    }
}
