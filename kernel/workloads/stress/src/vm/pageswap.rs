//! The stressor `pageswap`: send pages to the store one by one, and fetch them all back.
//!
//! One bogo operation puts a page at the head of a list, which holds its own address, the next page
//! and its size, and sends it and the one before it to the store. When all pages are in the list it
//! is walked, which loads each page; each is sent back and checked.

use crate::metrics::{Measure, Of};
use crate::options::{Kind, Setting};
use crate::stressors::{Memory, Stressor, always, class};
use crate::worker::Worker;
use crate::{Advice, Arena};

pub(crate) const STRESSOR: Stressor = Stressor {
    name: "pageswap",
    about: "send pages of three words to the store one by one, fetch all back in a list",
    classes: class::VM | class::OS,
    settings: &[Setting {
        name: "bytes",
        kind: Kind::Size(16 << 20),
        about: "memory of all workers",
    }],
    tick_shift: 0,
    memory: Memory::Shared("bytes"),
    checks: always,
    run,
    measures: &[
        Measure { name: "microsecs per page swapout", of: Of::Quotient(OUT_NS, OUT, 0.001) },
        Measure { name: "pages swapped out", of: Of::Total(OUT) },
    ],
};

const OUT: usize = 0;
const OUT_NS: usize = 1;

/// Most pages of a list.
const PAGES: usize = 65_536;

fn run(worker: &Worker<'_>) {
    let Some(mut arena) = worker.map_share() else { return };
    let pages = (arena.words().len() / worker.page_words()).min(PAGES);
    let mut go_on = true;
    while go_on {
        let mut count = 0;
        while go_on && count < pages {
            put(worker, &mut *arena, count);
            page_out(worker, &*arena, count);
            if count > 0 {
                page_out(worker, &*arena, count - 1);
            }
            count += 1;
            go_on = worker.step(1);
        }
        go_on = walk(worker, &mut *arena, count) && go_on;
        if arena.discard().is_err() {
            return worker.no_resource(format_args!("mapping memory again"));
        }
    }
    worker.finish();
}

/// Address of a page.
fn address(arena: &mut dyn Arena, at: usize) -> u64 {
    arena.words()[at..].as_ptr().addr() as u64
}

/// Puts a page in front of the one before it.
fn put(worker: &Worker<'_>, arena: &mut dyn Arena, page: usize) {
    let at = page * worker.page_words();
    let (own, size) = (address(arena, at), worker.machine.page_size() as u64);
    let next = if page == 0 { 0 } else { own - size };
    arena.words()[at..at + 3].copy_from_slice(&[own, next, size]);
}

fn page_out(worker: &Worker<'_>, arena: &dyn Arena, page: usize) {
    let start_ns = worker.machine.now_ns();
    if arena.advise(page..page + 1, Advice::PageOut) == 1 {
        worker.count(OUT, 1);
        worker.count(OUT_NS, worker.machine.now_ns().saturating_sub(start_ns));
    }
}

/// Walks the list from the last page to the first; answers whether there is time left.
fn walk(worker: &Worker<'_>, arena: &mut dyn Arena, count: usize) -> bool {
    let mut go_on = true;
    for page in (0..count).rev() {
        let at = page * worker.page_words();
        let own = address(arena, at);
        let size = worker.machine.page_size() as u64;
        let next = if page == 0 { 0 } else { own - size };
        let words = &mut arena.words()[at..at + 3];
        words[0] ^= worker.injection();
        for (&found, expected) in words.iter().zip([own, next, size]) {
            worker.expect(found, expected, "a page of the list");
        }
        if arena.advise(page..page + 1, Advice::PageOut) == 1 {
            worker.expect(u64::from(arena.is_resident(page)), 0, "the absence of a page sent out");
        }
        worker.note_resident(arena);
        go_on = worker.go_on() && go_on;
    }
    go_on
}
