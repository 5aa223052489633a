//! Methods that move or flip bits.

use core::hint::black_box;

use super::method::{Chunk, Method, check, compare, method, spread, write};
use crate::random::Random;

/// Every byte is inverted in eight passes, one bit a pass.
///
/// The first fill compresses like the real tool's (about 2.4 KB of 4 KiB with LZ4): each word is
/// one random byte eight times, and in three of four words one bit of the first byte is flipped.
pub(super) const FLIP: Method = method(
    "flip",
    &[
        write(8),
        write(8),
        write(8),
        write(8),
        write(8),
        write(8),
        write(8),
        write(8),
        write(8),
        check(0),
    ],
    |chunk, stage| {
        if stage == 0 {
            let mut random = chunk.random();
            chunk.page().fill_with(|| flip_word(&mut random));
        } else {
            let bit = spread(1 << (stage - 1));
            chunk.page().iter_mut().for_each(|word| *word ^= bit);
        }
        0
    },
    |chunk, done| {
        let flipped = (1..done).fold(0, |bits, stage| bits | spread(1 << (stage - 1)));
        let mut random = chunk.random();
        compare(chunk.page(), || flip_word(&mut random) ^ flipped)
    },
);

/// Random words, rotated right by one bit.
pub(super) const ROR: Method = method(
    "ror",
    &[write(8), write(8), check(8)],
    |chunk, stage| {
        if stage == 0 {
            return fill_random(chunk);
        }
        chunk.page().iter_mut().for_each(|word| *word = word.rotate_right(1));
        0
    },
    |chunk, done| {
        let rotations = done as u32 - 1;
        let mut random = chunk.random();
        compare(chunk.page(), || random.next().rotate_right(rotations))
    },
);

/// Moving inversions: random words, checked; inverted, checked.
pub(super) const MOVE_INV: Method = method(
    "move-inv",
    &[write(8), check(8), write(8), check(8)],
    |chunk, stage| {
        if stage == 0 {
            return fill_random(chunk);
        }
        chunk.page().iter_mut().for_each(|word| *word = !*word);
        0
    },
    |chunk, done| {
        let inverted = if done == 1 { 0 } else { u64::MAX };
        let mut random = chunk.random();
        compare(chunk.page(), || random.next() ^ inverted)
    },
);

/// Alternating bits, opposite in adjacent words; neighbours change places, and so every bit flips;
/// then every bit is inverted back.
pub(super) const CHECKERBOARD: Method = method(
    "checkerboard",
    &[write(8), write(8), write(8), check(0)],
    |chunk, stage| {
        match stage {
            0 => {
                for pair in chunk.page().chunks_exact_mut(2) {
                    pair.copy_from_slice(&CHECKERS);
                }
            }
            1 => chunk.page().chunks_exact_mut(2).for_each(|pair| pair.swap(0, 1)),
            _ => chunk.page().iter_mut().for_each(|word| *word = !*word),
        }
        0
    },
    |chunk, done| {
        let [even, odd] = CHECKERS;
        let order = if done == 2 { [odd, even] } else { [even, odd] };
        let mut words = order.into_iter().cycle();
        compare(chunk.page(), || words.next().unwrap_or(0))
    },
);

/// The bits of each byte are set one by one, checked, cleared one by one, checked.
pub(super) const MSCAN: Method = method(
    "mscan",
    &[write(1), check(0), write(1), check(0)],
    |chunk, stage| {
        for word in chunk.page() {
            for bit in 0..8 {
                let mask = spread(1 << bit);
                if stage == 0 {
                    *black_box(&mut *word) |= mask;
                } else {
                    *black_box(&mut *word) &= !mask;
                }
            }
        }
        0
    },
    |chunk, done| {
        let expected = if done == 1 { u64::MAX } else { 0 };
        compare(chunk.page(), || expected)
    },
);

/// Galloping pattern: all bits zero, and one in 4096 of them, at a random place, one.
pub(super) const GALPAT_0: Method = method(
    "galpat-0",
    &[write(8), write(8), check(0)],
    |chunk, stage| galpat(chunk, stage, 0),
    |chunk, done| check_galpat(chunk, done, 0),
);

/// Galloping pattern: all bits one, and one in 4096 of them, at a random place, zero.
pub(super) const GALPAT_1: Method = method(
    "galpat-1",
    &[write(8), write(8), check(0)],
    |chunk, stage| galpat(chunk, stage, u64::MAX),
    |chunk, done| check_galpat(chunk, done, u64::MAX),
);

const CHECKERS: [u64; 2] = [spread(0x55), spread(0xaa)];

/// Words in which one bit stands out: 4096 bits.
const GALLOP_WORDS: usize = 4096 / 64;

fn fill_random(chunk: &mut Chunk<'_>) -> u64 {
    let mut random = chunk.random();
    chunk.page().fill_with(|| random.next());
    0
}

fn flip_word(random: &mut Random) -> u64 {
    let bits = random.next();
    let flip = if bits & 3 == 0 { 0 } else { 1 << (bits >> 2 & 7) };
    spread((bits >> 8) as u8) ^ flip
}

fn galpat(chunk: &mut Chunk<'_>, stage: usize, background: u64) -> u64 {
    if stage == 0 {
        chunk.page().fill(background);
        return 0;
    }
    let mut random = chunk.random();
    for words in chunk.page().chunks_exact_mut(GALLOP_WORDS) {
        let bit = random.below(GALLOP_WORDS * 64);
        words[bit / 64] ^= 1 << (bit % 64);
    }
    0
}

fn check_galpat(chunk: &mut Chunk<'_>, done: usize, background: u64) -> u64 {
    let mut random = chunk.random();
    let mut errors = 0;
    for words in chunk.page().chunks_exact(GALLOP_WORDS) {
        let bit = random.below(GALLOP_WORDS * 64);
        let mut at = 0;
        errors += compare(words, || {
            let stands_out = done == 2 && at == bit / 64;
            at += 1;
            background ^ if stands_out { 1 << (bit % 64) } else { 0 }
        });
    }
    errors
}
