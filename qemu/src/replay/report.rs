//! The results as text and as JSON.

use std::fmt::Write as _;

use serde::Serialize;
use zpool::Work;

/// The document that `--json` prints.
#[derive(Serialize)]
pub(super) struct Document<'a> {
    pub(super) runs: &'a [Run],
}

/// A trace on one allocator.
#[derive(Serialize)]
pub(super) struct Run {
    pub(super) zpool: &'static str,
    pub(super) granule: &'static str,
    pub(super) trace: String,
    pub(super) compact: bool,
    #[serde(skip)]
    pub(super) fragmented: bool,
    pub(super) queries: Vec<Query>,
    #[serde(skip)]
    pub(super) summary: Summary,
}

/// What a pool held at a query.
#[derive(Clone, Copy, Default, Debug, Serialize)]
pub(super) struct Query {
    /// Operations before the query.
    pub(super) op: usize,
    /// Live objects.
    pub(super) live: usize,
    /// Their bytes.
    pub(super) bytes: usize,
    /// Page frames of the pool.
    pub(super) pool_pages: usize,
    /// Bytes the pool keeps elsewhere.
    pub(super) metadata_bytes: usize,
    /// Refused allocations so far.
    pub(super) fails: usize,
    /// The same by reason.
    pub(super) errors: Errors,
}

impl Query {
    /// Live bytes over all bytes the pool holds; 0 when it holds none.
    pub(super) fn density(&self, page_size: usize) -> f64 {
        let held = self.pool_pages * page_size + self.metadata_bytes;
        if held == 0 { 0.0 } else { self.bytes as f64 / held as f64 }
    }
}

/// Refused allocations by reason.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize)]
pub(super) struct Errors {
    #[serde(rename = "INVAL")]
    pub(super) invalid: usize,
    #[serde(rename = "NOSPC")]
    pub(super) no_space: usize,
    #[serde(rename = "NOMEM")]
    pub(super) no_memory: usize,
}

/// A whole run in a line.
pub(super) struct Summary {
    pub(super) page_size: usize,
    /// The most pages the pool held after an operation, before maintenance.
    pub(super) peak_pages: usize,
    pub(super) final_density: f64,
    /// Over the queries; none without queries.
    pub(super) mean_density: Option<f64>,
    /// What maintenance and compaction did.
    pub(super) work: Work,
    /// What the pool held after the last operation.
    pub(super) last: Query,
}

/// Tables for people: the queries of each run, then the summaries of all.
pub(super) fn text(runs: &[Run]) -> String {
    let mut text = String::new();
    if let Some(Run { granule, trace, compact, fragmented, .. }) = runs.first() {
        let compact = if *compact { ", compacted before each query" } else { "" };
        let fragmented = if *fragmented { ", single page frames only" } else { "" };
        text += &format!("trace {trace}, pages of {granule}{compact}{fragmented}\n");
    }
    for run in runs.iter().filter(|run| !run.queries.is_empty()) {
        text += &queries(run);
    }
    text + &summaries(runs)
}

/// What maintenance and compaction did in a run.
pub(super) fn work(run: &Run) -> String {
    let Work { bytes, objects, pages, .. } = run.summary.work;
    format!(
        "{}: maintenance moved {bytes} bytes and {objects} objects, gave {pages} pages back",
        run.zpool
    )
}

fn queries(run: &Run) -> String {
    let mut text = format!(
        "\n{}\n{:>10} {:>9} {:>12} {:>9} {:>10} {:>7} {:>7} {:>7} {:>8}\n",
        run.zpool,
        "operations",
        "live",
        "live bytes",
        "pages",
        "metadata B",
        "INVAL",
        "NOSPC",
        "NOMEM",
        "density"
    );
    for query in &run.queries {
        let Query { op, live, bytes, pool_pages, metadata_bytes, errors, .. } = query;
        let density = query.density(run.summary.page_size);
        let Errors { invalid, no_space, no_memory } = errors;
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "{op:>10} {live:>9} {bytes:>12} {pool_pages:>9} {metadata_bytes:>10} {invalid:>7} \
             {no_space:>7} {no_memory:>7} {density:>8.4}",
        );
    }
    text
}

fn summaries(runs: &[Run]) -> String {
    let mut text = format!(
        "\n{:<16} {:>10} {:>9} {:>7} {:>10} {:>10} {:>12} {:>11}\n",
        "summary",
        "operations",
        "peak pgs",
        "refused",
        "mean dens.",
        "final dens",
        "bytes moved",
        "pages freed"
    );
    for Run { zpool, summary, .. } in runs {
        let Summary { peak_pages, final_density, mean_density, work, last, .. } = summary;
        let mean = mean_density.map_or("-".into(), |mean| format!("{mean:.4}"));
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "{zpool:<16} {:>10} {peak_pages:>9} {:>7} {mean:>10} {final_density:>10.4} {:>12} {:>11}",
            last.op, last.fails, work.bytes, work.pages,
        );
    }
    text + "density: live bytes / (pages x page size + metadata bytes). Moved and freed: by maintenance.\n"
}
