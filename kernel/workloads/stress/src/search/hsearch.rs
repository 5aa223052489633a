//! The stressor `hsearch`: find every key of a hash table.
//!
//! One bogo operation is 256 keys inserted or searched for (stress-ng: every key once); half of the
//! searches are for keys that are not there.

use crate::options::{Kind, Setting};
use crate::random::mix;
use crate::stressors::{Memory, Stressor, class, under_verify};
use crate::worker::Worker;

pub(crate) const STRESSOR: Stressor = Stressor {
    name: "hsearch",
    about: "search a hash table of numbers with linear probing",
    classes: class::CPU | class::MEMORY | class::SEARCH,
    settings: &[Setting {
        name: "size",
        kind: Kind::Number { default: 8192, least: 1, most: 1 << 27 },
        about: "keys of each table",
    }],
    tick_shift: 8,
    memory: Memory::Each(|options| places(options.number("hsearch", "size")) * 8),
    checks: under_verify,
    run,
    measures: &[],
};

/// Searches between two looks at the clock.
const CHUNK: usize = 32;

/// Places of a table for so many keys: a power of two, at most four fifths of it taken.
fn places(keys: u64) -> u64 {
    (keys + keys / 4 + 1).next_power_of_two()
}

/// A key; zero is none.
fn key(number: u64) -> u64 {
    mix(number + 1)
}

/// The place of a key, or of the gap where it would be.
fn find(table: &[u64], key: u64) -> usize {
    let mask = table.len() - 1;
    let mut place = mix(!key) as usize & mask;
    while table[place] != key && table[place] != 0 {
        place = (place + 1) & mask;
    }
    place
}

fn run(worker: &Worker<'_>) {
    let Some(mut arena) = worker.map_share() else { return };
    let keys = worker.number("size");
    let table = &mut arena.words()[..places(keys) as usize];
    let mut inserted = 0;
    while inserted < keys {
        let key = key(inserted);
        table[find(table, key)] = key;
        inserted += 1;
        worker.tick(1);
        // Out of time the table has as many keys as it has by now.
        if inserted.is_multiple_of(CHUNK as u64) && !worker.go_on() {
            break;
        }
    }
    for first in (0..inserted).step_by(CHUNK).cycle() {
        let chunk = first..(first + CHUNK as u64).min(inserted);
        let searches = 2 * (chunk.end - chunk.start);
        for number in chunk {
            let there = table[find(table, key(number))];
            let not_there = table[find(table, key(number + keys))];
            if worker.verifies() {
                worker.expect(there ^ worker.injection(), key(number), "a key of the table");
                worker.expect(not_there, 0, "a gap of the table");
            }
        }
        if !worker.step(searches) {
            break;
        }
    }
    worker.note_resident(&*arena);
    worker.finish();
}
