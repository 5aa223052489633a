//! Methods that fill memory with a sequence.

use super::method::{Chunk, Method, check, compare, compare_bytes, method, spread, write};

/// All bits zero, checked; all bits one, checked.
pub(super) const ZERO_ONE: Method = method(
    "zero-one",
    &[write(8), check(0), write(8), check(0)],
    |chunk, stage| fill(chunk, if stage == 0 { 0 } else { u64::MAX }),
    |chunk, done| constant(chunk, if done == 1 { 0 } else { u64::MAX }),
);

/// All bits one, checked; all bits zero, checked.
pub(super) const ONE_ZERO: Method = method(
    "one-zero",
    &[write(8), check(0), write(8), check(0)],
    |chunk, stage| fill(chunk, if stage == 0 { u64::MAX } else { 0 }),
    |chunk, done| constant(chunk, if done == 1 { u64::MAX } else { 0 }),
);

/// Each 64-bit word holds one random byte eight times.
pub(super) const RAND_SET: Method = method(
    "rand-set",
    &[write(8), check(8)],
    |chunk, _| {
        let mut random = chunk.random();
        chunk.page().fill_with(|| spread(random.next() as u8));
        0
    },
    |chunk, _| {
        let mut random = chunk.random();
        compare(chunk.page(), || spread(random.next() as u8))
    },
);

/// Random words; the check sums up the bits that changed.
pub(super) const RAND_SUM: Method = method(
    "rand-sum",
    &[write(8), check(0)],
    |chunk, _| {
        let mut random = chunk.random();
        chunk.page().fill_with(|| random.next());
        0
    },
    |chunk, _| {
        let mut random = chunk.random();
        compare(chunk.page(), || random.next())
    },
);

/// Each byte is raised by a value, then lowered by it; the value changes from loop to loop.
pub(super) const INCDEC: Method = method(
    "incdec",
    &[write(0), write(2), write(2), check(0)],
    |chunk, stage| {
        let step = incdec_step(chunk);
        match stage {
            0 => return fill(chunk, 0),
            1 => add(chunk, step),
            _ => add(chunk, step.wrapping_neg()),
        }
        0
    },
    |chunk, done| {
        let step = incdec_step(chunk);
        constant(chunk, if done == 2 { spread(step) } else { 0 })
    },
);

/// The lower half of each byte is raised by 1, then the upper half by 15; the start value changes
/// from loop to loop.
pub(super) const INC_NYBBLE: Method = method(
    "inc-nybble",
    &[write(0), write(2), write(2), check(0)],
    |chunk, stage| {
        let start = chunk.loop_byte();
        match stage {
            0 => return fill(chunk, spread(start)),
            1 => chunk.page_bytes().iter_mut().for_each(|byte| *byte = raise_low(*byte)),
            _ => chunk.page_bytes().iter_mut().for_each(|byte| *byte = raise_high(*byte)),
        }
        0
    },
    |chunk, done| {
        let start = chunk.loop_byte();
        let expected = match done {
            1 => start,
            2 => raise_low(start),
            _ => raise_high(raise_low(start)),
        };
        constant(chunk, spread(expected))
    },
);

/// Sequential Gray codes: one bit changes from byte to byte.
pub(super) const GRAY: Method = method(
    "gray",
    &[write(1), check(0)],
    |chunk, _| fill_bytes(chunk, gray),
    |chunk, _| check_bytes(chunk, gray),
);

/// Gray codes and their complements alternate: almost all bits change from byte to byte.
pub(super) const GRAYFLIP: Method = method(
    "grayflip",
    &[write(1), check(0)],
    |chunk, _| fill_bytes(chunk, gray_flipped),
    |chunk, _| check_bytes(chunk, gray_flipped),
);

/// Values of a 32-bit Galois linear feedback shift register, x^32 + x^31 + x^29 + x + 1; the start
/// value is each page's own.
pub(super) const LFSR32: Method = method(
    "lfsr32",
    &[write(4), check(0)],
    |chunk, _| {
        let mut register = lfsr_start(chunk);
        chunk.page().fill_with(|| lfsr_word(&mut register));
        0
    },
    |chunk, _| {
        let mut register = lfsr_start(chunk);
        compare(chunk.page(), || lfsr_word(&mut register))
    },
);

/// The Gray code of a byte's index, its lower eight bits.
pub(super) fn gray(index: usize) -> u8 {
    (index ^ (index >> 1)) as u8
}

fn gray_flipped(index: usize) -> u8 {
    let code = gray(index / 2);
    if index.is_multiple_of(2) { code } else { !code }
}

fn fill(chunk: &mut Chunk<'_>, value: u64) -> u64 {
    chunk.page().fill(value);
    0
}

fn constant(chunk: &mut Chunk<'_>, value: u64) -> u64 {
    compare(chunk.page(), || value)
}

fn fill_bytes(chunk: &mut Chunk<'_>, value: impl Fn(usize) -> u8) -> u64 {
    chunk.page_bytes().iter_mut().enumerate().for_each(|(at, byte)| *byte = value(at));
    0
}

fn check_bytes(chunk: &mut Chunk<'_>, value: impl Fn(usize) -> u8) -> u64 {
    compare_bytes(chunk.page_bytes(), value)
}

fn incdec_step(chunk: &Chunk<'_>) -> u8 {
    // Never zero, or nothing would change.
    (chunk.number % 255) as u8 + 1
}

fn add(chunk: &mut Chunk<'_>, step: u8) {
    chunk.page_bytes().iter_mut().for_each(|byte| *byte = byte.wrapping_add(step));
}

fn raise_low(byte: u8) -> u8 {
    (byte & 0xf0) | (byte.wrapping_add(1) & 0x0f)
}

fn raise_high(byte: u8) -> u8 {
    byte.wrapping_add(0xf0)
}

fn lfsr_start(chunk: &Chunk<'_>) -> u32 {
    // Zero would stay zero.
    (chunk.random().next() as u32).max(1)
}

fn lfsr_word(register: &mut u32) -> u64 {
    let low = lfsr_step(register);
    let high = lfsr_step(register);
    u64::from(low) | u64::from(high) << 32
}

fn lfsr_step(register: &mut u32) -> u32 {
    const TAPS: u32 = 0xd000_0001;
    let carry = (*register & 1).wrapping_neg();
    *register = (*register >> 1) ^ (carry & TAPS);
    *register
}
