//! The stressor `mutex`: threads take turns with a lock.
//!
//! One bogo operation takes and gives the lock. Whoever has it adds one to a number in two steps, which
//! nobody else may come between, and is the only one inside.

use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::options::{Kind, Setting};
use crate::stressors::{Memory, Stressor, always, class};
use crate::worker::Worker;

pub(crate) const STRESSOR: Stressor = Stressor {
    name: "mutex",
    about: "take and give a sleeping, priority-inheriting lock from several threads",
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
    let lock = worker.machine.mutex();
    let (inside, number, taken) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
    let ended = worker.threads(worker.number("procs") as usize, &|thread, _| {
        loop {
            let mut work = || {
                let others = inside.fetch_add(1, Relaxed);
                thread.expect(others ^ thread.injection(), 0, "those who have the lock");
                number.store(number.load(Relaxed) + 1, Relaxed);
                inside.fetch_sub(1, Relaxed);
            };
            // Every fourth try does not wait.
            if taken.load(Relaxed) % 4 != 3 || !lock.try_hold(&mut work) {
                lock.hold(&mut work);
            }
            taken.fetch_add(1, Relaxed);
            if !thread.step(1) {
                break;
            }
        }
    });
    if ended {
        worker.expect(number.into_inner(), taken.into_inner(), "the number behind the lock");
        worker.finish();
    }
}
