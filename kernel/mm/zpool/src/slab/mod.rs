//! Small objects of a pool, in page frames of its environment.
//!
//! What the kernel's allocators keep in object caches of the kernel (handles, descriptors), a
//! pool keeps in a [`Slab`]. Objects have numbers, so that a number from outside can be checked;
//! every CPU allocates from frames of its own.

mod directory;
mod frame;
mod readers;
#[cfg(test)]
mod tests;

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicUsize, Ordering};

use directory::Directory;
use frame::{Frame, NONE};
pub use readers::{Readers, Reading};

use crate::{Env, SpinLock};

/// Objects of one type and size, numbered.
///
/// Allocating and freeing take the lock of one shard (a shard for each CPU; an object goes back
/// to the shard it came from) and a number of steps that the page size bounds. A free object
/// stays what it is until it is allocated again: looking at one is harmless, and its content says
/// that it is free.
pub struct Slab<T, E: Env> {
    env: Arc<E>,
    readers: Arc<Readers>,
    directory: Directory<E::Granule>,
    shards: Box<[SpinLock<Shard>]>,
    /// Frames without a live object, over all shards.
    empty: AtomicUsize,
    objects: core::marker::PhantomData<T>,
}

/// The frames of one CPU that have room.
struct Shard {
    /// First frame with both live and free objects.
    partial: u32,
    /// First frame without a live object.
    empty: u32,
    live: usize,
}

impl<T: Default + Send + Sync, E: Env> Slab<T, E> {
    const PLAIN: () = assert!(!core::mem::needs_drop::<T>(), "objects are never dropped");

    /// A slab without objects or frames. Who looks at its objects is counted by `readers`.
    #[must_use]
    pub fn new(env: Arc<E>, readers: Arc<Readers>) -> Self {
        const { Self::PLAIN };
        let shards = (0..env.cpus().max(1))
            .map(|_| SpinLock::new(Shard { partial: NONE, empty: NONE, live: 0 }))
            .collect();
        Self {
            env,
            readers,
            directory: Directory::new(),
            shards,
            empty: AtomicUsize::new(0),
            objects: core::marker::PhantomData,
        }
    }

    /// The number of an object that nobody has, contents as its last owner left them (at first:
    /// the default); `None` when a page frame was needed and none was there.
    pub fn alloc(&self) -> Option<u32> {
        let shard_number = self.env.cpu() % self.shards.len();
        let mut shard = self.shards[shard_number].lock(&*self.env);
        if shard.partial == NONE && shard.empty == NONE {
            // The page allocator is not called with the lock held.
            drop(shard);
            let frame = self.grow(shard_number as u32)?;
            shard = self.shards[shard_number].lock(&*self.env);
            self.push(&mut shard, List::Empty, &frame);
        }
        let from_partial = shard.partial != NONE;
        let number = if from_partial { shard.partial } else { shard.empty };
        let frame = self.owned(number)?;
        let slot = frame.take()?;
        if !from_partial {
            self.remove(&mut shard, List::Empty, &frame);
            self.push(&mut shard, List::Partial, &frame);
        }
        if frame.is_full() {
            self.remove(&mut shard, List::Partial, &frame);
        }
        shard.live += 1;
        Some(number << Frame::<T, E::Granule>::BITS | slot as u32)
    }

    /// Gives an object back; false if it was not allocated.
    pub fn free(&self, reading: &Reading<'_>, id: u32) -> bool {
        let Some((frame, slot)) = self.locate(reading, id) else { return false };
        let mut shard = self.shards[frame.header().shard as usize].lock(&*self.env);
        let was_full = frame.is_full();
        if !frame.put(slot) {
            return false;
        }
        shard.live -= 1;
        if was_full {
            self.push(&mut shard, List::Partial, &frame);
        }
        if frame.is_empty() {
            self.remove(&mut shard, List::Partial, &frame);
            self.push(&mut shard, List::Empty, &frame);
        }
        true
    }

    /// The object of that number, live or free, if its frame exists.
    ///
    /// # Panics
    /// When `reading` is a section of other readers than this slab's.
    pub fn get<'r>(&'r self, reading: &'r Reading<'_>, id: u32) -> Option<&'r T> {
        let (frame, slot) = self.locate(reading, id)?;
        frame.object(slot)
    }

    /// Live objects.
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock(&*self.env).live).sum()
    }

    /// No object is live.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Calls `each` with every live object.
    pub fn for_each(&mut self, mut each: impl FnMut(&T)) {
        for start in self.directory.frames() {
            // SAFETY: published frames were made by `create`, and go back exclusively.
            let frame = unsafe { Frame::<T, E::Granule>::at(start) };
            for slot in (0..Frame::<T, E::Granule>::OBJECTS).filter(|&slot| frame.is_live(slot)) {
                frame.object(slot).into_iter().for_each(&mut each);
            }
        }
    }

    /// Gives one empty frame back when there are more than `reserve` of them and nobody looks at
    /// objects just now; says whether it did. At most a step for each CPU.
    pub fn trim(&self, reserve: usize) -> bool {
        if self.empty.load(Ordering::Relaxed) <= reserve {
            return false;
        }
        self.shards.iter().any(|shard| {
            let mut shard = shard.lock(&*self.env);
            if shard.empty == NONE {
                return false;
            }
            let number = shard.empty;
            let Some(frame) = self.owned(number) else { return false };
            let start = frame.start();
            self.directory.withdraw(number);
            if !self.readers.none_inside() {
                self.directory.publish(number, start);
                return false;
            }
            self.remove(&mut shard, List::Empty, &frame);
            drop(shard);
            self.directory.release(&*self.env, number);
            // SAFETY: the frame is off the directory and the lists; whoever could have found it
            // there was inside a section, and there was none.
            unsafe { self.env.free(start, 0) };
            true
        })
    }

    fn grow(&self, shard: u32) -> Option<Frame<'_, T, E::Granule>> {
        let start = self.env.alloc(0)?;
        let Some(number) = self.directory.reserve(&*self.env) else {
            // SAFETY: the frame was just handed out, and nobody has seen it.
            unsafe { self.env.free(start, 0) };
            return None;
        };
        // SAFETY: the frame was just handed out, and stays until it has been on a list.
        let frame = unsafe { Frame::create(start, number, shard) };
        self.directory.publish(number, start);
        Some(frame)
    }

    fn locate<'r>(
        &'r self,
        reading: &'r Reading<'_>,
        id: u32,
    ) -> Option<(Frame<'r, T, E::Granule>, usize)> {
        assert!(reading.is_of(&self.readers), "a section of other readers");
        let start = self.directory.get(id >> Frame::<T, E::Granule>::BITS)?;
        // SAFETY: published frames were made by `create`. `trim` gives one back only when it has
        // withdrawn it before this section began, and then it is not found here.
        let frame = unsafe { Frame::at(start) };
        Some((frame, id as usize & ((1 << Frame::<T, E::Granule>::BITS) - 1)))
    }

    /// A frame on a list of a shard whose lock the caller holds.
    fn owned(&self, number: u32) -> Option<Frame<'_, T, E::Granule>> {
        let start = self.directory.get(number)?;
        // SAFETY: published frames were made by `create`, and `trim` gives a frame of a list
        // back only with the lock of its shard.
        Some(unsafe { Frame::at(start) })
    }

    fn push(&self, shard: &mut Shard, list: List, frame: &Frame<'_, T, E::Granule>) {
        let header = frame.header();
        let head = shard.head(list);
        header.previous.store(NONE, Ordering::Relaxed);
        header.next.store(*head, Ordering::Relaxed);
        if let Some(next) = self.owned(*head) {
            next.header().previous.store(header.number, Ordering::Relaxed);
        }
        *head = header.number;
        if list == List::Empty {
            self.empty.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn remove(&self, shard: &mut Shard, list: List, frame: &Frame<'_, T, E::Granule>) {
        let header = frame.header();
        let next = header.next.load(Ordering::Relaxed);
        let previous = header.previous.load(Ordering::Relaxed);
        match self.owned(previous) {
            Some(previous) => previous.header().next.store(next, Ordering::Relaxed),
            None => *shard.head(list) = next,
        }
        if let Some(next) = self.owned(next) {
            next.header().previous.store(previous, Ordering::Relaxed);
        }
        if list == List::Empty {
            self.empty.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum List {
    Partial,
    Empty,
}

impl Shard {
    fn head(&mut self, list: List) -> &mut u32 {
        match list {
            List::Partial => &mut self.partial,
            List::Empty => &mut self.empty,
        }
    }
}

impl<T, E: Env> Drop for Slab<T, E> {
    fn drop(&mut self) {
        let env = &*self.env;
        // SAFETY: frames and leaves came from this environment, each alone, and nobody can look
        // at them any more.
        self.directory.drain(|frame| unsafe { env.free(frame, 0) });
    }
}
