//! Distributions in ticks.

use alloc::vec::Vec;
use core::fmt;

use serde::{Deserialize, Serialize};

use super::ClockFacts;
use crate::stressor::divide;

/// A distribution in ticks, exactly as it was counted. Only buckets with samples are listed.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct TickHistogram {
    /// Samples.
    pub count: u64,
    /// Sum of all samples.
    pub sum: u64,
    /// Smallest sample; zero without samples.
    pub min: u64,
    /// Largest sample; zero without samples.
    pub max: u64,
    /// Samples too large for the buckets; the last bucket has them.
    pub overflow: u64,
    /// Lowest and highest value of a bucket, and its samples.
    pub buckets: Vec<(u64, u64, u64)>,
}

impl TickHistogram {
    /// Mean; zero without samples.
    #[must_use]
    pub fn mean(&self) -> f64 {
        divide(self.sum as f64, self.count as f64)
    }

    /// The value that `parts` of `of` samples do not exceed: the upper end of the bucket the
    /// sample falls into, at most the largest sample. Zero without samples.
    #[must_use]
    pub fn quantile(&self, parts: u64, of: u64) -> u64 {
        let wanted = u128::from(self.count) * u128::from(parts);
        let mut seen = 0_u128;
        for &(_, high, count) in &self.buckets {
            seen += u128::from(count);
            if seen * u128::from(of) >= wanted {
                return high.min(self.max);
            }
        }
        self.max
    }

    /// Writes the heading of the columns of [`TickHistogram::write_row`].
    pub(super) fn write_heading(title: &str, out: &mut dyn fmt::Write) -> fmt::Result {
        write!(out, "zlab: metrc: [0] {title:<22} {:>10}", "samples")?;
        for (name, ..) in COLUMNS {
            write!(out, " {name:>8}")?;
        }
        writeln!(out, " {:>8} {:>10}", "max", "mean")
    }

    /// Writes the distribution in one line, in ticks.
    pub(super) fn write_row(
        &self,
        label: fmt::Arguments<'_>,
        out: &mut dyn fmt::Write,
    ) -> fmt::Result {
        let label = alloc::format!("{label}");
        write!(out, "zlab: metrc: [0]   {label:<20} {:>10}", self.count)?;
        for (_, parts, of) in COLUMNS {
            let value = if parts == 0 { self.min } else { self.quantile(parts, of) };
            write!(out, " {value:>8}")?;
        }
        writeln!(out, " {:>8} {:>10.2}", self.max, self.mean())
    }

    /// Largest sample in nanoseconds.
    #[must_use]
    pub fn max_ns(&self, clock: &ClockFacts) -> u64 {
        clock.nanoseconds(self.max)
    }
}

/// Columns of a table: name and which quantile; no parts for the minimum.
const COLUMNS: [(&str, u64, u64); 7] = [
    ("min", 0, 1),
    ("50%", 50, 100),
    ("90%", 90, 100),
    ("99%", 99, 100),
    ("99.9%", 999, 1000),
    ("99.99%", 9999, 10_000),
    ("99.999%", 99_999, 100_000),
];
