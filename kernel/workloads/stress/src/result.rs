//! What a stressor's counters come to.

use alloc::string::ToString;
use alloc::vec::Vec;
use core::sync::atomic::Ordering::Relaxed;

use report::{InstanceResult, Outcome, StressorResult};

use crate::counters::{Counters, State};
use crate::job::Group;
use crate::options::{Options, Request, Value};
use crate::stressors::INSTANCE_LIMIT;
use crate::worker::Shared;
use crate::{Machine, WorkerEnd, metrics};

/// The result of one stressor.
pub(crate) fn result(
    machine: &dyn Machine,
    options: &Options,
    group: &Group,
    shared: &Shared<'_>,
    ends: &[WorkerEnd],
) -> StressorResult {
    let numbers = group.first..group.first + group.count;
    let counters = &shared.counters[numbers.clone()];
    let instances = numbers.map(|number| {
        let end = ends.get(number).copied().unwrap_or(WorkerEnd::NotStarted);
        instance(machine, options, group, &shared.counters[number], end)
    });
    StressorResult {
        name: group.stressor.name.to_string(),
        method: match options.setting(group.stressor.name, "method") {
            Some(Value::Choice(method)) => Some(method.to_string()),
            _ => None,
        },
        bytes: group.stressor.bytes(options, machine.memory_bytes(), group.count),
        instances: instances.collect::<Vec<_>>(),
        metrics: metrics::of(group.stressor.measures, counters),
    }
}

fn instance(
    machine: &dyn Machine,
    options: &Options,
    group: &Group,
    counters: &Counters,
    end: WorkerEnd,
) -> InstanceResult {
    let name = group.stressor.name;
    let checks = counters.checks.load(Relaxed);
    let verify_errors = counters.errors.load(Relaxed);
    let bogo_ops = counters.ticks.load(Relaxed) >> group.stressor.tick_shift;
    let unchecked = checks == 0 && (group.stressor.checks)(options);
    let outcome = match (end, counters.state()) {
        _ if verify_errors > 0 => Outcome::Failed,
        (_, State::Failed) | (WorkerEnd::PageLost, _) => Outcome::Failed,
        (_, State::NoResource) | (WorkerEnd::NotStarted, _) => Outcome::NoResource,
        (WorkerEnd::Killed, _) => Outcome::NoResource,
        (WorkerEnd::Returned, State::Running) => Outcome::Failed,
        (WorkerEnd::Returned, State::Finished) if bogo_ops == 0 || unchecked => Outcome::NoData,
        (WorkerEnd::Returned, State::Finished) => Outcome::Passed,
    };
    if verify_errors > 0 {
        machine.print(format_args!(
            "zlab: fail:  [0] {name}: detected {verify_errors} bit errors while stressing memory"
        ));
    }
    match end {
        WorkerEnd::Returned => {}
        WorkerEnd::Killed => machine.print(format_args!(
            "zlab: fail:  [0] {name}: an instance was stopped: a page fault found no memory"
        )),
        WorkerEnd::PageLost => machine.print(format_args!(
            "zlab: fail:  [0] {name}: an instance was stopped: a page of it is lost"
        )),
        WorkerEnd::NotStarted => machine.print(format_args!(
            "zlab: fail:  [0] {name}: an instance was not started: no memory for its thread"
        )),
    }
    let start_ns = counters.start_ns.load(Relaxed);
    InstanceResult {
        outcome,
        bogo_ops,
        real_ns: counters.end_ns.load(Relaxed).saturating_sub(start_ns),
        user_ns: counters.user_ns.load(Relaxed),
        system_ns: counters.system_ns.load(Relaxed),
        checks,
        verify_errors,
        resident_max_bytes: counters.resident_max_bytes.load(Relaxed),
    }
}

/// The result of a stressor that is not here.
pub(crate) fn missing(request: &Request) -> StressorResult {
    let instance = InstanceResult {
        outcome: Outcome::NotImplemented,
        bogo_ops: 0,
        real_ns: 0,
        user_ns: 0,
        system_ns: 0,
        checks: 0,
        verify_errors: 0,
        resident_max_bytes: 0,
    };
    StressorResult {
        name: request.name.to_string(),
        method: None,
        bytes: 0,
        instances: alloc::vec![instance; request.instances.clamp(1, INSTANCE_LIMIT) as usize],
        metrics: Vec::new(),
    }
}
