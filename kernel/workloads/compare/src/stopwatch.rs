//! How long something takes.

use latency::Histogram;
use report::Distribution;

/// A counter, and what reading it twice adds to what is measured in between.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch {
    now: fn() -> u64,
    overhead: u64,
}

impl Stopwatch {
    /// A stopwatch of this counter, which never goes back. Its overhead is the least of many
    /// measurements of nothing.
    #[must_use]
    pub fn new(now: fn() -> u64) -> Self {
        const TRIES: usize = 256;
        let nothing = || Self { now, overhead: 0 }.time(|| ()).1;
        Self { now, overhead: (0..TRIES).map(|_| nothing()).min().unwrap_or(0) }
    }

    /// What every measurement has too much.
    #[must_use]
    pub const fn overhead(&self) -> u64 {
        self.overhead
    }

    /// What `work` gives, and how long it took, the overhead included.
    #[inline(always)]
    pub fn time<T>(&self, work: impl FnOnce() -> T) -> (T, u64) {
        let start = (self.now)();
        let result = work();
        (result, (self.now)() - start)
    }

    /// What `work` gives; how long it took is counted.
    #[inline(always)]
    pub fn count<T>(&self, histogram: &mut Histogram, work: impl FnOnce() -> T) -> T {
        let (result, took) = self.time(work);
        histogram.record(took);
        result
    }
}

/// What a histogram counted, for the report.
#[must_use]
pub fn distribution(name: &str, histogram: &Histogram) -> Distribution {
    Distribution {
        name: name.into(),
        unit: None,
        count: histogram.count(),
        sum: histogram.sum(),
        min: histogram.min().unwrap_or(0),
        max: histogram.max().unwrap_or(0),
        buckets: histogram
            .buckets()
            .map(|bucket| (bucket.low, bucket.high, bucket.count))
            .collect(),
    }
}
