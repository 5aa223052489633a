//! The stressor `fault`: take page faults of both kinds, and time them.
//!
//! One bogo operation: a page that reads as zero is touched (a minor fault), sent to the store, and
//! touched again (a major fault); then it is given up. Without files, the compressed store stands
//! for the disk.

use crate::metrics::{Measure, Of};
use crate::stressors::{Memory, Stressor, always, class};
use crate::worker::Worker;
use crate::{Advice, Arena};

pub(crate) const STRESSOR: Stressor = Stressor {
    name: "fault",
    about: "take minor faults on empty and major ones on stored pages; the store is the disk",
    classes: class::INTERRUPT | class::VM | class::OS,
    settings: &[],
    tick_shift: 0,
    memory: Memory::Each(|options| (PAGES * options.boot.page_size) as u64),
    checks: always,
    run,
    measures: &[
        Measure { name: "minor page faults per sec", of: Of::PerSecond(MINOR, 1.0) },
        Measure { name: "major page faults per sec", of: Of::PerSecond(MAJOR, 1.0) },
        Measure { name: "nanosecs per minor page fault", of: Of::Quotient(MINOR_NS, MINOR, 1.0) },
        Measure { name: "nanosecs per major page fault", of: Of::Quotient(MAJOR_NS, MAJOR, 1.0) },
    ],
};

const PAGES: usize = 64;

const MINOR: usize = 0;
const MAJOR: usize = 1;
const MINOR_NS: usize = 2;
const MAJOR_NS: usize = 3;

fn run(worker: &Worker<'_>) {
    let Some(mut arena) = worker.map(PAGES * worker.machine.page_size()) else { return };
    for number in 0_usize.. {
        let page = number % PAGES;
        let at = page * worker.page_words();
        let (mark, empty_ns) = timed(worker, &mut *arena, at);
        worker.expect(mark, 0, "a page that was never touched");
        worker.count(MINOR, 1);
        worker.count(MINOR_NS, empty_ns);
        // One that the store refuses stays, and there is no major fault.
        if arena.advise(page..page + 1, Advice::PageOut) == 1 {
            let (mark, stored_ns) = timed(worker, &mut *arena, at);
            worker.expect(mark ^ worker.injection(), TOUCHED, "a page from the store");
            worker.count(MAJOR, 1);
            worker.count(MAJOR_NS, stored_ns);
        }
        arena.advise(page..page + 1, Advice::DontNeed);
        worker.note_resident(&*arena);
        if !worker.step(1) {
            break;
        }
    }
    worker.finish();
}

const TOUCHED: u64 = 0xff;

/// Touches a page; what was there, and how long it took in nanoseconds.
fn timed(worker: &Worker<'_>, arena: &mut dyn Arena, at: usize) -> (u64, u64) {
    let word = &mut arena.words()[at];
    let start_ns = worker.machine.now_ns();
    let found = core::mem::replace(core::hint::black_box(word), TOUCHED);
    (found, worker.machine.now_ns().saturating_sub(start_ns))
}
