//! The stressor `sem`: threads wait for and post a semaphore.
//!
//! One bogo operation is one permit taken and given back. There is one permit fewer than threads; no
//! more than that many are ever out.

use core::sync::atomic::{AtomicU64, Ordering::SeqCst};

use crate::options::{Kind, Setting};
use crate::stressors::{Memory, Stressor, always, class};
use crate::worker::Worker;

pub(crate) const STRESSOR: Stressor = Stressor {
    name: "sem",
    about: "wait for and post a semaphore from several threads",
    classes: class::SCHEDULER | class::OS,
    settings: &[Setting {
        name: "procs",
        kind: Kind::Number { default: 2, least: 2, most: 64 },
        about: "threads of each worker",
    }],
    tick_shift: 0,
    memory: Memory::None,
    checks: always,
    run,
    measures: &[],
};

fn run(worker: &Worker<'_>) {
    let threads = worker.number("procs") as usize;
    let permits = threads - 1;
    let semaphore = worker.machine.semaphore(permits);
    let out = AtomicU64::new(0);
    let ended = worker.threads(threads, &|thread, number| {
        for turn in 0_usize.. {
            if !((turn + number).is_multiple_of(4) && semaphore.try_wait()) {
                semaphore.wait();
            }
            let excess = (out.fetch_add(1, SeqCst) + 1).saturating_sub(permits as u64);
            thread.expect(excess ^ thread.injection(), 0, "permits beyond those there are");
            out.fetch_sub(1, SeqCst);
            semaphore.post();
            if !thread.step(1) {
                break;
            }
        }
    });
    if ended {
        let left = (0..=permits).filter(|_| semaphore.try_wait()).count();
        worker.expect(left as u64, permits as u64, "permits at the end");
        worker.finish();
    }
}
