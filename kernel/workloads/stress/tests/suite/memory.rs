//! Memory of the host that behaves like an arena.

use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use stress::{Advice, Arena, OutOfMemory};

/// Words, and which pages have a frame: those that were not paged out since they were touched. A
/// touch cannot be seen, so a page is resident again when it is asked for.
pub struct Memory {
    words: Vec<AtomicU64>,
    page_words: usize,
    out: Mutex<Vec<bool>>,
}

impl Memory {
    pub fn new(bytes: usize, page_size: usize) -> Self {
        let mut memory =
            Self { words: Vec::new(), page_words: page_size / 8, out: Mutex::default() };
        memory.resize(bytes).unwrap();
        memory
    }

    fn page(&self, page: usize) -> &[AtomicU64] {
        &self.words[page * self.page_words..][..self.page_words]
    }
}

impl Arena for Memory {
    fn words(&mut self) -> &mut [u64] {
        let (first, length) = (self.words.as_mut_ptr().cast::<u64>(), self.words.len());
        // SAFETY: an atomic word has the layout of a word; the borrow is exclusive.
        unsafe { std::slice::from_raw_parts_mut(first, length) }
    }

    fn shared(&self) -> &[AtomicU64] {
        &self.words
    }

    fn discard(&mut self) -> Result<(), OutOfMemory> {
        self.words().fill(0);
        Ok(())
    }

    fn advise(&self, pages: Range<usize>, advice: Advice) -> usize {
        let pages = pages.start..pages.end.min(self.words.len() / self.page_words);
        let mut out = self.out.lock().unwrap();
        for page in pages.clone() {
            match advice {
                Advice::DontNeed => self.page(page).iter().for_each(|word| word.store(0, SeqCst)),
                Advice::PageOut => out[page] = true,
                Advice::WillNeed => out[page] = false,
                Advice::Cold => {}
            }
        }
        pages.len()
    }

    fn exchange(&self, one: usize, other: usize) -> bool {
        // One exchange at a time.
        let _alone = self.out.lock().unwrap();
        if one != other {
            for (one, other) in self.page(one).iter().zip(self.page(other)) {
                let before = one.load(SeqCst);
                one.store(other.swap(before, SeqCst), SeqCst);
            }
        }
        true
    }

    fn resize(&mut self, bytes: usize) -> Result<(), OutOfMemory> {
        // To other addresses, as in a kernel.
        let words = bytes.next_multiple_of(self.page_words * 8) / 8;
        let before = std::mem::take(&mut self.words);
        self.words = before.iter().map(|word| AtomicU64::new(word.load(SeqCst))).collect();
        self.words.resize_with(words, AtomicU64::default);
        self.out.get_mut().unwrap().resize(words / self.page_words, false);
        Ok(())
    }

    fn is_resident(&self, page: usize) -> bool {
        !std::mem::take(&mut self.out.lock().unwrap()[page])
    }

    fn resident_pages(&self) -> usize {
        7
    }
}
