//! The document of a run.

use alloc::string::ToString;
use alloc::vec::Vec;
use core::sync::atomic::Ordering;

use report::{Bucket, Document, LatencyHistogram, MachineDescription, Settings, Status, Verdict};
use stress::{Options, RunReport};

use super::Boot;
use crate::arch::clock;
use crate::memory::fault::FaultKind;
use crate::memory::pager;

/// Everything about the run that `command` asked for.
pub fn document(
    boot: &Boot,
    options: &Options,
    command: &str,
    cpus: usize,
    run: RunReport,
    latencies: Vec<LatencyHistogram>,
) -> Document {
    let machine = &boot.machine;
    // Workers that met damage were ended like those without memory; the verdict tells them apart.
    let damaged =
        pager::get().is_some_and(|paging| paging.counters().damaged.load(Ordering::Relaxed) != 0);
    let memory_bytes = machine.memory.iter().map(|ram| ram.end - ram.start).sum();
    Document {
        version: env!("CARGO_PKG_VERSION").to_string(),
        machine: MachineDescription {
            board: machine.model.as_str().to_string(),
            cpus: cpus as u32,
            memory_bytes,
            page_size: boot.options.boot.page_size as u64,
            counter_hz: clock::frequency(),
        },
        settings: Settings {
            command: command.to_string(),
            zpool: boot.options.boot.zpool.clone(),
            compressor: boot.options.boot.compressor.clone(),
            seed: options.seed,
            icount: boot.options.boot.icount,
        },
        elapsed_ns: run.elapsed_ns,
        stressors: run.stressors,
        memory: run.memory,
        latencies,
        latency: None,
        comparison: None,
        bounds: None,
        board: None,
        runs: Vec::new(),
        verdict: Verdict::of(if damaged { Status::Failed } else { run.status }),
    }
}

/// How long faults took so far.
pub fn latencies() -> Vec<LatencyHistogram> {
    let Some(paging) = pager::get() else { return Vec::new() };
    [("minor fault", FaultKind::Minor), ("major fault", FaultKind::Major)]
        .into_iter()
        .filter_map(|(name, kind)| {
            let times = paging.counters().times(kind);
            let bucket = |bucket: latency::Bucket| Bucket {
                low_ns: clock::ticks_to_ns(bucket.low),
                high_ns: clock::ticks_to_ns(bucket.high),
                count: bucket.count,
            };
            Some(LatencyHistogram {
                name: name.to_string(),
                count: times.count(),
                sum_ns: clock::ticks_to_ns(times.sum()),
                min_ns: clock::ticks_to_ns(times.min()?),
                max_ns: clock::ticks_to_ns(times.max()?),
                resolution_ns: clock::ticks_to_ns(1),
                buckets: times.buckets().map(bucket).collect(),
            })
        })
        .collect()
}
