//! The stressor `bsearch`: find every element of a sorted array by halving.
//!
//! One bogo operation is 1024 searches (stress-ng: for every element once).

use crate::options::{Kind, Setting};
use crate::stressors::{Memory, Stressor, class, under_verify};
use crate::worker::Worker;

pub(crate) const STRESSOR: Stressor = Stressor {
    name: "bsearch",
    about: "binary search for every element of a sorted array",
    classes: class::CPU | class::MEMORY | class::SEARCH,
    settings: &[Setting {
        name: "size",
        kind: Kind::Number { default: 65_536, least: 1, most: 1 << 28 },
        about: "elements of each array",
    }],
    tick_shift: 10,
    memory: Memory::Each(|options| options.number("bsearch", "size") * 8),
    checks: under_verify,
    run,
    measures: &[],
};

/// Searches between two looks at the clock.
const CHUNK: usize = 64;

fn run(worker: &Worker<'_>) {
    let Some(mut arena) = worker.map_share() else { return };
    let mut random = worker.random(0);
    let array = &mut arena.words()[..worker.number("size") as usize];
    let mut element = 0;
    for page in array.chunks_mut(worker.page_words()) {
        for place in page {
            element += 1 + (random.next() & 0xff);
            *place = element;
        }
        worker.go_on();
    }
    for first in (0..array.len()).step_by(CHUNK).cycle() {
        let chunk = first..(first + CHUNK).min(array.len());
        let searches = chunk.len() as u64;
        for at in chunk {
            let found = array.binary_search(&array[at]).map_or(u64::MAX, |at| at as u64);
            if worker.verifies() {
                worker.expect(found ^ worker.injection(), at as u64, "the place of an element");
            }
        }
        if !worker.step(searches) {
            break;
        }
    }
    worker.note_resident(&*arena);
    worker.finish();
}
