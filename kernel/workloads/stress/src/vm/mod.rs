//! Stressors of virtual memory: mapping, paging, advising, moving.

pub(crate) mod addresses;
pub(crate) mod bigheap;
pub(crate) mod brk;
pub(crate) mod fault;
pub(crate) mod madvise;
pub(crate) mod mmap;
pub(crate) mod mremap;
pub(crate) mod pageswap;
pub(crate) mod patterns;
pub(crate) mod remap;
pub(crate) mod swap;
pub(crate) mod tlb_invalidate;

use crate::random::mix;
use crate::worker::Worker;

/// Words by which a page is known again: its first and its last one.
pub(crate) struct Marks {
    seed: u64,
    page_words: usize,
}

impl Marks {
    /// Marks of the worker's pages, others for each `round`.
    pub fn of(worker: &Worker<'_>, round: u64) -> Self {
        let seed = mix(worker.options.seed ^ mix(round + 1)) ^ (worker.instance as u64) << 40;
        Self { seed, page_words: worker.page_words() }
    }

    /// The mark of a page; never zero.
    pub fn of_page(&self, page: usize) -> u64 {
        mix(self.seed.wrapping_add(page as u64)) | 1
    }

    /// Marks page number `page` of `words` as what it is.
    pub fn put(&self, words: &mut [u64], page: usize) {
        let start = page * self.page_words;
        let mark = self.of_page(page);
        words[start] = mark;
        words[start + self.page_words - 1] = mark;
    }

    /// Bits by which page number `page` of `words` differs from a page with this mark, or with
    /// zero from one that was never touched.
    pub fn errors(&self, words: &[u64], page: usize, mark: u64) -> u64 {
        let start = page * self.page_words;
        let found = [words[start], words[start + self.page_words - 1]];
        found.iter().map(|&word| u64::from((word ^ mark).count_ones())).sum()
    }
}

/// The numbers below `count` in an order that looks random: each once.
pub(crate) fn shuffled(count: usize, seed: u64) -> impl Iterator<Item = usize> {
    let start = mix(seed) as usize % count;
    // A step that shares no factor with the count visits every number before it repeats.
    let mut step = (mix(!seed) as usize % count) | 1;
    while greatest_common_divisor(step, count) != 1 {
        step += 2;
    }
    let step = step % count;
    (0..count).scan(start, move |at, _| {
        let found = *at;
        *at = (found + step) % count;
        Some(found)
    })
}

pub(crate) fn greatest_common_divisor(one: usize, other: usize) -> usize {
    if other == 0 { one } else { greatest_common_divisor(other, one % other) }
}

#[cfg(test)]
mod tests {
    use super::*;

    use alloc::vec;

    #[test]
    fn shuffled_visits_every_number_once() {
        for count in 1..200 {
            let mut seen = vec![0; count];
            for number in shuffled(count, count as u64) {
                seen[number] += 1;
            }
            assert!(seen.iter().all(|&times| times == 1), "{count}");
        }
    }
}
