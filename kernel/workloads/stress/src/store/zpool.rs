//! The stressor `zpool`: replace objects of the pool.
//!
//! Each instance keeps a live set of as many objects as its share of `--zpool-bytes` has pages.
//! Their sizes are distributed as LZ4 output of the corpus is. One bogo operation replaces one
//! object, chosen at random: allocate the new one, write it, read it back and compare, free the
//! old one. Filling the live set at the start counts as well. A refused allocation is counted and
//! frees the old object all the same, so that the pool gets room again.

use alloc::vec;
use alloc::vec::Vec;
use core::sync::atomic::Ordering::Relaxed;

use zpool::{AllocError, Handle, HandleError, Owner};

use crate::Pool;
use crate::metrics::{Measure, Of};
use crate::options::{Kind, Setting};
use crate::random::Random;
use crate::stressors::{Memory, Stressor, always, class};
use crate::worker::Worker;

pub(crate) const STRESSOR: Stressor = Stressor {
    name: "zpool",
    about: "replace objects of the pool: allocate, write, read back, free",
    classes: class::MEMORY,
    settings: &[Setting {
        name: "bytes",
        kind: Kind::Size(16 << 20),
        about: "pages whose objects are live, uncompressed",
    }],
    tick_shift: 0,
    memory: Memory::Stored("bytes"),
    checks: always,
    run,
    measures: &[
        Measure { name: "bytes written to objects", of: Of::Total(BYTES) },
        Measure { name: "allocations refused for their size", of: Of::Total(REFUSED_SIZE) },
        Measure { name: "allocations refused for lack of memory", of: Of::Total(REFUSED_MEMORY) },
    ],
};

/// Numbers of the counters among the worker's extras.
const REFUSED_SIZE: usize = 0;
const REFUSED_MEMORY: usize = 1;
const BYTES: usize = 2;

fn run(worker: &Worker<'_>) {
    let Some(pool) = worker.machine.pool() else {
        return worker.no_resource(format_args!("this machine has no pool"));
    };
    let page_size = worker.machine.page_size();
    let count = worker.share().unwrap_or(page_size) / page_size;
    let mut live: Vec<Option<Object>> = Vec::new();
    if live.try_reserve_exact(count).is_err() {
        return worker.no_resource(format_args!("no room for {count} handles"));
    }
    live.resize(count, None);

    let ended = replace(worker, &pool, &mut live, page_size);
    // The memory figures are taken while the live set lives.
    match ended {
        Ok(()) => worker.finish(),
        Err(error) => worker.failed(format_args!("pool {}: {error}", pool.name)),
    }
    for object in live.into_iter().flatten() {
        if let Err(error) = pool.pool.free(object.handle) {
            return worker.failed(format_args!("pool {}: freeing: {error}", pool.name));
        }
    }
}

/// A live object.
#[derive(Clone, Copy)]
struct Object {
    handle: Handle,
    bytes: u32,
}

/// Refusals in a row after which it gives up: so many turns of all places, and so many more.
const PATIENCE_TURNS: usize = 2;
const PATIENCE_OBJECTS: usize = 1000;

/// Whether a pool that has refused so many objects in a row, with so many places for them, will not
/// take those that are missing.
pub(crate) fn is_hopeless(refused_in_a_row: usize, places: usize) -> bool {
    refused_in_a_row > PATIENCE_TURNS * places + PATIENCE_OBJECTS
}

/// Replaces objects until time is up.
fn replace(
    worker: &Worker<'_>,
    pool: &Pool<'_>,
    live: &mut [Option<Object>],
    page_size: usize,
) -> Result<(), HandleError> {
    let mut random = worker.random(0);
    let mut contents = vec![0_u64; page_size / size_of::<u64>()];
    let mut scratch = vec![0_u8; page_size];
    let live_bytes = &worker.counters.live_bytes;
    let free = |object: Object| {
        live_bytes.fetch_sub(u64::from(object.bytes), Relaxed);
        pool.pool.free(object.handle)
    };
    let mut refused_in_a_row = 0;
    for number in 0_usize.. {
        let place = if number < live.len() { number } else { random.below(live.len()) };
        let size = object_size(&mut random, page_size);
        contents.iter_mut().take(size.div_ceil(8)).for_each(|word| *word = random.next());
        let bytes = &mut bytemuck::cast_slice_mut(&mut contents)[..size];

        match pool.pool.malloc(size, Owner::NONE) {
            Ok(handle) => {
                let old = live[place].replace(Object { handle, bytes: size as u32 });
                live_bytes.fetch_add(size as u64, Relaxed);
                pool.pool.write(handle, bytes)?;
                bytes[size / 2] ^= worker.injection() as u8;
                let errors = {
                    let read = pool.pool.read(handle, size, &mut scratch)?;
                    different_bits(&read, bytes)
                };
                worker.checked(errors, format_args!("object {number} of {size} bytes"));
                worker.count(BYTES, size as u64);
                worker.tick(1);
                refused_in_a_row = 0;
                if let Some(old) = old {
                    free(old)?;
                }
            }
            Err(error) => {
                let why = if error == AllocError::NoMemory { REFUSED_MEMORY } else { REFUSED_SIZE };
                worker.count(why, 1);
                refused_in_a_row += 1;
                if let Some(old) = live[place].take() {
                    free(old)?;
                }
            }
        }
        if !worker.go_on() || is_hopeless(refused_in_a_row, live.len()) {
            break;
        }
    }
    Ok(())
}

/// Sizes as LZ4 makes them of the corpus' pages: so many per mille of the pages compress to
/// between so many and so many per mille of a page.
const SIZES: [(usize, usize, usize); 10] = [
    (52, 0, 50),
    (47, 50, 150),
    (82, 150, 250),
    (114, 250, 300),
    (161, 300, 350),
    (240, 350, 400),
    (147, 400, 500),
    (49, 500, 600),
    (94, 600, 700),
    (14, 700, 1000),
];

/// A size drawn from [`SIZES`], at least one byte and at most a page.
pub(crate) fn object_size(random: &mut Random, page_size: usize) -> usize {
    let mut draw = random.below(1000);
    for (share, low, high) in SIZES {
        if draw < share {
            let bytes = page_size * (high - low) / 1000;
            return (page_size * low / 1000 + random.below(bytes + 1)).max(1);
        }
        draw -= share;
    }
    page_size
}

/// Bits in which two byte strings of one length differ; a missing byte differs in eight.
pub(crate) fn different_bits(found: &[u8], expected: &[u8]) -> u64 {
    if found == expected {
        return 0;
    }
    let missing = found.len().abs_diff(expected.len()) as u64 * 8;
    let pairs = found.iter().zip(expected);
    missing + pairs.map(|(one, other)| u64::from((one ^ other).count_ones())).sum::<u64>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Corpus;

    extern crate std;

    #[test]
    fn sizes_are_those_of_the_compressed_corpus() {
        let corpus = Corpus::generated(&[], 0);
        let mut page = vec![0_u64; 512];
        let mut out = vec![0; 8192];
        let mut sizes: Vec<usize> = Vec::new();
        for index in 0..4000 {
            corpus.page(index, &mut page);
            if page.iter().all(|&word| word == page[0]) {
                continue;
            }
            let size = lz4_flex::block::compress_into(bytemuck::cast_slice(&page), &mut out);
            sizes.extend(size.ok().filter(|&size| size < 4096));
        }
        assert_eq!(SIZES.iter().map(|band| band.0).sum::<usize>(), 1000);
        for (share, low, high) in SIZES {
            let band = 4096 * low / 1000..4096 * high / 1000;
            let count = sizes.iter().filter(|size| band.contains(size)).count();
            let found = count * 1000 / sizes.len();
            std::println!("({found}, {low}, {high}),");
            assert!(found.abs_diff(share) <= 25, "{low}..{high}: {found}, not {share}");
        }
    }

    #[test]
    fn sizes_are_at_least_one_byte_and_at_most_a_page() {
        let mut random = Random::new(1);
        for _ in 0..100_000 {
            assert!((1..=4096).contains(&object_size(&mut random, 4096)));
        }
    }
}
