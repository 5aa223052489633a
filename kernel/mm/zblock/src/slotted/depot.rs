//! What blocks are made of: frames that belong to none, and descriptors without frames.

use core::ptr::NonNull;
use core::sync::atomic::Ordering;

use zpool::{AllocError, Env, Granule, Masked};

use super::block::Block;
use super::entry::UNIT;
use super::front::directory_end;
use super::pool::Slotted;
use super::state::Use;
use super::table::{Descriptor, Table};

/// Frames of the largest block: 2^3.
pub(super) const LARGEST_ORDER: u32 = 3;
/// A block is at most this share of the pool's pages.
const BLOCKS_OF_A_POOL: usize = 64;
/// The share of the pool that an empty block on a shelf may be, and the frames of one in the depot.
const RESERVE_SHARE: usize = 256;
const WAVERING_SHARE: usize = 512;
/// Pages of a pool that keeps one ready.
const PAGES_FOR_ONE: usize = 2048;

/// What is kept ready, besides an unused descriptor.
#[derive(Clone, Copy)]
pub(super) enum Reserve {
    /// For an object of its own.
    Page,
    /// An empty block of that order, at the end of the list of a shelf that it belongs to.
    Block(u32, usize),
}

/// Protected by a lock that is taken for new blocks, pages of their own, and what becomes of them.
pub(super) struct Depot {
    /// Descriptors without frames, linked.
    unused: u32,
    /// Frames that belong to no block by order, linked through their first bytes.
    surplus: [Option<NonNull<Surplus>>; LARGEST_ORDER as usize + 1],
}

// SAFETY: the surplus frames belong to the depot, whoever has it.
unsafe impl Send for Depot {}

/// At the front of frames that belong to no block.
struct Surplus {
    next: Option<NonNull<Surplus>>,
}

/// Frames and a descriptor for them.
struct Parts<'a> {
    frames: NonNull<u8>,
    order: u32,
    number: u32,
    descriptor: &'a Descriptor,
}

impl Depot {
    pub(super) const fn new() -> Self {
        Self { unused: 0, surplus: [None; LARGEST_ORDER as usize + 1] }
    }

    /// Frames of that order that belong to no block.
    pub(super) fn take(&mut self, order: u32) -> Option<NonNull<u8>> {
        let top = &mut self.surplus[order as usize];
        let frames = (*top)?;
        // SAFETY: frames of the surplus begin with what `put` wrote.
        *top = unsafe { frames.as_ref() }.next;
        Some(frames.cast())
    }

    fn put(&mut self, frames: NonNull<u8>, order: u32) {
        let top = &mut self.surplus[order as usize];
        let frames = frames.cast();
        // SAFETY: the frames are the depot's now, and a page has room for a word.
        unsafe { frames.write(Surplus { next: *top }) };
        *top = Some(frames);
    }

    /// Number of an unused descriptor.
    fn take_number<E: Env>(&mut self, table: &Table<E>) -> Option<u32> {
        let number = self.unused;
        if number == 0 {
            return None;
        }
        self.unused = table.get(number)?.link.load(Ordering::Relaxed);
        Some(number)
    }

    /// Keeps an unused descriptor.
    fn put_number(&mut self, number: u32, descriptor: &Descriptor) {
        descriptor.link.store(self.unused, Ordering::Relaxed);
        self.unused = number;
    }

    /// There are at least two blocks of that order, or one.
    fn holds(&self, order: u32) -> (bool, bool) {
        let top = self.surplus[order as usize];
        // SAFETY: as in `take`.
        (top.is_some_and(|frames| unsafe { frames.as_ref() }.next.is_some()), top.is_some())
    }
}

impl<E: Env> Slotted<E> {
    /// Order of a new block: small at first, larger as the pool grows, if there are such frames.
    pub(super) fn order(&self) -> u32 {
        let pages = self.pages.load(Ordering::Relaxed);
        let wanted = (pages / BLOCKS_OF_A_POOL).max(2).ilog2().min(LARGEST_ORDER);
        wanted.min(self.supply.load(Ordering::Relaxed))
    }

    /// A new block of `2^order` frames, of one where there are no more. It is in no list and
    /// belongs to the caller.
    pub(super) fn new_block(&self, order: u32, shelf: u8) -> Result<Block, AllocError> {
        let Parts { frames, order, number, descriptor } = self.parts(order)?;
        let bytes = E::Granule::SIZE << order;
        let generation = descriptor.stamp.seen().generation();
        // SAFETY: the frames are fresh and nobody else's.
        let block = unsafe { Block::format(frames, bytes, number, generation, shelf) };
        self.block_bytes.fetch_add(bytes, Ordering::Relaxed);
        self.offered.fetch_add(block.balance() as usize, Ordering::Relaxed);
        descriptor.state.publish(frames.as_ptr().expose_provenance(), Use::Slotted, order);
        Ok(block)
    }

    /// A page for an object of its own, or more where nothing else is left.
    pub(super) fn new_page(
        &self,
        prepare: impl FnOnce(u32, &Descriptor),
    ) -> Result<(), AllocError> {
        let Parts { frames, order, number, descriptor } = self.parts(0)?;
        prepare(number, descriptor);
        descriptor.state.publish(frames.as_ptr().expose_provenance(), Use::Single, order);
        Ok(())
    }

    /// Frames of `order`, of another where there are none, and a descriptor for them.
    fn parts(&self, order: u32) -> Result<Parts<'_>, AllocError> {
        let mut depot = self.depot.lock(&self.env);
        let (number, frames) = (depot.take_number(&self.table), depot.take(order));
        drop(depot);
        let frames = frames.map(|frames| (frames, order)).or_else(|| self.fresh(order));
        let number = number.or_else(|| frames.and_then(|_| self.grow()));
        let descriptor = number.and_then(|number| self.table.get(number));
        if let (Some((frames, order)), Some(number), Some(descriptor)) =
            (frames, number, descriptor)
        {
            return Ok(Parts { frames, order, number, descriptor });
        }
        if let Some((frames, order)) = frames {
            self.give(frames, order);
        }
        if let (Some(number), Some(descriptor)) = (number, descriptor) {
            self.depot.lock(&self.env).put_number(number, descriptor);
        }
        Err(AllocError::NoMemory)
    }

    /// Number of a new descriptor.
    fn grow(&self) -> Option<u32> {
        let _depot = self.depot.lock(&self.env);
        self.table.grow(&self.env, Self::NUMBERS, self.seed(self.table.used()))
    }

    /// Frames from the environment, which is asked twice at most, without the depot's lock; or
    /// whatever is left over.
    fn fresh(&self, order: u32) -> Option<(NonNull<u8>, u32)> {
        if let Some(frames) = self.env.alloc(order) {
            self.pages.fetch_add(1 << order, Ordering::Relaxed);
            return Some((frames, order));
        }
        if order > 0 {
            // Not asked for again at once.
            self.supply.store(order - 1, Ordering::Relaxed);
            if let Some(frames) = self.env.alloc(0) {
                self.pages.fetch_add(1, Ordering::Relaxed);
                return Some((frames, 0));
            }
        }
        let mut depot = self.depot.lock(&self.env);
        (0..=LARGEST_ORDER).find_map(|order| Some((depot.take(order)?, order)))
    }

    /// The environment may have larger frames again.
    pub(super) fn hope(&self) {
        let supply = self.supply.load(Ordering::Relaxed);
        self.supply.store((supply + 1).min(LARGEST_ORDER), Ordering::Relaxed);
    }

    /// Gives frames back to the environment.
    fn give(&self, frames: NonNull<u8>, order: u32) {
        self.pages.fetch_sub(1 << order, Ordering::Relaxed);
        // SAFETY: the frames came from `alloc` with this order and belong to no block.
        unsafe { self.env.free(frames, order) };
    }

    /// Takes the frames of a descriptor that were retired; both may be used again.
    pub(super) fn put_back(&self, number: u32, frames: NonNull<u8>, order: u32) {
        let mut depot = self.depot.lock(&self.env);
        if let Some(descriptor) = self.table.get(number) {
            depot.put_number(number, descriptor);
        }
        depot.put(frames, order);
    }

    /// Blocks of that order that are `1 / share` of the pool at most.
    fn is_small(&self, order: u32, share: usize) -> bool {
        order == self.order() && self.pages.load(Ordering::Relaxed) >> order >= share
    }

    /// The frames of one block of that order are so little that they stay.
    fn keeps(&self, order: u32) -> bool {
        self.is_small(order, WAVERING_SHARE) || order == 0 && self.keeps_page()
    }

    /// A page is ready for an object of its own: in pools of which it is as little as that.
    fn keeps_page(&self) -> bool {
        self.pages.load(Ordering::Relaxed) >= PAGES_FOR_ONE
    }

    /// Gives frames back that no block needs, those of one block at a time; how many. Those of one
    /// stay where they are little, so that a pool that wavers does not go to the environment for
    /// each block.
    pub(super) fn give_back(&self, all: bool) -> usize {
        let mut depot = self.depot.lock(&self.env);
        let order = (0..=LARGEST_ORDER).rev().find(|&order| {
            let (two, one) = depot.holds(order);
            two || one && (all || !self.keeps(order))
        });
        let Some((order, frames)) = order.and_then(|order| Some((order, depot.take(order)?)))
        else {
            return 0;
        };
        drop(depot);
        self.give(frames, order);
        1 << order
    }

    /// Sees to it that there is an unused descriptor, and then what [`Reserve`] says; whether there
    /// were frames for that.
    pub(super) fn reserve(&self, lacking: Reserve) -> bool {
        let numbers = self.depot.lock(&self.env).unused != 0;
        if !numbers
            && let Some(number) = self.grow()
            && let Some(descriptor) = self.table.get(number)
        {
            self.depot.lock(&self.env).put_number(number, descriptor);
        }
        match lacking {
            Reserve::Page => self.stock(0),
            Reserve::Block(order, shelf) => {
                let stocked = self.stock(order);
                if stocked && let Ok(block) = self.new_block(order, shelf as u8) {
                    let _masked = Masked::new(&self.env);
                    self.shelves[shelf].hold().put(block, E::Granule::SHIFT);
                }
                stocked
            }
        }
    }

    /// Sees to it that the depot has frames of that order, exactly: what else is left over there
    /// goes back.
    fn stock(&self, order: u32) -> bool {
        if self.depot.lock(&self.env).holds(order).1 {
            return true;
        }
        let Some(frames) = self.env.alloc(order) else {
            self.supply.store(order.saturating_sub(1), Ordering::Relaxed);
            return false;
        };
        self.pages.fetch_add(1 << order, Ordering::Relaxed);
        self.depot.lock(&self.env).put(frames, order);
        true
    }

    /// A block that is kept ready although it is much for the pool by now, taken off its shelf.
    pub(super) fn superfluous(&self) -> Option<Block> {
        if self.pages.load(Ordering::Relaxed) >> self.order() >= RESERVE_SHARE / 2 {
            return None;
        }
        self.shelves.iter().find_map(|shelf| {
            let _masked = Masked::new(&self.env);
            shelf.hold().take_empty(E::Granule::SIZE as u32 / UNIT, E::Granule::SHIFT)
        })
    }

    /// What a pool of this size keeps ready for allocations and has not.
    pub(super) fn lacking(&self) -> Option<Reserve> {
        let order = self.order();
        let used = self.shelf_mask.load(Ordering::Relaxed) + 1;
        let room = (E::Granule::SIZE << order) as u32 / UNIT - directory_end(0);
        let promises = |shelf: &usize| self.shelves[*shelf].promises(room, E::Granule::SHIFT);
        let shelf = (0..used).find(|shelf| !promises(shelf));
        match shelf {
            Some(shelf) if self.is_small(order, RESERVE_SHARE) => {
                Some(Reserve::Block(order, shelf))
            }
            _ if self.keeps_page() && !self.depot.lock(&self.env).holds(0).1 => Some(Reserve::Page),
            _ => None,
        }
    }
}
