//! The stressor `zswap`: store, load and compare pages.
//!
//! Each instance has as many keys as its share of `--zswap-bytes` has pages. One bogo operation
//! takes the next key in order, stores a page of the corpus under it in place of the page before,
//! loads it and compares. A refused store is counted; one for lack of room invalidates a key at
//! random, so that the store gets room again. Under `--verify` what is live at the end is loaded and
//! compared once more: it was written back, recompressed and moved meanwhile.

use alloc::vec;

use super::zpool::different_bits;
use crate::metrics::{Measure, Of};
use crate::options::{Kind, Setting};
use crate::stressors::{Memory, Stressor, always, class};
use crate::worker::Worker;
use crate::{LoadError, PageStore, Refusal};

pub(crate) const STRESSOR: Stressor = Stressor {
    name: "zswap",
    about: "store, load and compare pages of the compressed page store",
    classes: class::MEMORY,
    settings: &[Setting {
        name: "bytes",
        kind: Kind::Size(16 << 20),
        about: "pages that are live in the store",
    }],
    tick_shift: 0,
    memory: Memory::Stored("bytes"),
    checks: always,
    run,
    measures: &[
        Measure { name: "pages refused because they compress poorly", of: Of::Total(REFUSED_POOR) },
        Measure { name: "pages refused for lack of room", of: Of::Total(REFUSED_ROOM) },
    ],
};

/// Numbers of the counters among the worker's extras.
const REFUSED_POOR: usize = 0;
const REFUSED_ROOM: usize = 1;

fn run(worker: &Worker<'_>) {
    let Some(store) = worker.machine.store() else {
        return worker.no_resource(format_args!("this machine has no page store"));
    };
    let page_size = worker.machine.page_size();
    let keys = (worker.share().unwrap_or(page_size) / page_size) as u64;
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

/// Refusals in a row after which it gives up: so many turns of all keys, and so many more.
const PATIENCE_TURNS: u64 = 2;
const PATIENCE_PAGES: u64 = 1000;

/// Stores, loads and compares until time is up.
fn exchange(
    worker: &Worker<'_>,
    store: &dyn PageStore,
    first_key: u64,
    keys: u64,
    page_size: usize,
) -> Result<(), LoadError> {
    let mut random = worker.random(0);
    let mut live = Live { store, first_key, keys, stored: 0, gaps: false };
    let mut page = vec![0_u64; page_size / size_of::<u64>()];
    let mut loaded = vec![0_u8; page_size];
    let mut refused_in_a_row = 0;
    for number in 0_u64.. {
        let key = first_key + number % keys;
        worker.corpus.page(first_key + number, &mut page);
        match store.store(key, bytemuck::cast_slice(&page)) {
            Ok(()) => {
                store.load(key, &mut loaded)?;
                loaded[page_size / 2] ^= worker.injection() as u8;
                let errors = different_bits(&loaded, bytemuck::cast_slice(&page));
                worker.checked(errors, format_args!("page {number}"));
                worker.tick(1);
                refused_in_a_row = 0;
            }
            Err(Refusal::Poor) => {
                worker.count(REFUSED_POOR, 1);
                refused_in_a_row += 1;
                live.gaps = true;
            }
            Err(Refusal::Full | Refusal::NoMemory) => {
                worker.count(REFUSED_ROOM, 1);
                refused_in_a_row += 1;
                live.gaps = true;
                store.invalidate(first_key + random.below(keys as usize) as u64);
            }
        }
        live.stored = number + 1;
        // A store that takes nothing any more will not take the operations that are missing.
        if !worker.go_on() || refused_in_a_row > PATIENCE_TURNS * keys + PATIENCE_PAGES {
            break;
        }
    }
    if worker.verifies() { live.check(worker, &mut page, &mut loaded) } else { Ok(()) }
}

/// The pages of an instance.
struct Live<'a> {
    store: &'a dyn PageStore,
    first_key: u64,
    keys: u64,
    /// Pages stored so far, the last of each key being there.
    stored: u64,
    /// Some are not: refused, or invalidated to make room.
    gaps: bool,
}

impl Live<'_> {
    /// Loads and compares all that are there.
    fn check(
        &self,
        worker: &Worker<'_>,
        page: &mut [u64],
        loaded: &mut [u8],
    ) -> Result<(), LoadError> {
        for number in self.stored.saturating_sub(self.keys)..self.stored {
            match self.store.load(self.first_key + number % self.keys, loaded) {
                Err(LoadError::NotFound) if self.gaps => continue,
                result => result?,
            }
            worker.corpus.page(self.first_key + number, page);
            let errors = different_bits(loaded, bytemuck::cast_slice(page));
            worker.checked(errors, format_args!("page {number}, at the end"));
        }
        Ok(())
    }
}
