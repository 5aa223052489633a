//! Shelves: blocks with room, in lists by how much.

use core::ptr::{self, NonNull};
use core::sync::atomic::{AtomicPtr, AtomicU64, AtomicUsize, Ordering};

use zpool::TicketLock;

use super::block::Block;
use super::entry::{UNIT, units};
use super::lists::{LISTS, NOWHERE};
use super::name::Name;
use super::stamp::State;

/// Blocks with room, in 64 lists: those of one list have room for an object of the size where the
/// list begins, 1/64 of a page apart; the last one begins with that much less than a page.
#[repr(align(64))]
pub(super) struct Shelf {
    lock: TicketLock<Shelf>,
    /// Which lists are not empty.
    filled: AtomicU64,
    /// The block that an object was placed in last: it is in no list yet.
    current: AtomicPtr<u8>,
    /// Free units that were counted in blocks while they were on this shelf, less those that were
    /// counted before. Only the sum over all shelves means something.
    free: AtomicUsize,
    first: [AtomicPtr<u8>; LISTS],
}

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
    pub(super) const fn new() -> Self {
        Self {
            lock: TicketLock::new(),
            filled: AtomicU64::new(0),
            current: AtomicPtr::new(ptr::null_mut()),
            free: AtomicUsize::new(0),
            first: [const { AtomicPtr::new(ptr::null_mut()) }; LISTS],
        }
    }

    /// Waits for the shelf, for a caller who has masked interrupts.
    #[inline(always)]
    pub(super) fn hold(&self) -> Held<'_> {
        if !self.lock.try_lock() {
            self.wait();
        }
        Held(self)
    }

    #[cold]
    fn wait(&self) {
        self.lock.lock();
    }

    /// What this shelf has to say about the sum of free units.
    pub(super) fn free(&self) -> usize {
        self.free.load(Ordering::Relaxed)
    }

    /// A block is to be listed.
    pub(super) fn has_current(&self) -> bool {
        !self.current.load(Ordering::Relaxed).is_null()
    }

    /// There is a block with room for a page, or nearly.
    pub(super) fn has_reserve(&self) -> bool {
        self.filled.load(Ordering::Relaxed) >> (LISTS - 1) != 0
    }

    /// There may be room for that many units.
    pub(super) fn promises(&self, units: u32, shift: u32) -> bool {
        self.filled.load(Ordering::Relaxed) >> list_of(units, shift) != 0 || self.has_current()
    }
}

impl Held<'_> {
    /// Places an object in the tightest block that is known to have room: the first one of the
    /// list of its own size if it has, else the first one of the next list that is not empty.
    ///
    /// The block stays *current*, in no list, until background work or the next object comes.
    #[inline(always)]
    pub(super) fn place(&self, length: u32, owner: u32, state: State, shift: u32) -> Option<Name> {
        self.settle(shift);
        let block = self.find(units(length), shift)?;
        Some(self.place_in(block, length, owner, state))
    }

    /// The same, but not as the first object of a block.
    pub(super) fn place_beside(
        &self,
        length: u32,
        owner: u32,
        state: State,
        shift: u32,
    ) -> Option<Name> {
        self.settle(shift);
        let block = self.find(units(length), shift)?;
        if block.front().live_units() == 0 {
            self.list(block, shift);
            return None;
        }
        Some(self.place_in(block, length, owner, state))
    }

    /// Places an object in a block that has room and is in no list; no block is current.
    #[inline(always)]
    pub(super) fn place_in(&self, block: Block, length: u32, owner: u32, state: State) -> Name {
        let (index, generation) = block.place(length, owner, state);
        self.0.current.store(block.base().as_ptr(), Ordering::Relaxed);
        Name { number: block.front().number.load(Ordering::Relaxed), index, generation }
    }

    /// Lists the block that is current.
    #[inline(always)]
    pub(super) fn settle(&self, shift: u32) {
        let Some(block) = block_at(self.0.current.load(Ordering::Relaxed)) else { return };
        self.0.current.store(ptr::null_mut(), Ordering::Relaxed);
        let used = block.measure();
        let counted = &block.front().counted;
        counted.set(counted.get().wrapping_sub(used as u32));
        self.add_free(-used as usize);
        self.list(block, shift);
    }

    /// Takes a block with room for so many units out of its list.
    #[inline(always)]
    fn find(&self, units: u32, shift: u32) -> Option<Block> {
        let list = list_of(units, shift);
        if let Some(block) = self.head(list)
            && block.front().room.get() >= units
        {
            self.pop(block, list);
            return Some(block);
        }
        let above = self.0.filled.load(Ordering::Relaxed) >> list >> 1;
        if above == 0 {
            return None;
        }
        let list = list + 1 + above.trailing_zeros();
        let block = self.head(list)?;
        self.pop(block, list);
        Some(block)
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

    /// Puts a block on this shelf that is on none, after background work has done with it.
    pub(super) fn put(&self, block: Block, shift: u32) {
        block.measure();
        self.count(block);
        self.list(block, shift);
    }

    /// Counts what is free in a block.
    pub(super) fn count(&self, block: Block) {
        let free = block.free() / UNIT;
        let before = block.front().counted.replace(free);
        self.add_free((free as usize).wrapping_sub(before as i16 as usize));
    }

    /// Lists a block that is in no list where it belongs: nowhere if there is no room in it.
    #[inline(always)]
    fn list(&self, block: Block, shift: u32) {
        let front = block.front();
        let room = front.room.get();
        let list = if room == 0 { u32::from(NOWHERE) } else { list_of(room, shift) };
        front.list.store(list as u8, Ordering::Relaxed);
        if room == 0 {
            return;
        }
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

    /// So many free units more, or, wrapping, less.
    #[inline(always)]
    fn add_free(&self, units: usize) {
        let sum = self.0.free.load(Ordering::Relaxed).wrapping_add(units);
        self.0.free.store(sum, Ordering::Relaxed);
    }

    /// Nothing of a block counts as free any more.
    pub(super) fn discount(&self, block: Block) {
        let counted = block.front().counted.replace(0) as i16 as usize;
        self.add_free(0_usize.wrapping_sub(counted));
    }

    /// Takes a block of this shelf out of its list, if it is in one.
    pub(super) fn take(&self, block: Block) {
        let front = block.front();
        let base = block.base().as_ptr();
        if self.0.current.load(Ordering::Relaxed) == base {
            self.0.current.store(ptr::null_mut(), Ordering::Relaxed);
            front.list.store(NOWHERE, Ordering::Relaxed);
            return;
        }
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
