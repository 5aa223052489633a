//! Every bound that is held, in one table.
//!
//! To hold another one: a row in the figures of a run that measures it, or a run of its own with
//! the boot arguments that make the kernel measure. A figure is read from the report, so anything
//! that the kernel reports can be bounded.

use report::Document;

/// A machine that is booted, and what is read from its report.
pub struct Run {
    /// What it is about.
    pub name: &'static str,
    /// Boot arguments; the number of random operations follows a `--bounds` at the end.
    pub words: &'static str,
    /// What is bounded.
    pub figures: &'static [Figure],
}

/// A figure and what it may be at most.
pub struct Figure {
    /// What it is.
    pub name: &'static str,
    /// Where it is in the report.
    pub read: fn(&Document) -> Option<u64>,
    /// What it is meant to be at most, where that is laid down.
    pub target: Option<u64>,
    /// What it may be at most: the target, or where that is not met what is reached now, rounded up
    /// by some percent so that it does not depend on how unrelated code is laid out. Goes down when
    /// the figure does, never up without a word in docs/zblock.md.
    pub limit: u64,
}

/// Cores are one, and time is instructions executed, in every run.
pub const RUNS: &[Run] = &[
    Run {
        name: "zblock, pages of 4 KiB",
        words: "granule=4k zpool=zblock --bounds",
        figures: &[
            at_most("malloc, median", |it| median(it, "malloc"), Some(60), 340),
            at_most("malloc, worst", |it| worst(it, "malloc"), Some(150), 8400),
            at_most("free, median", |it| median(it, "free"), Some(50), 80),
            at_most("free, worst", |it| worst(it, "free"), Some(120), 90),
            at_most("read and end, worst", |it| worst(it, "read and end"), None, 100),
            at_most("maintain besides copying, worst", |it| worst(it, STEP), Some(3000), 7000),
        ],
    },
    Run {
        name: "zblock, pages of 16 KiB",
        words: "granule=16k zpool=zblock --bounds",
        figures: &[
            at_most("malloc, median", |it| median(it, "malloc"), Some(60), 340),
            at_most("malloc, worst", |it| worst(it, "malloc"), Some(150), 17500),
            at_most("free, median", |it| median(it, "free"), Some(50), 80),
            at_most("free, worst", |it| worst(it, "free"), Some(120), 90),
            at_most("read and end, worst", |it| worst(it, "read and end"), None, 100),
            at_most("maintain besides copying, worst", |it| worst(it, STEP), Some(3000), 7200),
        ],
    },
    Run {
        name: "zblock, pages of 4 KiB, single page frames only",
        words: "granule=4k zpool=zblock fragmented=1 --bounds",
        figures: &[
            at_most("malloc, median", |it| median(it, "malloc"), Some(60), 340),
            at_most("malloc, worst", |it| worst(it, "malloc"), Some(150), 7500),
            at_most("free, worst", |it| worst(it, "free"), Some(120), 90),
            at_most("maintain besides copying, worst", |it| worst(it, STEP), Some(3000), 7200),
        ],
    },
];

/// A step of background work, one instruction less for each byte that it copied.
const STEP: &str = "maintain besides copying";

const fn at_most(
    name: &'static str,
    read: fn(&Document) -> Option<u64>,
    target: Option<u64>,
    limit: u64,
) -> Figure {
    Figure { name, read, target, limit }
}

/// Instructions of half of the random operations, net of measuring.
fn median(document: &Document, operation: &str) -> Option<u64> {
    let bounds = document.bounds.as_ref()?;
    Some(bounds.net(bounds.operation(operation)?.median))
}

/// The most instructions of an operation in any state, net of measuring.
fn worst(document: &Document, operation: &str) -> Option<u64> {
    let bounds = document.bounds.as_ref()?;
    Some(bounds.net(bounds.operation(operation)?.max))
}
