//! The stressor `vm`: fill memory, exercise it, check it.
//!
//! `--vm-bytes` is divided among the instances, in whole pages. Each loop maps the memory anew
//! (`--vm-keep`: once), and runs one method over it. The first touch of a page is the method's
//! own. Bits that are not as written are counted always and fail the run; `--verify` adds a
//! message for each page.

mod bits;
mod corpus;
mod driver;
mod fills;
mod lines;
mod method;
mod primes;
mod swap;
mod walks;

use alloc::vec::Vec;
use core::sync::atomic::Ordering::Relaxed;

use report::{Metric, MetricKind};

use crate::random::mix;
use crate::stressors::Stressor;
use crate::worker::{Counters, Worker};
use method::{METHODS, Run};

pub(crate) use method::{METHOD_NAMES, method_name, method_names};

pub(crate) const STRESSOR: Stressor = Stressor {
    name: "vm",
    about: "fill memory, exercise it, check it; see --vm-method",
    tick_shift: 12,
    ops: |options| options.vm.ops,
    method: |options| Some(options.vm.method),
    bytes: |options, memory| options.vm.bytes.bytes_of(memory),
    paged: true,
    checks: |options| options.verify || !method::is_unchecked(options.vm.method),
    run,
    metrics,
};

/// Number of the counter of loops among the worker's extras.
const LOOPS: usize = 0;

fn run(worker: &Worker<'_>) {
    let page_size = worker.machine.page_size();
    let total = worker.options.vm.bytes.bytes_of(worker.machine.memory_bytes());
    let share = usize::try_from(total / worker.instances as u64).unwrap_or(usize::MAX);
    let Some(bytes) = share.max(page_size).checked_next_multiple_of(page_size) else {
        return worker.no_resource(format_args!("{share} bytes cannot be addressed"));
    };
    let mut arena = match worker.machine.map(bytes) {
        Ok(arena) => arena,
        Err(error) => return worker.no_resource(format_args!("mapping {bytes} bytes: {error}")),
    };

    let methods: Vec<_> = if worker.options.vm.method == "all" {
        METHODS.iter().filter(|method| method.in_all).collect()
    } else {
        METHODS.iter().filter(|method| method.name == worker.options.vm.method).collect()
    };
    for (number, method) in methods.iter().cycle().enumerate() {
        let seed = mix(worker.options.seed ^ mix(number as u64) ^ (worker.instance as u64) << 48);
        let go_on = (method.run)(&mut Run::new(worker, method, arena.words(), number, seed));
        worker.count(LOOPS, 1);
        worker.note_resident((arena.resident_pages() * page_size) as u64);
        if !go_on {
            break;
        }
        if !worker.options.vm.keep
            && let Err(error) = arena.discard()
        {
            return worker.no_resource(format_args!("mapping {bytes} bytes again: {error}"));
        }
    }
    worker.finish();
}

fn metrics(counters: &[Counters]) -> Vec<Metric> {
    let loops = counters.iter().map(|one| one.extra[LOOPS].load(Relaxed)).sum::<u64>();
    let checks = counters.iter().map(|one| one.checks.load(Relaxed)).sum::<u64>();
    [("method loops begun", loops), ("pages checked", checks)]
        .map(|(name, value)| Metric {
            name: name.into(),
            value: value as f64,
            kind: MetricKind::Total,
        })
        .into()
}
