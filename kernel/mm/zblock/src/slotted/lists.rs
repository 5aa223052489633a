//! Lists of blocks, found by find-first-set, never searched.

use core::sync::atomic::{AtomicU32, Ordering};

/// In no list.
pub(super) const NOWHERE: u8 = u8::MAX;
/// Lists of one kind, at most.
pub(super) const LISTS: usize = 64;

/// Neighbours in a list, by block number; zero is none.
#[derive(Default)]
pub(super) struct Link {
    next: AtomicU32,
    previous: AtomicU32,
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
    first: [u32; LISTS],
    filled: u64,
}

/// Where the links of a block are.
pub(super) trait Links {
    /// Does something with the neighbours of that block in the lists of that kind.
    fn link<R>(&self, block: u32, kind: Kind, act: impl FnOnce(&Link) -> R) -> R;
}

impl Heads {
    /// Empty lists.
    pub(super) const fn new() -> Self {
        Self { first: [0; LISTS], filled: 0 }
    }

    /// First block of the last list that is not empty, and that list.
    pub(super) fn last(&self) -> Option<(u32, u8)> {
        let list = 63_u8.checked_sub(self.filled.leading_zeros() as u8)?;
        Some((self.first[usize::from(list)], list))
    }

    /// Puts a block at the front of a list.
    pub(super) fn push(&mut self, links: &impl Links, kind: Kind, list: u8, block: u32) {
        let head = core::mem::replace(&mut self.first[usize::from(list)], block);
        links.link(block, kind, |link| {
            link.next.store(head, Ordering::Relaxed);
            link.previous.store(0, Ordering::Relaxed);
        });
        if head != 0 {
            links.link(head, kind, |link| link.previous.store(block, Ordering::Relaxed));
        }
        self.filled |= 1 << list;
    }

    /// Takes a block out of its list.
    pub(super) fn remove(&mut self, links: &impl Links, kind: Kind, list: u8, block: u32) {
        let (next, previous) = links.link(block, kind, |link| {
            (link.next.load(Ordering::Relaxed), link.previous.load(Ordering::Relaxed))
        });
        if next != 0 {
            links.link(next, kind, |link| link.previous.store(previous, Ordering::Relaxed));
        }
        if previous != 0 {
            links.link(previous, kind, |link| link.next.store(next, Ordering::Relaxed));
        } else {
            self.first[usize::from(list)] = next;
            if next == 0 {
                self.filled &= !(1 << list);
            }
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
