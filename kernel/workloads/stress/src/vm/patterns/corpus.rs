//! The method `corpus`: pages as programs have them.

use super::method::{Chunk, Method, check, compare, method, write};
use crate::random::Random;

/// Pages come from the corpus; four times one word of each page changes and all of it is checked.
/// A page filled, changed or checked counts a tick a byte, so that a bogo operation is 4 KiB.
pub(super) const CORPUS: Method = Method {
    in_all: false,
    ..method(
        "corpus",
        &[write(1), write(1), check(1), write(1), check(1), write(1), check(1), write(1), check(1)],
        |chunk, stage| {
            if stage == 0 {
                let (worker, number) = (chunk.worker, corpus_index(chunk));
                worker.corpus.page(number, chunk.page());
            } else {
                let (at, value) = changed_word(chunk, stage);
                chunk.page()[at] = value;
            }
            0
        },
        |chunk, done| {
            let number = corpus_index(chunk);
            chunk.worker.corpus.page(number, chunk.scratch);
            for stage in 1..done {
                let (at, value) = changed_word(chunk, stage);
                chunk.scratch[at] = value;
            }
            let start = chunk.index * chunk.page_words;
            let page = &chunk.words[start..start + chunk.page_words];
            let mut expected = chunk.scratch.iter().copied();
            compare(page, || expected.next().unwrap_or_default())
        },
    )
};

/// Number of the corpus page that a chunk holds: each worker and each loop has its own.
fn corpus_index(chunk: &Chunk<'_>) -> u64 {
    let (pages, worker) = (chunk.words.len() / chunk.page_words, chunk.worker);
    let before = chunk.number as u64 * worker.instances as u64 + worker.instance as u64;
    before * pages as u64 + chunk.index as u64
}

/// The word that write stage `stage` changes, and its new value.
fn changed_word(chunk: &Chunk<'_>, stage: usize) -> (usize, u64) {
    let mut random = Random::of(chunk.seed ^ (stage as u64) << 56, chunk.index as u64);
    (random.below(chunk.page_words), random.next())
}
