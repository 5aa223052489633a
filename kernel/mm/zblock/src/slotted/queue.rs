//! The queue of blocks to look at: pushed to by anyone, taken as a whole.

use super::sync::{AtomicU32, Ordering};

/// A stack of block numbers; zero ends it. Each block is in it at most once at a time, which
/// whoever pushes sees to, and keeps the number of the next one itself.
pub(super) struct Queue {
    top: AtomicU32,
}

impl Queue {
    /// An empty one.
    pub(super) fn new() -> Self {
        Self { top: AtomicU32::new(0) }
    }

    /// Adds a block. `link` stores the number of the next one where [`Queue::take`]'s caller will
    /// look for it; it is called again when others push at the same time.
    #[inline]
    pub(super) fn push(&self, number: u32, link: impl Fn(u32)) {
        let mut top = self.top.load(Ordering::Relaxed);
        loop {
            link(top);
            // Releases the link just stored. Later pushes continue the release sequence, so
            // taking the stack acquires the links of all of it.
            match self.top.compare_exchange_weak(top, number, Ordering::Release, Ordering::Relaxed)
            {
                Ok(_) => return,
                Err(now) => top = now,
            }
        }
    }

    /// Nothing is in it, as far as can be said while others push.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.top.load(Ordering::Relaxed) == 0
    }

    /// Empties it; the number of its first block. Taking all of it at once leaves no room for a
    /// block to be popped and pushed again under somebody who compares.
    #[inline]
    pub(super) fn take(&self) -> u32 {
        self.top.swap(0, Ordering::Acquire)
    }
}

#[cfg(all(test, loom))]
mod tests {
    use std::vec::Vec;

    use loom::sync::Arc;

    use super::*;

    /// Blocks as the queue sees them: a flag that says whether one is queued, and a link.
    struct Blocks {
        queue: Queue,
        queued: [AtomicU32; 3],
        links: [AtomicU32; 3],
        marks: [AtomicU32; 3],
    }

    impl Blocks {
        fn new() -> Self {
            let zeros = || core::array::from_fn(|_| AtomicU32::new(0));
            Self { queue: Queue::new(), queued: zeros(), links: zeros(), marks: zeros() }
        }

        /// Something was freed in the block; the flag stands for the block's lock and its bit.
        fn free_in(&self, block: u32) {
            let index = block as usize;
            self.marks[index].fetch_add(1, Ordering::Relaxed);
            if self.queued[index].swap(1, Ordering::AcqRel) == 0 {
                self.queue.push(block, |next| self.links[index].store(next, Ordering::Relaxed));
            }
        }

        /// Looks at every block that is queued; what was freed in them.
        fn look(&self) -> Vec<u32> {
            let mut seen = Vec::new();
            let mut block = self.queue.take();
            while block != 0 {
                let index = block as usize;
                let next = self.links[index].load(Ordering::Relaxed);
                assert_eq!(self.queued[index].swap(0, Ordering::AcqRel), 1, "looked at twice");
                seen.push(self.marks[index].swap(0, Ordering::Relaxed));
                block = next;
            }
            seen
        }
    }

    /// Nothing that is freed is forgotten, whoever looks meanwhile.
    #[test]
    fn every_free_is_seen() {
        loom::model(|| {
            let blocks = Arc::new(Blocks::new());
            let others = Arc::clone(&blocks);
            let other = loom::thread::spawn(move || {
                others.free_in(1);
                others.free_in(2);
            });
            blocks.free_in(1);
            let mut seen: u32 = blocks.look().iter().sum();
            other.join().unwrap();
            seen += blocks.look().iter().sum::<u32>();
            assert_eq!(seen, 3);
            assert!(blocks.queue.is_empty());
        });
    }

    /// Links stored by several CPUs are all seen by the one that takes the stack.
    #[test]
    fn links_are_seen_with_the_stack() {
        loom::model(|| {
            let blocks = Arc::new(Blocks::new());
            let others = Arc::clone(&blocks);
            let other = loom::thread::spawn(move || others.free_in(1));
            blocks.free_in(2);
            let first = blocks.look().len();
            other.join().unwrap();
            assert_eq!(first + blocks.look().len(), 2);
        });
    }
}
