//! What a stressor did.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::Outcome;

const NS_PER_SECOND: f64 = 1e9;

/// What all instances of one stressor did.
///
/// The figures of the metrics table are the methods: bogo operations are summed over the
/// instances, real time is their mean, user and system time are summed.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct StressorResult {
    /// Its name as in `--NAME`.
    pub name: String,
    /// The method, for a stressor that has methods.
    #[serde(default)]
    pub method: Option<String>,
    /// Bytes all instances work on together; zero for a stressor without a working set.
    #[serde(default)]
    pub bytes: u64,
    /// Miscellaneous metrics.
    #[serde(default)]
    pub metrics: Vec<Metric>,
    /// One entry an instance, in order.
    pub instances: Vec<InstanceResult>,
}

/// What one instance did.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct InstanceResult {
    /// How it ended.
    pub outcome: Outcome,
    /// Bogo operations completed.
    pub bogo_ops: u64,
    /// Wall time from its first to its last instruction, in nanoseconds.
    pub real_ns: u64,
    /// Time in the stressor's own code, in nanoseconds.
    pub user_ns: u64,
    /// Time in faults, reclaim, the store and the kernel, in nanoseconds.
    pub system_ns: u64,
    /// Pages (for some stressors objects) that were read back and compared.
    pub checks: u64,
    /// Bits or bytes (the stressor says which) that were not what had been written.
    pub verify_errors: u64,
    /// Largest amount of memory it had mapped at once, in bytes; zero where nobody counted.
    #[serde(default)]
    pub resident_max_bytes: u64,
}

/// One miscellaneous metric.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Metric {
    /// What is measured, with its unit, such as `pages stored per second`.
    pub name: String,
    /// The value.
    pub value: f64,
    /// How the instances' values were joined.
    pub kind: MetricKind,
}

/// How a metric joins the values of the instances.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MetricKind {
    /// Geometric mean.
    GeometricMean,
    /// Harmonic mean.
    HarmonicMean,
    /// Sum.
    Total,
    /// Largest.
    Maximum,
}

impl MetricKind {
    /// The words the table uses.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::GeometricMean => "geometric mean",
            Self::HarmonicMean => "harmonic mean",
            Self::Total => "total",
            Self::Maximum => "maximum",
        }
    }
}

impl StressorResult {
    /// Bogo operations of all instances.
    #[must_use]
    pub fn bogo_ops(&self) -> u64 {
        self.instances.iter().map(|instance| instance.bogo_ops).sum()
    }

    /// Mean wall time of the instances, in seconds; zero without instances.
    #[must_use]
    pub fn real_seconds(&self) -> f64 {
        let sum_ns: u64 = self.instances.iter().map(|instance| instance.real_ns).sum();
        divide(sum_ns as f64 / NS_PER_SECOND, self.instances.len() as f64)
    }

    /// User time of all instances, in seconds.
    #[must_use]
    pub fn user_seconds(&self) -> f64 {
        self.instances.iter().map(|instance| instance.user_ns).sum::<u64>() as f64 / NS_PER_SECOND
    }

    /// System time of all instances, in seconds.
    #[must_use]
    pub fn system_seconds(&self) -> f64 {
        self.instances.iter().map(|instance| instance.system_ns).sum::<u64>() as f64 / NS_PER_SECOND
    }

    /// Bogo operations per second of real time; zero when no time passed.
    #[must_use]
    pub fn rate_real(&self) -> f64 {
        divide(self.bogo_ops() as f64, self.real_seconds())
    }

    /// Bogo operations per second of user and system time; zero when no time passed.
    #[must_use]
    pub fn rate_cpu(&self) -> f64 {
        divide(self.bogo_ops() as f64, self.user_seconds() + self.system_seconds())
    }

    /// CPU used per instance, in percent of one CPU.
    #[must_use]
    pub fn cpu_percent(&self) -> f64 {
        let cpu = self.user_seconds() + self.system_seconds();
        divide(divide(100.0 * cpu, self.real_seconds()), self.instances.len() as f64)
    }

    /// Largest memory that one instance had mapped at once, in bytes.
    #[must_use]
    pub fn resident_max_bytes(&self) -> u64 {
        self.instances.iter().map(|instance| instance.resident_max_bytes).max().unwrap_or(0)
    }

    /// Checks of all instances.
    #[must_use]
    pub fn checks(&self) -> u64 {
        self.instances.iter().map(|instance| instance.checks).sum()
    }

    /// Verify errors of all instances.
    #[must_use]
    pub fn verify_errors(&self) -> u64 {
        self.instances.iter().map(|instance| instance.verify_errors).sum()
    }

    /// How many instances ended so.
    #[must_use]
    pub fn count(&self, outcome: Outcome) -> usize {
        self.instances.iter().filter(|instance| instance.outcome == outcome).count()
    }

    /// The gravest outcome of the instances; [`Outcome::NoData`] without instances.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        let outcomes = self.instances.iter().map(|instance| instance.outcome);
        outcomes.reduce(Outcome::worse).unwrap_or(Outcome::NoData)
    }
}

impl InstanceResult {
    /// Wall time in seconds.
    #[must_use]
    pub fn real_seconds(&self) -> f64 {
        self.real_ns as f64 / NS_PER_SECOND
    }

    /// User time in seconds.
    #[must_use]
    pub fn user_seconds(&self) -> f64 {
        self.user_ns as f64 / NS_PER_SECOND
    }

    /// System time in seconds.
    #[must_use]
    pub fn system_seconds(&self) -> f64 {
        self.system_ns as f64 / NS_PER_SECOND
    }

    /// Bogo operations per second of real time; zero when no time passed.
    #[must_use]
    pub fn rate_real(&self) -> f64 {
        divide(self.bogo_ops as f64, self.real_seconds())
    }

    /// Bogo operations per second of user and system time; zero when no time passed.
    #[must_use]
    pub fn rate_cpu(&self) -> f64 {
        divide(self.bogo_ops as f64, self.user_seconds() + self.system_seconds())
    }
}

/// The quotient; zero instead of infinity or not-a-number.
pub(crate) fn divide(dividend: f64, divisor: f64) -> f64 {
    if divisor > 0.0 { dividend / divisor } else { 0.0 }
}
