//! What was measured of latency.

mod clock;
mod cyclictest;
mod ticks;

pub use clock::ClockFacts;
pub use cyclictest::{Cyclictest, CyclictestThread, POINTS};
pub use ticks::TickHistogram;

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
        Ok(())
    }
}
