//! Methods with a stride, and those that only move data.

use core::hint::black_box;

use super::method::{Chunk, Method, Stage, check, compare, compare_bytes, method, spread, write};

/// Bytes of a cache line.
const LINE: usize = 64;

/// Distance of the bytes that stand out in `modulo-x`.
const STRIDE: usize = 23;

/// One byte of each cache line is written, then checked.
pub(super) const CACHE_LINES: Method = method(
    "cache-lines",
    &[write(64), check(0)],
    |chunk, _| {
        let start = chunk.loop_byte();
        let lines = chunk.page_bytes().iter_mut().step_by(LINE);
        lines.enumerate().for_each(|(line, byte)| *byte = start.wrapping_add(line as u8));
        0
    },
    |chunk, _| {
        let start = chunk.loop_byte();
        let lines = chunk.page_bytes().iter().step_by(LINE).enumerate();
        let wrong = |(line, &byte): (usize, &u8)| byte ^ start.wrapping_add(line as u8);
        lines.map(|line| u64::from(wrong(line).count_ones())).sum()
    },
);

/// The even cache lines are written upwards, the odd ones downwards from the other end.
pub(super) const CACHE_STRIPE: Method = method(
    "cache-stripe",
    &[write(64), check(0)],
    |chunk, _| {
        both_ways(chunk, LINE, |at, value| {
            *at = value;
            0
        })
    },
    |chunk, _| both_ways(chunk, LINE, |at, value| u64::from((*at ^ value).count_ones())),
);

/// The even bytes are written upwards, the odd ones downwards from the other end.
pub(super) const FWDREV: Method = method(
    "fwdrev",
    &[write(1), check(0)],
    |chunk, _| {
        both_ways(chunk, 1, |at, value| {
            *at = value;
            0
        })
    },
    |chunk, _| both_ways(chunk, 1, |at, value| u64::from((*at ^ value).count_ones())),
);

/// In each of 23 rounds every 23rd byte holds a random value and all others its inverse; the
/// rounds begin one byte later each.
pub(super) const MODULO_X: Method = method(
    "modulo-x",
    &MODULO_STAGES,
    |chunk, stage| {
        let first = chunk.index * chunk.page_size();
        let value = chunk.loop_byte().wrapping_add(stage as u8);
        let page = chunk.page_bytes();
        page.fill(!value);
        let offset = (stage + STRIDE - first % STRIDE) % STRIDE;
        page.iter_mut().skip(offset).step_by(STRIDE).for_each(|byte| *byte = value);
        0
    },
    |chunk, done| {
        let first = chunk.index * chunk.page_size();
        let stage = done - 1;
        let value = chunk.loop_byte().wrapping_add(stage as u8);
        compare_bytes(chunk.page_bytes(), |at| {
            if (first + at) % STRIDE == stage { value } else { !value }
        })
    },
);

/// Two lines of a page, as far apart as it is long, are read and flushed from the caches in turn,
/// so that every reading opens their rows of the memory chip; what lies around them must not change.
///
/// The real tool counts a million ticks for a million readings of two addresses.
pub(super) const ROWHAMMER: Method = method(
    "rowhammer",
    &[write(0), write(1), check(0)],
    |chunk, stage| {
        let value = spread(chunk.loop_byte());
        if stage == 0 {
            chunk.page().fill(value);
            return 0;
        }
        let worker = chunk.worker;
        let readings = chunk.page_size() / 2;
        let page = chunk.page();
        let (near, far) = page.split_at(page.len() / 2);
        let mut found = 0;
        for _ in 0..readings {
            found |= *black_box(&near[0]) ^ *black_box(&far[0]);
            worker.machine.flush(&near[..1]);
            worker.machine.flush(&far[..1]);
        }
        u64::from(found.count_ones())
    },
    |chunk, _| {
        let value = spread(chunk.loop_byte());
        compare(chunk.page(), || value)
    },
);

/// Every word is written and flushed from the caches to memory before the next one is.
pub(super) const WALK_FLUSH: Method = method(
    "walk-flush",
    &[write(1), check(0)],
    |chunk, _| {
        let (worker, mut random) = (chunk.worker, chunk.random());
        for word in chunk.page() {
            *word = random.next();
            worker.machine.flush(core::slice::from_ref(word));
        }
        0
    },
    |chunk, _| {
        let mut random = chunk.random();
        compare(chunk.page(), || random.next())
    },
);

/// Reads, 32 words a tick. What is read was written once before and is checked under `--verify`.
pub(super) const READ64: Method = Method {
    unchecked: true,
    ..method(
        "read64",
        &[write(0), write(256), check(0)],
        |chunk, stage| {
            let value = spread(chunk.loop_byte());
            if stage == 0 {
                chunk.page().fill(value);
            } else {
                chunk.page().iter().for_each(|word| {
                    black_box(*word);
                });
            }
            0
        },
        |chunk, _| {
            let value = spread(chunk.loop_byte());
            compare(chunk.page(), || value)
        },
    )
};

/// Writes, 32 words a tick; checked under `--verify`.
pub(super) const WRITE64: Method = Method {
    unchecked: true,
    ..method("write64", &[write(256), check(0)], |chunk, _| store_number(chunk), check_number)
};

/// Writes in vectors of 1024 bits, two a tick; checked under `--verify`.
pub(super) const WRITE1024V: Method = Method {
    unchecked: true,
    ..method(
        "write1024v",
        &[write(256), check(0)],
        |chunk, _| {
            let vector = [chunk.seed; 16];
            chunk.page().chunks_exact_mut(16).for_each(|words| words.copy_from_slice(&vector));
            0
        },
        check_number,
    )
};

const MODULO_STAGES: [Stage; 2 * STRIDE] = {
    let mut stages = [write(1); 2 * STRIDE];
    let mut at = 1;
    while at < stages.len() {
        stages[at] = check(0);
        at += 2;
    }
    stages
};

fn store_number(chunk: &mut Chunk<'_>) -> u64 {
    let value = chunk.seed;
    chunk.page().iter_mut().for_each(|word| *black_box(word) = value);
    0
}

fn check_number(chunk: &mut Chunk<'_>, _: usize) -> u64 {
    let value = chunk.seed;
    compare(chunk.page(), || value)
}

/// Visits the even units of the chunk's page upwards and the odd units of its mirror image, as far
/// from the end as the page is from the start, downwards. All chunks together visit every byte.
fn both_ways(chunk: &mut Chunk<'_>, unit: usize, mut visit: impl FnMut(&mut u8, u8) -> u64) -> u64 {
    let page_size = chunk.page_size();
    let start = chunk.loop_byte();
    let index = chunk.index;
    let bytes: &mut [u8] = bytemuck::cast_slice_mut(chunk.words);
    let mirror = bytes.len() / page_size - 1 - index;
    let mut errors = 0;

    let value = |page: usize, at: usize| start.wrapping_add((page + at / unit) as u8);
    let forward = &mut bytes[index * page_size..][..page_size];
    for (number, units) in forward.chunks_exact_mut(unit).enumerate().step_by(2) {
        for byte in units {
            errors += visit(byte, value(index, number * unit));
        }
    }
    let backward = &mut bytes[mirror * page_size..][..page_size];
    for (number, units) in backward.chunks_exact_mut(unit).enumerate().skip(1).step_by(2).rev() {
        for byte in units.iter_mut().rev() {
            errors += visit(byte, value(mirror, number * unit));
        }
    }
    errors
}
