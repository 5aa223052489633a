//! Which values share a bucket.

/// Buckets of equal width in each power of two. A value and the upper bound of its bucket differ
/// by less than one part in this many.
pub const SUBBUCKETS: u64 = 1 << SUBBUCKET_BITS;

/// Values from here on are counted in the overflow bucket: 2^40 ticks, which is 18 minutes at
/// 1 GHz and 5.6 hours at 54 MHz.
pub const LIMIT: u64 = 1 << LIMIT_BITS;

/// Buckets of a histogram, the last of which is for overflow.
pub const BUCKETS: usize = OVERFLOW + 1;

const SUBBUCKET_BITS: u32 = 5;
const LIMIT_BITS: u32 = 40;

/// Index of the overflow bucket, one above the bucket of `LIMIT - 1`.
pub(crate) const OVERFLOW: usize = ((LIMIT_BITS - SUBBUCKET_BITS + 1) as usize) << SUBBUCKET_BITS;

/// The bucket of a value, below [`BUCKETS`]. Without a branch.
#[inline]
pub(crate) const fn index(ticks: u64) -> usize {
    // Below 2 * SUBBUCKETS the shift is 0 and every value has its own bucket; above, the shift
    // keeps the leading one and SUBBUCKET_BITS bits behind it.
    let shift = u64::BITS - 1 - SUBBUCKET_BITS - (ticks | SUBBUCKETS).leading_zeros();
    let index = ((shift as usize) << SUBBUCKET_BITS) + (ticks >> shift) as usize;
    if index < OVERFLOW { index } else { OVERFLOW }
}

/// A bucket that is not empty.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Bucket {
    /// Lowest value that it counts, in ticks.
    pub low: u64,
    /// Highest value that it counts, in ticks; `u64::MAX` for overflow.
    pub high: u64,
    /// How many it counted.
    pub count: u64,
}

impl Bucket {
    pub(crate) const fn new(index: usize, count: u64) -> Self {
        Self { low: low(index), high: high(index), count }
    }
}

/// The highest value of a bucket.
pub(crate) const fn high(index: usize) -> u64 {
    if index >= OVERFLOW { u64::MAX } else { low(index + 1) - 1 }
}

const fn low(index: usize) -> u64 {
    let Some(shift) = (index >> SUBBUCKET_BITS).checked_sub(1) else { return index as u64 };
    (SUBBUCKETS + index as u64 % SUBBUCKETS) << shift
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_follow_each_other_without_gap() {
        assert_eq!(low(0), 0);
        for bucket in 0..OVERFLOW {
            assert!(low(bucket) <= high(bucket));
            assert_eq!(high(bucket) + 1, low(bucket + 1));
            assert_eq!((index(low(bucket)), index(high(bucket))), (bucket, bucket));
        }
        assert_eq!(low(OVERFLOW), LIMIT);
        assert_eq!((index(LIMIT), index(u64::MAX)), (OVERFLOW, OVERFLOW));
    }

    #[test]
    fn width_is_within_the_bound() {
        for bucket in 0..OVERFLOW {
            let (low, high) = (low(bucket), high(bucket));
            assert!((high - low) * SUBBUCKETS < low.max(1), "bucket {bucket}: {low}..={high}");
        }
    }
}
