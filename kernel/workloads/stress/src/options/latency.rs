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
}

impl LatencySettings {
    /// Whether something is measured, so that a run without stressors makes sense.
    #[must_use]
    pub fn measures(&self) -> bool {
        self.cyclictest.is_some()
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
            None => {
                OptionError::MissingValue { word: word.to_string(), accepted: refused.accepted }
            }
            Some(value) => OptionError::BadValue {
                word: word.to_string(),
                value: value.to_string(),
                problem: "not understood after --cyclictest".to_string(),
                accepted: refused.accepted,
            },
        })
    }
}
