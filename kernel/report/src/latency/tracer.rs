//! What the tracer found: operations, sections, locks, the moments before a latency.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::{self, Write};

use serde::{Deserialize, Serialize};

use super::TickHistogram;

/// How long an operation took, in units of the tracer's clock.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct OperationTimes {
    /// The operation, such as `store`.
    pub name: String,
    /// As measured.
    pub raw: TickHistogram,
    /// Without what the tracer took meanwhile.
    pub net: TickHistogram,
    /// Instructions without the tracer's; empty where they are not counted.
    pub instructions: TickHistogram,
    /// `net`, CPU by CPU.
    pub cpus: Vec<TickHistogram>,
}

/// What kept interrupts or other threads out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SectionKind {
    /// Interrupts were masked.
    InterruptsOff,
    /// Preemption was off.
    PreemptionOff,
}

/// Addresses relative to the start of the image: a place in the code, and the return addresses of
/// two callers; zero where unknown.
pub type Place = [u64; 3];

/// The longest section of those that began at the same place and ended at the same place.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Section {
    /// What was off.
    pub kind: SectionKind,
    /// CPU.
    pub cpu: u32,
    /// Thread that ended it.
    pub thread: u32,
    /// Length without what the tracer took, and with it, in units of the tracer's clock.
    pub net: u64,
    /// See `net`.
    pub raw: u64,
    /// Tick of the virtual counter at its end.
    pub tick: u64,
    /// Where it began.
    pub opened: Place,
    /// Where it ended.
    pub closed: Place,
}

/// What one lock did, times in units of the tracer's clock without what the tracer took.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct LockTimes {
    /// What it is, or its address; of several locks, that of the one held longest.
    pub name: String,
    /// How many locks these figures are of: those held longest from the same place on.
    pub locks: u64,
    /// Waiters sleep.
    pub sleeping: bool,
    /// How often it was taken.
    pub taken: u64,
    /// How often it was not free then.
    #[serde(default)]
    pub contended: u64,
    /// How often another CPU had taken it before: its cache line moves.
    #[serde(default)]
    pub moved: u64,
    /// Longest wait, and where.
    pub wait_max: u64,
    /// See `wait_max`.
    pub waited_at: Place,
    /// Longest time it was held alone, and where it was taken then.
    pub hold_max: u64,
    /// See `hold_max`.
    pub taken_at: Place,
    /// Where it was let go then.
    pub released_at: u64,
}

/// The first latency above the threshold, and what happened on its CPU before.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct LatencyTrace {
    /// The threshold in microseconds.
    pub threshold_us: u64,
    /// CPU.
    pub cpu: u32,
    /// Number of the sample.
    pub sample: u64,
    /// Its latency at the vector, the handler and the thread, in ticks of the virtual counter.
    pub ticks: [u64; 3],
    /// Tick of the virtual counter of the deadline.
    pub deadline: u64,
    /// Allocator behind the store.
    pub zpool: String,
    /// The last events, oldest first.
    pub events: Vec<TraceEvent>,
}

/// One event.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct TraceEvent {
    /// How long before the woken thread ran, in units of the tracer's clock without what the
    /// tracer took in between.
    pub before: u64,
    /// What happened.
    pub what: String,
    /// Where, relative to the start of the image; zero when it is not in the code.
    pub at: u64,
}

/// What the tracer found.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct TracerReport {
    /// The unit of the tracer's clock: `cycles`, or `ticks` of the virtual counter.
    pub unit: String,
    /// What a probe costs at least, in those units.
    pub probe_cost: u64,
    /// Operations, those that occurred.
    pub operations: Vec<OperationTimes>,
    /// Sections, longest first within a kind.
    pub sections: Vec<Section>,
    /// Sections of each kind that ended.
    pub section_counts: [u64; 2],
    /// Locks, those held longest first.
    pub locks: Vec<LockTimes>,
    /// The first latency above the threshold, if there was one.
    pub trace: Option<LatencyTrace>,
}

const METRIC: &str = "zlab: metrc: [0] ";

impl TracerReport {
    pub(super) fn write(&self, out: &mut dyn Write) -> fmt::Result {
        let (unit, cost) = (&self.unit, self.probe_cost);
        writeln!(out, "{METRIC}tracer: times in {unit}; a probe takes at least {cost}")?;
        self.write_operations(out)?;
        for (kind, title, count) in [
            (SectionKind::InterruptsOff, "interrupts off", self.section_counts[0]),
            (SectionKind::PreemptionOff, "preemption off", self.section_counts[1]),
        ] {
            if count > 0 {
                writeln!(out, "{METRIC}{title}: {count} sections, the longest:")?;
            }
            self.sections
                .iter()
                .filter(|section| section.kind == kind)
                .try_for_each(|section| section.write(out))?;
        }
        if !self.locks.is_empty() {
            writeln!(out, "{METRIC}locks, held longest:")?;
        }
        self.locks.iter().try_for_each(|lock| lock.write(out))?;
        self.trace.iter().try_for_each(|trace| trace.write(&self.unit, out))
    }

    fn write_operations(&self, out: &mut dyn Write) -> fmt::Result {
        if self.operations.is_empty() {
            return Ok(());
        }
        for (title, which) in OPERATION_TABLES {
            if self.operations.iter().all(|operation| which(operation).count == 0) {
                continue;
            }
            TickHistogram::write_heading(title, out)?;
            for operation in &self.operations {
                which(operation).write_row(format_args!("{}", operation.name), out)?;
            }
        }
        Ok(())
    }
}

/// Title of a table of operations and which distribution is in it.
type OperationTable = (&'static str, fn(&OperationTimes) -> &TickHistogram);

const OPERATION_TABLES: [OperationTable; 3] = [
    ("operations, raw", |operation| &operation.raw),
    ("operations, net", |operation| &operation.net),
    ("instructions, net", |operation| &operation.instructions),
];

impl Section {
    fn write(&self, out: &mut dyn Write) -> fmt::Result {
        let (net, raw, cpu, thread) = (self.net, self.raw, self.cpu, self.thread);
        writeln!(out, "{METRIC}  {net:>8} (raw {raw}), CPU {cpu}, thread {thread}, from to:")?;
        write_place("   ", &self.opened, out)?;
        write_place("   ", &self.closed, out)
    }
}

impl LockTimes {
    fn write(&self, out: &mut dyn Write) -> fmt::Result {
        let others = match self.locks {
            1 => String::new(),
            locks => alloc::format!(" and {} like it", locks - 1),
        };
        let kind = if self.sleeping { ", sleeping" } else { "" };
        writeln!(
            out,
            "{METRIC}  held {:>8}, waited for {:>8}, taken {:>9} times, after another CPU {:>9}, not \
             free {:>7}: {}{others}{kind}",
            self.hold_max, self.wait_max, self.taken, self.moved, self.contended, self.name
        )?;
        write_place("    taken at", &self.taken_at, out)
    }
}

impl LatencyTrace {
    fn write(&self, unit: &str, out: &mut dyn Write) -> fmt::Result {
        let [vector, handler, woken] = self.ticks;
        writeln!(
            out,
            "{METRIC}latency above {} us: CPU {}, sample {}, ticks after the deadline ({}): vector \
             {vector}, handler {handler}, thread {woken}; zpool {}",
            self.threshold_us, self.cpu, self.sample, self.deadline, self.zpool
        )?;
        writeln!(out, "{METRIC}{unit} before the thread ran, without the tracer's:")?;
        self.events.iter().try_for_each(|event| {
            write!(out, "{METRIC}{:>10} {}", event.before, event.what)?;
            match event.at {
                0 => writeln!(out),
                at => writeln!(out, " image+{at:#x}"),
            }
        })
    }
}

fn write_place(label: &str, place: &Place, out: &mut dyn Write) -> fmt::Result {
    write!(out, "{METRIC} {label}")?;
    for address in place.iter().filter(|&&address| address != 0) {
        write!(out, " image+{address:#x}")?;
    }
    writeln!(out)
}
