//! Writing pages back to the second tier, oldest first: the worker and the shrinker of zswap.

use core::sync::atomic::Ordering;

use zpool::Env;

use super::Keyed;
use crate::lru::Visit;
use crate::{Leave, Stored, shrinker};

/// Visits that write nothing back after which a run of the worker ends.
const FAILURES: usize = 16;

/// What a run of the worker did.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Run {
    /// Entries that got their second chance.
    pub rotated: usize,
    /// Pages written back.
    pub written: usize,
    /// Visits that wrote nothing back, rotations among them.
    pub failures: usize,
    /// The pool is above its acceptance threshold still.
    pub above: bool,
}

/// What one visit came to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// There is nothing to write back.
    Empty,
    /// The entry got its second chance.
    Rotated,
    /// The page is in the second tier.
    Written,
    /// It is being loaded.
    Busy,
    /// It could not be written.
    Failed,
}

impl<E: Env> Keyed<'_, E> {
    /// One run of the worker: visits entries, each once referenced getting a second chance, until
    /// the pool is at its acceptance threshold, but at least one; gives up when nothing is left,
    /// or after 16 visits without success. `buffer` is one page long.
    pub fn write_back(&self, buffer: &mut [u8]) -> Run {
        let is_above = || self.store.pool().total_pages() > self.store.limits().accept_pages();
        let mut run = Run::default();
        loop {
            match self.visit(buffer) {
                Outcome::Empty => return Run { above: is_above(), ..run },
                Outcome::Written => {
                    run.written += 1;
                    self.maintain();
                }
                Outcome::Rotated => {
                    run.rotated += 1;
                    run.failures += 1;
                }
                Outcome::Busy | Outcome::Failed => run.failures += 1,
            }
            run.above = is_above();
            if run.failures == FAILURES || !run.above {
                return run;
            }
        }
    }

    /// Answers memory pressure of this priority (12 is the least, 0 the most): visits that share of
    /// the entries, in batches; says how many pages were written back. `buffer` is one page long.
    pub fn shrink(&self, priority: u32, buffer: &mut [u8]) -> usize {
        let Some(lru) = &self.lru else { return 0 };
        let length = lru.lock(&self.env).length();
        let mut swapins = self.swapins.swap(0, Ordering::Relaxed);
        let stored = self.store.counters().stored_pages as usize;
        let pool_pages = self.store.pool().total_pages();
        let count = shrinker::count(length, &mut swapins, pool_pages, stored);
        self.swapins.fetch_add(swapins, Ordering::Relaxed);
        let mut left = shrinker::share(count, priority);
        let mut written = 0;
        while left > 0 && (left >= shrinker::BATCH || left >= count) {
            let batch = left.min(shrinker::BATCH);
            for _ in 0..batch {
                match self.visit(buffer) {
                    Outcome::Written => written += 1,
                    Outcome::Rotated | Outcome::Failed => {}
                    Outcome::Empty | Outcome::Busy => return written,
                }
            }
            left -= batch;
        }
        written
    }

    /// Looks at the oldest entry.
    fn visit(&self, buffer: &mut [u8]) -> Outcome {
        let Some(lru) = &self.lru else { return Outcome::Empty };
        // The lock goes before the entry's shard is locked, and before anything is written.
        let visit = lru.lock(&self.env).visit();
        match visit {
            Visit::Empty => Outcome::Empty,
            Visit::Rotated => Outcome::Rotated,
            Visit::Chosen(owner) => self.write_entry_back(owner, buffer),
        }
    }

    fn write_entry_back(&self, owner: u32, buffer: &mut [u8]) -> Outcome {
        let (number, index) = (owner / self.shard_capacity, owner % self.shard_capacity);
        let shard = self.shard(number as usize);
        let begun = shard.lock(&self.env).begin_replacing(index);
        let Some(stored) = begun else {
            self.store.counters.reject_reclaim_fail.add(1);
            return Outcome::Busy;
        };
        let Ok(swapped) = self.store.write_back(stored, buffer) else {
            let ended = shard.lock(&self.env).end(index);
            self.discard(ended);
            return Outcome::Failed;
        };
        let mut locked = shard.lock(&self.env);
        if locked.replace(index, swapped) {
            if let Some(lru) = &self.lru {
                lru.lock(&self.env).remove(owner);
            }
            drop(locked);
            let _counted = self.store.release(stored, Leave::WrittenBack);
            return Outcome::Written;
        }
        // Loaded or replaced meanwhile: what was written is of no use.
        let ended: Option<Stored> = locked.end(index);
        drop(locked);
        self.discard(ended);
        self.discard(Some(swapped));
        self.store.counters.reject_reclaim_fail.add(1);
        Outcome::Busy
    }
}
