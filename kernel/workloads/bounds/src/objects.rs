//! The objects of a pool, and who is told when they move.

use alloc::vec::Vec;
use core::cell::Cell;

use zpool::{Handle, Owner, Owners};

/// Live objects by number. The number is the owner.
pub(crate) struct Objects {
    handles: Vec<Cell<Option<Handle>>>,
    sizes: Vec<usize>,
    live: Vec<u32>,
    unused: Vec<u32>,
    /// Moves are refused.
    pub(crate) refuse: Cell<bool>,
    /// A handle that named an object before it moved.
    pub(crate) moved: Cell<Option<Handle>>,
}

/// Most objects that live at once.
pub(crate) const MOST: usize = 8192;

impl Objects {
    pub(crate) fn new() -> Self {
        Self {
            handles: (0..MOST).map(|_| Cell::new(None)).collect(),
            sizes: alloc::vec![0; MOST],
            live: Vec::with_capacity(MOST),
            unused: (0..MOST as u32).rev().collect(),
            refuse: Cell::new(false),
            moved: Cell::new(None),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.live.len()
    }

    /// Who will own the next object; `None` when there are as many as may be.
    pub(crate) fn next_owner(&self) -> Option<Owner> {
        self.unused.last().map(|&number| Owner(number))
    }

    /// Adds an object of [`Objects::next_owner`].
    pub(crate) fn add(&mut self, handle: Handle, size: usize) {
        if let Some(number) = self.unused.pop() {
            self.handles[number as usize].set(Some(handle));
            self.sizes[number as usize] = size;
            self.live.push(number);
        }
    }

    /// Handle and size of the object at a position below [`Objects::len`]. The last one has the
    /// highest position.
    pub(crate) fn get(&self, position: usize) -> Option<(Handle, usize)> {
        let number = *self.live.get(position)? as usize;
        Some((self.handles[number].get()?, self.sizes[number]))
    }

    /// Forgets the object at a position; the last one takes its place.
    pub(crate) fn remove(&mut self, position: usize) {
        let number = self.live.swap_remove(position);
        self.handles[number as usize].set(None);
        self.unused.push(number);
    }
}

impl Owners for Objects {
    fn relocated(&self, owner: Owner, old: Handle, new: Handle) -> bool {
        let Some(handle) = self.handles.get(owner.0 as usize) else { return false };
        if self.refuse.get() || handle.get() != Some(old) {
            return false;
        }
        handle.set(Some(new));
        self.moved.set(Some(old));
        true
    }
}
