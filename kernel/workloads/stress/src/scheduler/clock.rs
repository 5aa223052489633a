//! The stressor `clock`: read clocks and sleep.
//!
//! One bogo operation is a script: the time is read 32 times and never goes back, nor does the thread's
//! CPU time, which is no more than the time that passed; a short sleep does not end early.

use crate::stressors::{Memory, Stressor, always, class};
use crate::worker::Worker;

pub(crate) const STRESSOR: Stressor = Stressor {
    name: "clock",
    about: "read the time and CPU times, sleep; one clock instead of POSIX's many",
    classes: class::INTERRUPT | class::OS,
    settings: &[],
    tick_shift: 0,
    memory: Memory::None,
    checks: always,
    run,
    measures: &[],
};

const READINGS: usize = 32;

/// How long a sleep is.
const SLEEP_NS: u64 = 10_000;

fn run(worker: &Worker<'_>) {
    let machine = worker.machine;
    loop {
        let start_ns = machine.now_ns();
        let cpu_ns = || {
            let times = machine.thread_times();
            times.user_ns + times.system_ns
        };
        let cpu_start_ns = cpu_ns();
        let mut before_ns = start_ns;
        let mut backwards = worker.injection();
        for _ in 0..READINGS {
            let now_ns = machine.now_ns();
            backwards += u64::from(now_ns < before_ns);
            before_ns = now_ns;
        }
        worker.expect(backwards, 0, "readings of the clock: it went back");
        let cpu_end_ns = cpu_ns();
        worker.expect(u64::from(cpu_end_ns < cpu_start_ns), 0, "CPU time: it went back");

        let deadline_ns = machine.now_ns() + SLEEP_NS;
        machine.sleep_until(deadline_ns);
        let now_ns = machine.now_ns();
        worker.expect(u64::from(now_ns < deadline_ns), 0, "a sleep: it ended early");
        let spent_ns = cpu_ns().saturating_sub(cpu_start_ns);
        let passed_ns = machine.now_ns().saturating_sub(start_ns);
        worker.expect(u64::from(spent_ns > passed_ns), 0, "CPU time: more than passed");
        if !worker.step(1) {
            break;
        }
    }
    worker.finish();
}
