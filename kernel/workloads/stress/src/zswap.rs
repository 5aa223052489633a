//! The stressor `zswap`: store, load and compare pages.
//!
//! Each instance has as many keys as its share of `--zswap-bytes` has pages. One bogo operation
//! takes the next key in order, stores a page of the corpus under it in place of the page before,
//! loads it and compares. A refused store is counted; one for lack of room invalidates a key at
//! random, so that the store gets room again.

use alloc::vec;
use alloc::vec::Vec;
use core::sync::atomic::Ordering::Relaxed;

use report::{Metric, MetricKind};

use crate::random::Random;
use crate::stressors::Stressor;
use crate::worker::{Counters, Worker};
use crate::zpool::different_bits;
use crate::{LoadError, PageStore, Refusal};

pub(crate) const STRESSOR: Stressor = Stressor {
    name: "zswap",
    about: "store, load and compare pages of the compressed page store",
    tick_shift: 0,
    ops: |options| options.zswap.ops,
    method: |_| None,
    bytes: |options, memory| options.zswap.bytes.bytes_of(memory),
    paged: false,
    checks: |_| true,
    run,
    metrics,
};

/// Numbers of the counters among the worker's extras.
const REFUSED_POOR: usize = 0;
const REFUSED_ROOM: usize = 1;

fn run(worker: &Worker<'_>) {
    let Some(store) = worker.machine.store() else {
        return worker.no_resource(format_args!("this machine has no page store"));
    };
    let page_size = worker.machine.page_size();
    let total = worker.options.zswap.bytes.bytes_of(worker.machine.memory_bytes());
    let keys = (total / worker.instances as u64 / page_size as u64).max(1);
    let first_key = (worker.instance as u64) << 32;

    match exchange(worker, store, first_key, keys, page_size) {
        Ok(()) => worker.finish(),
        Err(LoadError::NotFound) => worker.failed(format_args!("a stored page was not found")),
        Err(LoadError::Damaged) => worker.failed(format_args!("a stored page was damaged")),
    }
    for key in first_key..first_key + keys {
        store.invalidate(key);
    }
}

/// Stores, loads and compares until time is up.
fn exchange(
    worker: &Worker<'_>,
    store: &dyn PageStore,
    first_key: u64,
    keys: u64,
    page_size: usize,
) -> Result<(), LoadError> {
    let mut random = Random::of(worker.options.seed, !(worker.instance as u64));
    let mut page = vec![0_u64; page_size / size_of::<u64>()];
    let mut loaded = vec![0_u8; page_size];
    let mut inject = worker.injects();
    for number in 0_u64.. {
        let key = first_key + number % keys;
        worker.corpus.page(first_key + number, &mut page);
        match store.store(key, bytemuck::cast_slice(&page)) {
            Ok(()) => {
                store.load(key, &mut loaded)?;
                if core::mem::take(&mut inject) {
                    loaded[page_size / 2] ^= 1;
                }
                let errors = different_bits(&loaded, bytemuck::cast_slice(&page));
                worker.checked(errors, format_args!("page {number}"));
                worker.tick(1);
            }
            Err(Refusal::Poor) => worker.count(REFUSED_POOR, 1),
            Err(Refusal::Full | Refusal::NoMemory) => {
                worker.count(REFUSED_ROOM, 1);
                store.invalidate(first_key + random.below(keys as usize) as u64);
            }
        }
        if !worker.go_on() {
            break;
        }
    }
    Ok(())
}

fn metrics(counters: &[Counters]) -> Vec<Metric> {
    let total = |extra: usize| counters.iter().map(|one| one.extra[extra].load(Relaxed)).sum();
    let metric = |name: &str, value: u64| Metric {
        name: name.into(),
        value: value as f64,
        kind: MetricKind::Total,
    };
    vec![
        metric("pages refused because they compress poorly", total(REFUSED_POOR)),
        metric("pages refused for lack of room", total(REFUSED_ROOM)),
    ]
}
