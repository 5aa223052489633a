//! What paging counts and times.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, Ordering};

use latency::{Histogram, Recorder};

use super::fault::FaultKind;
use crate::arch::interrupts;
use crate::cpu;

/// Event counters of paging, from all CPUs, and how long faults took on each.
pub struct Counters {
    /// Faults on pages never touched before.
    pub minor_faults: AtomicU64,
    /// Faults on pages that were in the store.
    pub major_faults: AtomicU64,
    /// Faults that found the page present, or made so by somebody else.
    pub spurious_faults: AtomicU64,
    /// Pages unmapped and stored.
    pub evictions: AtomicU64,
    /// Victims that the store refused; they stayed.
    pub refused: AtomicU64,
    /// Entries the clock looked at.
    pub scanned: AtomicU64,
    /// Most pages resident at once.
    pub resident_max: AtomicU64,
    /// Pages whose stored copy was damaged; their workers were ended.
    pub damaged: AtomicU64,
    /// Workers killed for lack of memory.
    pub killed: AtomicU64,
    times: Vec<Box<FaultTimes>>,
}

/// How long faults took on one CPU, in ticks. One thread at a time records: interrupts are masked
/// for the 20 instructions it takes.
struct FaultTimes {
    minor: Recorder,
    major: Recorder,
}

impl Counters {
    /// Nothing counted, room for `cpus` CPUs.
    pub fn new(cpus: usize) -> Self {
        let mut times = Vec::with_capacity(cpus);
        for _ in 0..cpus {
            times.push(Box::new(FaultTimes { minor: Recorder::new(), major: Recorder::new() }));
        }
        Self {
            minor_faults: AtomicU64::new(0),
            major_faults: AtomicU64::new(0),
            spurious_faults: AtomicU64::new(0),
            evictions: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            scanned: AtomicU64::new(0),
            resident_max: AtomicU64::new(0),
            damaged: AtomicU64::new(0),
            killed: AtomicU64::new(0),
            times,
        }
    }

    /// Starts from zero. While nothing counts: events of the moment may be lost.
    pub fn reset(&self) {
        for counter in [
            &self.minor_faults,
            &self.major_faults,
            &self.spurious_faults,
            &self.evictions,
            &self.refused,
            &self.scanned,
            &self.resident_max,
            &self.damaged,
            &self.killed,
        ] {
            counter.store(0, Ordering::Relaxed);
        }
        for times in &self.times {
            times.minor.reset();
            times.major.reset();
        }
    }

    /// A fault was served in this many ticks.
    pub fn record(&self, kind: FaultKind, ticks: u64) {
        let saved = interrupts::mask();
        let times = &self.times[cpu::current().id];
        match kind {
            FaultKind::Minor => {
                count(&self.minor_faults);
                times.minor.record(ticks);
            }
            FaultKind::Major => {
                count(&self.major_faults);
                times.major.record(ticks);
            }
            FaultKind::Spurious => count(&self.spurious_faults),
        }
        interrupts::restore(saved);
    }

    /// How long faults of a kind took, over all CPUs, in ticks.
    pub fn times(&self, kind: FaultKind) -> Box<Histogram> {
        let mut total = Box::new(Histogram::new());
        for times in &self.times {
            match kind {
                FaultKind::Minor => times.minor.add_to(&mut total),
                FaultKind::Major => times.major.add_to(&mut total),
                FaultKind::Spurious => {}
            }
        }
        total
    }
}

/// One more.
pub fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
