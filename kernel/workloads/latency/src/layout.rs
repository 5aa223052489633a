//! Which values share a bucket.

/// Buckets of equal width in each power of two. A value and the upper bound of its bucket differ
/// by less than one part in this many.
pub const SUBBUCKETS: u64 = 1 << SUBBUCKET_BITS;

/// Values from here on are counted in the overflow bucket: 2^40 ticks, which is 18 minutes at
/// 1 GHz and 5.6 hours at 54 MHz.
pub const LIMIT: u64 = 1 << LIMIT_BITS;

/// Buckets of a histogram, one of which is for overflow.
pub const BUCKETS: usize = FIRST + (((LIMIT_BITS - SUBBUCKET_BITS + 1) as usize) << SUBBUCKET_BITS);

const SUBBUCKET_BITS: u32 = 5;
const LIMIT_BITS: u32 = 40;

/// Leading zeros of the values that have a bucket each.
const MOST_ZEROS: u32 = u64::BITS - 1 - SUBBUCKET_BITS;

/// Index of the overflow bucket. It comes first, so that choosing it takes no constant; bucket
/// numbers otherwise grow with the values.
pub(crate) const OVERFLOW: usize = 0;

/// Index of the bucket of value 0.
const FIRST: usize = OVERFLOW + 1;

/// The bucket of a value, below [`BUCKETS`]. Without a branch.
#[inline]
pub(crate) const fn index(ticks: u64) -> usize {
    // The leading one and SUBBUCKET_BITS bits behind it; below 2 * SUBBUCKETS, the value itself.
    let zeros = (ticks | SUBBUCKETS).leading_zeros();
    let mantissa = ticks << zeros >> MOST_ZEROS;
    // Each power of two from 2 * SUBBUCKETS on takes SUBBUCKETS more.
    let power = ((MOST_ZEROS as usize) << SUBBUCKET_BITS) + FIRST;
    let index = mantissa as usize + power - ((zeros as usize) << SUBBUCKET_BITS);
    if index < BUCKETS { index } else { OVERFLOW }
}

/// The buckets by ascending values.
pub(crate) fn in_order() -> impl Iterator<Item = usize> {
    (FIRST..BUCKETS).chain([OVERFLOW])
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
    if index == OVERFLOW { u64::MAX } else { start(index - FIRST + 1) - 1 }
}

/// The lowest value of a bucket.
const fn low(index: usize) -> u64 {
    if index == OVERFLOW { LIMIT } else { start(index - FIRST) }
}

/// The lowest value of the bucket at this place in the order of values.
const fn start(place: usize) -> u64 {
    let Some(shift) = (place >> SUBBUCKET_BITS).checked_sub(1) else { return place as u64 };
    (SUBBUCKETS + place as u64 % SUBBUCKETS) << shift
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_follow_each_other_without_gap() {
        assert_eq!(low(FIRST), 0);
        for bucket in FIRST..BUCKETS {
            assert!(low(bucket) <= high(bucket));
            assert_eq!((index(low(bucket)), index(high(bucket))), (bucket, bucket));
            let next = if bucket + 1 < BUCKETS { bucket + 1 } else { OVERFLOW };
            assert_eq!(high(bucket) + 1, low(next));
        }
        assert_eq!(low(OVERFLOW), LIMIT);
        assert_eq!((index(LIMIT), index(u64::MAX)), (OVERFLOW, OVERFLOW));
    }

    #[test]
    fn width_is_within_the_bound() {
        for bucket in FIRST..BUCKETS {
            let (low, high) = (low(bucket), high(bucket));
            assert!((high - low) * SUBBUCKETS < low.max(1), "bucket {bucket}: {low}..={high}");
        }
    }
}
