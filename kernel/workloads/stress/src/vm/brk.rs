//! The stressor `brk`: move the end of a heap, a page at a time.
//!
//! One bogo operation moves the break by a page: seven times up, once down. A page above the break
//! is nobody's: when the break comes back it must read as zero. At the limit the break goes back to
//! the start.

use crate::options::{Kind, Setting};
use crate::stressors::{Memory, Stressor, class};
use crate::vm::Marks;
use crate::worker::Worker;
use crate::{Advice, Arena};

pub(crate) const STRESSOR: Stressor = Stressor {
    name: "brk",
    about: "move the end of a heap by pages; a limit within a mapping stands for the break",
    classes: class::VM | class::OS,
    settings: &[
        Setting { name: "bytes", kind: Kind::Size(16 << 20), about: "limit of all workers" },
        Setting { name: "notouch", kind: Kind::Flag, about: "do not touch the pages" },
    ],
    tick_shift: 0,
    memory: Memory::Shared("bytes"),
    checks: |options| !options.flag("brk", "notouch"),
    run,
    measures: &[],
};

fn run(worker: &Worker<'_>) {
    let Some(mut arena) = worker.map_share() else { return };
    let (marks, touch) = (Marks::of(worker, 0), !worker.flag("notouch"));
    let pages = arena.words().len() / worker.page_words();
    let mut top = 0;
    for step in 0_u64.. {
        if top == pages {
            arena.advise(0..top, Advice::DontNeed);
            top = 0;
        }
        if step % 8 == 7 {
            top -= 1;
            if touch {
                check(worker, &marks, &mut *arena, top);
            }
            arena.advise(top..top + 1, Advice::DontNeed);
        } else {
            if touch {
                let errors = marks.errors(arena.words(), top, worker.injection());
                worker.checked(errors, format_args!("page {top} above the break: not zero"));
                marks.put(arena.words(), top);
            }
            top += 1;
        }
        worker.note_resident(&*arena);
        if !worker.step(1) {
            break;
        }
    }
    if touch {
        (0..top).for_each(|page| check(worker, &marks, &mut *arena, page));
    }
    worker.finish();
}

fn check(worker: &Worker<'_>, marks: &Marks, arena: &mut dyn Arena, page: usize) {
    let errors = marks.errors(arena.words(), page, marks.of_page(page));
    worker.checked(errors, format_args!("page {page} below the break"));
    worker.go_on();
}
