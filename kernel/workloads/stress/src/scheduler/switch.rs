//! The stressor `switch`: two threads hand a message to and fro.
//!
//! One bogo operation is one message there and back. Each is numbered; the answer to each is known.

use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::metrics::{Measure, Of};
use crate::stressors::{Memory, Stressor, always, class};
use crate::worker::Worker;

pub(crate) const STRESSOR: Stressor = Stressor {
    name: "switch",
    about: "hand a message between two threads by semaphores; no pipes, no message queues",
    classes: class::SCHEDULER | class::OS,
    settings: &[],
    tick_shift: 0,
    memory: Memory::None,
    checks: always,
    run,
    measures: &[Measure {
        name: "nanosecs per message there and back",
        of: Of::Quotient(TIME_NS, MESSAGES, 1.0),
    }],
};

const MESSAGES: usize = 0;
const TIME_NS: usize = 1;

/// Tells the other thread to end.
const LAST: u64 = u64::MAX;

fn run(worker: &Worker<'_>) {
    let (asked, answered) = (worker.machine.semaphore(0), worker.machine.semaphore(0));
    let message = AtomicU64::new(0);
    let ended = worker.threads(2, &|thread, number| {
        if number == 1 {
            loop {
                asked.wait();
                match message.load(Relaxed) {
                    LAST => return,
                    question => message.store(!question, Relaxed),
                }
                answered.post();
            }
        }
        for question in 0.. {
            let start_ns = thread.machine.now_ns();
            message.store(question, Relaxed);
            asked.post();
            answered.wait();
            let answer = message.load(Relaxed) ^ thread.injection();
            thread.count(TIME_NS, thread.machine.now_ns().saturating_sub(start_ns));
            thread.count(MESSAGES, 1);
            thread.expect(answer, !question, "the answer to a message");
            if !thread.step(1) {
                message.store(LAST, Relaxed);
                asked.post();
                return;
            }
        }
    });
    if ended {
        worker.finish();
    }
}
