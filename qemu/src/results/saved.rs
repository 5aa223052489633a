//! Documents in files: of one run, or of a comparison.

use std::path::Path;

use anyhow::{Context, Result};
use report::Document;
use serde_json::Value;

use crate::status::usage;

/// Documents that belong together: those of one file.
#[derive(Clone, Debug)]
pub struct Source {
    /// What it is called beside others.
    pub label: String,
    /// Its documents; a comparison has one for each page size.
    pub documents: Vec<Document>,
    /// What makes one doubt its figures.
    pub doubts: Vec<String>,
}

/// The keys of the checksum, of what the figures can show, and of the documents.
const CHECKSUM: &str = "crc32";
const CAVEATS: &str = "caveats";
const DOCUMENTS: &str = "documents";

/// `documents` as a file: JSON with a line for each, what their figures can and cannot show, and a
/// checksum by which a later change shows.
///
/// # Errors
/// A figure that JSON cannot express (an infinity).
pub fn write(documents: &[Document]) -> Result<String> {
    let lines: Result<Vec<String>, _> = documents.iter().map(Document::to_json).collect();
    let (checksum, lines) = (checksum(documents)?, lines?.join(",\n"));
    let caveats = serde_json::to_string(&super::caveats_of(documents.iter()))?;
    Ok(format!(
        "{{\"{CHECKSUM}\":\"{checksum}\",\n\"{CAVEATS}\":{caveats},\n\"{DOCUMENTS}\":[\n{lines}\n]}}\n"
    ))
}

/// Of the documents as the kernel wrote them, so that layout and order of keys do not matter.
fn checksum(documents: &[Document]) -> Result<String> {
    let texts: Result<Vec<String>, _> = documents.iter().map(Document::to_json).collect();
    Ok(format!("{:08x}", crc32fast::hash(texts?.concat().as_bytes())))
}

impl Source {
    /// A single document.
    pub fn of(label: impl Into<String>, document: Document) -> Self {
        Self::of_all(label, vec![document])
    }

    /// Documents that belong together.
    pub fn of_all(label: impl Into<String>, documents: Vec<Document>) -> Self {
        Self::new(label.into(), documents, Vec::new())
    }

    /// The documents of a file: as `compare` or `run` wrote them, or a recorded console with the
    /// block that the kernel sends.
    ///
    /// # Errors
    /// A usage error that says what is wrong with the file.
    pub fn read(path: &Path) -> Result<Self> {
        let name = path.display();
        let bytes = std::fs::read(path).map_err(|error| usage(format!("{name}: {error}")))?;
        let text = String::from_utf8_lossy(&bytes);
        let label = path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into());
        Self::parse(label, &text)
            .with_context(|| format!("{name}: no results of zlab"))
            .map_err(|error| usage(format!("{error:#}")))
    }

    fn parse(label: String, text: &str) -> Result<Self> {
        if text.lines().any(|line| line.starts_with(report::BEGIN)) {
            return Ok(Self::of(label, report::parse_block(text)?));
        }
        let value: Value = serde_json::from_str(text)?;
        let Some(documents) = value.get(DOCUMENTS) else {
            return Ok(Self::of(label, serde_json::from_value(value)?));
        };
        let documents: Vec<Document> = serde_json::from_value(documents.clone())?;
        let noted = value.get(CHECKSUM).and_then(Value::as_str).unwrap_or("missing");
        let found = checksum(&documents)?;
        let doubt = (noted != found).then(|| {
            format!(
                "the figures were changed after they were written (checksum {noted}, now {found})"
            )
        });
        Ok(Self::new(label, documents, doubt.into_iter().collect()))
    }

    fn new(label: String, documents: Vec<Document>, mut doubts: Vec<String>) -> Self {
        doubts.extend(documents.iter().flat_map(super::doubts::of));
        Self { label, documents, doubts }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORDED: &str = include_str!("../../tests/data/compare.json");

    fn document() -> Document {
        serde_json::from_str(RECORDED).unwrap()
    }

    #[test]
    fn what_was_written_is_read_without_doubt() {
        let text = write(&[document()]).unwrap();
        let source = Source::parse("a".into(), &text).unwrap();
        assert_eq!(source.documents, [document()]);
        assert_eq!(source.doubts, [""; 0]);
        assert!(text.contains("counts of instructions, not of time"));
    }

    #[test]
    fn a_changed_file_is_doubted() {
        let text = write(&[document()]).unwrap();
        let changed = text.replacen("\"verify_errors\":0", "\"verify_errors\":5", 1);
        let source = Source::parse("a".into(), &changed).unwrap();
        assert!(source.doubts[0].contains("changed after they were written"), "{source:?}");
    }

    #[test]
    fn a_recorded_console_is_understood() {
        let mut console = String::from("zlab: info: something\n");
        document().emit(&mut console).unwrap();
        assert_eq!(Source::parse("a".into(), &console).unwrap().documents, [document()]);
        assert!(Source::parse("a".into(), &console.replacen("lz4", "lz5", 1)).is_err());
    }

    #[test]
    fn other_files_are_refused_with_a_reason() {
        for (text, reason) in [
            ("", "EOF"),
            ("{", "EOF"),
            ("{\"runs\":[]}", "missing field"),
            ("[1,2]", "invalid"),
            ("<html>", "expected value"),
        ] {
            let error = format!("{:#}", Source::parse("a".into(), text).unwrap_err());
            assert!(error.contains(reason), "{text}: {error}");
        }
        let cut = &RECORDED[..RECORDED.len() / 2];
        assert!(Source::parse("a".into(), cut).is_err());
    }
}
