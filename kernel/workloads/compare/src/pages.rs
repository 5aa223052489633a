//! Whole pages: what they compress to, and how long a store takes with them.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;

use latency::Histogram;
use report::Distribution;
use stress::Corpus;
use zpool::Owner;
use zswap::{Choice, Store, Stored};

use crate::{Stopwatch, distribution};

/// What came of pages in a store.
#[derive(Clone, PartialEq, Debug)]
pub struct PageRun {
    /// How long a store and a load took; pages of one repeated word are not among them.
    pub operations: Vec<Distribution>,
    /// Pages that the store refused.
    pub refused: u64,
    /// Pages that were loaded.
    pub checks: u64,
    /// Those that could not be loaded, or were not what had been stored.
    pub verify_errors: u64,
}

/// The compressed lengths of the first `pages` pages of `corpus`, in their order. Pages of one
/// repeated word are left out, since no object is made of them; a page that does not compress has
/// its own length.
#[must_use]
pub fn sizes_of(corpus: &Corpus<'_>, pages: usize, page_size: usize, codec: Choice) -> Vec<u16> {
    let mut page = vec![0_u64; page_size / 8];
    let mut out = vec![0_u8; 2 * page_size];
    let mut compressor = (codec.algorithm.create)(page_size, codec.level);
    let mut sizes = Vec::with_capacity(pages);
    for number in 0..pages {
        corpus.page(number as u64, &mut page);
        if page.iter().any(|&word| word != page[0]) {
            let compressed = compressor.compress(bytemuck::cast_slice(&page), &mut out);
            let size = compressed.map_or(page_size, |size| size.min(page_size));
            sizes.push(size as u16);
        }
    }
    sizes
}

/// Stores the first `pages` pages of `corpus`, loads each twice in another order, compares, and
/// drops them. `store` is empty and is empty again in the end.
#[must_use]
pub fn run_pages(
    store: &Store<'_>,
    corpus: &Corpus<'_>,
    pages: usize,
    stopwatch: Stopwatch,
) -> PageRun {
    let page_size = store.settings().page_size;
    let mut times: Box<[Histogram; 2]> = Box::default();
    let mut page = vec![0_u64; page_size / 8];
    let mut loaded = vec![0_u64; page_size / 8];
    let mut stored: Vec<(u32, Stored)> = Vec::with_capacity(pages);
    let (mut refused, mut checks, mut verify_errors) = (0, 0, 0);
    for number in 0..pages as u32 {
        corpus.page(number.into(), &mut page);
        let bytes: &[u8] = bytemuck::cast_slice(&page);
        let (put, took) = stopwatch.time(|| store.put(bytes, Owner::NONE));
        match put {
            Ok(Stored::Same(_) | Stored::Word(_)) => {}
            Ok(_) => times[0].record(took),
            Err(_) => refused += 1,
        }
        stored.extend(put.ok().map(|put| (number, put)));
    }
    for round in 0..2 {
        for index in 0..stored.len() {
            // Neighbours were stored one after the other; their loads are not.
            let (number, put) = stored[(index * 7919 + round) % stored.len()];
            corpus.page(number.into(), &mut page);
            let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut loaded);
            let (got, took) = stopwatch.time(|| store.get(put, bytes));
            if !matches!(put, Stored::Same(_) | Stored::Word(_)) {
                times[1].record(took);
            }
            checks += 1;
            verify_errors += u64::from(got.is_err() || loaded != page);
        }
    }
    for (_, put) in stored {
        verify_errors += u64::from(store.discard(put).is_err());
    }
    let operations = vec![distribution("store", &times[0]), distribution("load", &times[1])];
    PageRun { operations, refused, checks, verify_errors }
}
