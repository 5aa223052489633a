//! The stressor `bigheap`: grow one block until it is as large as it may be, and begin anew.
//!
//! One bogo operation makes the block 64 KiB longer. The block has room to grow by a quarter; when
//! that is used up it moves to other addresses without being copied, as `realloc` does with a large
//! block. The first word of each new page (with `--aggressive` every word) gets its own address; a
//! block that moved is checked, and gets its new addresses.

use crate::Arena;
use crate::metrics::{Measure, Of};
use crate::options::{Kind, Setting};
use crate::stressors::{Memory, Stressor, class, under_verify};
use crate::worker::Worker;

pub(crate) const STRESSOR: Stressor = Stressor {
    name: "bigheap",
    about: "grow a block by small steps, up to a limit instead of until memory is used up",
    classes: class::VM | class::OS,
    settings: &[
        Setting { name: "bytes", kind: Kind::Size(64 << 20), about: "limit of all workers" },
        Setting { name: "growth", kind: Kind::Size(64 << 10), about: "bytes of a step" },
    ],
    tick_shift: 0,
    memory: Memory::Shared("bytes"),
    checks: under_verify,
    run,
    measures: &[Measure { name: "realloc calls per sec", of: Of::PerSecond(CALLS, 1.0) }],
};

const CALLS: usize = 0;

fn run(worker: &Worker<'_>) {
    let page_size = worker.machine.page_size();
    let limit = worker.share().unwrap_or(page_size);
    let growth = worker.options.bytes("bigheap", "growth", worker.machine.memory_bytes()) as usize;
    let growth = growth.clamp(page_size, limit).next_multiple_of(page_size);
    let Some(mut arena) = worker.map(growth) else { return };
    let mut length = 0;
    let mut go_on = true;
    while go_on {
        if length >= limit {
            go_on = check(worker, &mut *arena, 0..length);
            length = 0;
            let Some(fresh) = worker.map(growth) else { return };
            arena = fresh;
        }
        let before = length;
        length = (length + growth).min(limit);
        let room = size_of_val(arena.words());
        if length > room {
            let old_base = base(&mut *arena);
            if arena.resize(length.max(room + room / 4)).is_err() {
                return worker.no_resource(format_args!("no room for a block of {length} bytes"));
            }
            go_on = follow(worker, &mut *arena, before, old_base);
        }
        go_on = write(worker, &mut *arena, before..length) && go_on;
        worker.count(CALLS, 1);
        go_on = check(worker, &mut *arena, before..length) && go_on;
        worker.note_resident(&*arena);
        go_on = worker.step(1) && go_on;
    }
    check(worker, &mut *arena, 0..length);
    worker.finish();
}

/// Address of the first byte.
fn base(arena: &mut dyn Arena) -> u64 {
    arena.words().as_ptr().addr() as u64
}

/// Words between two that get their address.
fn step(worker: &Worker<'_>) -> usize {
    if worker.options.aggressive { 1 } else { worker.page_words() }
}

fn write(worker: &Worker<'_>, arena: &mut dyn Arena, bytes: core::ops::Range<usize>) -> bool {
    let base = base(arena);
    for at in (bytes.start / 8..bytes.end / 8).step_by(step(worker)) {
        arena.words()[at] = base + 8 * at as u64;
        if at.is_multiple_of(worker.page_words()) {
            worker.go_on();
        }
    }
    worker.go_on()
}

/// Reads what was written; to its end, so that nothing stays unchecked.
fn check(worker: &Worker<'_>, arena: &mut dyn Arena, bytes: core::ops::Range<usize>) -> bool {
    if !worker.verifies() {
        return worker.go_on();
    }
    let base = base(arena);
    for at in (bytes.start / 8..bytes.end / 8).step_by(step(worker)) {
        let found = arena.words()[at] ^ worker.injection();
        worker.expect(found, base + 8 * at as u64, "a word of the block");
        worker.go_on();
    }
    worker.go_on()
}

/// The block has moved: what is in it has the old addresses, and gets the new ones.
fn follow(worker: &Worker<'_>, arena: &mut dyn Arena, length: usize, old_base: u64) -> bool {
    let new_base = base(arena);
    for at in (0..length / 8).step_by(step(worker)) {
        let word = &mut arena.words()[at];
        if worker.verifies() {
            worker.expect(*word, old_base + 8 * at as u64, "a word of a block that moved");
        }
        *word = new_base + 8 * at as u64;
        worker.go_on();
    }
    worker.go_on()
}
