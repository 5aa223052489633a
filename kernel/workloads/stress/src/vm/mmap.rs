//! The stressor `mmap`: take every page of a mapping through a script of calls.
//!
//! The script: map and mark all pages; advise each, in an order that looks random; check each page,
//! which keeps its mark unless the advice was that it is not needed; unmap the pages one by one and
//! map them again, in another order; they read as zero; a mapping that cannot be is refused. One
//! bogo operation is one page taken through the script (stress-ng: all pages). Out of time, what was
//! mapped and advised by then is checked.

use crate::options::{Kind, Setting};
use crate::random::mix;
use crate::stressors::{Memory, Stressor, always, class};
use crate::vm::{Marks, shuffled};
use crate::worker::Worker;
use crate::{Advice, Arena};

pub(crate) const STRESSOR: Stressor = Stressor {
    name: "mmap",
    about: "map, advise, unmap and map pages again; no files, no protection",
    classes: class::VM | class::OS,
    settings: &[Setting {
        name: "bytes",
        kind: Kind::Size(256 << 20),
        about: "memory of all workers",
    }],
    tick_shift: 0,
    memory: Memory::Shared("bytes"),
    checks: always,
    run,
    measures: &[],
};

const ADVICE: [Advice; 4] = [Advice::WillNeed, Advice::DontNeed, Advice::Cold, Advice::PageOut];

fn run(worker: &Worker<'_>) {
    let Some(mut arena) = worker.map_share() else { return };
    for round in 0.. {
        if !script(worker, &mut *arena, round) {
            break;
        }
        if arena.discard().is_err() {
            return worker.no_resource(format_args!("mapping memory again"));
        }
    }
    worker.finish();
}

/// Answers whether there is time left.
fn script(worker: &Worker<'_>, arena: &mut dyn Arena, round: u64) -> bool {
    let (page_words, marks) = (worker.page_words(), Marks::of(worker, round));
    let pages = arena.words().len() / page_words;
    let mut mapped = 0;
    let mut go_on = true;
    while go_on && mapped < pages {
        marks.put(arena.words(), mapped);
        mapped += 1;
        go_on = worker.go_on_preparing();
    }
    let advice = |page: usize| ADVICE[(mix(round ^ marks.of_page(page)) % 4) as usize];
    let mut advised = 0;
    for page in shuffled(pages, round) {
        if !go_on {
            break;
        }
        arena.advise(page..page + 1, advice(page));
        advised += 1;
        go_on = worker.go_on_preparing();
    }
    worker.note_resident(arena);
    arena.words()[0] ^= worker.injection();
    for (number, page) in shuffled(pages, round).enumerate() {
        if page >= mapped {
            continue;
        }
        let dropped = number < advised && advice(page) == Advice::DontNeed;
        let mark = if dropped { 0 } else { marks.of_page(page) };
        let errors = marks.errors(arena.words(), page, mark);
        worker.checked(errors, format_args!("page {page} after {:?}", advice(page)));
        go_on = worker.step(1) && go_on;
    }
    if !go_on {
        return false;
    }
    for page in shuffled(pages, !round) {
        arena.advise(page..page + 1, Advice::DontNeed);
        let errors = marks.errors(arena.words(), page, 0);
        worker.checked(errors, format_args!("page {page} mapped again"));
        if !worker.go_on() {
            return false;
        }
    }
    let too_much = (usize::MAX >> 1) & !(worker.machine.page_size() - 1);
    let refused = worker.machine.map(too_much).is_err();
    worker.expect(u64::from(refused), 1, "the refusal of an impossible mapping");
    worker.go_on()
}
