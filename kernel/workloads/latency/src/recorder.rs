//! A histogram that one core writes while others read it.

use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::Histogram;
use crate::layout::{BUCKETS, index};

/// A histogram with one writer, readable from other cores at any time.
///
/// Recording loads and stores and never reads, modifies and writes atomically, so it costs what
/// a plain histogram costs. The price: at most one thread records at a time, and nothing that
/// interrupts it records to the same one; otherwise counts are lost, though nothing worse.
#[derive(Debug)]
pub struct Recorder {
    counts: [AtomicU64; BUCKETS],
    sum: AtomicU64,
    min: AtomicU64,
    max: AtomicU64,
    /// `max - min + 1` modulo 2^64, zero while empty; for the writer alone.
    width: AtomicU64,
}

impl Recorder {
    /// An empty recorder, of the size of a [`Histogram`].
    #[must_use]
    pub const fn new() -> Self {
        Self {
            counts: [const { AtomicU64::new(0) }; BUCKETS],
            sum: AtomicU64::new(0),
            min: AtomicU64::new(u64::MAX),
            max: AtomicU64::new(0),
            width: AtomicU64::new(0),
        }
    }

    /// Counts a value. Constant time, never waits. Only the one writer calls this.
    #[inline]
    pub fn record(&self, ticks: u64) {
        let count = &self.counts[index(ticks)];
        count.store(count.load(Relaxed).wrapping_add(1), Relaxed);
        self.sum.store(self.sum.load(Relaxed).wrapping_add(ticks), Relaxed);
        // One comparison for both ends. A width of zero has every value outside.
        if ticks.wrapping_sub(self.min.load(Relaxed)) >= self.width.load(Relaxed) {
            self.extend(ticks);
        }
    }

    fn extend(&self, ticks: u64) {
        let min = self.min.load(Relaxed).min(ticks);
        let max = self.max.load(Relaxed).max(ticks);
        self.min.store(min, Relaxed);
        self.max.store(max, Relaxed);
        self.width.store((max - min).wrapping_add(1), Relaxed);
    }

    /// Adds what was counted so far to `total`. Any core calls this at any time.
    ///
    /// While the writer goes on, the buckets, the sum, the minimum and the maximum may each
    /// include a few values that the others do not; once it has stopped, and the caller knows so
    /// (joined the thread, for example), they agree.
    pub fn add_to(&self, total: &mut Histogram) {
        for (count, more) in total.counts.iter_mut().zip(&self.counts) {
            *count += more.load(Relaxed);
        }
        total.sum = total.sum.wrapping_add(self.sum.load(Relaxed));
        total.extend(self.min.load(Relaxed), self.max.load(Relaxed));
    }

    /// Empties it. Only the one writer calls this.
    pub fn reset(&self) {
        for count in &self.counts {
            count.store(0, Relaxed);
        }
        self.sum.store(0, Relaxed);
        self.min.store(u64::MAX, Relaxed);
        self.max.store(0, Relaxed);
        self.width.store(0, Relaxed);
    }
}

impl Default for Recorder {
    fn default() -> Self {
        Self::new()
    }
}
