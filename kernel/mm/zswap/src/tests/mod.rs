//! The store against the kernel's behaviour, a model, damage and other threads.

mod behaviour;
mod codecs;
mod damage;
pub(crate) mod disk;
mod model;
pub(crate) mod pool;
mod recompress;
mod threads;

use std::boxed::Box;
use std::vec;
use std::vec::Vec;

use crate::testing::HostContexts;
use crate::{Choice, CompressError, Compressor, DecompressError};

pub(crate) const PAGE: usize = 4096;

/// Contexts of a named compressor for one thread.
fn contexts(name: &str) -> HostContexts {
    HostContexts::new(Choice::parse(name).unwrap(), PAGE, 1)
}

/// Contexts of the [`Fake`] compressor.
pub(crate) fn fakes() -> HostContexts {
    HostContexts::with_compressors(PAGE, 1, || Box::new(Fake))
}

/// A compressor of pages that [`page_of`] made, to whatever length they ask for.
struct Fake;

/// A page that [`Fake`] compresses to `length` bytes; with a length of zero it fails.
pub(crate) fn page_of(length: u16, tag: u8) -> Vec<u8> {
    let mut page = vec![tag; PAGE];
    page[..2].copy_from_slice(&length.to_le_bytes());
    page
}

impl Compressor for Fake {
    fn compress(&mut self, page: &[u8], out: &mut [u8]) -> Result<usize, CompressError> {
        let length = usize::from(u16::from_le_bytes([page[0], page[1]]));
        match length {
            0 => return Err(CompressError::Failed),
            _ if length > page.len() => return Err(CompressError::TooLong),
            _ => out[..length].copy_from_slice(&page[..length]),
        }
        Ok(length)
    }

    fn decompress(&mut self, bytes: &[u8], page: &mut [u8]) -> Result<(), DecompressError> {
        let [low, high, tag, ..] = *bytes else { return Err(DecompressError::Damaged) };
        if usize::from(u16::from_le_bytes([low, high])) != bytes.len() {
            return Err(DecompressError::Damaged);
        }
        page.fill(tag);
        page[..2].copy_from_slice(&[low, high]);
        Ok(())
    }

    fn scratch_bytes(&self) -> usize {
        0
    }
}

/// A page that lz4 compresses to roughly a third.
fn text(seed: u64) -> Vec<u8> {
    let mut random = Random(seed);
    let words = ["page ", "frame ", "entry ", "store ", "handle\n", "length=", "0x0000", "the "];
    let mut page = Vec::with_capacity(PAGE + 8);
    while page.len() < PAGE {
        let draw = random.next();
        page.extend_from_slice(words[draw as usize % words.len()].as_bytes());
        page.push((draw >> 32) as u8 % 26 + b'a');
    }
    page.truncate(PAGE);
    page
}

/// A page that nothing compresses.
fn noise(seed: u64) -> Vec<u8> {
    let mut random = Random(seed);
    (0..PAGE / 8).flat_map(|_| random.next().to_le_bytes()).collect()
}

/// A page of one word.
fn repeated(word: u64) -> Vec<u8> {
    word.to_ne_bytes().repeat(PAGE / 8)
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }
}
