//! Latency: what it is measured with, and what was found.

mod cyclictest;
mod facts;

use report::LatencyReport;
use stress::Options;

use cyclictest::Cyclictest;

/// The measurements of a run, under way.
pub struct Measurement {
    cyclictest: Option<Cyclictest>,
}

impl Measurement {
    /// Starts what `options` ask for; `None` when that is nothing.
    ///
    /// # Errors
    /// There is no memory for it, or there are too many threads.
    pub fn start(options: &Options) -> Result<Option<Self>, &'static str> {
        if !options.latency.measures() {
            return Ok(None);
        }
        // Alone it ends when stressors would.
        let alone = if options.requests.is_empty() { options.limit_ns() } else { None };
        let cyclictest = match &options.latency.cyclictest {
            Some(settings) => Some(Cyclictest::start(settings, alone)?),
            None => None,
        };
        Ok(Some(Self { cyclictest }))
    }

    /// Waits for what ends by itself, ends the rest, and says what was found.
    pub fn finish(self, alone: bool) -> LatencyReport {
        LatencyReport {
            clock: facts::measure(),
            cyclictest: self.cyclictest.map(|cyclictest| cyclictest.finish(alone)),
        }
    }
}

/// Whether a report has what was asked for: every thread of cyclictest has samples.
pub fn has_data(report: &LatencyReport) -> bool {
    let sampled = |found: &report::Cyclictest| found.threads.iter().all(|one| one.woken.count > 0);
    report.cyclictest.as_ref().is_none_or(sampled)
}
