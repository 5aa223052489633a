//! What a method is, and which there are.

use super::{bits, corpus, driver, fills, lines, primes, swap, walks};
use crate::random::Random;
use crate::worker::Worker;

/// A way to fill, exercise and check memory.
pub(super) struct Method {
    /// Its name, as in `--vm-method NAME`.
    pub name: &'static str,
    /// Whether `all` includes it.
    pub in_all: bool,
    /// Whether it checks only under `--verify`.
    pub unchecked: bool,
    /// Its passes over the memory, in order.
    pub stages: &'static [Stage],
    /// Exercises one chunk: the write stage number `stage`, counted from zero over the write
    /// stages. Answers the bits found wrong on the way.
    pub write: fn(chunk: &mut Chunk<'_>, stage: usize) -> u64,
    /// Answers the bits that are wrong in a chunk which `done` write stages have been over.
    pub check: fn(chunk: &mut Chunk<'_>, done: usize) -> u64,
    /// Runs the method once; answers whether there is time left.
    pub run: fn(&mut Run<'_>) -> bool,
}

/// One pass over the memory.
#[derive(Clone, Copy)]
pub(super) struct Stage {
    /// Whether it checks; otherwise it writes.
    pub check: bool,
    /// Bytes of a chunk that make a tick; zero for a pass that is not counted.
    pub bytes_per_tick: u32,
}

/// A pass that writes and counts a tick every so many bytes.
pub(super) const fn write(bytes_per_tick: u32) -> Stage {
    Stage { check: false, bytes_per_tick }
}

/// A pass that checks and counts a tick every so many bytes.
pub(super) const fn check(bytes_per_tick: u32) -> Stage {
    Stage { check: true, bytes_per_tick }
}

/// Words of the largest page there is.
const PAGE_WORDS_MAX: usize = 16384 / size_of::<u64>();

/// One run of a method over the memory of a worker.
pub(super) struct Run<'a> {
    pub worker: &'a Worker<'a>,
    pub method: &'static Method,
    pub words: &'a mut [u64],
    pub page_words: usize,
    /// Number of the loop.
    pub number: usize,
    /// Seed of this loop and worker.
    pub seed: u64,
    /// Whether the fault to inject is still to come.
    pub inject: bool,
    /// Room for the page that a check expects: not on the heap, where a killed worker would leave it.
    scratch: [u64; PAGE_WORDS_MAX],
}

impl<'a> Run<'a> {
    pub fn new(
        worker: &'a Worker<'a>,
        method: &'static Method,
        words: &'a mut [u64],
        number: usize,
        seed: u64,
    ) -> Self {
        let page_words = worker.machine.page_size() / size_of::<u64>();
        let inject = number == 0 && worker.injects();
        Self {
            worker,
            method,
            words,
            page_words,
            number,
            seed,
            inject,
            scratch: [0; PAGE_WORDS_MAX],
        }
    }

    /// Pages of the memory.
    pub fn pages(&self) -> usize {
        self.words.len() / self.page_words
    }

    /// The chunk of that number.
    pub fn chunk(&mut self, index: usize) -> Chunk<'_> {
        Chunk {
            words: self.words,
            page_words: self.page_words,
            index,
            number: self.number,
            seed: self.seed,
            worker: self.worker,
            scratch: &mut self.scratch[..self.page_words],
        }
    }

    /// Flips the lowest bit of the first byte, once, if a test asked for it. Every method visits
    /// that byte with its first chunk, so that the next check sees it.
    pub fn inject(&mut self) {
        if core::mem::take(&mut self.inject) {
            bytemuck::cast_slice_mut::<u64, u8>(self.words)[0] ^= 1;
        }
    }
}

/// A page's worth of the memory: a page, or as many bytes in the order of the method.
pub(super) struct Chunk<'a> {
    /// All of the memory.
    pub words: &'a mut [u64],
    pub page_words: usize,
    /// Number of the chunk.
    pub index: usize,
    /// Number of the loop.
    pub number: usize,
    /// Seed of the loop and worker.
    pub seed: u64,
    pub worker: &'a Worker<'a>,
    /// Room for the page that a check expects.
    pub scratch: &'a mut [u64],
}

impl Chunk<'_> {
    /// The page of the chunk's number.
    pub fn page(&mut self) -> &mut [u64] {
        let start = self.index * self.page_words;
        &mut self.words[start..start + self.page_words]
    }

    /// The same as bytes.
    pub fn page_bytes(&mut self) -> &mut [u8] {
        bytemuck::cast_slice_mut(self.page())
    }

    /// Bytes of a page.
    pub fn page_size(&self) -> usize {
        self.page_words * size_of::<u64>()
    }

    /// Random numbers of this chunk: the same for each stage of one loop.
    pub fn random(&self) -> Random {
        Random::of(self.seed, self.index as u64)
    }

    /// A byte that is the same for the whole loop.
    pub fn loop_byte(&self) -> u8 {
        (Random::new(self.seed).next() >> 32) as u8
    }
}

/// Bits that differ between what was found and what was expected.
pub(super) fn wrong_bits(found: u64, expected: u64) -> u64 {
    u64::from((found ^ expected).count_ones())
}

/// Bits of `page` that differ from what `expected` yields, word by word.
pub(super) fn compare(page: &[u64], mut expected: impl FnMut() -> u64) -> u64 {
    page.iter().map(|&word| wrong_bits(word, expected())).sum()
}

/// Bits of `page` that differ from what `expected` says of each byte's index.
pub(super) fn compare_bytes(page: &[u8], expected: impl Fn(usize) -> u8) -> u64 {
    let wrong = |(at, &byte): (usize, &u8)| u64::from((byte ^ expected(at)).count_ones());
    page.iter().enumerate().map(wrong).sum()
}

/// A byte in each byte of a word.
pub(super) const fn spread(byte: u8) -> u64 {
    u64::from_ne_bytes([byte; 8])
}

/// A method that checks always and exercises chunk by chunk.
pub(super) const fn method(
    name: &'static str,
    stages: &'static [Stage],
    write: fn(&mut Chunk<'_>, usize) -> u64,
    check: fn(&mut Chunk<'_>, usize) -> u64,
) -> Method {
    Method { name, in_all: true, unchecked: false, stages, write, check, run: driver::run }
}

/// Every method but `all`.
pub(super) static METHODS: &[Method] = &[
    lines::CACHE_LINES,
    lines::CACHE_STRIPE,
    bits::CHECKERBOARD,
    corpus::CORPUS,
    bits::FLIP,
    lines::FWDREV,
    bits::GALPAT_0,
    bits::GALPAT_1,
    fills::GRAY,
    fills::GRAYFLIP,
    fills::INCDEC,
    fills::INC_NYBBLE,
    fills::LFSR32,
    lines::MODULO_X,
    bits::MOVE_INV,
    bits::MSCAN,
    fills::ONE_ZERO,
    primes::PRIME_0,
    primes::PRIME_1,
    primes::PRIME_GRAY_0,
    primes::PRIME_GRAY_1,
    primes::PRIME_INCDEC,
    fills::RAND_SET,
    fills::RAND_SUM,
    lines::READ64,
    bits::ROR,
    lines::ROWHAMMER,
    swap::SWAP,
    walks::WALK_0A,
    walks::WALK_0D,
    walks::WALK_1A,
    walks::WALK_1D,
    lines::WALK_FLUSH,
    lines::WRITE64,
    lines::WRITE1024V,
    fills::ZERO_ONE,
];

/// Every name that `--vm-method` accepts.
pub(super) const METHOD_NAMES: &[&str] = &[
    "all",
    "cache-lines",
    "cache-stripe",
    "checkerboard",
    "corpus",
    "flip",
    "fwdrev",
    "galpat-0",
    "galpat-1",
    "gray",
    "grayflip",
    "incdec",
    "inc-nybble",
    "lfsr32",
    "modulo-x",
    "move-inv",
    "mscan",
    "one-zero",
    "prime-0",
    "prime-1",
    "prime-gray-0",
    "prime-gray-1",
    "prime-incdec",
    "rand-set",
    "rand-sum",
    "read64",
    "ror",
    "rowhammer",
    "swap",
    "walk-0a",
    "walk-0d",
    "walk-1a",
    "walk-1d",
    "walk-flush",
    "write64",
    "write1024v",
    "zero-one",
];

/// Whether the method checks only under `--verify`.
pub(super) fn is_unchecked(name: &str) -> bool {
    METHODS.iter().any(|method| method.name == name && method.unchecked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_accepted_are_those_of_the_methods() {
        let names = METHODS.iter().map(|method| method.name);
        assert!(core::iter::once("all").chain(names).eq(METHOD_NAMES.iter().copied()));
    }
}
