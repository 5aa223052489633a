//! Documents survive the wire, and damage on it is noticed.

mod common;

use proptest::prelude::*;
use report::{BEGIN, Document, END, LINE_LIMIT, ReportError, Status, Verdict, parse_block};

fn block(document: &Document) -> String {
    let mut text = String::new();
    document.emit(&mut text).unwrap();
    text
}

#[test]
fn a_document_comes_back_from_between_other_lines() {
    let document = common::document();
    let text = format!("noise\n{}more noise\n", block(&document));
    assert_eq!(parse_block(&text).unwrap(), document);
    assert_eq!(parse_block(&text.replace('\n', "\r\n")).unwrap(), document);
}

#[test]
fn long_documents_are_broken_into_lines() {
    let mut document = common::document();
    document.settings.command = "ä".repeat(3 * LINE_LIMIT);
    let text = block(&document);
    assert!(text.lines().count() > 5);
    assert!(text.lines().all(|line| line.chars().count() <= LINE_LIMIT));
    assert_eq!(parse_block(&text).unwrap(), document);
}

#[test]
fn what_is_missing_is_named() {
    let text = block(&common::document());
    assert_eq!(parse_block("nothing"), Err(ReportError::Missing));
    let cut = text.replace(END, "");
    assert_eq!(parse_block(&cut), Err(ReportError::Unfinished));
    for header in ["", " 12", " 12 xyz", " x 00000000", " 12 00000000 1"] {
        let text = format!("{BEGIN}{header}\n{END}\n");
        assert_eq!(parse_block(&text), Err(ReportError::Header), "{header}");
    }
    let short = text.replacen("\"vm\"", "\"v\"", 1);
    assert!(matches!(parse_block(&short), Err(ReportError::Length { .. })));
    let text = format!("{BEGIN} 2 {:08x}\n{{}}\n{END}\n", crc32fast::hash(b"{}"));
    assert!(matches!(parse_block(&text), Err(ReportError::Json(_))));
}

proptest! {
    #[test]
    fn a_changed_byte_is_noticed(place in any::<prop::sample::Index>(), change in 1_u8..=255) {
        let document = common::document();
        let json = document.to_json().unwrap();
        let mut text = block(&document);
        let start = text.find('\n').unwrap() + 1;
        let at = start + place.index(json.len());
        let mut bytes = std::mem::take(&mut text).into_bytes();
        bytes[at] ^= change;
        let damaged = String::from_utf8_lossy(&bytes);
        prop_assert!(parse_block(&damaged).is_err());
    }

    #[test]
    fn any_text_is_read_without_panic(text in ".*") {
        let _ = parse_block(&text);
        let _ = parse_block(&format!("{BEGIN} {text}\n{text}\n{END}"));
    }
}

#[test]
fn runs_of_a_job_sum_up() {
    let first = common::document();
    let second = Document { elapsed_ns: 5, verdict: Verdict::of(Status::NoData), ..first.clone() };
    assert_eq!(Document::of_runs(vec![]), None);
    assert_eq!(Document::of_runs(vec![first.clone()]), Some(first.clone()));
    let third = Document { verdict: Verdict::of(Status::Failed), ..first.clone() };
    let runs = vec![first.clone(), second, third];
    let whole = Document::of_runs(runs.clone()).unwrap();
    assert_eq!(whole.verdict.status, Status::Failed);
    assert_eq!(whole.elapsed_ns, 2 * first.elapsed_ns + 5);
    assert_eq!(whole.stressors.len(), 3 * first.stressors.len());
    assert_eq!(whole.runs, runs);
    let back = Document::from_json(&whole.to_json().unwrap()).unwrap();
    assert_eq!(back, whole);
}
