//! The stressor `memcpy`: copy 2 MiB, and move the copy within itself.
//!
//! One bogo operation is a piece of 64 KiB (stress-ng: all of it): it is copied, moved up by 1, 8 and
//! 64 bytes, and back down again.

use crate::metrics::{MB_PER_SECOND, Measure, Of};
use crate::random::Random;
use crate::stressors::{Memory, Stressor, class, under_verify};
use crate::worker::Worker;

pub(crate) const STRESSOR: Stressor = Stressor {
    name: "memcpy",
    about: "copy 2 MiB, and move it within itself at three alignments",
    classes: class::CPU_CACHE | class::MEMORY,
    settings: &[],
    tick_shift: 0,
    memory: Memory::Each(|_| 2 * BYTES as u64),
    checks: under_verify,
    run,
    measures: &[Measure {
        name: "MB per sec memcpy rate",
        of: Of::Quotient(COPIED, NANOSECONDS, MB_PER_SECOND),
    }],
};

const BYTES: usize = 2 << 20;
const PIECE: usize = 64 << 10;
const DISTANCES: [usize; 3] = [1, 8, 64];

const COPIED: usize = 0;
const NANOSECONDS: usize = 1;

fn run(worker: &Worker<'_>) {
    let Some(mut arena) = worker.map(2 * BYTES) else { return };
    let mut random = worker.random(0);
    for number in 0_usize.. {
        let at = (number * PIECE) % BYTES;
        let (source, target) = arena.bytes().split_at_mut(BYTES);
        let (from, to) = (&mut source[at..at + PIECE], &mut target[at..at + PIECE]);
        vary(from, &mut random);
        copy(worker, from, to);
        worker.note_resident(&*arena);
        if !worker.step(1) {
            break;
        }
    }
    worker.finish();
}

/// Writes a random byte into each of 64 parts, so that no two copies are of the same.
fn vary(bytes: &mut [u8], random: &mut Random) {
    for part in bytes.chunks_exact_mut(PIECE / 64) {
        part[random.below(part.len())] = random.next() as u8;
    }
}

fn copy(worker: &Worker<'_>, from: &[u8], to: &mut [u8]) {
    let start_ns = worker.machine.now_ns();
    to.copy_from_slice(from);
    worker.count(COPIED, PIECE as u64);
    worker.count(NANOSECONDS, worker.machine.now_ns().saturating_sub(start_ns));
    to[PIECE / 2] ^= worker.injection() as u8;
    check(worker, to, from, "a copy");
    for distance in DISTANCES {
        let rest = PIECE - distance;
        to.copy_within(..rest, distance);
        check(worker, &to[distance..], &from[..rest], "a copy moved up");
        to.copy_within(distance.., 0);
        check(worker, &to[..rest], &from[..rest], "a copy moved down");
        to[rest..].copy_from_slice(&from[rest..]);
        worker.go_on();
    }
}

fn check(worker: &Worker<'_>, found: &[u8], expected: &[u8], what: &str) {
    if worker.verifies() {
        let errors = crate::store::zpool::different_bits(found, expected);
        worker.checked(errors, format_args!("{what}"));
    }
}
