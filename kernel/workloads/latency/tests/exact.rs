//! Against the sorted values themselves.

use latency::{BUCKETS, Histogram, LIMIT, Recorder, SUBBUCKETS};
use proptest::collection::vec;
use proptest::prelude::*;

/// Values of every magnitude, about evenly.
fn ticks() -> impl Strategy<Value = u64> {
    (0..64_u32, any::<u64>()).prop_map(|(shift, bits)| bits >> shift)
}

/// Values that histograms resolve.
fn resolved() -> impl Strategy<Value = u64> {
    ticks().prop_map(|ticks| ticks % LIMIT)
}

fn histogram(values: &[u64]) -> Histogram {
    let mut histogram = Histogram::new();
    values.iter().for_each(|&value| histogram.record(value));
    histogram
}

proptest! {
    #[test]
    fn totals_are_exact(values in vec(ticks(), 0..500)) {
        let histogram = histogram(&values);
        let sum = values.iter().fold(0_u64, |sum, value| sum.wrapping_add(*value));
        prop_assert_eq!(histogram.count(), values.len() as u64);
        prop_assert_eq!(histogram.is_empty(), values.is_empty());
        prop_assert_eq!(histogram.min(), values.iter().min().copied());
        prop_assert_eq!(histogram.max(), values.iter().max().copied());
        prop_assert_eq!(histogram.sum(), sum);
        prop_assert_eq!(histogram.mean(), sum.checked_div(values.len() as u64));
        let overflow = values.iter().filter(|&&value| value >= LIMIT).count();
        prop_assert_eq!(histogram.overflow(), overflow as u64);
    }

    #[test]
    fn buckets_hold_their_values(values in vec(ticks(), 0..500)) {
        let histogram = histogram(&values);
        let mut above = None;
        for bucket in histogram.buckets() {
            prop_assert!(above < Some(bucket.low) && bucket.low <= bucket.high);
            above = Some(bucket.high);
            let held = values.iter().filter(|&&value| (bucket.low..=bucket.high).contains(&value));
            prop_assert_eq!(held.count() as u64, bucket.count);
        }
        let counted: u64 = histogram.buckets().map(|bucket| bucket.count).sum();
        prop_assert_eq!(counted, values.len() as u64);
    }

    #[test]
    fn quantiles_are_the_ranked_value_rounded_up(
        values in vec(resolved(), 1..500),
        parts in 0..1001_u64,
    ) {
        let mut sorted = values.clone();
        sorted.sort_unstable();
        let rank = (values.len() * parts as usize).div_ceil(1000).max(1);
        let exact = sorted[rank - 1];
        let quantile = histogram(&values).quantile(parts, 1000).unwrap();
        prop_assert!(quantile >= exact, "{} below {}", quantile, exact);
        let excess = quantile - exact;
        prop_assert!(excess == 0 || excess * SUBBUCKETS < exact, "{} for {}", quantile, exact);
    }

    #[test]
    fn merging_is_recording_together(left in vec(ticks(), 0..200), right in vec(ticks(), 0..200)) {
        let mut merged = histogram(&left);
        merged.merge(&histogram(&right));
        let together: Vec<u64> = left.iter().chain(&right).copied().collect();
        prop_assert_eq!(merged, histogram(&together));
    }

    #[test]
    fn recorders_count_like_histograms(values in vec(ticks(), 0..200)) {
        let recorder = Recorder::new();
        values.iter().for_each(|&value| recorder.record(value));
        let mut total = Histogram::new();
        recorder.add_to(&mut total);
        prop_assert_eq!(&total, &histogram(&values));
        recorder.reset();
        let mut empty = Histogram::new();
        recorder.add_to(&mut empty);
        prop_assert_eq!(empty, Histogram::new());
    }
}

#[test]
fn extremes_are_extremes_in_any_order() {
    for values in [&[u64::MAX, 0][..], &[0, u64::MAX, 5], &[u64::MAX], &[0], &[u64::MAX, 7, 9]] {
        let histogram = histogram(values);
        assert_eq!(histogram.min(), values.iter().min().copied(), "{values:?}");
        assert_eq!(histogram.max(), values.iter().max().copied(), "{values:?}");
        assert_eq!(histogram.quantile(1, 1), histogram.max(), "{values:?}");
    }
}

#[test]
fn nothing_has_no_quantile() {
    assert_eq!(Histogram::new().quantile(1, 2), None);
    assert_eq!(histogram(&[1]).quantile(1, 0), None);
    assert_eq!(histogram(&[3]).quantile(7, 2), Some(3));
}

#[test]
fn readers_see_counts_grow_while_the_writer_runs() {
    const VALUES: u64 = 200_000;
    let recorder = Recorder::new();
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| (0..VALUES).for_each(|value| recorder.record(value)));
        let mut before = 0;
        while !writer.is_finished() {
            let mut seen = Histogram::new();
            recorder.add_to(&mut seen);
            assert!((before..=VALUES).contains(&seen.count()));
            before = seen.count();
        }
    });
    let mut total = Histogram::new();
    recorder.add_to(&mut total);
    assert_eq!(total.count(), VALUES);
    assert_eq!(total.sum(), VALUES * (VALUES - 1) / 2);
    assert_eq!((total.min(), total.max()), (Some(0), Some(VALUES - 1)));
}

#[test]
fn sizes_are_as_documented() {
    assert_eq!(BUCKETS, 1153);
    assert_eq!(size_of::<Histogram>(), 9256);
    assert_eq!(size_of::<Recorder>(), 9256);
}
