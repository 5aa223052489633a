//! The stressor `swap`: fill a small mapping, send all of it to the store, read it back.
//!
//! One bogo operation takes 32 to 255 new pages: each is filled with a byte of its own and its
//! address, all are sent to the store, all are loaded and compared, and are given up. There is no
//! `swapon`: the store is there from the start.

use crate::metrics::{Measure, Of};
use crate::stressors::{Memory, Stressor, always, class};
use crate::worker::Worker;
use crate::{Advice, Arena};

pub(crate) const STRESSOR: Stressor = Stressor {
    name: "swap",
    about: "send 32 to 255 new pages to the store and load them; there is no swapon here",
    classes: class::VM | class::OS,
    settings: &[],
    tick_shift: 0,
    memory: Memory::Each(|options| (MOST * options.boot.page_size) as u64),
    checks: always,
    run,
    measures: &[Measure { name: "pages swapped out per second", of: Of::PerSecond(OUT, 1.0) }],
};

const OUT: usize = 0;
const LEAST: usize = 32;
const MOST: usize = 255;

fn run(worker: &Worker<'_>) {
    let mut random = worker.random(0);
    loop {
        let pages = LEAST + random.below(MOST - LEAST + 1);
        let Some(mut arena) = worker.map(pages * worker.machine.page_size()) else { return };
        arena.advise(0..pages, Advice::WillNeed);
        let filled = fill(worker, &mut *arena, pages);
        worker.note_resident(&*arena);
        for page in 0..filled {
            worker.count(OUT, arena.advise(page..page + 1, Advice::PageOut) as u64);
            worker.go_on();
        }
        check(worker, &mut *arena, filled);
        worker.tick(u64::from(filled == pages));
        if !worker.go_on() {
            break;
        }
    }
    worker.finish();
}

/// The byte that fills a page, eight times.
fn filling(page: usize) -> u64 {
    u64::from_ne_bytes([page as u8; 8])
}

/// Fills pages until time runs out; answers how many.
fn fill(worker: &Worker<'_>, arena: &mut dyn Arena, pages: usize) -> usize {
    for (page, words) in arena.words().chunks_exact_mut(worker.page_words()).enumerate() {
        words.fill(filling(page));
        words[0] = words.as_ptr().addr() as u64;
        if !worker.go_on() {
            return page + 1;
        }
    }
    pages
}

fn check(worker: &Worker<'_>, arena: &mut dyn Arena, pages: usize) {
    for (page, words) in arena.words().chunks_exact_mut(worker.page_words()).enumerate().take(pages)
    {
        words[0] ^= worker.injection();
        worker.expect(words[0], words.as_ptr().addr() as u64, "the first word of a page");
        let last = words[words.len() - 1];
        worker.expect(last, filling(page), "the last word of a page");
        worker.go_on();
    }
}
