//! Every bound that is held, in one table.
//!
//! To hold another one: a row in the figures of a run that measures it, or a run of its own with
//! the boot arguments that make the kernel measure. A figure is read from the report, so anything
//! that the kernel reports can be bounded.

use report::{CyclictestThread, Document, SectionKind};

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
    /// the figure does, never up without a word in docs/zblock.md or docs/latency.md.
    pub limit: u64,
}

/// Cores are one, and time is instructions executed, in every run.
pub const RUNS: &[Run] = &[
    Run {
        name: "zblock, pages of 4 KiB",
        words: "granule=4k zpool=zblock --bounds",
        figures: &[
            at_most("malloc, median", |it| median(it, "malloc"), Some(60), 170),
            at_most("malloc, worst", |it| worst(it, "malloc"), Some(150), 1950),
            at_most("free, median", |it| median(it, "free"), Some(50), 55),
            at_most("free, worst", |it| worst(it, "free"), Some(120), 90),
            at_most("read and end, worst", |it| worst(it, "read and end"), None, 100),
            at_most("maintain besides copying, worst", |it| worst(it, STEP), Some(3000), 3000),
        ],
    },
    Run {
        name: "zblock, pages of 16 KiB",
        words: "granule=16k zpool=zblock --bounds",
        figures: &[
            at_most("malloc, median", |it| median(it, "malloc"), Some(60), 170),
            at_most("malloc, worst", |it| worst(it, "malloc"), Some(150), 1950),
            at_most("free, median", |it| median(it, "free"), Some(50), 55),
            at_most("free, worst", |it| worst(it, "free"), Some(120), 90),
            at_most("read and end, worst", |it| worst(it, "read and end"), None, 100),
            at_most("maintain besides copying, worst", |it| worst(it, STEP), Some(3000), 3000),
        ],
    },
    Run {
        name: "zblock, pages of 4 KiB, single page frames only",
        words: "granule=4k zpool=zblock fragmented=1 --bounds",
        figures: &[
            at_most("malloc, median", |it| median(it, "malloc"), Some(60), 170),
            at_most("malloc, worst", |it| worst(it, "malloc"), Some(150), 1450),
            at_most("free, worst", |it| worst(it, "free"), Some(120), 90),
            at_most("maintain besides copying, worst", |it| worst(it, STEP), Some(3000), 3000),
        ],
    },
    Run {
        name: "wake-up latency beside --vm 2 at three times its allowance",
        words: "--vm 2 --vm-bytes 48M --vm-method gray --resident 16M --timeout 15 \
                --cyclictest -t 1 -i 100 -l 100000 -q",
        figures: &[
            at_most("deadline to vector, worst", |it| wake(it, |to| to.vector.max), Some(500), 500),
            at_most("deadline to thread, median", median_wake, Some(400), 400),
            at_most(
                "deadline to thread, worst",
                |it| wake(it, |to| to.woken.max),
                Some(1500),
                1500,
            ),
        ],
    },
    Run {
        name: "sections beside --vm 2 at three times its allowance",
        words: "--vm 2 --vm-bytes 48M --vm-method gray --resident 16M --timeout 2 --irqsoff",
        figures: &[
            at_most("interrupts off, longest", |it| section(it, INTERRUPTS_OFF), Some(450), 450),
            at_most("preemption off, longest", |it| section(it, PREEMPTION_OFF), None, 1150),
        ],
    },
    Run {
        name: "paging outside of the codec, --vm 1 at three times its allowance",
        words: "--vm 1 --vm-bytes 24M --vm-method gray --resident 8M --vm-keep --timeout 1 --latency",
        figures: &[
            at_most("evict, store, fault, load", cycle_outside_codec, Some(3000), 3000),
            at_most("load", load_outside_codec, None, 350),
        ],
    },
    Run {
        name: "faults with a free frame at hand",
        words: "--pageswap 1 --pageswap-bytes 4M --resident 100% --timeout 300ms --latency",
        figures: &[
            at_most("major fault outside of the codec", fault_outside_codec, Some(1200), 1000),
            at_most("minor fault", minor_fault, None, 900),
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

/// Largest latency in instructions, over all threads.
fn wake(document: &Document, point: fn(&CyclictestThread) -> u64) -> Option<u64> {
    let latency = document.latency.as_ref()?;
    let ticks = latency.cyclictest.as_ref()?.threads.iter().map(point).max()?;
    Some(latency.clock.nanoseconds(ticks))
}

fn median_wake(document: &Document) -> Option<u64> {
    wake(document, |thread| thread.woken.quantile(1, 2))
}

const INTERRUPTS_OFF: SectionKind = SectionKind::InterruptsOff;
const PREEMPTION_OFF: SectionKind = SectionKind::PreemptionOff;

/// The longest section of a kind.
fn section(document: &Document, kind: SectionKind) -> Option<u64> {
    let tracer = document.latency.as_ref()?.tracer.as_ref()?;
    tracer.sections.iter().filter(|section| section.kind == kind).map(|section| section.net).max()
}

/// Mean of an operation in instructions, net of measuring.
fn mean(document: &Document, operation: &str) -> Option<u64> {
    let tracer = document.latency.as_ref()?.tracer.as_ref()?;
    let times = tracer.operations.iter().find(|times| times.name == operation)?;
    Some(times.instructions.mean() as u64)
}

/// Instructions to enter and to leave the exception of a fault, which are no part of the operation.
const ENTER_AND_LEAVE: u64 = 200;

/// A major fault with the eviction that it needs.
fn cycle_outside_codec(document: &Document) -> Option<u64> {
    let codec = mean(document, "compress")? + mean(document, "decompress")?;
    Some((mean(document, "major fault")? + ENTER_AND_LEAVE).saturating_sub(codec))
}

/// A major fault that needs no eviction.
fn fault_outside_codec(document: &Document) -> Option<u64> {
    let fault = mean(document, "major fault")? + ENTER_AND_LEAVE;
    Some(fault.saturating_sub(mean(document, "decompress")?))
}

fn minor_fault(document: &Document) -> Option<u64> {
    Some(mean(document, "minor fault")? + ENTER_AND_LEAVE)
}

fn load_outside_codec(document: &Document) -> Option<u64> {
    Some(mean(document, "load")?.saturating_sub(mean(document, "decompress")?))
}
