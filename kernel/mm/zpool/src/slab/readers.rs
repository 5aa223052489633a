//! Who looks at objects right now, so that nobody gives a frame back under his eyes.

use alloc::boxed::Box;
use core::sync::atomic::{AtomicUsize, Ordering};

/// Sections under way that look at objects of slabs, counted by CPU.
///
/// Entering and leaving is one addition on a cache line that other CPUs leave alone. Frames go
/// back only at a moment at which nobody is inside; nobody ever waits for that moment.
#[derive(Debug)]
pub struct Readers {
    inside: Box<[Counter]>,
}

#[derive(Debug, Default)]
#[repr(align(64))]
struct Counter(AtomicUsize);

impl Readers {
    /// Counters for that many CPUs.
    #[must_use]
    pub fn new(cpus: usize) -> Self {
        Self { inside: (0..cpus.max(1)).map(|_| Counter::default()).collect() }
    }

    /// Begins a section. `cpu` only chooses the counter: any number is right.
    pub fn enter(&self, cpu: usize) -> Reading<'_> {
        let counter = &self.inside[cpu % self.inside.len()].0;
        // Before every look at a directory, in the one order of all `SeqCst` operations: a frame
        // that was withdrawn before this is not found any more, one that is withdrawn after it
        // stays.
        counter.fetch_add(1, Ordering::SeqCst);
        Reading { readers: self, counter }
    }

    /// Nobody is inside who could have found what was withdrawn before the call.
    pub(super) fn none_inside(&self) -> bool {
        self.inside.iter().all(|counter| counter.0.load(Ordering::SeqCst) == 0)
    }
}

/// A section that looks at objects; it ends when this is dropped.
#[derive(Debug)]
pub struct Reading<'a> {
    readers: &'a Readers,
    counter: &'a AtomicUsize,
}

impl Reading<'_> {
    pub(super) fn is_of(&self, readers: &Readers) -> bool {
        core::ptr::eq(self.readers, readers)
    }
}

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        self.counter.fetch_sub(1, Ordering::Release);
    }
}
