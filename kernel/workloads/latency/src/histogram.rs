//! A histogram with one owner: for one thread, and to merge others into.

use crate::layout::{BUCKETS, Bucket, OVERFLOW, high, in_order, index};

/// How often each latency occurred, in log-linear buckets; count, minimum, maximum and sum exactly.
///
/// It is an array of 9.2 KB that allocates nothing; keep it in a static or on the heap.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Histogram {
    pub(crate) counts: [u64; BUCKETS],
    pub(crate) sum: u64,
    /// `u64::MAX` while empty.
    min: u64,
    /// Zero while empty.
    max: u64,
    /// `max - min + 1` modulo 2^64, zero while empty.
    width: u64,
}

impl Histogram {
    /// An empty histogram.
    #[must_use]
    pub const fn new() -> Self {
        Self { counts: [0; BUCKETS], sum: 0, min: u64::MAX, max: 0, width: 0 }
    }

    /// Counts a value. Constant time.
    #[inline]
    pub fn record(&mut self, ticks: u64) {
        self.counts[index(ticks)] += 1;
        self.sum = self.sum.wrapping_add(ticks);
        // One comparison for both ends. A width of zero has every value outside.
        if ticks.wrapping_sub(self.min) >= self.width {
            self.extend(ticks, ticks);
        }
    }

    /// Adds what `other` counted.
    pub fn merge(&mut self, other: &Self) {
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count += more;
        }
        self.sum = self.sum.wrapping_add(other.sum);
        self.extend(other.min, other.max);
    }

    /// Takes the extremes of other values into account, or `u64::MAX` and 0 for none.
    pub(crate) fn extend(&mut self, min: u64, max: u64) {
        if min > max {
            return;
        }
        self.min = self.min.min(min);
        self.max = self.max.max(max);
        self.width = self.max.wrapping_sub(self.min).wrapping_add(1);
    }

    /// How many values were counted. Walks all buckets, as everything below does that says so.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Nothing was counted.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.min > self.max
    }

    /// The lowest value, exactly.
    #[must_use]
    pub const fn min(&self) -> Option<u64> {
        if self.is_empty() { None } else { Some(self.min) }
    }

    /// The highest value, exactly.
    #[must_use]
    pub const fn max(&self) -> Option<u64> {
        if self.is_empty() { None } else { Some(self.max) }
    }

    /// The sum of all values, exactly, modulo 2^64 (584 years of nanoseconds).
    #[must_use]
    pub const fn sum(&self) -> u64 {
        self.sum
    }

    /// The mean, rounded down. Walks all buckets.
    #[must_use]
    pub fn mean(&self) -> Option<u64> {
        self.sum.checked_div(self.count())
    }

    /// How many values were [`LIMIT`](crate::LIMIT) or more.
    #[must_use]
    pub const fn overflow(&self) -> u64 {
        self.counts[OVERFLOW]
    }

    /// The value that `parts` of `of` values do not exceed: `quantile(999, 1000)` is the 99.9th
    /// percentile. `parts` above `of` means all, and none means the lowest. Walks the buckets.
    ///
    /// With the values sorted, it is the one of rank `ceil(count * parts / of)`, rounded up to the
    /// upper bound of its bucket, or to the maximum if that is lower: never too low, and too
    /// high by less than 1/[`SUBBUCKETS`](crate::SUBBUCKETS) of it. Ranks that overflowed
    /// give the maximum, without that bound.
    ///
    /// None when nothing was counted or `of` is zero.
    #[must_use]
    pub fn quantile(&self, parts: u64, of: u64) -> Option<u64> {
        let count = self.count();
        if count == 0 || of == 0 {
            return None;
        }
        let rank = (u128::from(count) * u128::from(parts.min(of))).div_ceil(u128::from(of));
        let rank = (rank as u64).max(1);
        let mut below = 0;
        let reaches = |&index: &usize| {
            below += self.counts[index];
            below >= rank
        };
        let bucket = in_order().find(reaches)?;
        Some(high(bucket).min(self.max))
    }

    /// The buckets that are not empty, lowest first; their counts add up to [`Histogram::count`].
    pub fn buckets(&self) -> impl Iterator<Item = Bucket> {
        in_order().filter_map(|index| {
            let count = self.counts[index];
            (count > 0).then(|| Bucket::new(index, count))
        })
    }
}

impl Default for Histogram {
    fn default() -> Self {
        Self::new()
    }
}
