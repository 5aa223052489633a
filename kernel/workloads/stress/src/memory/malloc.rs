//! The stressor `malloc`: allocate, reallocate and free blocks of a heap at random.
//!
//! One bogo operation is one call. Blocks have their number in their first and last word, which is
//! checked before a block goes or moves; a cleared block is zero where it is looked at. A refused
//! call counts as well, as one that returns no memory does.

use super::heap::Heap;
use crate::options::{Kind, Setting};
use crate::random::mix;
use crate::stressors::{Memory, Stressor, class, under_verify};
use crate::worker::Worker;

pub(crate) const STRESSOR: Stressor = Stressor {
    name: "malloc",
    about: "malloc, calloc, realloc and free on a demand-paged heap of limited size",
    classes: class::CPU_CACHE | class::MEMORY | class::OS | class::VM,
    settings: &[
        Setting { name: "bytes", kind: Kind::Size(64 << 10), about: "largest block" },
        Setting {
            name: "max",
            kind: Kind::Number { default: 65_536, least: 1, most: 1 << 24 },
            about: "most blocks at once",
        },
        Setting { name: "touch", kind: Kind::Flag, about: "write to every page of a block" },
        Setting { name: "heap", kind: Kind::Size(64 << 20), about: "heaps of all workers" },
    ],
    tick_shift: 0,
    memory: Memory::Shared("heap"),
    checks: under_verify,
    run,
    measures: &[],
};

/// A block in use: place, and length in words; zero for none.
type Entry = [u64];

fn run(worker: &Worker<'_>) {
    let Some(mut arena) = worker.map_share() else { return };
    let words = arena.words();
    // The blocks in use are noted in front of the heap, two words each.
    let most = (worker.number("max") as usize).min(words.len() / 16);
    let (table, words) = words.split_at_mut(2 * most);
    let mut heap = Heap::new(words);
    let largest = worker.options.bytes("malloc", "bytes", worker.machine.memory_bytes()) / 8;
    let largest = (largest.max(2) as usize).min(1 << 30);
    let mut random = worker.random(0);
    loop {
        let number = random.below(most);
        let entry = &mut table[2 * number..2 * number + 2];
        let length = 1 + random.below(largest);
        match (entry[0] != 0, random.below(4)) {
            (false, 0) => {
                if let Some(place) = heap.allocate(length) {
                    heap.get(place, length).fill(0);
                    let block = heap.get(place, length);
                    let found = block[0] | block[length / 2] | block[length - 1];
                    check(worker, found, 0, "a cleared block");
                    enter(worker, &mut heap, entry, place, length);
                }
            }
            (false, _) => {
                if let Some(place) = heap.allocate(length) {
                    enter(worker, &mut heap, entry, place, length);
                }
            }
            (true, 0) => {
                look(worker, &mut heap, entry);
                if let Some(place) = heap.allocate(length) {
                    // The block moves with what is in it, as far as there is room.
                    let (old, kept) = (entry[0] as usize, length.min(entry[1] as usize));
                    let first = heap.get(old, 1)[0];
                    for at in 0..kept {
                        heap.get(place, length)[at] = heap.get(old, kept)[at];
                    }
                    check(worker, heap.get(place, 1)[0], first, "a block that moved");
                    heap.free(old);
                    enter(worker, &mut heap, entry, place, length);
                }
            }
            (true, _) => {
                look(worker, &mut heap, entry);
                heap.free(entry[0] as usize);
                entry.fill(0);
            }
        }
        if !worker.step(1) {
            break;
        }
    }
    for number in 0..most {
        let entry = &table[2 * number..2 * number + 2];
        if entry[0] != 0 && worker.verifies() {
            look(worker, &mut heap, entry);
            worker.go_on();
        }
    }
    worker.note_resident(&*arena);
    worker.finish();
}

fn check(worker: &Worker<'_>, found: u64, expected: u64, what: &str) {
    if worker.verifies() {
        worker.expect(found, expected, what);
    }
}

fn mark(entry: &Entry) -> u64 {
    mix(entry[0] << 32 ^ entry[1])
}

/// Notes a new block and marks its ends.
fn enter(worker: &Worker<'_>, heap: &mut Heap<'_>, entry: &mut Entry, place: usize, length: usize) {
    entry.copy_from_slice(&[place as u64, length as u64]);
    let block = heap.get(place, length);
    if worker.flag("touch") {
        block.iter_mut().step_by(worker.page_words()).for_each(|word| *word = place as u64);
    }
    block[0] = mark(entry);
    block[length - 1] = mark(entry);
}

/// Checks the ends of a block.
fn look(worker: &Worker<'_>, heap: &mut Heap<'_>, entry: &Entry) {
    if worker.verifies() {
        let length = entry[1] as usize;
        let block = heap.get(entry[0] as usize, length);
        worker.expect(block[0] ^ worker.injection(), mark(entry), "the start of a block");
        worker.expect(block[length - 1], mark(entry), "the end of a block");
    }
}
