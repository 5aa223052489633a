//! The clocks behind every latency.

use core::fmt;

use serde::{Deserialize, Serialize};

/// The generic timer's counter and the cycle counter: frequencies, and what reading them costs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct ClockFacts {
    /// Ticks of the virtual counter a second (CNTFRQ_EL0).
    pub counter_hz: u64,
    /// Ticks that 1000 reads of the virtual counter take.
    pub counter_read_ticks_per_1000: u64,
    /// Cycles a second, measured against the virtual counter; zero without a cycle counter.
    pub cycle_hz: u64,
    /// Cycles from one read of the cycle counter to the next, the fewest of many.
    pub cycle_read_cycles: u64,
    /// Whether executed instructions are counted.
    pub instructions: bool,
    /// Instructions from one read of the instruction counter to the next, the fewest of many.
    pub instruction_read_instructions: u64,
}

impl ClockFacts {
    /// Ticks of the virtual counter in nanoseconds, rounded down.
    #[must_use]
    pub fn nanoseconds(&self, ticks: u64) -> u64 {
        let hz = u128::from(self.counter_hz.max(1));
        u64::try_from(u128::from(ticks) * 1_000_000_000 / hz).unwrap_or(u64::MAX)
    }

    /// Nanoseconds that a read of the virtual counter takes.
    #[must_use]
    pub fn counter_read_ns(&self) -> u64 {
        self.nanoseconds(self.counter_read_ticks_per_1000) / 1000
    }

    pub(super) fn write(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        let picoseconds = 1_000_000_000_000 / self.counter_hz.max(1);
        writeln!(
            out,
            "zlab: metrc: [0] counter: {} Hz, resolution {}.{} ns, a read takes {} ns",
            self.counter_hz,
            picoseconds / 1000,
            picoseconds % 1000 / 100,
            self.counter_read_ns()
        )?;
        if self.cycle_hz == 0 {
            return writeln!(out, "zlab: metrc: [0] PMU: none, no cycles or instructions");
        }
        write!(
            out,
            "zlab: metrc: [0] PMU: {}.{:03} MHz cycles, a read takes {}; ",
            self.cycle_hz / 1_000_000,
            self.cycle_hz % 1_000_000 / 1000,
            self.cycle_read_cycles
        )?;
        if self.instructions {
            writeln!(out, "instructions, a read takes {}", self.instruction_read_instructions)
        } else {
            writeln!(out, "no instruction counter")
        }
    }
}
