//! Sets of pages of an arena, such as those that have a frame, so that nobody looks for one among
//! those that have none.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::sync::{AtomicU64, Ordering};

/// Pages that one word of the first level stands for.
const WORD: usize = u64::BITS as usize;

/// A set of page numbers, changed and read by all cores at once without a lock.
///
/// Two levels of bits: one for each page, and one for each 64 pages of which any is in the set.
/// Finding the next page looks at three words and one more for each 4096 pages that are passed
/// over. Takes an eighth of a byte a page from the heap, once.
///
/// A page is added and removed by whoever has its entry claimed, so its own bit is never raced
/// for; words are shared.
#[derive(Debug)]
pub struct PageSet {
    pages: Box<[AtomicU64]>,
    /// Bit i: word i of `pages` may have bits. Set whenever it has.
    words: Box<[AtomicU64]>,
}

impl PageSet {
    /// No pages of so many; `None` without memory for them.
    #[must_use]
    pub fn new(pages: usize) -> Option<Self> {
        let words = pages.div_ceil(WORD);
        Some(Self { pages: zeros(words)?, words: zeros(words.div_ceil(WORD))? })
    }

    /// Adds a page. Numbers beyond the end are ignored.
    pub fn insert(&self, page: usize) {
        let Some(word) = self.pages.get(page / WORD) else { return };
        // Acquire: after a `remove` that found this word empty, see there.
        if word.fetch_or(1 << (page % WORD), Ordering::AcqRel) == 0 {
            self.mark(page / WORD);
        }
    }

    /// Removes a page.
    pub fn remove(&self, page: usize) {
        let Some(word) = self.pages.get(page / WORD) else { return };
        let bit = 1 << (page % WORD);
        if word.fetch_and(!bit, Ordering::AcqRel) != bit {
            return;
        }
        let number = page / WORD;
        self.words[number / WORD].fetch_and(!(1 << (number % WORD)), Ordering::AcqRel);
        // Somebody may have added a page meanwhile, and marked the word before it was cleared. A
        // read-modify-write finds his bit, or comes before it in the word's order, and then he
        // marks the word after it was cleared.
        if word.fetch_or(0, Ordering::AcqRel) != 0 {
            self.mark(number);
        }
    }

    /// Whether a page is in the set.
    #[must_use]
    pub fn contains(&self, page: usize) -> bool {
        let word = self.pages.get(page / WORD);
        word.is_some_and(|word| word.load(Ordering::Relaxed) & (1 << (page % WORD)) != 0)
    }

    /// The first page at or after `from` that is in the set.
    #[must_use]
    #[inline]
    pub fn next(&self, from: usize) -> Option<usize> {
        let first = from / WORD;
        let bits = self.pages.get(first)?.load(Ordering::Relaxed) & (u64::MAX << (from % WORD));
        if bits != 0 {
            return Some(first * WORD + bits.trailing_zeros() as usize);
        }
        self.next_word(first + 1)
    }

    /// The first page of word `number` or a later one.
    fn next_word(&self, mut number: usize) -> Option<usize> {
        while number < self.pages.len() {
            let marks = self.words[number / WORD].load(Ordering::Relaxed);
            let marks = marks & (u64::MAX << (number % WORD));
            if marks == 0 {
                number = (number / WORD + 1) * WORD;
                continue;
            }
            number = number / WORD * WORD + marks.trailing_zeros() as usize;
            let bits = self.pages[number].load(Ordering::Relaxed);
            if bits != 0 {
                return Some(number * WORD + bits.trailing_zeros() as usize);
            }
            // Emptied just now.
            number += 1;
        }
        None
    }

    fn mark(&self, number: usize) {
        self.words[number / WORD].fetch_or(1 << (number % WORD), Ordering::AcqRel);
    }
}

fn zeros(count: usize) -> Option<Box<[AtomicU64]>> {
    let mut words = Vec::new();
    words.try_reserve_exact(count).ok()?;
    words.resize_with(count, || AtomicU64::new(0));
    Some(words.into_boxed_slice())
}
