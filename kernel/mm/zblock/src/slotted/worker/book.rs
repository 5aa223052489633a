//! What background work keeps of each block: the lists it is in, and whose it is.

use core::sync::atomic::Ordering;

use zpool::{Env, Granule, Masked};

use super::super::block::Block;
use super::super::entry::UNIT;
use super::super::front::{EVACUATING, STUCK};
use super::super::lists::{self, Kind, NOWHERE};
use super::super::pool::{SHELVES, Slotted};
use super::super::table::Descriptor;
use super::Progress;

/// The block of a descriptor, if it has one. Only for background work, which alone retires blocks.
pub(super) fn block_of(descriptor: &Descriptor) -> Option<Block> {
    // SAFETY: nobody else retires it.
    unsafe { Descriptor::block(descriptor.state.seen()) }
}

impl<E: Env> Slotted<E> {
    /// The block of that number, if there is one.
    pub(super) fn block(&self, number: u32) -> Option<Block> {
        self.table.get(number).and_then(block_of)
    }

    /// Takes a block off its shelf: it is background work's own from now on.
    pub(super) fn own(&self, block: Block) {
        let _masked = Masked::new(&self.env);
        let shelf = block.front().shelf.load(Ordering::Relaxed);
        self.shelves[usize::from(shelf) % SHELVES].hold().take(block);
    }

    /// Puts a block of our own back where allocations find it, if there is room in it, and into the
    /// lists of background work.
    pub(super) fn disown(&self, progress: &mut Progress, block: Block) {
        self.enlist(progress, block);
        #[cfg(test)]
        block.check();
        let front = block.front();
        if front.has(EVACUATING) {
            return;
        }
        let _masked = Masked::new(&self.env);
        let mask = self.shelf_mask.load(Ordering::Relaxed);
        let shelf = usize::from(front.shelf.load(Ordering::Relaxed)) & mask & (SHELVES - 1);
        let held = self.shelves[shelf].hold();
        front.shelf.store(shelf as u8, Ordering::Relaxed);
        held.put(block, E::Granule::SHIFT);
    }

    /// Brings a block of our own to the lists of background work where it belongs.
    pub(super) fn enlist(&self, progress: &mut Progress, block: Block) {
        block.refit();
        let (front, free) = (block.front(), block.free());
        // What an object as large as the window would leave free: sliding gathers it.
        let scattered = free.saturating_sub(block.window() * UNIT);
        let emptied = front.has(EVACUATING);
        let list = if emptied || scattered < UNIT {
            NOWHERE
        } else {
            lists::scattered(scattered, E::Granule::SHIFT)
        };
        progress.move_to(block, Kind::Scattered, list);
        let list =
            if emptied || front.has(STUCK) { NOWHERE } else { lists::free(free, block.bytes()) };
        progress.move_to(block, Kind::Free, list);
    }

    /// Takes a block out of all lists of background work.
    pub(super) fn delist(&self, progress: &mut Progress, block: Block) {
        progress.move_to(block, Kind::Scattered, NOWHERE);
        progress.move_to(block, Kind::Free, NOWHERE);
    }
}

impl Progress {
    /// Moves a block to another list of that kind, or out of all of them.
    pub(super) fn move_to(&mut self, block: Block, kind: Kind, list: u8) {
        let before = block.front().lists[kind as usize].swap_relaxed(list);
        if before == list {
            return;
        }
        let heads = &mut self.heads[kind as usize];
        if before != NOWHERE {
            heads.remove(before, block);
        }
        if list != NOWHERE {
            heads.push(list, block);
        }
    }
}

/// Exchange by one who alone stores.
trait SwapRelaxed {
    fn swap_relaxed(&self, value: u8) -> u8;
}

impl SwapRelaxed for core::sync::atomic::AtomicU8 {
    fn swap_relaxed(&self, value: u8) -> u8 {
        let before = self.load(Ordering::Relaxed);
        self.store(value, Ordering::Relaxed);
        before
    }
}
