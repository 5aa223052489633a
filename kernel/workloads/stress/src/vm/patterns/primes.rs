//! Methods that step through all of the memory with a large prime stride.
//!
//! A chunk is as many steps as a page has bytes. Step number `n` visits the byte
//! `n * stride mod length`, and as the stride shares no factor with the length, all chunks
//! together visit every byte once.

use super::fills::gray;
use super::method::{Chunk, Method, Stage, check, method, write};

/// Strides; no length of memory is a multiple of all three, as their product exceeds 2^64.
const PRIMES: [usize; 3] = [1_073_741_789, 536_870_909, 268_435_399];

const EIGHT_PASSES: [Stage; 10] = {
    let mut stages = [write(1); 10];
    stages[0] = write(0);
    stages[9] = check(0);
    stages
};

/// All bits one; eight passes clear one bit of every byte each.
pub(super) const PRIME_0: Method = method(
    "prime-0",
    &EIGHT_PASSES,
    |chunk, stage| visit(chunk, |byte, _| set(byte, prime_bits(stage + 1))),
    |chunk, done| visit(chunk, |byte, _| differ(byte, prime_bits(done))),
);

/// All bits zero; eight passes set one bit of every byte each.
pub(super) const PRIME_1: Method = method(
    "prime-1",
    &EIGHT_PASSES,
    |chunk, stage| visit(chunk, |byte, _| set(byte, !prime_bits(stage + 1))),
    |chunk, done| visit(chunk, |byte, _| differ(byte, !prime_bits(done))),
);

/// Gray codes in the order of the steps, then inverted.
pub(super) const PRIME_GRAY_0: Method = method(
    "prime-gray-0",
    &[write(1), write(1), check(0)],
    |chunk, stage| visit(chunk, |byte, step| change(byte, step, stage, 0)),
    |chunk, done| visit(chunk, |byte, step| differ(byte, gray_after(step, done, 0))),
);

/// Inverted Gray codes in the order of the steps, then inverted back.
pub(super) const PRIME_GRAY_1: Method = method(
    "prime-gray-1",
    &[write(1), write(1), check(0)],
    |chunk, stage| visit(chunk, |byte, step| change(byte, step, stage, 0xff)),
    |chunk, done| visit(chunk, |byte, step| differ(byte, gray_after(step, done, 0xff))),
);

/// Every byte is raised by one in one pass and lowered in the next.
pub(super) const PRIME_INCDEC: Method = method(
    "prime-incdec",
    &[write(0), write(1), write(1), check(0)],
    |chunk, stage| {
        let start = chunk.loop_byte();
        visit(chunk, |byte, _| {
            *byte = match stage {
                0 => start,
                1 => byte.wrapping_add(1),
                _ => byte.wrapping_sub(1),
            };
            0
        })
    },
    |chunk, done| {
        let start = chunk.loop_byte();
        visit(chunk, |byte, _| differ(byte, start.wrapping_add(u8::from(done == 2))))
    },
);

/// What `prime-0` leaves in a byte after so many passes, the fill included.
fn prime_bits(done: usize) -> u8 {
    0xff_u32.wrapping_shl(done as u32 - 1) as u8
}

fn gray_after(step: usize, done: usize, inverse: u8) -> u8 {
    gray(step) ^ inverse ^ if done == 2 { 0xff } else { 0 }
}

fn change(byte: &mut u8, step: usize, stage: usize, inverse: u8) -> u64 {
    *byte = if stage == 0 { gray(step) ^ inverse } else { !*byte };
    0
}

fn set(byte: &mut u8, value: u8) -> u64 {
    *byte = value;
    0
}

fn differ(byte: &mut u8, expected: u8) -> u64 {
    u64::from((*byte ^ expected).count_ones())
}

fn visit(chunk: &mut Chunk<'_>, mut each: impl FnMut(&mut u8, usize) -> u64) -> u64 {
    let steps = chunk.page_size();
    let first = chunk.index * steps;
    let bytes: &mut [u8] = bytemuck::cast_slice_mut(chunk.words);
    let length = bytes.len();
    let prime = PRIMES.into_iter().find(|&prime| !length.is_multiple_of(prime)).unwrap_or(1);
    let stride = prime % length;
    let mut at = (first as u128 * stride as u128 % length as u128) as usize;
    let mut errors = 0;
    for step in first..first + steps {
        errors += each(&mut bytes[at], step);
        at += stride;
        if at >= length {
            at -= length;
        }
    }
    errors
}
