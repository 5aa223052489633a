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

use report::{Metric, MetricKind};
use zpool::{AllocError, Handle, HandleError, Owner};

use crate::Pool;
use crate::random::Random;
use crate::stressors::Stressor;
use crate::worker::{Counters, Worker};

pub(crate) const STRESSOR: Stressor = Stressor {
    name: "zpool",
    about: "replace objects of the pool: allocate, write, read back, free",
    tick_shift: 0,
    ops: |options| options.zpool.ops,
    method: |_| None,
    bytes: |options, memory| options.zpool.bytes.bytes_of(memory),
    paged: false,
    checks: |_| true,
    run,
    metrics,
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
    let total = worker.options.zpool.bytes.bytes_of(worker.machine.memory_bytes());
    let count = (total / worker.instances as u64 / page_size as u64).max(1) as usize;
    let mut live: Vec<Option<Handle>> = Vec::new();
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
    for handle in live.into_iter().flatten() {
        if let Err(error) = pool.pool.free(handle) {
            return worker.failed(format_args!("pool {}: freeing: {error}", pool.name));
        }
    }
}

/// Replaces objects until time is up.
fn replace(
    worker: &Worker<'_>,
    pool: &Pool<'_>,
    live: &mut [Option<Handle>],
    page_size: usize,
) -> Result<(), HandleError> {
    let mut random = Random::of(worker.options.seed, !(worker.instance as u64));
    let mut contents = vec![0_u64; page_size / size_of::<u64>()];
    let mut scratch = vec![0_u8; page_size];
    let mut inject = worker.injects();
    for number in 0_usize.. {
        let place = if number < live.len() { number } else { random.below(live.len()) };
        let size = object_size(&mut random, page_size);
        contents.iter_mut().take(size.div_ceil(8)).for_each(|word| *word = random.next());
        let bytes = &mut bytemuck::cast_slice_mut(&mut contents)[..size];

        match pool.pool.malloc(size, Owner::NONE) {
            Ok(handle) => {
                let old = live[place].replace(handle);
                pool.pool.write(handle, bytes)?;
                if core::mem::take(&mut inject) {
                    bytes[size / 2] ^= 1;
                }
                let errors = {
                    let read = pool.pool.read(handle, size, &mut scratch)?;
                    different_bits(&read, bytes)
                };
                worker.checked(errors, format_args!("object {number} of {size} bytes"));
                worker.count(BYTES, size as u64);
                worker.tick(1);
                if let Some(old) = old {
                    pool.pool.free(old)?;
                }
            }
            Err(error) => {
                let why = if error == AllocError::NoMemory { REFUSED_MEMORY } else { REFUSED_SIZE };
                worker.count(why, 1);
                if let Some(old) = live[place].take() {
                    pool.pool.free(old)?;
                }
            }
        }
        if !worker.go_on() {
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
fn object_size(random: &mut Random, page_size: usize) -> usize {
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

fn metrics(counters: &[Counters]) -> Vec<Metric> {
    let total = |extra: usize| counters.iter().map(|one| one.extra[extra].load(Relaxed)).sum();
    let metric = |name: &str, value: u64| Metric {
        name: name.into(),
        value: value as f64,
        kind: MetricKind::Total,
    };
    vec![
        metric("bytes written to objects", total(BYTES)),
        metric("allocations refused for their size", total(REFUSED_SIZE)),
        metric("allocations refused for lack of memory", total(REFUSED_MEMORY)),
    ]
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
