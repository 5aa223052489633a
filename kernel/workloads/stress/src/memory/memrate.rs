//! The stressor `memrate`: write and read memory at different widths, and time it.
//!
//! One bogo operation is 1 MiB written or read. The widths take turns, a whole pass each.

use core::hint::black_box;

use crate::metrics::{MB_PER_SECOND, Measure, Of};
use crate::options::{Kind, Setting};
use crate::stressors::{Memory, Stressor, class, under_verify};
use crate::worker::Worker;

pub(crate) const STRESSOR: Stressor = Stressor {
    name: "memrate",
    about: "write and read memory by bytes, by words and by 1024 bits; as fast as it goes",
    classes: class::MEMORY,
    settings: &[Setting {
        name: "bytes",
        kind: Kind::Size(256 << 20),
        about: "memory of all workers",
    }],
    tick_shift: (MEBIBYTE / TICK).ilog2(),
    memory: Memory::Shared("bytes"),
    checks: under_verify,
    run,
    measures: &[
        Measure {
            name: "MB per sec write rate",
            of: Of::Quotient(WRITTEN, WRITE_NS, MB_PER_SECOND),
        },
        Measure { name: "MB per sec read rate", of: Of::Quotient(READ, READ_NS, MB_PER_SECOND) },
    ],
};

const WRITTEN: usize = 0;
const WRITE_NS: usize = 1;
const READ: usize = 2;
const READ_NS: usize = 3;

const MEBIBYTE: usize = 1 << 20;

/// Bytes that make a tick.
const TICK: usize = 4096;

/// Writes the value to, or sums up, a page.
struct Width {
    write: fn(&mut [u64], u64),
    sum: fn(&[u64]) -> u64,
}

const WIDTHS: [Width; 3] = [
    Width {
        write: |page, value| {
            let bytes: &mut [u8] = bytemuck::cast_slice_mut(page);
            let value = value.to_le_bytes();
            bytes.iter_mut().enumerate().for_each(|(at, byte)| *black_box(byte) = value[at % 8]);
        },
        sum: |page| {
            let bytes: &[u8] = bytemuck::cast_slice(page);
            let add = |sum: u64, (at, &byte): (usize, &u8)| {
                sum.wrapping_add(u64::from(*black_box(&byte)) << (8 * (at % 8)))
            };
            bytes.iter().enumerate().fold(0, add)
        },
    },
    Width {
        write: |page, value| page.iter_mut().for_each(|word| *black_box(word) = value),
        sum: |page| page.iter().fold(0, |sum: u64, word| sum.wrapping_add(*black_box(word))),
    },
    Width {
        write: |page, value| {
            let vector = [value; 16];
            page.chunks_exact_mut(16).for_each(|words| black_box(words).copy_from_slice(&vector));
        },
        sum: |page| {
            let sum = |words: &[u64]| words.iter().fold(0_u64, |sum, word| sum.wrapping_add(*word));
            page.chunks_exact(16).fold(0, |total: u64, words| total.wrapping_add(sum(words)))
        },
    },
];

fn run(worker: &Worker<'_>) {
    let Some(mut arena) = worker.map_share() else { return };
    let (page_words, page_size) = (worker.page_words(), worker.machine.page_size() as u64);
    let mut random = worker.random(0);
    let mut go_on = true;
    for width in WIDTHS.iter().cycle() {
        let value = random.next();
        let mut written = 0;
        for page in arena.words().chunks_exact_mut(page_words) {
            let start_ns = worker.machine.now_ns();
            (width.write)(page, value);
            worker.count(WRITE_NS, worker.machine.now_ns().saturating_sub(start_ns));
            worker.count(WRITTEN, page_size);
            written += 1;
            go_on = worker.step(page_size / TICK as u64);
            if !go_on {
                break;
            }
        }
        arena.words()[0] ^= worker.injection();
        let expected = value.wrapping_mul(page_words as u64);
        for page in arena.words().chunks_exact(page_words).take(written) {
            let start_ns = worker.machine.now_ns();
            let sum = (width.sum)(page);
            worker.count(READ_NS, worker.machine.now_ns().saturating_sub(start_ns));
            worker.count(READ, page_size);
            if worker.verifies() {
                worker.expect(sum, expected, "the sum of a page");
            }
            go_on = worker.step(page_size / TICK as u64) && go_on;
        }
        worker.note_resident(&*arena);
        if !go_on {
            break;
        }
    }
    worker.finish();
}
