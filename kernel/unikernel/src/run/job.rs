//! The runs of a job file, one after the other.

use alloc::vec::Vec;

use report::{Document, Status};
use stress::{Corpus, job_file};

use super::{Boot, emit, measure, print_tables};
use crate::println;

/// Runs what the job file says and prints the results of each run; one document has them all.
#[cold]
pub fn run(boot: &'static Boot, text: &[u8], cpus: usize, corpus: &Corpus<'_>) -> Status {
    let runs = match core::str::from_utf8(text) {
        Ok(text) => job_file::parse(text, &boot.options),
        Err(_) => {
            println!("zlab: error: job file: it is not text");
            return Status::Usage;
        }
    };
    let runs = match runs {
        Ok(runs) => runs,
        Err(error) => {
            println!("zlab: error: job file, {error}");
            return Status::Usage;
        }
    };
    let mut documents: Vec<Document> = Vec::new();
    let mut status = Status::Success;
    for (number, run) in runs.iter().enumerate() {
        println!("zlab: info:  [0] run {} of {}: {}", number + 1, runs.len(), run.command);
        match measure(boot, &run.options, &run.command, cpus, corpus) {
            Ok(document) => {
                print_tables(&run.options, &document);
                status = status.graver(document.verdict.status);
                documents.push(document);
            }
            // It has said why; the others may have what they need.
            Err(problem) => status = status.graver(problem),
        }
    }
    if let Some(whole) = Document::of_runs(documents) {
        emit(&whole);
    }
    status
}
