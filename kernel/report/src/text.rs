//! The results as people know them: the tables of stress-ng 0.22, then the memory figures.
//!
//! Every line begins with `zlab: CLASS: [0] ` where stress-ng prints its name, the class and its
//! process number.

use alloc::string::ToString;
use core::fmt::{self, Write};

use crate::stressor::divide;
use crate::{BoardStates, Document, LatencyHistogram, Outcome, Snapshot, StressorResult};

/// Which columns the metrics table has.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Table {
    /// No table.
    #[default]
    Off,
    /// The columns of `--metrics-brief`.
    Brief,
    /// The columns of `--metrics`, and miscellaneous metrics.
    Full,
}

/// Writes the results of a run: the metrics table and the memory figures, if a table is asked
/// for, and the summary.
///
/// # Errors
/// Those of `out`.
pub fn results(document: &Document, table: Table, out: &mut dyn Write) -> fmt::Result {
    if table != Table::Off {
        metrics(document, table, out)?;
        memory(document, out)?;
        latencies(&document.latencies, out)?;
        if let Some(states) = &document.board {
            board(states, out)?;
        }
    }
    if let Some(latency) = &document.latency {
        latency.write(out)?;
    }
    summary(document, out)
}

/// Writes the metrics table, and with [`Table::Full`] the miscellaneous metrics.
///
/// # Errors
/// Those of `out`.
pub fn metrics(document: &Document, table: Table, out: &mut dyn Write) -> fmt::Result {
    let full = table == Table::Full;
    for (brief, more) in HEADER {
        writeln!(out, "{METRIC}{brief}{}", if full { more } else { "" })?;
    }
    for stressor in &document.stressors {
        row(stressor, full, out)?;
    }
    if full {
        miscellaneous(document, out)?;
    }
    Ok(())
}

/// The heading of the metrics table, line by line: the columns of both, and those of the full one.
const HEADER: [(&str, &str); 2] = [
    (
        "stressor       bogo ops real time  usr time  sys time   bogo ops/s     bogo ops/s",
        " CPU used per       RSS Max",
    ),
    (
        "                          (secs)    (secs)    (secs)   (real time) (usr+sys time)",
        " instance (%)          (KB)",
    ),
];

const METRIC: &str = "zlab: metrc: [0] ";
const INFO: &str = "zlab: info:  [0] ";

fn row(stressor: &StressorResult, full: bool, out: &mut dyn Write) -> fmt::Result {
    let (name, ops) = (&stressor.name, stressor.bogo_ops());
    let real = stressor.real_seconds();
    let (user, system) = (stressor.user_seconds(), stressor.system_seconds());
    let (rate_real, rate_cpu) = (stressor.rate_real(), stressor.rate_cpu());
    write!(out, "{METRIC}{name:<13} {ops:>9} {real:>9.2} {user:>9.2} {system:>9.2}")?;
    write!(out, " {rate_real:>12.2} {rate_cpu:>14.2}")?;
    if full {
        let (cpu, resident) = (stressor.cpu_percent(), stressor.resident_max_bytes() / 1024);
        write!(out, " {cpu:>12.2} {resident:>13}")?;
    }
    writeln!(out)
}

fn miscellaneous(document: &Document, out: &mut dyn Write) -> fmt::Result {
    if document.stressors.iter().all(|stressor| stressor.metrics.is_empty()) {
        return Ok(());
    }
    writeln!(out, "{METRIC}miscellaneous metrics:")?;
    for stressor in &document.stressors {
        for metric in &stressor.metrics {
            let (name, value, what) = (&stressor.name, metric.value, &metric.name);
            let (kind, instances) = (metric.kind.text(), stressor.instances.len());
            let plural = if instances == 1 { "" } else { "s" };
            writeln!(
                out,
                "{METRIC}{name:<13} {value:>13.2} {what} ({kind} of {instances} instance{plural})"
            )?;
        }
    }
    Ok(())
}

/// Writes what paging, the store and the pool counted.
///
/// # Errors
/// Those of `out`.
pub fn memory(document: &Document, out: &mut dyn Write) -> fmt::Result {
    let Snapshot { paging, store, pool } = &document.memory;
    let line = |out: &mut dyn Write, name: &str, value: u64| {
        writeln!(out, "{METRIC}{name:<28} {value:>11}")
    };
    writeln!(out, "{METRIC}paging:")?;
    paging.named().iter().try_for_each(|&(name, value)| line(out, name, value))?;
    if let Some(store) = store {
        writeln!(out, "{METRIC}store (compressor {}):", document.settings.compressor)?;
        store.named().iter().try_for_each(|&(name, value)| line(out, name, value))?;
    }
    if let Some(pool) = pool {
        let page_size = document.machine.page_size;
        writeln!(out, "{METRIC}pool ({}):", document.settings.zpool)?;
        pool.named().iter().try_for_each(|&(name, value)| line(out, name, value))?;
        line(out, "total_bytes", pool.total_bytes(page_size))?;
        let density = pool.density(page_size);
        writeln!(out, "{METRIC}{:<28} {density:>11.4}", "density")?;
        let stored =
            store.map_or(0, |store| store.stored_pages.saturating_sub(store.same_filled_pages));
        if stored > 0 {
            let ratio = divide((stored * page_size) as f64, pool.total_bytes(page_size) as f64);
            writeln!(out, "{METRIC}{:<28} {ratio:>11.4}", "ratio")?;
        }
    }
    Ok(())
}

fn latencies(histograms: &[LatencyHistogram], out: &mut dyn Write) -> fmt::Result {
    for histogram in histograms.iter().filter(|histogram| histogram.count > 0) {
        let (name, count, resolution) = (&histogram.name, histogram.count, histogram.resolution_ns);
        writeln!(out, "{METRIC}{name}: {count} samples, clock resolution {resolution} ns")?;
        let percentiles = [
            ("min", histogram.min_ns),
            ("50%", histogram.percentile_ns(500)),
            ("90%", histogram.percentile_ns(900)),
            ("99%", histogram.percentile_ns(990)),
            ("99.9%", histogram.percentile_ns(999)),
            ("max", histogram.max_ns),
        ];
        write!(out, "{METRIC}  mean {:.2} ns", histogram.mean_ns())?;
        for (label, nanoseconds) in percentiles {
            write!(out, ", {label} {nanoseconds} ns")?;
        }
        writeln!(out)?;
    }
    Ok(())
}

/// Writes what the board said of itself before and after the run.
///
/// # Errors
/// Those of `out`.
pub fn board(states: &BoardStates, out: &mut dyn Write) -> fmt::Result {
    let known = |value: Option<u64>| value.map_or("unknown".to_string(), |value| value.to_string());
    writeln!(out, "{METRIC}{:<24} {:>15} {:>15}", "board:", "before", "after")?;
    for ((name, before), (_, after)) in states.before.named().into_iter().zip(states.after.named())
    {
        writeln!(out, "{METRIC}{name:<24} {:>15} {:>15}", known(before), known(after))?;
    }
    if states.throttled_during_run() == Some(true) {
        writeln!(
            out,
            "zlab: warning: the board was throttled or short of voltage: these figures are not its best"
        )?;
    }
    Ok(())
}

/// Writes which stressors were skipped, passed, failed, and how the run ended.
///
/// # Errors
/// Those of `out`.
pub fn summary(document: &Document, out: &mut dyn Write) -> fmt::Result {
    for stressor in &document.stressors {
        let status = stressor.outcome().status();
        if status.code() != 0 {
            let (name, code, text) = (&stressor.name, status.code(), status.text());
            writeln!(
                out,
                "zlab: error: [0] {name}: terminated with an error, exit status={code} ({text})"
            )?;
        }
    }
    instances(document, "skipped", &[Outcome::NoResource, Outcome::NotImplemented], out)?;
    instances(document, "passed", &[Outcome::Passed], out)?;
    instances(document, "failed", &[Outcome::Failed], out)?;
    instances(document, "metrics untrustworthy", &[Outcome::NoData], out)?;
    let success = if document.verdict.status.code() == 0 { "successful" } else { "unsuccessful" };
    writeln!(out, "{INFO}{success} run completed in {}", Duration(document.elapsed_ns))
}

fn instances(
    document: &Document,
    label: &str,
    outcomes: &[Outcome],
    out: &mut dyn Write,
) -> fmt::Result {
    let count = |stressor: &StressorResult| -> usize {
        outcomes.iter().map(|&outcome| stressor.count(outcome)).sum()
    };
    let total: usize = document.stressors.iter().map(count).sum();
    write!(out, "{INFO}{label}: {total}")?;
    if total > 0 {
        write!(out, ":")?;
    }
    for stressor in &document.stressors {
        let count = count(stressor);
        if count > 0 {
            write!(out, " {} ({count})", stressor.name)?;
        }
    }
    writeln!(out)
}

/// Writes how much CPU time the stressors used of what there was, as `--times` does.
///
/// # Errors
/// Those of `out`.
pub fn times(document: &Document, out: &mut dyn Write) -> fmt::Result {
    let elapsed = document.elapsed_seconds();
    let available = elapsed * f64::from(document.machine.cpus);
    let user: f64 = document.stressors.iter().map(StressorResult::user_seconds).sum();
    let system: f64 = document.stressors.iter().map(StressorResult::system_seconds).sum();
    writeln!(out, "{INFO}for a {elapsed:.2}s run time:")?;
    writeln!(out, "{INFO}  {available:8.2}s available CPU time")?;
    for (name, seconds) in [("user", user), ("system", system), ("total", user + system)] {
        let percent = divide(100.0 * seconds, available);
        writeln!(out, "{INFO}  {seconds:8.2}s {name:<6} time ({percent:6.2}%)")?;
    }
    Ok(())
}

/// A time in nanoseconds, as `1 hour, 2 mins, 3.45 secs`.
struct Duration(u64);

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut hundredths = (self.0 + 5_000_000) / 10_000_000;
        for (unit, name) in [(8_640_000, "day"), (360_000, "hour"), (6_000, "min")] {
            let count = hundredths / unit;
            hundredths %= unit;
            if count > 0 {
                write!(f, "{count} {name}{}, ", if count == 1 { "" } else { "s" })?;
            }
        }
        let plural = if hundredths == 100 { "" } else { "s" };
        write!(f, "{}.{:02} sec{plural}", hundredths / 100, hundredths % 100)
    }
}
