//! The stressor `madvise`: several threads give advice about the same pages.
//!
//! A thread sweeps over 4 MiB, advises each page at random and reads it. One bogo operation is 256 KiB
//! of it (stress-ng: a whole sweep). A page has its mark, or reads as zero because nobody has touched
//! it or somebody does not need
//! it; then it is marked.

use core::sync::atomic::Ordering::Relaxed;

use crate::random::Random;
use crate::stressors::{Memory, Stressor, always, class};
use crate::vm::Marks;
use crate::worker::Worker;
use crate::{Advice, Arena};

pub(crate) const STRESSOR: Stressor = Stressor {
    name: "madvise",
    about: "advise pages WILLNEED, DONTNEED, COLD, PAGEOUT from two threads (stress-ng: 8)",
    classes: class::VM | class::OS,
    settings: &[],
    tick_shift: (OPERATION / TICK).ilog2(),
    memory: Memory::Each(|_| BYTES as u64),
    checks: always,
    run,
    measures: &[],
};

const BYTES: usize = 4 << 20;
const THREADS: usize = 2;

/// Bytes that make an operation.
const OPERATION: usize = 256 << 10;

/// Bytes that make a tick.
const TICK: usize = 4096;

fn run(worker: &Worker<'_>) {
    let Some(arena) = worker.map(BYTES) else { return };
    let (arena, marks) = (&*arena, Marks::of(worker, 0));
    let pages = BYTES / worker.machine.page_size();
    let ended = worker.threads(THREADS, &|thread, number| {
        let mut random = thread.random(number as u64);
        while sweep(thread, &marks, arena, pages, &mut random) {}
    });
    if ended {
        worker.finish();
    }
}

/// Answers whether it came to the end.
fn sweep(
    worker: &Worker<'_>,
    marks: &Marks,
    arena: &dyn Arena,
    pages: usize,
    random: &mut Random,
) -> bool {
    for page in 0..pages {
        let advice = match random.below(8) {
            0 => Advice::DontNeed,
            1 | 2 => Advice::PageOut,
            3 | 4 => Advice::WillNeed,
            _ => Advice::Cold,
        };
        arena.advise(page..page + 1, advice);
        let word = &arena.shared()[page * worker.page_words()];
        match word.load(Relaxed) ^ worker.injection() {
            0 => {
                worker.checked(0, format_args!("page {page}"));
                word.store(marks.of_page(page), Relaxed);
            }
            found => {
                let errors = u64::from((found ^ marks.of_page(page)).count_ones());
                worker.checked(errors, format_args!("page {page} after {advice:?}"));
            }
        }
        worker.note_resident(arena);
        if !worker.step((worker.machine.page_size() / TICK) as u64) {
            return false;
        }
    }
    true
}
