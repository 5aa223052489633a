//! The stressor `remap`: let the pages of a mapping change places.
//!
//! A script over 512 pages: their order is reversed, shuffled, and put right again, by exchanging
//! translations; nothing is copied. After each part every page is where it should be. One bogo
//! operation is 64 exchanges (stress-ng: the script).

use crate::Arena;
use crate::random::Random;
use crate::stressors::{Memory, Stressor, always, class};
use crate::vm::Marks;
use crate::worker::Worker;

pub(crate) const STRESSOR: Stressor = Stressor {
    name: "remap",
    about: "reorder 512 pages by exchanging their translations, two at a time",
    classes: class::VM | class::MEMORY | class::OS,
    settings: &[],
    tick_shift: OPERATION.ilog2(),
    memory: Memory::Each(|options| (PAGES * options.boot.page_size) as u64),
    checks: always,
    run,
    measures: &[],
};

const PAGES: usize = 512;

/// Exchanges that make an operation.
const OPERATION: usize = 64;

/// Which page is where.
type Order = [u16; PAGES];

fn run(worker: &Worker<'_>) {
    let Some(mut arena) = worker.map(PAGES * worker.machine.page_size()) else { return };
    let marks = Marks::of(worker, 0);
    let mut random = worker.random(0);
    let mut order: Order = core::array::from_fn(|page| page as u16);
    for page in 0..PAGES {
        marks.put(arena.words(), page);
    }
    loop {
        let done = reverse(worker, &mut *arena, &mut order)
            && check(worker, &marks, &mut *arena, &order)
            && shuffle(worker, &mut *arena, &mut order, &mut random)
            && check(worker, &marks, &mut *arena, &order)
            && put_right(worker, &mut *arena, &mut order);
        // What was exchanged by now is checked in any case.
        if !(check(worker, &marks, &mut *arena, &order) && done && worker.go_on()) {
            break;
        }
    }
    worker.finish();
}

fn exchange(
    worker: &Worker<'_>,
    arena: &mut dyn Arena,
    order: &mut Order,
    one: usize,
    other: usize,
) -> bool {
    // Refused while the page is being evicted: it soon will have been.
    while !arena.exchange(one, other) {
        worker.machine.yield_now();
    }
    order.swap(one, other);
    worker.step(1)
}

fn reverse(worker: &Worker<'_>, arena: &mut dyn Arena, order: &mut Order) -> bool {
    (0..PAGES / 2).all(|page| exchange(worker, arena, order, page, PAGES - 1 - page))
}

fn shuffle(
    worker: &Worker<'_>,
    arena: &mut dyn Arena,
    order: &mut Order,
    random: &mut Random,
) -> bool {
    (0..PAGES).rev().all(|page| exchange(worker, arena, order, page, random.below(page + 1)))
}

fn put_right(worker: &Worker<'_>, arena: &mut dyn Arena, order: &mut Order) -> bool {
    (0..PAGES).all(|place| {
        let found = (place..PAGES).find(|&at| usize::from(order[at]) == place).unwrap_or(place);
        exchange(worker, arena, order, place, found)
    })
}

fn check(worker: &Worker<'_>, marks: &Marks, arena: &mut dyn Arena, order: &Order) -> bool {
    for (place, &page) in order.iter().enumerate() {
        let mark = marks.of_page(usize::from(page)) ^ worker.injection();
        let errors = marks.errors(arena.words(), place, mark);
        worker.checked(errors, format_args!("page {page} at place {place}"));
    }
    worker.note_resident(arena);
    worker.go_on()
}
