use report::{Distribution, Document};

use super::*;
use crate::compare::traces;

/// A short comparison that was recorded: two allocators, lz4, 4K.
const RECORDED: &str = include_str!("../../tests/data/compare.json");

fn recorded() -> Document {
    serde_json::from_str(RECORDED).unwrap()
}

fn page_with(change: impl FnOnce(&mut Document)) -> String {
    let mut document = recorded();
    change(&mut document);
    page_of(&document).unwrap()
}

#[test]
fn the_page_needs_nothing_else() {
    let page = page_of(&recorded()).unwrap();
    assert!(page.starts_with("<!DOCTYPE html>"));
    for foreign in ["<script", "http://", "https://", "src=", "@import", "url("] {
        let found = page.replace("http://www.w3.org/2000/svg", "");
        assert!(!found.contains(foreign), "{foreign}");
    }
    assert!(page.contains("prefers-color-scheme: dark"));
    assert!(!page.contains("#F10"), "a colour that no theme has");
    // Each plot is there in two widths.
    assert_eq!(page.matches("class=\"wide\"").count(), page.matches("class=\"narrow\"").count());
    assert!(page.matches("class=\"wide\"").count() >= 8);
    assert!(page.contains("counts of instructions, not of time"));
}

#[test]
fn a_figure_that_was_changed_shows() {
    let before = page_of(&recorded()).unwrap();
    let after = page_with(|document| {
        let comparison = document.comparison.as_mut().unwrap();
        comparison.contestants[0].balance.verify_errors = 77;
    });
    assert!(!before.contains(">77<") && after.contains(">77"), "the table has it");
}

#[test]
fn samples_that_do_not_add_up_are_doubted() {
    let page = page_with(|document| {
        let comparison = document.comparison.as_mut().unwrap();
        let alloc: &mut Distribution = &mut comparison.contestants[1].operations[0];
        alloc.buckets.last_mut().unwrap().2 += 1;
    });
    assert!(page.contains("Do not trust this"));
    assert!(!page_of(&recorded()).unwrap().contains("Do not trust this"));
}

#[test]
fn two_sources_show_their_difference() {
    let mut other = recorded();
    for point in &mut other.comparison.as_mut().unwrap().contestants[0].pools[0].points {
        point.pool_pages *= 2;
    }
    let sources = [Source::of("before", recorded()), Source::of("after", other)];
    let page = page(&sources).unwrap();
    assert!(page.contains("before") && page.contains("after"));
    assert!(page.contains(" %</small>"), "differences stand beside the figures");
}

#[test]
fn names_from_a_document_are_text() {
    let page = page_with(|document| document.settings.command = "<b>\"&".into());
    assert!(page.contains("&lt;b&gt;&quot;&amp;") && !page.contains("<b>\"&"));
}

#[test]
fn courses_are_given_back_as_traces() {
    let traces = traces(&recorded());
    assert_eq!(traces.len(), 2);
    let (name, trace) = &traces[0];
    assert_eq!(name, "lz4-large.4k.txt");
    assert_eq!(trace.lines().filter(|line| *line == "q").count(), 30);
}
