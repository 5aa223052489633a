//! Lists of blocks, found by find-first-set, never searched.

use core::ptr::{self, NonNull};
use core::sync::atomic::{AtomicPtr, Ordering};

use super::block::Block;

/// In no list.
pub(super) const NOWHERE: u8 = u8::MAX;
/// Lists of one kind, at most.
pub(super) const LISTS: usize = 64;

/// Neighbours in a list; null is none.
#[derive(Default)]
pub(super) struct Link {
    next: AtomicPtr<u8>,
    previous: AtomicPtr<u8>,
}

/// What background work lists blocks by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// Free bytes beside the window.
    Scattered = 0,
    /// The free share of the block.
    Free = 1,
}

/// Heads of the lists of one kind, and which of them are not empty.
pub(super) struct Heads {
    kind: Kind,
    filled: u64,
    first: [AtomicPtr<u8>; LISTS],
}

/// The block at `base`, if that is not null. Only for blocks in lists.
fn block_at(base: *mut u8) -> Option<Block> {
    // SAFETY: background work, which alone has lists, takes blocks out before it retires them.
    NonNull::new(base).map(|base| unsafe { Block::at(base) })
}

impl Heads {
    /// Empty lists.
    pub(super) const fn new(kind: Kind) -> Self {
        let first = [const { AtomicPtr::new(ptr::null_mut()) }; LISTS];
        Self { kind, filled: 0, first }
    }

    /// First block of the last list that is not empty, and that list.
    pub(super) fn last(&self) -> Option<(Block, u8)> {
        let list = 63_u8.checked_sub(self.filled.leading_zeros() as u8)?;
        Some((block_at(self.first[usize::from(list)].load(Ordering::Relaxed))?, list))
    }

    /// Puts a block at the front of a list.
    pub(super) fn push(&mut self, list: u8, block: Block) {
        let (base, head) = (block.base().as_ptr(), &self.first[usize::from(list) % LISTS]);
        let link = &block.front().links[self.kind as usize];
        let next = head.load(Ordering::Relaxed);
        link.next.store(next, Ordering::Relaxed);
        link.previous.store(ptr::null_mut(), Ordering::Relaxed);
        if let Some(next) = block_at(next) {
            next.front().links[self.kind as usize].previous.store(base, Ordering::Relaxed);
        }
        head.store(base, Ordering::Relaxed);
        self.filled |= 1 << list;
    }

    /// Takes a block out of its list.
    pub(super) fn remove(&mut self, list: u8, block: Block) {
        let link = &block.front().links[self.kind as usize];
        let (next, previous) =
            (link.next.load(Ordering::Relaxed), link.previous.load(Ordering::Relaxed));
        if let Some(next) = block_at(next) {
            next.front().links[self.kind as usize].previous.store(previous, Ordering::Relaxed);
        }
        if let Some(previous) = block_at(previous) {
            previous.front().links[self.kind as usize].next.store(next, Ordering::Relaxed);
            return;
        }
        self.first[usize::from(list) % LISTS].store(next, Ordering::Relaxed);
        if next.is_null() {
            self.filled &= !(1 << list);
        }
    }
}

/// Lists of [`Kind::Scattered`] for each page.
pub(super) const LISTS_OF_A_PAGE: u32 = 32;

/// The list of [`Kind::Scattered`].
pub(super) const fn scattered(bytes: u32, shift: u32) -> u8 {
    let list = bytes / ((1 << shift) / LISTS_OF_A_PAGE);
    if list > 63 { 63 } else { list as u8 }
}

/// The list of [`Kind::Free`]: 1/64 of the block each.
pub(super) const fn free(bytes: u32, block_bytes: u32) -> u8 {
    let list = bytes / (block_bytes / 64);
    if list > 63 { 63 } else { list as u8 }
}
