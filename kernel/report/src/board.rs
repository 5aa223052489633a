//! What a board says of its clock and its temperature.

use core::fmt;

use serde::{Deserialize, Serialize};

/// A board before and after a run. A clock that changed, or throttling in between, spoils a figure.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct BoardStates {
    /// When the workload was about to start.
    pub before: BoardState,
    /// When it had ended.
    pub after: BoardState,
}

/// A board at one moment; what it does not say is `None`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct BoardState {
    /// Rate of the processors' clock as it is set, in hertz.
    pub clock_hz: Option<u64>,
    /// The same as measured, in hertz.
    pub clock_measured_hz: Option<u64>,
    /// The highest rate that may be set, in hertz.
    pub clock_max_hz: Option<u64>,
    /// Temperature of the chip in thousandths of a degree Celsius.
    pub temperature_millicelsius: Option<u64>,
    /// Bits 0 to 3: short of voltage, clock capped, throttled, soft temperature limit, each now; 16
    /// bits higher the same for "since boot".
    pub throttled: Option<u32>,
}

impl BoardStates {
    /// Whether the processors were held back during the run, or may have been: a bit for "now" after
    /// it, or one for "since boot" that was not set before it.
    #[must_use]
    pub fn throttled_during_run(&self) -> Option<bool> {
        let (before, after) = (self.before.throttled?, self.after.throttled?);
        Some(after & 0xf != 0 || (after & !before) >> 16 & 0xf != 0)
    }
}

impl BoardState {
    /// Names and values in the order of the results table.
    #[must_use]
    pub fn named(&self) -> [(&'static str, Option<u64>); 5] {
        [
            ("clock_hz", self.clock_hz),
            ("clock_measured_hz", self.clock_measured_hz),
            ("clock_max_hz", self.clock_max_hz),
            ("temperature_millicelsius", self.temperature_millicelsius),
            ("throttled", self.throttled.map(u64::from)),
        ]
    }
}

impl fmt::Display for BoardState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let clocks = [
            ("ARM clock ", self.clock_hz),
            (" (measured ", self.clock_measured_hz),
            (", at most ", self.clock_max_hz),
        ];
        for (text, hertz) in clocks {
            f.write_str(text)?;
            match hertz {
                Some(hertz) => write!(f, "{} MHz", hertz / 1_000_000)?,
                None => f.write_str("unknown")?,
            }
        }
        f.write_str("), temperature ")?;
        match self.temperature_millicelsius {
            Some(value) => write!(f, "{}.{} C", value / 1000, value % 1000 / 100)?,
            None => f.write_str("unknown")?,
        }
        match self.throttled {
            None => f.write_str(", throttling unknown"),
            Some(0) => f.write_str(", never throttled"),
            Some(bits) => throttling(bits, f),
        }
    }
}

fn throttling(bits: u32, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    const MEANINGS: [&str; 4] =
        ["under-voltage", "clock capped", "throttled", "soft temperature limit"];
    for (bit, meaning) in MEANINGS.iter().enumerate() {
        if bits & 1 << bit != 0 {
            write!(f, ", {meaning} now")?;
        } else if bits & 1 << (bit + 16) != 0 {
            write!(f, ", {meaning} since boot")?;
        }
    }
    write!(f, " ({bits:#x})")
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn states_read_as_sentences() {
        let state = BoardState {
            clock_hz: Some(2_400_000_000),
            clock_measured_hz: Some(2_399_987_712),
            clock_max_hz: Some(2_400_000_000),
            temperature_millicelsius: Some(51_234),
            throttled: Some(0),
        };
        assert_eq!(
            state.to_string(),
            "ARM clock 2400 MHz (measured 2399 MHz, at most 2400 MHz), temperature 51.2 C, never \
             throttled"
        );
        let state = BoardState { throttled: Some(0x5_0001), ..BoardState::default() };
        assert_eq!(
            state.to_string(),
            "ARM clock unknown (measured unknown, at most unknown), temperature unknown, \
             under-voltage now, throttled since boot (0x50001)"
        );
    }

    #[test]
    fn throttling_during_a_run_is_told_from_earlier() {
        let during = |before, after| {
            let state = |throttled| BoardState { throttled, ..BoardState::default() };
            BoardStates { before: state(before), after: state(after) }.throttled_during_run()
        };
        assert_eq!(during(Some(0), Some(0)), Some(false));
        assert_eq!(during(Some(0x5_0000), Some(0x5_0000)), Some(false));
        assert_eq!(during(Some(0x1_0000), Some(0x5_0000)), Some(true));
        assert_eq!(during(Some(0), Some(0x4_0004)), Some(true));
        assert_eq!(during(None, Some(0)), None);
    }
}
