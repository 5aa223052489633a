//! What a comparison of allocators found: the same pages and operations through each of them.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::stressor::divide;
use crate::{Snapshot, StressorResult};

/// What one boot found about every allocator it has.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Comparison {
    /// A shorter sequence than usual; its figures compare only with others of the kind.
    pub quick: bool,
    /// What every duration below counts.
    pub unit: Unit,
    /// What taking a duration adds to it, in `unit`s: every figure below includes it.
    pub overhead: u64,
    /// Seed of the order of operations.
    pub seed: u64,
    /// The sizes of the objects, by compressor: objects draw from these.
    pub sizes: Vec<CompressedSizes>,
    /// One entry for each allocator and compressor.
    pub contestants: Vec<Contestant>,
    /// zblock with one decision at a time replaced by zsmalloc's.
    #[serde(default)]
    pub ablation: Vec<Contestant>,
}

/// What a duration counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// Instructions executed (QEMU's `-icount`).
    Instructions,
    /// Cycles of the CPU.
    Cycles,
    /// Nanoseconds of the system counter.
    Nanoseconds,
}

impl Unit {
    /// The word for people, in the plural.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Instructions => "instructions",
            Self::Cycles => "cycles",
            Self::Nanoseconds => "nanoseconds",
        }
    }
}

/// The lengths that a compressor gave the pages of the sequence.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CompressedSizes {
    /// Name of the compressor.
    pub compressor: String,
    /// Bytes, in the order of the pages; a page that does not compress keeps its size.
    pub bytes: Vec<u16>,
}

/// One allocator with one compressor.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Contestant {
    /// Name of the allocator.
    pub zpool: String,
    /// Name of the compressor.
    pub compressor: String,
    /// The pool was compacted before every figure of its density was taken; the rest is not
    /// repeated for such an entry.
    #[serde(default)]
    pub compacted: bool,
    /// What its pools held.
    pub pools: Vec<PoolRun>,
    /// How long operations took, by name.
    #[serde(default)]
    pub operations: Vec<Distribution>,
    /// What stressors achieved on memory larger than RAM.
    #[serde(default)]
    pub loads: Vec<Load>,
    /// What it did to the latency of others.
    #[serde(default)]
    pub response: Option<Response>,
    /// What was lost.
    pub balance: Balance,
}

/// A pool that was filled, worked on, and drained.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct PoolRun {
    /// `large` or `small`.
    pub name: String,
    /// Objects of the full pool.
    pub objects: u64,
    /// How many of them were replaced.
    pub replacements: u64,
    /// What it held meanwhile, in the order of operations.
    pub points: Vec<PoolPoint>,
    /// Bytes that background work and compaction copied.
    pub moved_bytes: u64,
}

/// Where a sequence of operations stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// Objects were only allocated.
    Fill,
    /// Objects were replaced at random.
    Churn,
    /// Objects were freed at random until half of them were left.
    Half,
    /// The same until a quarter was left.
    Quarter,
    /// The pool was compacted after that.
    Compacted,
}

impl Step {
    /// Every step, in the order of the sequence.
    pub const ALL: [Self; 5] =
        [Self::Fill, Self::Churn, Self::Half, Self::Quarter, Self::Compacted];

    /// What was done, for people.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Fill => "filled",
            Self::Churn => "churned",
            Self::Half => "50 % left",
            Self::Quarter => "25 % left",
            Self::Compacted => "compacted",
        }
    }
}

/// What a pool held at one moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PoolPoint {
    /// The step that this moment belongs to.
    pub step: Step,
    /// Allocations and frees so far.
    pub operations: u64,
    /// Live objects.
    pub objects: u64,
    /// Their bytes, as asked for.
    pub bytes: u64,
    /// Page frames of the pool.
    pub pool_pages: u64,
    /// Bytes it keeps elsewhere.
    pub metadata_bytes: u64,
    /// Objects that would be live had they not been refused.
    pub refused_objects: u64,
    /// Their bytes.
    pub refused_bytes: u64,
}

impl PoolPoint {
    /// Live bytes divided by all bytes the pool holds; zero for an empty pool.
    #[must_use]
    pub fn density(&self, page_size: u64) -> f64 {
        divide(self.bytes as f64, (self.pool_pages * page_size + self.metadata_bytes) as f64)
    }

    /// Density if every refused object had been kept as a whole page.
    #[must_use]
    pub fn effective_density(&self, page_size: u64) -> f64 {
        let pages = self.pool_pages + self.refused_objects;
        divide(
            (self.bytes + self.refused_bytes) as f64,
            (pages * page_size + self.metadata_bytes) as f64,
        )
    }
}

impl PoolRun {
    /// The last moment of a step.
    #[must_use]
    pub fn end_of(&self, step: Step) -> Option<&PoolPoint> {
        self.points.iter().rfind(|point| point.step == step)
    }
}

/// How long one operation took, the cost of measuring included.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Distribution {
    /// The operation.
    pub name: String,
    /// What the durations count, where it is not the comparison's unit. Its `overhead` is none of
    /// theirs then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<Unit>,
    /// Samples.
    pub count: u64,
    /// Their sum.
    pub sum: u64,
    /// The smallest.
    pub min: u64,
    /// The largest.
    pub max: u64,
    /// Buckets that hold samples, in ascending order: smallest and largest duration, samples.
    pub buckets: Vec<(u64, u64, u64)>,
}

impl Distribution {
    /// Mean; zero without samples.
    #[must_use]
    pub fn mean(&self) -> f64 {
        divide(self.sum as f64, self.count as f64)
    }

    /// The duration that `per_mille` of 1000 samples do not exceed: the upper end of the bucket
    /// the sample falls into, at most the largest sample. Zero without samples.
    #[must_use]
    pub fn percentile(&self, per_mille: u64) -> u64 {
        let wanted = u128::from(self.count) * u128::from(per_mille.min(1000));
        let mut seen = 0_u128;
        for &(_, high, count) in &self.buckets {
            seen += u128::from(count);
            if seen * 1000 >= wanted {
                return high.min(self.max);
            }
        }
        self.max
    }
}

/// What stressors achieved together.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Load {
    /// The options that describe it.
    pub command: String,
    /// What each stressor did.
    pub stressors: Vec<StressorResult>,
    /// Memory figures when the work was done.
    pub memory: Snapshot,
}

/// What an allocator did to the latency of others. Times are in nanoseconds, which under `-icount` are
/// instructions.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Response {
    /// Longest section with interrupts masked, in the comparison's unit and without the time of what
    /// measures it; absent where no boot was made for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub masked_section: Option<u64>,
    /// The same with preemption off, interrupts that came meanwhile included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preemption_section: Option<u64>,
    /// Longest time from a timer's deadline to the first instruction of the interrupt's vector:
    /// how long interrupts stayed masked; absent where nobody measured.
    #[serde(default)]
    pub masked_max: Option<u64>,
    /// Longest time from a deadline to the first instruction of the thread that waited for it;
    /// absent where nobody measured.
    #[serde(default)]
    pub wakeup_max: Option<u64>,
    /// Wake-ups measured.
    #[serde(default)]
    pub wakeups: u64,
}

/// What was lost on the way; nothing should be.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Balance {
    /// Objects read back, and pages of stressors.
    pub checks: u64,
    /// Those that were not what had been written.
    pub verify_errors: u64,
    /// Page frames that the pools kept after their last object was freed and background work had
    /// ended.
    pub pages_kept: u64,
    /// Page frames that were missing after the pools were destroyed.
    pub frames_missing: i64,
    /// Bytes of the heap that were missing then.
    pub heap_missing: i64,
}
