//! Latency distributions.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::stressor::divide;

/// A distribution of durations, in nanoseconds. Only buckets that hold samples are listed.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct LatencyHistogram {
    /// What was measured, such as `major fault`.
    pub name: String,
    /// Samples.
    pub count: u64,
    /// Sum of all samples in nanoseconds.
    pub sum_ns: u64,
    /// Smallest sample in nanoseconds; zero without samples.
    pub min_ns: u64,
    /// Largest sample in nanoseconds; zero without samples.
    pub max_ns: u64,
    /// Resolution of the clock in nanoseconds.
    pub resolution_ns: u64,
    /// Buckets that hold samples, in ascending order.
    pub buckets: Vec<Bucket>,
}

/// Samples in one interval.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Bucket {
    /// Smallest duration of the interval in nanoseconds.
    pub low_ns: u64,
    /// Largest duration of the interval in nanoseconds.
    pub high_ns: u64,
    /// Samples in it.
    pub count: u64,
}

impl LatencyHistogram {
    /// Mean in nanoseconds; zero without samples.
    #[must_use]
    pub fn mean_ns(&self) -> f64 {
        divide(self.sum_ns as f64, self.count as f64)
    }

    /// The duration that `per_mille` of 1000 samples do not exceed: the upper end of the bucket
    /// the sample falls into, at most the largest sample. Zero without samples.
    #[must_use]
    pub fn percentile_ns(&self, per_mille: u64) -> u64 {
        let wanted = u128::from(self.count) * u128::from(per_mille.min(1000));
        let mut seen = 0_u128;
        for bucket in &self.buckets {
            seen += u128::from(bucket.count);
            if seen * 1000 >= wanted {
                return bucket.high_ns.min(self.max_ns);
            }
        }
        self.max_ns
    }
}
