//! The stressor `mremap`: halve a mapping down to a page and double it again.
//!
//! One bogo operation is one such step (stress-ng: the cycle). The mapping goes to other addresses each
//! time; its pages move without being copied. After each step all of its pages are as they were, and
//! new ones read as zero.

use crate::Arena;
use crate::options::{Kind, Setting};
use crate::stressors::{Memory, Stressor, always, class};
use crate::vm::Marks;
use crate::worker::Worker;

pub(crate) const STRESSOR: Stressor = Stressor {
    name: "mremap",
    about: "halve a mapping down to a page and double it again; it moves each time",
    classes: class::VM | class::OS,
    settings: &[Setting {
        name: "bytes",
        kind: Kind::Size(4 << 20),
        about: "memory of all workers",
    }],
    tick_shift: 0,
    memory: Memory::Shared("bytes"),
    checks: always,
    run,
    measures: &[],
};

fn run(worker: &Worker<'_>) {
    let Some(mut arena) = worker.map_share() else { return };
    let most = arena.words().len() / worker.page_words();
    let marks = Marks::of(worker, 0);
    let mut marked = 0;
    let mut go_on = true;
    while go_on {
        let down = core::iter::successors(Some(most), |&pages| (pages > 1).then_some(pages / 2));
        let up = core::iter::successors(Some(1), |&pages| {
            (pages < most).then_some((pages * 2).min(most))
        });
        for pages in down.chain(up) {
            if let Err(error) = arena.resize(pages * worker.machine.page_size()) {
                return worker.no_resource(format_args!("moving {pages} pages: {error}"));
            }
            marked = check(worker, &marks, &mut *arena, marked.min(pages), pages);
            go_on = worker.step(1);
            if !go_on {
                break;
            }
        }
    }
    worker.finish();
}

/// Checks the pages that are marked and those that are new, and marks these; answers how many are
/// marked. Out of time, new pages are left for later.
fn check(
    worker: &Worker<'_>,
    marks: &Marks,
    arena: &mut dyn Arena,
    marked: usize,
    pages: usize,
) -> usize {
    for page in 0..pages {
        let mark = if page < marked { marks.of_page(page) } else { 0 };
        let words = arena.words();
        let errors = marks.errors(words, page, mark ^ worker.injection());
        worker.checked(errors, format_args!("page {page} of {pages} after it moved"));
        marks.put(words, page);
        if !worker.go_on_preparing() && page >= marked {
            return page + 1;
        }
    }
    worker.note_resident(arena);
    pages
}
