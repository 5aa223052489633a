//! How long operations take: `--latency`.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::iter;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

use latency::Recorder;
use report::OperationTimes;

use super::distribution;
use super::hook::{Hit, thread_index};
use super::ring::{self, Event};
use crate::arch::pmu;
use crate::cpu;
use crate::sched::thread::MAX_THREADS;
use crate::sync::Once;

/// Names of the operations, by number.
pub const OPERATIONS: [&str; 15] = [
    "minor fault",
    "major fault",
    "eviction",
    "store",
    "load",
    "malloc",
    "free",
    "read",
    "write",
    "maintain",
    "compact",
    "heap alloc",
    "heap free",
    "compress",
    "decompress",
];

/// A fault, until it turns out to be a major one.
pub const MINOR_FAULT: u32 = 0;
pub const MAJOR_FAULT: u32 = 1;
pub const EVICTION: u32 = 2;
pub const STORE: u32 = 3;
pub const LOAD: u32 = 4;
pub const MALLOC: u32 = 5;
pub const FREE: u32 = 6;
pub const READ: u32 = 7;
pub const WRITE: u32 = 8;
pub const MAINTAIN: u32 = 9;
pub const COMPACT: u32 = 10;
pub const HEAP_ALLOC: u32 = 11;
pub const HEAP_FREE: u32 = 12;
pub const COMPRESS: u32 = 13;
pub const DECOMPRESS: u32 = 14;

/// How long one operation took on one CPU.
struct Times {
    /// By the tracer's clock, with what the tracer took, and without.
    raw: Recorder,
    net: Recorder,
    /// Instructions without the tracer's, where they are counted.
    instructions: Option<Recorder>,
}

/// Times of each operation, CPU by CPU.
static TIMES: Once<Vec<Times>> = Once::new();

/// When the operations of a thread that are under way began.
struct Begin {
    time: AtomicU64,
    stolen: AtomicU64,
    instructions: AtomicU32,
    stolen_instructions: AtomicU32,
}

static BEGINS: [[Begin; OPERATIONS.len()]; MAX_THREADS] = [const {
    [const {
        Begin {
            time: AtomicU64::new(0),
            stolen: AtomicU64::new(0),
            instructions: AtomicU32::new(0),
            stolen_instructions: AtomicU32::new(0),
        }
    }; OPERATIONS.len()]
}; MAX_THREADS];

/// Makes room to record on `cpus` CPUs.
///
/// # Errors
/// There is no memory.
pub fn init(cpus: usize) -> Result<(), &'static str> {
    let mut times = Vec::new();
    times
        .try_reserve_exact(cpus * OPERATIONS.len())
        .map_err(|_| "no memory for the histograms of --latency")?;
    let instructions = || pmu::counts_instructions().then(Recorder::new);
    times.resize_with(cpus * OPERATIONS.len(), || Times {
        raw: Recorder::new(),
        net: Recorder::new(),
        instructions: instructions(),
    });
    TIMES.set(Box::leak(Box::new(times)));
    Ok(())
}

/// Whether operations are timed.
pub fn timed() -> bool {
    TIMES.get().is_some()
}

/// Starts from nothing. While nothing is timed: what is under way may be lost.
pub fn reset() {
    for times in TIMES.get().into_iter().flatten() {
        times.raw.reset();
        times.net.reset();
        times.instructions.iter().for_each(Recorder::reset);
    }
}

/// The begin or the end of an operation.
pub fn hit(hit: &Hit<'_>, number: usize, end: bool) {
    // A fault turns out to be a major one at its end.
    let begun = if number == MAJOR_FAULT as usize { MINOR_FAULT as usize } else { number };
    let begin = &BEGINS[usize::from(thread_index()) % MAX_THREADS][begun];
    ring::note(hit, Event { second: number, ..Event::at(hit) });
    if !end {
        begin.time.store(hit.now, Relaxed);
        begin.stolen.store(hit.stolen, Relaxed);
        begin.instructions.store(hit.instructions, Relaxed);
        begin.stolen_instructions.store(hit.stolen_instructions, Relaxed);
        return;
    }
    let since = begin.time.swap(0, Relaxed);
    let index = cpu::current().id * OPERATIONS.len() + number;
    let Some(times) = TIMES.get().and_then(|times| times.get(index)) else { return };
    if since == 0 {
        return;
    }
    let raw = hit.now - since;
    times.raw.record(raw);
    times.net.record(raw.saturating_sub(hit.stolen - begin.stolen.load(Relaxed)));
    if let Some(instructions) = &times.instructions {
        let raw = hit.instructions.wrapping_sub(begin.instructions.load(Relaxed));
        let stolen = begin.stolen_instructions.load(Relaxed);
        let stolen = hit.stolen_instructions.wrapping_sub(stolen);
        instructions.record(u64::from(raw.saturating_sub(stolen)));
    }
}

/// How long operations took so far: what has samples, all CPUs together, and each CPU.
pub fn results() -> Vec<OperationTimes> {
    let Some(times) = TIMES.get() else { return Vec::new() };
    let mut results = Vec::new();
    for (number, name) in OPERATIONS.iter().enumerate() {
        let of_cpus = || times.iter().skip(number).step_by(OPERATIONS.len());
        let mut instructions = of_cpus().filter_map(|times| times.instructions.as_ref());
        let result = OperationTimes {
            name: String::from(*name),
            raw: distribution(&mut of_cpus().map(|times| &times.raw)),
            net: distribution(&mut of_cpus().map(|times| &times.net)),
            instructions: distribution(&mut instructions),
            cpus: of_cpus().map(|times| distribution(&mut iter::once(&times.net))).collect(),
        };
        if result.raw.count > 0 {
            results.push(result);
        }
    }
    results
}
