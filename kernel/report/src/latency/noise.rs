//! What a CPU that does nothing but read the clock misses.

use core::fmt;

use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

use super::{ClockFacts, TickHistogram};

/// The noise floor: gaps between two looks at the clock with interrupts masked.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Noise {
    /// How long each CPU looked, in nanoseconds.
    pub duration_ns: u64,
    /// Cycles or ticks a second, the unit of the gaps.
    pub unit_hz: u64,
    /// Gaps, CPU by CPU.
    pub cpus: Vec<NoiseOfCpu>,
}

/// The gaps of one CPU.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct NoiseOfCpu {
    /// All of them.
    pub gaps: TickHistogram,
    /// Tick of the virtual counter after the largest.
    pub max_tick: u64,
}

impl Noise {
    pub(super) fn write(&self, _clock: &ClockFacts, out: &mut dyn fmt::Write) -> fmt::Result {
        let hz = self.unit_hz.max(1);
        TickHistogram::write_heading("noise, gaps", out)?;
        for (cpu, found) in self.cpus.iter().enumerate() {
            found.gaps.write_row(format_args!("CPU {cpu}"), out)?;
            let ns = u128::from(found.gaps.max) * 1_000_000_000 / u128::from(hz);
            writeln!(
                out,
                "zlab: metrc: [0]   units of {hz} Hz; the largest gap took {ns} ns and ended at tick {}",
                found.max_tick
            )?;
        }
        Ok(())
    }
}
