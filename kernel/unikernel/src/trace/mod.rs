//! Latency: what it is measured with, and what was found.
//!
//! ```text
//! cyclictest  threads that note how late they run        noise      what a CPU misses by itself
//! probes      NOPs in the kernel that become calls       hook       what they call
//! sections    interrupts masked, preemption off          locks      waiting and holding
//! operations  how long stores, faults and so on take     ring       the last events
//! ```

mod codec;
mod cyclictest;
mod facts;
mod hook;
mod inject;
mod locks;
mod noise;
pub mod operations;
mod pool;
mod probes;
mod results;
mod ring;
mod sections;

use alloc::boxed::Box;

use latency::{Histogram, Recorder};
use report::{InjectedDelay, LatencyReport, Noise, TickHistogram};
use stress::Options;
use stress::options::LatencySettings;
use zpool::probe::OPERATION_BEGIN;

pub use codec::timed_compressor;
use cyclictest::Cyclictest;
pub use cyclictest::kernel_priority;
use inject::Injector;
pub use pool::timed_pool;

/// Arms the probes that the boot arguments ask for. At boot, while code can be written to.
///
/// # Errors
/// There is no memory for histograms, or the image is too large.
pub fn init(settings: &LatencySettings, cpus: usize) -> Result<(), &'static str> {
    let (sections, operations) = (settings.traces_sections(), settings.traces_operations());
    if !sections && !operations {
        return Ok(());
    }
    if operations {
        operations::init(cpus)?;
    }
    probes::arm(|kind| if kind < OPERATION_BEGIN { sections } else { operations })
}

/// Why options that need probes cannot be had now, if so: probes are armed at boot.
pub fn refuses(settings: &LatencySettings, boot: &LatencySettings) -> bool {
    settings.traces_sections() && !boot.traces_sections()
        || settings.traces_operations() && !boot.traces_operations()
}

/// Whether threads of cyclictest are wanted on CPUs of which none is there.
pub fn lacks_cpus(settings: &LatencySettings) -> bool {
    settings.cyclictest.as_ref().is_some_and(|settings| cyclictest::cpus(settings).is_empty())
}

/// The measurements of a run, under way.
pub struct Measurement {
    settings: LatencySettings,
    noise: Option<Noise>,
    cyclictest: Option<Cyclictest>,
    injector: Option<Injector>,
}

impl Measurement {
    /// Starts what `options` ask for.
    ///
    /// # Errors
    /// There is no memory for it, or there are too many threads.
    pub fn start(options: &Options) -> Result<Self, &'static str> {
        let settings = options.latency.clone();
        let noise = match settings.noise_ns {
            Some(duration_ns) => Some(noise::measure(duration_ns)?),
            None => None,
        };
        results::reset();
        // Alone it ends when stressors would.
        let alone = if options.requests.is_empty() { options.limit_ns() } else { None };
        let cyclictest = match &settings.cyclictest {
            Some(cyclictest) => Some(Cyclictest::start(cyclictest, alone, settings.trace_us)?),
            None => None,
        };
        let injector = match (settings.inject_us, &cyclictest) {
            (Some(delay_us), Some(cyclictest)) => Some(Injector::start(delay_us, cyclictest)?),
            _ => None,
        };
        Ok(Self { settings, noise, cyclictest, injector })
    }

    /// Waits for what ends by itself, ends the rest, and says what was found; `None` when nothing
    /// was measured.
    pub fn finish(self, options: &Options) -> Option<LatencyReport> {
        let alone = options.requests.is_empty();
        let injected = self.injector.map(Injector::finish);
        let delayed = self.cyclictest.as_ref().map_or(0, Cyclictest::watched);
        let cyclictest = self.cyclictest.map(|cyclictest| cyclictest.finish(alone));
        ring::freeze();
        let tracer =
            probes::armed().then(|| results::tracer(&self.settings, &options.boot.zpool)).flatten();
        if !self.settings.measures() && tracer.is_none() {
            return None;
        }
        let injected = injected.zip(cyclictest.as_ref()).map(|(injected, cyclictest)| {
            inject::judge(injected, delayed, cyclictest, tracer.as_ref())
        });
        Some(LatencyReport {
            clock: facts::measure(),
            cyclictest,
            noise: self.noise,
            tracer,
            injected,
        })
    }
}

/// Whether a report has what was asked for: every thread of cyclictest has samples.
pub fn has_data(report: &LatencyReport) -> bool {
    let sampled = |found: &report::Cyclictest| found.threads.iter().all(|one| one.woken.count > 0);
    report.cyclictest.as_ref().is_none_or(sampled)
}

/// Whether a delay on purpose was missed: then nothing that was measured can be trusted.
pub fn missed_delay(report: &LatencyReport) -> bool {
    report.injected.as_ref().is_some_and(|injected: &InjectedDelay| !injected.found)
}

/// What recorders counted together.
fn distribution(recorders: &mut dyn Iterator<Item = &Recorder>) -> TickHistogram {
    let mut total = Box::new(Histogram::new());
    recorders.for_each(|recorder| recorder.add_to(&mut total));
    TickHistogram {
        count: total.count(),
        sum: total.sum(),
        min: total.min().unwrap_or(0),
        max: total.max().unwrap_or(0),
        overflow: total.overflow(),
        buckets: total.buckets().map(|bucket| (bucket.low, bucket.high, bucket.count)).collect(),
    }
}

/// Sorts so that no item stands behind one that it goes `before`. Few steps for what is nearly in
/// order, many for long lists that are not; the code is small.
fn sort<T>(items: &mut [T], before: impl Fn(&T, &T) -> bool) {
    for end in 1..items.len() {
        let mut at = end;
        while at > 0 && before(&items[at], &items[at - 1]) {
            items.swap(at, at - 1);
            at -= 1;
        }
    }
}
