//! The stressor `stream`: copy, scale, add and triad over three arrays of numbers.
//!
//! One bogo operation is one round of the four over 64 KiB of each array (stress-ng: all of them).
//! The results are compared with the same arithmetic done for each number anew.

use crate::metrics::{MB_PER_SECOND, Measure, Of};
use crate::options::{Kind, Setting};
use crate::stressors::{Memory, Stressor, class, under_verify};
use crate::worker::Worker;

pub(crate) const STRESSOR: Stressor = Stressor {
    name: "stream",
    about: "copy, scale, add, triad over three arrays of floating-point numbers",
    classes: class::CPU | class::CPU_CACHE | class::MEMORY,
    settings: &[Setting {
        name: "l3-size",
        kind: Kind::Size(1 << 20),
        about: "bytes of each array",
    }],
    tick_shift: (OPERATION / TICK).ilog2(),
    memory: Memory::Each(|options| 3 * array_bytes(options)),
    checks: under_verify,
    run,
    measures: &[
        Measure { name: "MB per sec memory rate", of: Of::Quotient(MOVED, TIME_NS, MB_PER_SECOND) },
        Measure { name: "Mflop per sec compute rate", of: Of::Quotient(FLOPS, TIME_NS, 1000.0) },
    ],
};

const MOVED: usize = 0;
const FLOPS: usize = 1;
const TIME_NS: usize = 2;

/// Bytes of an array that make an operation: the shortest array there is.
const OPERATION: usize = 64 << 10;

/// Bytes of an array that make a tick.
const TICK: usize = 4096;

const FACTOR: f64 = 3.0;

fn array_bytes(options: &crate::Options) -> u64 {
    options.bytes("stream", "l3-size", 0).max(OPERATION as u64).next_multiple_of(16 << 10)
}

fn run(worker: &Worker<'_>) {
    let length = (array_bytes(worker.options) / 8) as usize;
    let Some(mut arena) = worker.map(3 * 8 * length) else { return };
    let mut round = 0;
    while step(worker, &mut *arena, length, round) {
        round += 1;
    }
    worker.note_resident(&*arena);
    worker.finish();
}

/// What the first array has before a round.
fn start(at: usize, round: u32) -> f64 {
    f64::from((at as u32).wrapping_mul(7).wrapping_add(round) & 0xffff)
}

/// One round; answers whether it came to the end.
fn step(worker: &Worker<'_>, arena: &mut dyn crate::Arena, length: usize, round: u32) -> bool {
    let numbers: &mut [f64] = bytemuck::cast_slice_mut(arena.words());
    let (a, rest) = numbers.split_at_mut(length);
    let (b, c) = rest.split_at_mut(length);
    let page = worker.page_words();
    for first in (0..length).step_by(page) {
        let range = first..(first + page).min(length);
        let (a, b, c) = (&mut a[range.clone()], &mut b[range.clone()], &mut c[range.clone()]);
        a.iter_mut().enumerate().for_each(|(at, number)| *number = start(first + at, round));
        let start_ns = worker.machine.now_ns();
        c.copy_from_slice(a);
        b.iter_mut().zip(&*c).for_each(|(b, c)| *b = FACTOR * c);
        c.iter_mut().zip(a.iter().zip(&*b)).for_each(|(c, (a, b))| *c = a + b);
        a.iter_mut().zip(b.iter().zip(&*c)).for_each(|(a, (b, c))| *a = b + FACTOR * c);
        worker.count(TIME_NS, worker.machine.now_ns().saturating_sub(start_ns));
        // Two arrays for copy and scale, three for add and triad.
        worker.count(MOVED, 10 * 8 * range.len() as u64);
        worker.count(FLOPS, 4 * range.len() as u64);
        if worker.verifies() {
            a[0] = f64::from_bits(a[0].to_bits() ^ worker.injection());
            check(worker, a, first, round);
        }
        if !worker.step((8 * range.len() / TICK) as u64) {
            return false;
        }
    }
    true
}

fn check(worker: &Worker<'_>, found: &[f64], first: usize, round: u32) {
    let wrong = |(at, number): (usize, &f64)| {
        let a = start(first + at, round);
        let (b, c) = (FACTOR * a, a + FACTOR * a);
        u64::from((number.to_bits() ^ (b + FACTOR * c).to_bits()).count_ones())
    };
    let errors = found.iter().enumerate().map(wrong).sum();
    worker.checked(errors, format_args!("numbers from {first} on"));
}
