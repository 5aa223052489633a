//! What is measured beside the stressors.

use alloc::string::ToString;
use core::str::SplitAsciiWhitespace;

use latency::cyclictest::{Cyclictest, Refused};

use super::OptionError;

/// Latency measurements that run beside the stressors, or alone.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct LatencySettings {
    /// `--cyclictest` and its short options.
    pub cyclictest: Option<Cyclictest>,
    /// `--latency`: how long operations take.
    pub operations: bool,
    /// `--irqsoff`: the longest sections with interrupts masked or preemption off, and locks.
    pub sections: bool,
    /// `--latency-trace`: microseconds of latency at which to keep what happened last.
    pub trace_us: Option<u64>,
    /// `--inject-delay`: microseconds for which interrupts are masked across a deadline.
    pub inject_us: Option<u64>,
    /// `--noise`: how long each CPU looks for gaps in its own time, in nanoseconds.
    pub noise_ns: Option<u64>,
}

/// Samples when the delay or the trace needs cyclictest and nobody asked for it.
const IMPLIED_LOOPS: u64 = 1000;

impl LatencySettings {
    /// Whether something is measured, so that a run without stressors makes sense.
    #[must_use]
    pub fn measures(&self) -> bool {
        self.cyclictest.is_some() || self.noise_ns.is_some()
    }

    /// Whether the kernel's sections and locks are traced.
    #[must_use]
    pub fn traces_sections(&self) -> bool {
        self.sections || self.trace_us.is_some() || self.inject_us.is_some()
    }

    /// Whether the kernel's operations are traced.
    #[must_use]
    pub fn traces_operations(&self) -> bool {
        self.operations || self.trace_us.is_some()
    }

    /// Adds what other options imply.
    pub(crate) fn complete(&mut self) {
        if self.trace_us.or(self.inject_us).is_some() && self.cyclictest.is_none() {
            self.cyclictest = Some(Cyclictest { loops: IMPLIED_LOOPS, ..Cyclictest::default() });
        }
    }

    /// How long the measurement will take, in nanoseconds; `None` when it takes as long as the
    /// stressors.
    #[must_use]
    pub fn limit_ns(&self) -> Option<u64> {
        self.cyclictest?.limit_ns()
    }

    /// Takes `word` as an option of cyclictest; false when it is none.
    ///
    /// # Errors
    /// Its value is missing or not understood.
    pub(super) fn take_cyclictest<'a>(
        &mut self,
        word: &'a str,
        words: &mut SplitAsciiWhitespace<'a>,
    ) -> Result<bool, OptionError> {
        let settings = self.cyclictest.get_or_insert_default();
        settings.take(word, words).map_err(|refused| match refused {
            Refused::Value { value: None, accepted } => {
                OptionError::MissingValue { word: word.to_string(), accepted: accepted.to_string() }
            }
            Refused::Value { value: Some(value), accepted } => OptionError::BadValue {
                word: word.to_string(),
                value: value.to_string(),
                problem: "not understood after --cyclictest".to_string(),
                accepted: accepted.to_string(),
            },
            Refused::Option { instead } => {
                OptionError::Unsupported { word: word.to_string(), instead }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::options::{OptionError, Options};

    fn parse(line: &str) -> Options {
        Options::parse(line).unwrap_or_else(|error| panic!("{line}: {error}"))
    }

    #[test]
    fn short_options_are_cyclictests_until_another_long_option() {
        let options =
            parse("--cyclictest -t 4 -i 100 -h 30 zpool=zbud -q --loops 9 --vm-bytes 64M -t 5");
        let cyclictest = options.latency.cyclictest.expect("it was asked for");
        assert_eq!((cyclictest.threads, cyclictest.interval_us), (Some(4), 100));
        assert_eq!((cyclictest.histogram, cyclictest.loops), (30, 9));
        assert!(cyclictest.quiet);
        assert_eq!(options.boot.zpool, "zbud");
        assert_eq!(options.timeout_ns, Some(5_000_000_000));
        assert!(options.has_work(), "without a stressor");
    }

    #[test]
    fn the_run_lasts_as_long_as_the_measurement() {
        assert_eq!(parse("--vm 1 --cyclictest -l 1000 -i 100").limit_ns(), Some(100_000_000));
        let longer = parse("--vm 1 --cyclictest -l 1000 -i 100 --timeout 2");
        assert_eq!(longer.limit_ns(), Some(2_000_000_000));
    }

    #[test]
    fn a_delay_and_a_trace_imply_a_measurement() {
        for line in ["--inject-delay 5", "--latency-trace 5"] {
            let latency = parse(line).latency;
            assert!(latency.measures() && latency.traces_sections(), "{line}");
            assert_eq!(latency.cyclictest.map(|settings| settings.loops), Some(1000), "{line}");
        }
        assert!(!parse("--irqsoff").latency.measures());
    }

    #[test]
    fn wrong_values_are_refused() {
        let refused = |line: &str| Options::parse(line).unwrap_err();
        assert!(matches!(refused("--cyclictest -p 100"), OptionError::BadValue { .. }));
        assert!(matches!(refused("--cyclictest -i"), OptionError::MissingValue { .. }));
        assert!(matches!(refused("--cyclictest -b 9"), OptionError::Unsupported { .. }));
        assert!(matches!(refused("--cyclictest -z"), OptionError::Unknown { .. }));
        assert!(matches!(refused("--latency-trace 0"), OptionError::BadValue { .. }));
    }
}
