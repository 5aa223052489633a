//! What is measured beside the stressors.

use alloc::string::ToString;
use core::str::SplitAsciiWhitespace;

use latency::cyclictest::Cyclictest;

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
        settings.take(word, words).map_err(|refused| match refused.value {
            None => OptionError::MissingValue {
                word: word.to_string(),
                accepted: refused.accepted.to_string(),
            },
            Some(value) => OptionError::BadValue {
                word: word.to_string(),
                value: value.to_string(),
                problem: "not understood after --cyclictest".to_string(),
                accepted: refused.accepted.to_string(),
            },
        })
    }
}
