//! Comparisons: the same digits every time and on the host, and pages from saved ones.

use std::ffi::OsString;
use std::path::PathBuf;

use report::{Comparison, Document, Step};
use zlab::replay::{Args, Held, PageSize, held};

use crate::machine::{TemporaryFile, prepare_qemu, turn};

/// Two allocators of the same pages with one compressor, by a short sequence: some seconds, after an
/// image with the comparison was built.
const SHORT: &str = "compare --quick --granule 4k --zpool zblock,zsmalloc --compressor lz4 \
                     --host-timeout 600";

fn launch(arguments: &str) -> u8 {
    prepare_qemu();
    let _turn = turn();
    zlab::cli::main(arguments.split_ascii_whitespace().map(OsString::from))
}

fn read(file: &TemporaryFile) -> String {
    std::fs::read_to_string(file.path()).expect("it was written")
}

/// The page that `report` makes of files.
fn page(files: &[&TemporaryFile]) -> String {
    let html = TemporaryFile::new("page.html", &[]);
    let paths: Vec<String> = files.iter().map(|file| file.path().display().to_string()).collect();
    assert_eq!(launch(&format!("report {} --html {}", paths.join(" "), html.path().display())), 0);
    read(&html)
}

#[test]
fn two_comparisons_are_identical_and_make_a_page() {
    let files = ["one.json", "other.json"].map(|name| TemporaryFile::new(name, &[]));
    let markdown = TemporaryFile::new("tables.md", &[]);
    let traces = std::env::temp_dir().join(format!("zlab-{}-traces", std::process::id()));
    for file in &files {
        let path = file.path().display();
        let others =
            format!("--markdown {} --traces {}", markdown.path().display(), traces.display());
        assert_eq!(launch(&format!("{SHORT} --json {path} {others}")), 0);
    }
    assert_eq!(read(&files[0]), read(&files[1]));
    let tables = read(&markdown);
    for expected in ["zsmalloc +compact", "Instructions per major fault", "counts of instructions"]
    {
        assert!(tables.contains(expected), "{expected}");
    }

    let saved: serde_json::Value = serde_json::from_str(&read(&files[0])).expect("it is JSON");
    let document: Document =
        serde_json::from_value(saved["documents"][0].clone()).expect("it is a document");
    let comparison = document.comparison.expect("it compares");
    for contestant in comparison.contestants.iter().filter(|one| !one.compacted) {
        let response = contestant.response.expect("wake-ups were measured");
        assert!(response.masked_section > Some(0) && response.wakeups > 0, "{response:?}");
        assert!(contestant.loads.len() > 5 && contestant.operations.len() == 8);
    }
    agrees_with_replay(&comparison, traces);

    let one = page(&[&files[0]]);
    assert!(one.contains("Which allocator for compressed pages?"));
    assert!(!one.contains("Do not trust this"));
    // Side by side with itself there is nothing to tell apart.
    assert!(!page(&[&files[0], &files[1]]).contains(" %</small>"));

    // A result of one allocator that was changed: the page doubts it and says by how much it differs.
    let pages = comparison.contestants[0].pools[0].points[9].pool_pages;
    let changed = format!("\"pool_pages\":{}", 2 * pages);
    let text = read(&files[0]).replacen(&format!("\"pool_pages\":{pages}"), &changed, 1);
    let tampered = TemporaryFile::new("tampered.json", text.as_bytes());
    assert!(page(&[&tampered]).contains("Do not trust this"));
    let beside = page(&[&files[0], &tampered]);
    assert!(beside.contains("Do not trust this") && beside.contains(" %</small>"));
}

/// The courses that a comparison wrote hold the same on the host, pages and metadata.
fn agrees_with_replay(comparison: &Comparison, traces: PathBuf) {
    for pool in ["large", "small"] {
        for compact in [false, true] {
            let args = Args {
                trace: traces.join(format!("lz4-{pool}.4k.txt")),
                zpool: "all".into(),
                granule: PageSize::Small,
                compact,
                fragmented: false,
                verify: false,
                json: false,
            };
            let replayed = held(&args).expect("it is a trace");
            let mut compared = 0;
            for contestant in comparison.contestants.iter().filter(|one| one.compacted == compact) {
                let run = contestant.pools.iter().find(|run| run.name == pool);
                let points = run.expect("there are two pools").points.iter();
                // The trace ends before compaction.
                let noted: Vec<Held> = points
                    .filter(|point| point.step != Step::Compacted)
                    .map(|point| Held {
                        objects: point.objects,
                        bytes: point.bytes,
                        pool_pages: point.pool_pages,
                        metadata_bytes: point.metadata_bytes,
                    })
                    .collect();
                let same = replayed.iter().find(|(name, _)| *name == contestant.zpool);
                let (name, found) = same.expect("replay has every allocator");
                assert_eq!(*found, noted, "{name}, {pool}, compacted: {compact}");
                compared += noted.len();
            }
            assert!(compared >= 30, "{compared}");
        }
    }
    std::fs::remove_dir_all(traces).expect("the folder is there");
}

#[test]
fn files_that_are_no_results_are_refused() {
    let foreign = TemporaryFile::new("foreign.json", b"{\"name\": 1}");
    assert_eq!(launch(&format!("report {}", foreign.path().display())), 1);
    assert_eq!(launch("report no-such-file.json"), 1);
    assert_eq!(launch("compare --zpool no-such-allocator"), 1);
}
