//! Runs what the options ask for.

use alloc::vec::Vec;
use core::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize};

use once_cell::race::OnceBox;
use report::{Outcome, Snapshot, Status, StressorResult};

use crate::corpus::Corpus;
use crate::counters::Counters;
use crate::options::{Options, Request};
use crate::stressors::{self, Stressor};
use crate::worker::{Shared, Worker};
use crate::{Machine, result};

/// What a run did: the parts of a [`report::Document`] that the workloads know.
#[derive(Clone, PartialEq, Debug)]
pub struct RunReport {
    /// What each stressor did, in the order of the command line.
    pub stressors: Vec<StressorResult>,
    /// Memory figures when the work was done and nothing was given back yet.
    pub memory: Snapshot,
    /// Wall time of the run in nanoseconds.
    pub elapsed_ns: u64,
    /// How it ended.
    pub status: Status,
}

/// One stressor of the run and its workers' place among those that run together.
pub(crate) struct Group {
    pub stressor: &'static Stressor,
    pub first: usize,
    pub count: usize,
}

/// Runs the stressors asked for, together or one after the other, and waits for them.
///
/// Prints what starts, what fails as it fails, and progress; the results are for the caller to
/// print. The memory figures are those of the stressors that ran last; events are counted over the
/// whole run.
#[must_use]
pub fn run(machine: &dyn Machine, options: &Options, corpus: &Corpus<'_>) -> RunReport {
    let start_ns = machine.now_ns();
    announce(machine, options);
    let groups = groups(machine, options);
    let mut stressors: Vec<StressorResult> = options.missing.iter().map(result::missing).collect();
    let mut memory = if groups.is_empty() { machine.snapshot() } else { Snapshot::default() };
    let together = if options.sequential { 1 } else { groups.len().max(1) };
    for (number, together) in groups.chunks(together).enumerate() {
        if options.sequential {
            let (name, of) = (together[0].stressor.name, groups.len());
            let percent = (number + 1) as f64 * 100.0 / of as f64;
            machine.print(format_args!(
                "zlab: info:  [0] starting {name}, {} of {of} ({percent:.2}%)",
                number + 1
            ));
        }
        let (results, snapshot) = run_together(machine, options, corpus, together);
        stressors.extend(results);
        memory = snapshot;
    }
    let outcomes = stressors.iter().map(StressorResult::outcome);
    let status = outcomes.reduce(Outcome::worse).unwrap_or(Outcome::NoData).status();
    let elapsed_ns = machine.now_ns().saturating_sub(start_ns);
    RunReport { stressors, memory, elapsed_ns, status }
}

/// Runs some stressors at once.
fn run_together(
    machine: &dyn Machine,
    options: &Options,
    corpus: &Corpus<'_>,
    groups: &[Group],
) -> (Vec<StressorResult>, Snapshot) {
    dispatch(machine, options, groups);
    machine.limit_resident(resident_pages(machine, options, groups));

    let workers = groups.iter().map(|group| group.count).sum();
    let start_ns = machine.now_ns();
    let shared = Shared {
        machine,
        options,
        corpus,
        counters: (0..workers).map(|_| Counters::default()).collect(),
        start_ns,
        deadline_ns: options.limit_ns().map(|limit| start_ns.saturating_add(limit)),
        next_progress_ns: AtomicU64::new(start_ns.saturating_add(options.progress_ns)),
        ended: AtomicUsize::new(0),
        not_workers: AtomicUsize::new(machine.lost_threads()),
        sampling: AtomicU8::new(0),
        sample: OnceBox::new(),
    };
    let ends = machine.run_workers(workers, &|number| {
        let Some(group) = groups.iter().rfind(|group| group.first <= number) else { return };
        let (counters, instance) = (&shared.counters[number], number - group.first);
        let worker = Worker::begin(&shared, counters, group.stressor, instance, group.count);
        (group.stressor.run)(&worker);
        worker.returned();
    });

    // Nobody finished: the figures as they are.
    shared.sample();
    let memory = shared.sample.get().copied().unwrap_or_default();
    let results =
        groups.iter().map(|group| result::result(machine, options, group, &shared, &ends));
    (results.collect(), memory)
}

/// The stressors, numbered among those that run together.
fn groups(machine: &dyn Machine, options: &Options) -> Vec<Group> {
    let mut first = 0;
    let group = |request: &Request| {
        let count = match request.instances {
            0 => machine.cpus(),
            instances => instances as usize,
        };
        let group = Group { stressor: stressors::find(request.name)?, first, count };
        if !options.sequential {
            first += count;
        }
        Some(group)
    };
    options.requests.iter().filter_map(group).collect()
}

fn announce(machine: &dyn Machine, options: &Options) {
    if options.requests.is_empty() && options.missing.is_empty() {
        return;
    }
    match options.limit_ns() {
        None => machine.print(format_args!("zlab: info:  [0] running without a time limit")),
        Some(limit_ns) if options.timeout_ns.is_none() => machine.print(format_args!(
            "zlab: info:  [0] defaulting to a {} secs run per stressor",
            limit_ns / 1_000_000_000
        )),
        Some(limit_ns) => machine.print(format_args!(
            "zlab: info:  [0] setting to a {} secs run per stressor",
            Seconds(limit_ns)
        )),
    }
    for missing in &options.missing {
        let name = missing.name;
        machine.print(format_args!("zlab: info:  [0] {name}: not implemented here, skipped"));
    }
}

fn dispatch(machine: &dyn Machine, options: &Options, groups: &[Group]) {
    let mut hogs = alloc::string::String::new();
    for group in groups {
        let comma = if hogs.is_empty() { "" } else { ", " };
        hogs += &alloc::format!("{comma}{} {}", group.count, group.stressor.name);
    }
    machine.print(format_args!("zlab: info:  [0] dispatching hogs: {hogs}"));
    let memory = machine.memory_bytes();
    for group in groups {
        let (name, bytes) =
            (group.stressor.name, group.stressor.bytes(options, memory, group.count));
        if bytes == 0 {
            continue;
        }
        machine.print(format_args!(
            "zlab: info:  [0] {name}: using {} per stressor instance (total {} of {} memory)",
            Size(bytes / group.count as u64),
            Size(bytes),
            Size(memory)
        ));
    }
}

/// Frames that arenas may have mapped at once: at least a few for each worker.
fn resident_pages(machine: &dyn Machine, options: &Options, groups: &[Group]) -> usize {
    const LEAST_PER_WORKER: usize = 4;
    let memory = machine.memory_bytes();
    let paged = groups.iter().filter(|group| group.stressor.is_paged());
    let (workers, working_sets) = paged.fold((0, 0_u64), |(workers, bytes), group| {
        let more = group.stressor.bytes(options, memory, group.count);
        (workers + group.count, bytes.saturating_add(more))
    });
    let pages = options.resident.bytes_of(working_sets) / machine.page_size() as u64;
    usize::try_from(pages).unwrap_or(usize::MAX).max(workers * LEAST_PER_WORKER)
}

/// A time in seconds, with as many decimals as it needs, at most three.
struct Seconds(u64);

impl core::fmt::Display for Seconds {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let milliseconds = self.0 / 1_000_000;
        if milliseconds.is_multiple_of(1000) {
            write!(f, "{}", milliseconds / 1000)
        } else {
            write!(f, "{}.{:03}", milliseconds / 1000, milliseconds % 1000)
        }
    }
}

/// A size in the largest unit of which it has at least one, as stress-ng prints sizes.
struct Size(u64);

impl core::fmt::Display for Size {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        const UNITS: [&str; 5] = ["B", "KB", "MB", "GB", "TB"];
        let unit = (self.0.max(1).ilog2() / 10).min(4);
        let hundredths = (u128::from(self.0) * 100) >> (10 * unit);
        let name = UNITS[unit as usize];
        if hundredths.is_multiple_of(100) {
            write!(f, "{}{name}", hundredths / 100)
        } else {
            write!(f, "{}.{:02}{name}", hundredths / 100, hundredths % 100)
        }
    }
}
