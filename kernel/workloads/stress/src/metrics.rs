//! Miscellaneous metrics: numbers of a stressor besides operations and times.

use alloc::vec::Vec;
use core::sync::atomic::Ordering::Relaxed;

use report::{Metric, MetricKind};

use crate::counters::Counters;

/// A metric, made of what each instance counted.
pub(crate) struct Measure {
    pub name: &'static str,
    pub of: Of,
}

/// What a metric is made of; a number stands for one of the stressor's own counters.
#[derive(Clone, Copy)]
pub(crate) enum Of {
    /// The sum over the instances.
    Total(usize),
    /// The checks, summed over the instances.
    Checks,
    /// A count per second of wall time, times the factor; harmonic mean of the instances.
    PerSecond(usize, f64),
    /// The first for each of the second, times the factor; harmonic mean of the instances.
    Quotient(usize, usize, f64),
}

/// Megabytes a second, from bytes and nanoseconds.
pub(crate) const MB_PER_SECOND: f64 = 1000.0;

/// The metrics of a stressor whose instances counted this.
pub(crate) fn of(measures: &[Measure], counters: &[Counters]) -> Vec<Metric> {
    measures.iter().map(|measure| metric(measure, counters)).collect()
}

fn metric(measure: &Measure, counters: &[Counters]) -> Metric {
    let values = counters.iter().map(|one| value(measure.of, one));
    let (value, kind) = match measure.of {
        Of::Total(_) | Of::Checks => (values.sum(), MetricKind::Total),
        Of::PerSecond(..) | Of::Quotient(..) => {
            let (count, inverse) =
                values.fold((0.0, 0.0), |(count, sum), value| (count + 1.0, sum + 1.0 / value));
            // An instance of which nothing is known makes the sum infinite and the mean zero.
            (if inverse > 0.0 { count / inverse } else { 0.0 }, MetricKind::HarmonicMean)
        }
    };
    Metric { name: measure.name.into(), value, kind }
}

fn value(of: Of, counters: &Counters) -> f64 {
    let extra = |number: usize| counters.extra[number].load(Relaxed) as f64;
    match of {
        Of::Total(number) => extra(number),
        Of::Checks => counters.checks.load(Relaxed) as f64,
        Of::PerSecond(number, factor) => {
            let (start, end) = (counters.start_ns.load(Relaxed), counters.end_ns.load(Relaxed));
            divide(extra(number) * 1e9 * factor, end.saturating_sub(start) as f64)
        }
        Of::Quotient(dividend, divisor, factor) => divide(extra(dividend) * factor, extra(divisor)),
    }
}

/// The quotient; zero instead of infinity or not-a-number.
fn divide(dividend: f64, divisor: f64) -> f64 {
    if divisor > 0.0 { dividend / divisor } else { 0.0 }
}
