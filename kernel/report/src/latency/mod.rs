//! What was measured of latency.

mod clock;
mod cyclictest;
mod noise;
mod ticks;
mod tracer;

pub use clock::ClockFacts;
pub use cyclictest::{Cyclictest, CyclictestThread, POINTS};
pub use noise::{Noise, NoiseOfCpu};
pub use ticks::TickHistogram;
pub use tracer::{
    LatencyTrace, LockTimes, OperationTimes, Place, Section, SectionKind, TraceEvent, TracerReport,
};

use core::fmt;

use serde::{Deserialize, Serialize};

/// What was measured of latency in a run.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct LatencyReport {
    /// The clocks that measured it.
    pub clock: ClockFacts,
    /// What the cyclictest-compatible measurement found.
    pub cyclictest: Option<Cyclictest>,
    /// What a CPU misses that only reads the clock.
    pub noise: Option<Noise>,
    /// What the tracer found.
    pub tracer: Option<TracerReport>,
    /// The delay on purpose, and whether it was found.
    pub injected: Option<InjectedDelay>,
}

/// A delay on purpose, and what became of it.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct InjectedDelay {
    /// Ticks that interrupts were masked after a deadline.
    pub ticks: u64,
    /// The latency of that deadline at the woken thread, in ticks.
    pub latency: u64,
    /// Samples in the bucket of that latency.
    pub in_bucket: u64,
    /// The longest section with interrupts masked was the one that made the delay.
    pub cause_found: bool,
    /// Latency and cause are right.
    pub found: bool,
}

impl LatencyReport {
    /// Writes the figures as text.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        self.clock.write(out)?;
        if let Some(cyclictest) = &self.cyclictest {
            cyclictest.write(&self.clock, out)?;
        }
        if let Some(noise) = &self.noise {
            noise.write(&self.clock, out)?;
        }
        if let Some(tracer) = &self.tracer {
            tracer.write(out)?;
        }
        self.injected.iter().try_for_each(|injected| {
            writeln!(
                out,
                "zlab: {} [0] injected delay of {} ticks: latency {} ticks, {} in its bucket, cause \
                 {}: {}",
                if injected.found { "info: " } else { "fail: " },
                injected.ticks,
                injected.latency,
                injected.in_bucket,
                if injected.cause_found { "found" } else { "not found" },
                if injected.found { "seen" } else { "not seen as it was" }
            )
        })
    }
}
