//! The whole result of one boot.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::{
    BoardStates, Bounds, Comparison, LatencyHistogram, LatencyReport, Outcome, Snapshot, Status,
    StressorResult,
};

/// The whole result of one run: what ran where, what it did, how it ended.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Document {
    /// Version of zlab.
    pub version: String,
    /// Where it ran.
    pub machine: MachineDescription,
    /// How it was set up.
    pub settings: Settings,
    /// Wall time of the run in nanoseconds.
    pub elapsed_ns: u64,
    /// What each stressor did, in the order of the command line.
    pub stressors: Vec<StressorResult>,
    /// Memory figures when the work was done and nothing was given back yet.
    pub memory: Snapshot,
    /// Latency distributions.
    #[serde(default)]
    pub latencies: Vec<LatencyHistogram>,
    /// What a comparison of allocators found; absent in other runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comparison: Option<Comparison>,
    /// What a search for the worst cases of an allocator found; absent in other runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bounds: Option<Bounds>,
    /// What was measured of latency beside the stressors, if anything was.
    #[serde(default)]
    pub latency: Option<LatencyReport>,
    /// Clock, temperature and throttling around the run, on a board that tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub board: Option<BoardStates>,
    /// The single runs of a job file, in order, if there were several; then the fields above sum
    /// them up.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub runs: Vec<Document>,
    /// How the run ended.
    pub verdict: Verdict,
}

/// The machine a run had.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct MachineDescription {
    /// Name of the board.
    pub board: String,
    /// CPUs that ran.
    pub cpus: u32,
    /// RAM in bytes.
    pub memory_bytes: u64,
    /// Page size in bytes.
    pub page_size: u64,
    /// Frequency of the counter behind every time, in hertz.
    pub counter_hz: u64,
}

/// The settings of a run.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Settings {
    /// The boot arguments, as given.
    pub command: String,
    /// Allocator of compressed pages.
    pub zpool: String,
    /// Compressor.
    pub compressor: String,
    /// Seed of everything random.
    pub seed: u64,
    /// Time is instructions executed (QEMU's `-icount`), not wall-clock time.
    pub icount: bool,
}

/// How a run ended.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Verdict {
    /// Exit status.
    pub status: Status,
    /// The same in words.
    pub text: String,
}

impl Verdict {
    /// The verdict with that status and its usual words.
    #[must_use]
    pub fn of(status: Status) -> Self {
        Self { status, text: status.text().into() }
    }
}

impl core::fmt::Display for Verdict {
    /// What follows `zlab: verdict: ` on the last line: `STATUS TEXT`.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{} {}", self.status.code(), self.text)
    }
}

impl Document {
    /// The gravest outcome of all stressors; [`Outcome::NoData`] without any.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        let outcomes = self.stressors.iter().map(StressorResult::outcome);
        outcomes.reduce(Outcome::worse).unwrap_or(Outcome::NoData)
    }

    /// The document of a boot with these runs; `None` without any. One run is its own document. Of
    /// several, times and stressors are put together, memory is the last run's, the verdict is the
    /// gravest, and everything else only in [`runs`](Self::runs).
    #[must_use]
    pub fn of_runs(runs: Vec<Self>) -> Option<Self> {
        let (first, last) = (runs.first()?, runs.last()?);
        if runs.len() == 1 {
            return runs.into_iter().next();
        }
        let commands: Vec<&str> = runs.iter().map(|run| run.settings.command.as_str()).collect();
        let status = runs.iter().map(|run| run.verdict.status).reduce(Status::graver);
        let states = first.board.zip(last.board);
        let board =
            states.map(|(first, last)| BoardStates { before: first.before, after: last.after });
        Some(Self {
            version: first.version.clone(),
            machine: first.machine.clone(),
            settings: Settings { command: commands.join("; "), ..first.settings.clone() },
            elapsed_ns: runs.iter().map(|run| run.elapsed_ns).sum(),
            stressors: runs.iter().flat_map(|run| run.stressors.clone()).collect(),
            memory: last.memory,
            latencies: Vec::new(),
            comparison: None,
            bounds: None,
            latency: None,
            board,
            verdict: Verdict::of(status.unwrap_or(Status::NoData)),
            runs,
        })
    }

    /// Wall time of the run in seconds.
    #[must_use]
    pub fn elapsed_seconds(&self) -> f64 {
        self.elapsed_ns as f64 / 1e9
    }
}
