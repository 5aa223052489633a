//! The method `swap`: chunks of 64 bytes change places with random others, and back.

use super::method::{Chunk, Method, Run, compare, method};
use crate::random::Random;

/// Random chunks of 64 bytes; each changes places with a random other; all go back in reverse
/// order; their contents are checked.
pub(super) const SWAP: Method =
    Method { run, ..method("swap", &[], |chunk, _| fill(chunk), |chunk, _| check(chunk)) };

/// Words of a chunk of 64 bytes, which is also a tick.
const UNIT_WORDS: usize = 8;

fn run(run: &mut Run<'_>) -> bool {
    let pages = run.pages();
    let mut filled = pages;
    let mut go_on = true;
    for index in 0..pages {
        fill(&mut run.chunk(index));
        if !step(run) {
            filled = index + 1;
            go_on = false;
            break;
        }
    }

    // Without the time to fill everything there is nothing to exchange.
    let mut exchanged = 0;
    while go_on && exchanged < pages {
        exchange(run, exchanged, false);
        exchanged += 1;
        go_on = step(run);
    }
    // Whatever has changed places goes back, or nothing could be checked.
    for index in (0..exchanged).rev() {
        exchange(run, index, true);
        go_on = step(run) && go_on;
    }

    run.inject();
    for index in 0..filled {
        let errors = check(&mut run.chunk(index));
        run.worker.checked(errors, format_args!("chunk {index}, method swap"));
        go_on = step(run) && go_on;
    }
    go_on
}

/// Counts a page and asks for the time.
fn step(run: &Run<'_>) -> bool {
    run.worker.tick((run.page_words / UNIT_WORDS) as u64);
    run.worker.go_on()
}

fn fill(chunk: &mut Chunk<'_>) -> u64 {
    let mut random = chunk.random();
    chunk.page().fill_with(|| random.next());
    0
}

fn check(chunk: &mut Chunk<'_>) -> u64 {
    let mut random = chunk.random();
    compare(chunk.page(), || random.next())
}

/// Exchanges the chunks of 64 bytes of a page with random others, in order or, to undo it, in
/// reverse order.
fn exchange(run: &mut Run<'_>, page: usize, backwards: bool) {
    let units = run.words.len() / UNIT_WORDS;
    let units_per_page = run.page_words / UNIT_WORDS;
    for number in 0..units_per_page {
        let number = if backwards { units_per_page - 1 - number } else { number };
        let unit = page * units_per_page + number;
        let other = Random::of(!run.seed, unit as u64).below(units);
        exchange_units(run.words, unit, other);
    }
}

fn exchange_units(words: &mut [u64], one: usize, other: usize) {
    if one == other {
        return;
    }
    let (low, high) = (one.min(other) * UNIT_WORDS, one.max(other) * UNIT_WORDS);
    let (front, back) = words.split_at_mut(high);
    front[low..low + UNIT_WORDS].swap_with_slice(&mut back[..UNIT_WORDS]);
}
