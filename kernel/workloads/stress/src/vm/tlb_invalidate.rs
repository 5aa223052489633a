//! The stressor `tlb-invalidate`: change translations that other CPUs use.
//!
//! Threads on several CPUs read all pages of a mapping while each exchanges pages of it, so that
//! every change has to reach the translation caches of all. One bogo operation is one sweep of a
//! thread over 64 pages. Whatever a thread reads at a place of a page is what was written at that place
//! of some page; at the end every page is there once.

use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::stressors::{Memory, Stressor, always, class};
use crate::worker::Worker;

pub(crate) const STRESSOR: Stressor = Stressor {
    name: "tlb-invalidate",
    about: "change translations that several CPUs use; broadcast, so no shootdown interrupts",
    classes: class::OS | class::TLB | class::VM,
    settings: &[],
    tick_shift: 0,
    memory: Memory::Each(|options| (PAGES * options.boot.page_size) as u64),
    checks: always,
    run,
    measures: &[],
};

const PAGES: usize = 64;
const THREADS_MAX: usize = 4;

fn run(worker: &Worker<'_>) {
    let Some(mut arena) = worker.map(PAGES * worker.machine.page_size()) else { return };
    let page_words = worker.page_words();
    let seed = worker.random(0).next() << 20;
    for (at, word) in arena.words().iter_mut().enumerate() {
        *word = seed | at as u64;
    }
    let arena = &*arena;
    let ended = worker.threads(worker.machine.cpus().clamp(2, THREADS_MAX), &|thread, number| {
        let mut random = thread.random(1 + number as u64);
        loop {
            for page in 0..PAGES {
                arena.exchange(page, random.below(PAGES));
                let place = random.below(page_words);
                let found = arena.shared()[page * page_words + place].load(Relaxed);
                check(thread, found ^ thread.injection(), seed, place);
            }
            if !thread.step(1) {
                break;
            }
        }
    });
    if ended {
        // Every page is somewhere, and nowhere twice.
        let page_of = |word: &AtomicU64| (word.load(Relaxed) ^ seed) as usize / page_words;
        let found = arena.shared().iter().step_by(page_words).map(page_of);
        let present = found.fold(0, |pages, page| pages | 1_u64 << (page % PAGES));
        worker.expect(present, u64::MAX, "the set of pages");
        worker.note_resident(arena);
        worker.finish();
    }
}

/// The word has the seed, and a number whose place in its page is this one.
fn check(worker: &Worker<'_>, found: u64, seed: u64, place: usize) {
    let number = (found ^ seed) as usize;
    let page_words = worker.page_words();
    let expected = if number < PAGES * page_words { number / page_words } else { 0 };
    worker.expect(found, seed | (expected * page_words + place) as u64, "a page that moves");
}
