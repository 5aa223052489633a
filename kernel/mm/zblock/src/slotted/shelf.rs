//! Shelves: blocks with room, in lists by how much.

use core::ptr::{self, NonNull};
use core::sync::atomic::{AtomicPtr, AtomicU64, AtomicUsize, Ordering};

use zpool::Handle;

use super::block::{Block, Placed};
use super::entry::units;
use super::latch::Latch;
use super::lists::{LISTS, NOWHERE};
use super::stamp::State;

/// Blocks in 64 lists: those of one list have room for an object of the size where the list begins,
/// 1/64 of a page apart; the last one begins with that much less than a page. Full ones are in the
/// first list.
#[repr(C, align(64))]
pub(super) struct Shelf {
    first: [AtomicPtr<u8>; LISTS],
    /// Which lists are not empty.
    filled: AtomicU64,
    /// Bytes that objects placed here have taken since the pool began, wrapping.
    taken: AtomicUsize,
    lock: Latch,
}

/// Blocks that an allocation tries on one shelf: those without an entry left are listed anew.
const TRIED: usize = 2;

/// A shelf whose lock is held: its blocks belong to the holder, who has masked interrupts.
pub(super) struct Held<'a>(&'a Shelf);

impl Drop for Held<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        self.0.lock.unlock();
    }
}

/// The list of blocks with room for so many units, of pages of `1 << shift` bytes.
#[inline(always)]
const fn list_of(room: u32, shift: u32) -> u32 {
    let list = room >> (shift - 9);
    if list < LISTS as u32 { list } else { LISTS as u32 - 1 }
}

/// The block at `base`, if that is not null. Only for blocks of a shelf that is held.
#[inline(always)]
fn block_at(base: *mut u8) -> Option<Block> {
    // SAFETY: blocks on a shelf that is held are formatted and not retired.
    NonNull::new(base).map(|base| unsafe { Block::at(base) })
}

impl Shelf {
    /// An empty one.
    pub(super) fn new() -> Self {
        Self {
            first: [const { AtomicPtr::new(ptr::null_mut()) }; LISTS],
            filled: AtomicU64::new(0),
            taken: AtomicUsize::new(0),
            lock: Latch::new(),
        }
    }

    /// The shelf, if nobody has it, for a caller who has masked interrupts.
    #[inline(always)]
    pub(super) fn try_hold(&self) -> Option<Held<'_>> {
        self.lock.try_lock().then(|| Held(self))
    }

    /// Waits for the shelf, for a caller who has masked interrupts.
    pub(super) fn hold(&self) -> Held<'_> {
        if !self.lock.try_lock() {
            self.lock.lock();
        }
        Held(self)
    }

    /// Bytes that objects placed here have taken, wrapping.
    pub(super) fn taken(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }

    /// There may be room for that many units.
    pub(super) fn promises(&self, units: u32, shift: u32) -> bool {
        self.filled.load(Ordering::Relaxed) >> list_of(units, shift) != 0
    }
}

impl Held<'_> {
    /// Places an object in the tightest block that is known to have room, and lists that block
    /// anew where it belongs with what is left.
    #[inline(always)]
    pub(super) fn place(
        &self,
        length: u32,
        owner: u32,
        state: State,
        shift: u32,
    ) -> Option<Handle> {
        let (block, list) = self.find(units(length), shift)?;
        let Placed { handle, bytes, room } = block.place(length, owner, state)?;
        self.take_bytes(bytes);
        self.relist(block, list, list_of(room, shift));
        Some(handle)
    }

    /// The same, where the first block may have no entry left: then it has no room any more, and the
    /// next one is tried.
    pub(super) fn place_thoroughly(
        &self,
        length: u32,
        owner: u32,
        state: State,
        shift: u32,
    ) -> Option<Handle> {
        for _ in 0..TRIED {
            let placed = self.place(length, owner, state, shift);
            if placed.is_some() {
                return placed;
            }
            let (block, list) = self.find(units(length), shift)?;
            block.refit();
            self.relist(block, list, list_of(block.window(), shift));
        }
        None
    }

    /// The same, but not as the first object of a block.
    pub(super) fn place_beside(
        &self,
        length: u32,
        owner: u32,
        state: State,
        shift: u32,
    ) -> Option<Handle> {
        let (block, _) = self.find(units(length), shift)?;
        if block.front().live_units() == 0 {
            return None;
        }
        self.place_thoroughly(length, owner, state, shift)
    }

    /// Places an object in a new block of the caller's own, and lists it.
    pub(super) fn place_first(
        &self,
        block: Block,
        length: u32,
        owner: u32,
        state: State,
        shift: u32,
    ) -> Option<Handle> {
        let Placed { handle, bytes, room } = block.place(length, owner, state)?;
        self.take_bytes(bytes);
        self.push(block, list_of(room, shift));
        Some(handle)
    }

    /// Counts bytes that an object takes.
    #[inline(always)]
    fn take_bytes(&self, bytes: u32) {
        let taken = self.0.taken.load(Ordering::Relaxed).wrapping_add(bytes as usize);
        self.0.taken.store(taken, Ordering::Relaxed);
    }

    /// Brings the first block of a list to where it belongs now.
    #[inline(always)]
    fn relist(&self, block: Block, list: u32, now: u32) {
        if now != list {
            self.pop(block, list);
            self.push(block, now);
        }
    }

    /// A block with room for so many units, and its list, which it is the first of: that of its own
    /// size if the first one there has room, else the next one that is not empty.
    #[inline(always)]
    fn find(&self, units: u32, shift: u32) -> Option<(Block, u32)> {
        let list = list_of(units, shift);
        if let Some(block) = self.head(list)
            && block.window() >= units
        {
            return Some((block, list));
        }
        let above = self.0.filled.load(Ordering::Relaxed) >> list >> 1;
        if above == 0 {
            return None;
        }
        let list = list + 1 + above.trailing_zeros();
        Some((self.head(list)?, list))
    }

    #[inline(always)]
    fn head(&self, list: u32) -> Option<Block> {
        block_at(self.first(list).load(Ordering::Relaxed))
    }

    #[inline(always)]
    fn first(&self, list: u32) -> &AtomicPtr<u8> {
        &self.0.first[list as usize & (LISTS - 1)]
    }

    /// Takes the first block of a list out of it.
    #[inline(always)]
    fn pop(&self, block: Block, list: u32) {
        let next = block.front().next.load(Ordering::Relaxed);
        self.first(list).store(next, Ordering::Relaxed);
        if next.is_null() {
            let filled = self.0.filled.load(Ordering::Relaxed);
            self.0.filled.store(filled & !(1 << list), Ordering::Relaxed);
        }
    }

    /// Lists a block of the caller's own, which is in no list and whose window fits.
    pub(super) fn put(&self, block: Block, shift: u32) {
        self.push(block, list_of(block.window(), shift));
    }

    /// Puts a block at the front of a list.
    #[inline(always)]
    fn push(&self, block: Block, list: u32) {
        let front = block.front();
        front.list.store(list as u8, Ordering::Relaxed);
        let next = self.first(list).load(Ordering::Relaxed);
        front.next.store(next, Ordering::Relaxed);
        self.first(list).store(block.base().as_ptr(), Ordering::Relaxed);
        if let Some(next) = block_at(next) {
            next.front().previous.store(block.base().as_ptr(), Ordering::Relaxed);
        } else {
            let filled = self.0.filled.load(Ordering::Relaxed);
            self.0.filled.store(filled | 1 << list, Ordering::Relaxed);
        }
    }

    /// Takes the first block of the list of so many units, or the next, if it is empty.
    pub(super) fn take_empty(&self, units: u32, shift: u32) -> Option<Block> {
        let list = list_of(units, shift);
        let block = self.head(list).or_else(|| self.head(list - 1))?;
        (block.front().live_units() == 0).then(|| self.take(block))?;
        Some(block)
    }

    /// Takes a block of this shelf out of its list, if it is in one.
    pub(super) fn take(&self, block: Block) {
        let front = block.front();
        let base = block.base().as_ptr();
        let list = front.list.load(Ordering::Relaxed);
        if list == NOWHERE {
            return;
        }
        front.list.store(NOWHERE, Ordering::Relaxed);
        if self.first(u32::from(list)).load(Ordering::Relaxed) == base {
            return self.pop(block, u32::from(list));
        }
        let next = front.next.load(Ordering::Relaxed);
        let previous = front.previous.load(Ordering::Relaxed);
        if let Some(previous) = block_at(previous) {
            previous.front().next.store(next, Ordering::Relaxed);
        }
        if let Some(next) = block_at(next) {
            next.front().previous.store(previous, Ordering::Relaxed);
        }
    }
}
