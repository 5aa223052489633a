//! Wake-up latencies as rt-tests' cyclictest writes them: `--cyclictest-json` and `--histfile`.
//!
//! Keys and layout are those of version 2.40, so that what reads its files reads these; two keys
//! really end in a colon there. Beside the microseconds each thread has its exact figures in ticks
//! of the counter, under a key of our own.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use report::{Cyclictest, CyclictestThread, Document, LatencyReport, POINTS};
use serde::Serialize;
use time::format_description::well_known::Rfc2822;
use time::{Duration, OffsetDateTime};

use crate::outputs::Host;
use crate::status;

/// Version of rt-tests whose files these are like.
const RT_TESTS: &str = "2.40";

/// A file of cyclictest's `--json`.
#[derive(Serialize)]
pub struct File<'a> {
    file_version: u32,
    #[serde(rename = "cmdline:")]
    command_line: &'a str,
    #[serde(rename = "rt_test_version:")]
    rt_test_version: &'a str,
    start_time: String,
    end_time: String,
    return_code: u8,
    sysinfo: System<'a>,
    num_threads: usize,
    resolution_in_ns: u8,
    thread: BTreeMap<usize, Thread<'a>>,
}

#[derive(Serialize)]
struct System<'a> {
    sysname: &'a str,
    nodename: &'a str,
    release: &'a str,
    version: String,
    machine: &'a str,
    realtime: u8,
}

#[derive(Serialize)]
struct Thread<'a> {
    histogram: BTreeMap<u32, u64>,
    cycles: u64,
    min: u64,
    max: u64,
    avg: f64,
    cpu: u32,
    node: u32,
    ticks: Ticks<'a>,
}

/// The same without rounding, and what cyclictest does not measure.
#[derive(Serialize)]
struct Ticks<'a> {
    per_second: u64,
    min: u64,
    max: u64,
    sum: u64,
    lost: u64,
    /// For each point of a sample: lowest and highest value of a bucket, samples in it.
    histograms: BTreeMap<&'a str, &'a [(u64, u64, u64)]>,
}

/// The document's wake-up latencies as JSON.
///
/// # Errors
/// The run had no `--cyclictest`.
pub fn json(document: &Document, host: Option<&Host>) -> Result<String> {
    let mut text = serde_json::to_string_pretty(&file(document, host)?)?;
    text.push('\n');
    Ok(text)
}

/// What is in such a file. Without a host the times are those of the guest, from 1970 on, so that
/// equal runs give equal files.
///
/// # Errors
/// The run had no `--cyclictest`.
pub fn file<'a>(document: &'a Document, host: Option<&'a Host>) -> Result<File<'a>> {
    let (latency, found) = found(document)?;
    let elapsed = Duration::nanoseconds(i64::try_from(document.elapsed_ns)?);
    let start = match host {
        Some(_) => OffsetDateTime::now_utc() - elapsed,
        None => OffsetDateTime::UNIX_EPOCH,
    };
    let settings = &document.settings;
    let code = document.verdict.status.code();
    Ok(File {
        file_version: 1,
        command_line: &settings.command,
        rt_test_version: RT_TESTS,
        start_time: start.format(&Rfc2822)?,
        end_time: (start + elapsed).format(&Rfc2822)?,
        return_code: if code == status::SUCCESS { 0 } else { code },
        sysinfo: System {
            sysname: "zlab",
            nodename: host.map_or("zlab", |host| &host.name),
            release: &document.version,
            version: format!("{} zpool={}", document.machine.board, settings.zpool),
            machine: "aarch64",
            realtime: 1,
        },
        num_threads: found.threads.len(),
        resolution_in_ns: u8::from(found.unit_ns == 1),
        thread: found.threads.iter().map(|one| thread(latency, found, one)).enumerate().collect(),
    })
}

/// The document's histogram in cyclictest's text form, and nothing else.
///
/// # Errors
/// The run had no `--cyclictest`, or no histogram (`-h`).
pub fn histogram(document: &Document) -> Result<String> {
    let (latency, found) = found(document)?;
    if found.buckets == 0 {
        return Err(status::usage("--histfile needs a histogram: --cyclictest -h BUCKETS"));
    }
    let mut text = String::new();
    found.write_histogram(&latency.clock, &mut text)?;
    Ok(text)
}

fn found(document: &Document) -> Result<(&LatencyReport, &Cyclictest)> {
    let latency = document.latency.as_ref();
    latency
        .and_then(|latency| Some((latency, latency.cyclictest.as_ref()?)))
        .context("there are no wake-up latencies: the run had no --cyclictest")
}

fn thread<'a>(
    latency: &LatencyReport,
    found: &Cyclictest,
    thread: &'a CyclictestThread,
) -> Thread<'a> {
    let (clock, woken) = (&latency.clock, &thread.woken);
    let histograms = POINTS.iter().zip(thread.points());
    Thread {
        histogram: thread.histogram.iter().copied().collect(),
        cycles: woken.count,
        min: found.units(clock, woken.min),
        max: found.units(clock, woken.max),
        // As many digits as cyclictest writes.
        avg: (found.mean_units(clock, thread) * 100.0).round() / 100.0,
        cpu: thread.cpu,
        node: 0,
        ticks: Ticks {
            per_second: clock.counter_hz,
            min: woken.min,
            max: woken.max,
            sum: woken.sum,
            lost: thread.lost,
            histograms: histograms.map(|(name, point)| (*name, &point.buckets[..])).collect(),
        },
    }
}

#[cfg(test)]
mod tests;
