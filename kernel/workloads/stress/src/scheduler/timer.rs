//! The stressor `timer`: wake up at a high rate.
//!
//! One bogo operation is one tick of the timer that woke the thread. Ticks that passed while it was
//! late are overruns. No tick comes early, and woken ones and overruns are as many as fit the time.

use crate::metrics::{Measure, Of};
use crate::options::{Kind, Setting};
use crate::stressors::{Memory, Stressor, always, class};
use crate::worker::Worker;

pub(crate) const STRESSOR: Stressor = Stressor {
    name: "timer",
    about: "wake up by the CPU's timer at a fixed rate; a thread wakes instead of a signal",
    classes: class::INTERRUPT | class::OS,
    settings: &[Setting {
        name: "freq",
        kind: Kind::Number { default: 1_000_000, least: 1, most: 100_000_000 },
        about: "ticks a second",
    }],
    tick_shift: 0,
    memory: Memory::None,
    checks: always,
    run,
    measures: &[
        Measure { name: "timer overruns", of: Of::Total(OVERRUNS) },
        Measure { name: "timer ticks per sec", of: Of::PerSecond(WOKEN, 1.0) },
    ],
};

const OVERRUNS: usize = 0;
const WOKEN: usize = 1;

fn run(worker: &Worker<'_>) {
    let machine = worker.machine;
    let frequency = worker.number("freq");
    let start_ns = machine.now_ns();
    // Deadlines are multiples from the start: rounding does not add up.
    let deadline_ns =
        |tick: u64| start_ns + (u128::from(tick) * 1_000_000_000 / u128::from(frequency)) as u64;
    let (mut tick, mut woken, mut overruns) = (1, 0, 0);
    loop {
        machine.sleep_until(deadline_ns(tick));
        let now_ns = machine.now_ns();
        let early = u64::from(now_ns < deadline_ns(tick));
        worker.expect(early ^ worker.injection(), 0, "a tick: it came early");
        let passed = u128::from(now_ns.saturating_sub(start_ns)) * u128::from(frequency);
        let last = ((passed / 1_000_000_000) as u64).max(tick);
        overruns += last - tick;
        worker.count(OVERRUNS, last - tick);
        worker.count(WOKEN, 1);
        woken += 1;
        worker.expect(woken + overruns, last, "the number of ticks");
        tick = last + 1;
        if !worker.step(1) {
            break;
        }
    }
    worker.finish();
}
