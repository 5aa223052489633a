//! Methods that walk a bit through data or through addresses.

use core::hint::black_box;

use super::method::{Chunk, Method, check, compare, method, spread, write, wrong_bits};

/// A one walks through the eight bits of every byte; each value is read back at once.
pub(super) const WALK_1D: Method = method(
    "walk-1d",
    &[write(1), check(0)],
    |chunk, _| walk_data(chunk, 0),
    |chunk, _| compare(chunk.page(), || spread(0x80)),
);

/// A zero walks through the eight bits of every byte; each value is read back at once.
pub(super) const WALK_0D: Method = method(
    "walk-0d",
    &[write(1), check(0)],
    |chunk, _| walk_data(chunk, u64::MAX),
    |chunk, _| compare(chunk.page(), || !spread(0x80)),
);

/// Each word is set, then every word whose number has one bit more set is written with the
/// inverse, and the first is read back: an address line that sticks shows.
pub(super) const WALK_1A: Method = method(
    "walk-1a",
    &[write(0), write(1), check(0)],
    |chunk, stage| walk_address(chunk, stage, |at, bit| at | bit),
    |chunk, _| check_quiet(chunk),
);

/// As `walk-1a`, with one bit of the number cleared.
pub(super) const WALK_0A: Method = method(
    "walk-0a",
    &[write(0), write(1), check(0)],
    |chunk, stage| walk_address(chunk, stage, |at, bit| at & !bit),
    |chunk, _| check_quiet(chunk),
);

fn walk_data(chunk: &mut Chunk<'_>, inverse: u64) -> u64 {
    let mut errors = 0;
    for word in chunk.page() {
        for bit in 0..8 {
            let value = spread(1 << bit) ^ inverse;
            *word = value;
            errors += wrong_bits(*black_box(&mut *word), value);
        }
    }
    errors
}

fn walk_address(
    chunk: &mut Chunk<'_>,
    stage: usize,
    neighbour: impl Fn(usize, usize) -> usize,
) -> u64 {
    let quiet = quiet_value(chunk);
    if stage == 0 {
        chunk.page().fill(quiet);
        return 0;
    }
    let marker = !quiet;
    let first = chunk.index * chunk.page_words;
    let page_words = chunk.page_words;
    let words = &mut *chunk.words;
    let mut errors = 0;
    for at in first..first + page_words {
        words[at] = marker;
        let mut bit = 1;
        while bit < words.len() {
            let other = neighbour(at, bit);
            if other != at && other < words.len() {
                // What it holds between the stages, so that the check at the end knows it.
                words[other] = quiet;
            }
            bit <<= 1;
        }
        errors += wrong_bits(*black_box(&mut words[at]), marker);
        words[at] = quiet;
    }
    errors
}

fn check_quiet(chunk: &mut Chunk<'_>) -> u64 {
    let quiet = quiet_value(chunk);
    compare(chunk.page(), || quiet)
}

fn quiet_value(chunk: &Chunk<'_>) -> u64 {
    spread(chunk.loop_byte())
}
