//! Caches of page frames for each CPU, in front of the lists of a buddy allocator.

use core::marker::PhantomData;

use crate::allocator::Buddy;
use crate::cache::{BATCH, Cache};
use crate::frame::{FrameInfo, FrameState};
use crate::ram::Spans;
use crate::{Error, Granule, Statistics};

/// A lock around a value, as the kernel has it.
///
/// Where an interrupt handler allocates or frees page frames, it masks interrupts.
pub trait Lock<T> {
    /// The value behind an open lock.
    fn new(value: T) -> Self;

    /// Calls `f` with the value while nobody else has it.
    fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> R;
}

/// A buddy allocator for all CPUs of a kernel: the lists behind a lock `L`, and in front of them up
/// to [`CAPACITY`](crate::CAPACITY) single frames for each of `CPUS` CPUs.
///
/// A single frame comes from the CPU's cache and goes back to it without the lock: some 30 steps
/// and two atomic operations. An empty cache gets the smallest free block, [`BATCH`] frames at most;
/// a full one gives one back. Larger blocks always take the lock.
///
/// - *Nothing is refused while frames are cached.* When the lists have no single frame, one is
///   taken from any CPU's cache; a refusal means that every frame which was free when the call
///   began was taken by somebody else during it. For a larger block all cached frames are first
///   given back whose neighbour is free or cached too, which are the ones that could make one.
/// - *Lock hold time*: one block of at most [`BATCH`] frames taken or one frame given back, in
///   O([`MAX_ORDER`](crate::MAX_ORDER) + [`BATCH`]) steps; or, when the lists are empty, a look into
///   [`CAPACITY`](crate::CAPACITY) slots for each of the CPUs that ever freed a frame.
/// - *Errors* are those of [`Buddy`], a frame freed twice among them, whether it is in a cache or
///   in the lists: the frame's entry says so and is changed in one atomic step.
/// - *Memory ordering*: what was written to a frame before it was freed happens before what whoever
///   gets it next does with it. A cache's slot is released and acquired; the lists have the lock.
/// - The number of the CPU is a hint. A wrong one, such as that of a thread which has moved since,
///   costs contention, not correctness. Numbers of `CPUS` and above share.
#[derive(Debug)]
pub struct FrameCaches<'a, G, L, const CPUS: usize> {
    lists: L,
    frames: &'a [FrameInfo],
    spans: Spans,
    caches: [Cache; CPUS],
    granule: PhantomData<G>,
}

impl<'a, G: Granule, L: Lock<Buddy<'a, G>>, const CPUS: usize> FrameCaches<'a, G, L, CPUS> {
    /// Caches, empty, in front of the frames of `buddy`.
    #[must_use]
    pub fn new(buddy: Buddy<'a, G>) -> Self {
        const { assert!(CPUS > 0, "at least one CPU") };
        let (frames, spans) = buddy.array();
        Self {
            lists: L::new(buddy),
            frames,
            spans,
            caches: core::array::from_fn(|_| Cache::new()),
            granule: PhantomData,
        }
    }

    /// Takes a block of 2^`order` frames for CPU number `cpu`, as [`Buddy::alloc`].
    ///
    /// # Errors
    ///
    /// [`Error::OutOfMemory`], [`Error::OrderTooLarge`].
    pub fn alloc(&self, cpu: usize, order: u32) -> Result<u64, Error> {
        if order > 0 {
            return self.alloc_block(order);
        }
        let cache = &self.caches[cpu % CPUS];
        let entry = match cache.take() {
            Some(entry) => entry,
            None => self.refill(cache)?,
        };
        self.frames[entry as usize].set_allocated(0);
        Ok(self.spans.frame(entry).ok_or(Error::OutOfMemory(0))? << G::SHIFT)
    }

    /// Gives back a block that [`alloc`](Self::alloc) returned, with the same order, on CPU number
    /// `cpu`, as [`Buddy::free`].
    ///
    /// # Errors
    ///
    /// Those of [`Buddy::free`].
    pub fn free(&self, cpu: usize, address: u64, order: u32) -> Result<(), Error> {
        match self.spans.of_frame(address >> G::SHIFT) {
            Some((_, entry))
                if order == 0
                    && address & (G::SIZE as u64 - 1) == 0
                    && self.frames[entry as usize].try_cache() =>
            {
                self.keep(&self.caches[cpu % CPUS], entry);
                Ok(())
            }
            // A larger block, or an error that the lists can name.
            _ => self.lists.with(|buddy| buddy.free(address, order)),
        }
    }

    /// Gives all cached frames back to the lists, a lock hold for each. Frames that
    /// others free meanwhile may stay in caches.
    pub fn drain(&self) {
        self.drain_if(|_| true);
    }

    /// Frames in the caches now.
    #[must_use]
    pub fn cached_frames(&self) -> usize {
        self.caches.iter().map(Cache::len).sum()
    }

    /// What is free now, and in what pieces. A cached frame is a free block of order 0. Exact
    /// while nobody allocates or frees; a frame that moves during the call may be missed or
    /// counted twice.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        self.lists.with(|buddy| {
            let mut statistics = buddy.statistics();
            // Under the lock nothing goes from the lists to caches or back.
            let cached = self.cached_frames();
            statistics.free_blocks[0] += cached;
            statistics.free_frames += cached;
            statistics
        })
    }

    fn alloc_block(&self, order: u32) -> Result<u64, Error> {
        let first = self.lists.with(|buddy| buddy.alloc(order));
        if first != Err(Error::OutOfMemory(order)) {
            return first;
        }
        self.drain_if(|entry| self.can_merge(entry));
        self.lists.with(|buddy| buddy.alloc(order))
    }

    /// A frame for the caller, and the rest of the smallest free block, a batch at most, for the
    /// cache. Frames go to the cache under the lock, so that who finds neither lists nor caches to
    /// have one does not miss it between them.
    fn refill(&self, cache: &Cache) -> Result<u32, Error> {
        self.lists.with(|buddy| {
            let Some((first, order)) = buddy.take_smallest(BATCH.ilog2()) else {
                return self.caches.iter().find_map(Cache::steal).ok_or(Error::OutOfMemory(0));
            };
            for entry in (first..first + (1 << order)).rev() {
                self.frames[entry as usize].set_cached();
                if entry != first && !cache.put(entry) {
                    buddy.put(entry);
                }
            }
            Ok(first)
        })
    }

    /// Puts a frame into the cache, which gives another to the lists when it is full: not more at
    /// once, as each goes up through the orders.
    fn keep(&self, cache: &Cache, entry: u32) {
        if cache.put(entry) {
            return;
        }
        self.lists.with(|buddy| {
            if let Some(surplus) = cache.take() {
                buddy.put(surplus);
            }
        });
        if !cache.put(entry) {
            self.lists.with(|buddy| buddy.put(entry));
        }
    }

    /// Gives those cached frames back that `wanted` wants.
    fn drain_if(&self, wanted: impl Fn(u32) -> bool) {
        for cache in &self.caches {
            let mut found = cache.find(&wanted);
            while found != 0 {
                let slot = found.trailing_zeros() as usize;
                found &= found - 1;
                // Under the lock, as in `refill`.
                self.lists.with(|buddy| {
                    if let Some(entry) = cache.take_from(slot) {
                        buddy.put(entry);
                    }
                });
            }
        }
    }

    /// Whether the frame's neighbour of order 0 is free, so that both could make a larger block.
    fn can_merge(&self, entry: u32) -> bool {
        let neighbour = self.spans.span_of_entry(entry).and_then(|(span, frame)| {
            let neighbour = span.entry(frame ^ 1)?;
            Some(self.frames[neighbour as usize].state())
        });
        matches!(neighbour, Some(FrameState::Free(0) | FrameState::Cached))
    }
}

#[cfg(all(test, loom))]
mod tests {
    use loom::sync::{Arc, Mutex};
    use loom::thread;

    use super::*;
    use crate::Granule4K;

    impl<T> Lock<T> for Mutex<T> {
        fn new(value: T) -> Self {
            Self::new(value)
        }

        fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
            f(&mut self.lock().expect("no thread panics with the lock"))
        }
    }

    const PAGE: u64 = 4096;

    type Shared<const CPUS: usize> =
        Arc<FrameCaches<'static, Granule4K, Mutex<Buddy<'static, Granule4K>>, CPUS>>;

    fn caches<const CPUS: usize>(pages: usize) -> Shared<CPUS> {
        let array = (0..pages).map(|_| FrameInfo::default()).collect::<Vec<_>>().leak();
        let buddy = Buddy::new(&[0..pages as u64 * PAGE], &[], array);
        Arc::new(FrameCaches::new(buddy.expect("an array of that length")))
    }

    fn check<const CPUS: usize>(caches: &Shared<CPUS>, held: usize) {
        assert_eq!(caches.statistics().allocated_frames(), held);
    }

    /// As many frames as threads: nobody is refused, whoever's cache the frames are in.
    #[test]
    fn nothing_is_refused_while_frames_are_cached() {
        loom::model(|| {
            let caches = caches::<2>(2);
            let others = Arc::clone(&caches);
            let other = thread::spawn(move || {
                let frame = others.alloc(1, 0).expect("one of two frames");
                others.free(1, frame, 0).expect("a frame in use");
                others.alloc(1, 0).expect("one of two frames")
            });
            let mine = caches.alloc(0, 0).expect("one of two frames");
            let theirs = other.join().expect("the other thread returns");
            assert_ne!(mine, theirs);
            check(&caches, 2);
        });
    }

    /// A frame freed twice at once is freed once.
    #[test]
    fn one_of_two_frees_is_refused() {
        loom::model(|| {
            let caches = caches::<2>(2);
            let frame = caches.alloc(0, 0).expect("a frame");
            let others = Arc::clone(&caches);
            let other = thread::spawn(move || others.free(1, frame, 0));
            let mine = caches.free(0, frame, 0);
            let theirs = other.join().expect("the other thread returns");
            assert_ne!(mine.is_ok(), theirs.is_ok());
            assert_eq!(mine.and(theirs), Err(Error::DoubleFree(frame)));
            check(&caches, 0);
        });
    }

    /// Two threads on one cache, as when the number of the CPU is wrong.
    #[test]
    fn a_cache_may_be_shared() {
        loom::model(|| {
            let caches = caches::<1>(4);
            let first = caches.alloc(0, 0).expect("a frame");
            let others = Arc::clone(&caches);
            let other = thread::spawn(move || {
                others.free(0, first, 0).expect("a frame in use");
                others.alloc(0, 0).expect("a frame")
            });
            let mine = caches.alloc(0, 0).expect("a frame");
            let theirs = other.join().expect("the other thread returns");
            assert_ne!(mine, theirs);
            check(&caches, 2);
        });
    }

    /// What is written to a frame is seen by whoever gets it next.
    #[test]
    fn contents_are_handed_over() {
        loom::model(|| {
            let caches = caches::<2>(1);
            let content = Arc::new(loom::cell::UnsafeCell::new(0));
            let (others, other_content) = (Arc::clone(&caches), Arc::clone(&content));
            let use_frame =
                |caches: &Shared<2>, cpu: usize, content: &loom::cell::UnsafeCell<u32>| {
                    if let Ok(frame) = caches.alloc(cpu, 0) {
                        // Loom fails the test when someone else accesses it at the same time.
                        content.with_mut(|_| ());
                        caches.free(cpu, frame, 0).expect("a frame in use");
                    }
                };
            let other = thread::spawn(move || use_frame(&others, 1, &other_content));
            use_frame(&caches, 0, &content);
            other.join().expect("the other thread returns");
            check(&caches, 0);
        });
    }

    /// A large block is made of cached frames while another CPU uses its cache.
    #[test]
    fn drained_frames_are_not_lost() {
        loom::model(|| {
            let caches = caches::<2>(2);
            let frame = caches.alloc(1, 0).expect("a frame");
            let others = Arc::clone(&caches);
            let other = thread::spawn(move || others.free(1, frame, 0).expect("a frame in use"));
            let block = caches.alloc(0, 1);
            other.join().expect("the other thread returns");
            if let Ok(block) = block {
                caches.free(0, block, 1).expect("a block in use");
            }
            check(&caches, 0);
            caches.drain();
            assert_eq!(caches.alloc(0, 1), Ok(0));
        });
    }
}
