//! Where objects go: the lists of blocks, new blocks, and blocks that end.

use core::ptr::NonNull;
use core::sync::atomic::Ordering;

use zpool::{AllocError, Env, Granule, Handle, Owner};

use super::block::{Block, DIRTY, EVACUATING, Membership, STUCK, UNIT};
use super::lists::{self, Heads, Kind, Link, Links, NOWHERE};
use super::name::Name;
use super::pool::{Locked, Slotted};
use super::single;
use super::table::{Descriptor, Table, Use};

/// Blocks of a list that are tried before the next list, which certainly has room.
const PROBED: usize = 4;
/// Blocks that an allocation without a place looks at for what was freed in them.
const LOOKED_AT: usize = 4;
/// Least and most that [`Shelf::tolerance`] can be.
const TOLERANCE: (usize, usize) = (8, 256);
/// Allocations after a step of background work that leave the looking to the next one.
pub(super) const PATIENCE: u32 = 32;
/// Frames of the largest block: 2^3.
const LARGEST_ORDER: u32 = 3;
/// A block is at most this share of the pool's pages.
const BLOCKS_OF_A_POOL: usize = 64;

/// The lists of blocks, and what is ready to become one.
pub(super) struct Shelf {
    heads: [Heads; 3],
    /// What is left of the queue of blocks to look at that was taken last.
    pending: u32,
    /// Descriptors without frames, linked through their word.
    unused: u32,
    /// Frames that belong to no block, linked through their first bytes.
    surplus: Option<NonNull<Surplus>>,
    /// Bytes in slotted blocks, and how many of them are free.
    pub(super) block_bytes: usize,
    pub(super) free_units: usize,
    /// Allocations to come that leave the looking at blocks to background work.
    pub(super) patience: u32,
    /// Free 1/1024 of the blocks' bytes that relocation leaves alone.
    pub(super) tolerance: usize,
    /// Blocks emptied by relocation since a block was last opened.
    pub(super) emptied: usize,
}

// SAFETY: the frames of the surplus belong to the shelf, whoever has it.
unsafe impl Send for Shelf {}

/// At the front of frames that belong to no block.
struct Surplus {
    next: Option<NonNull<Surplus>>,
    order: u32,
}

/// A place for an object.
pub(super) struct Placed {
    pub(super) name: Name,
}

impl Shelf {
    pub(super) const fn new() -> Self {
        Self {
            heads: [const { Heads::new() }; 3],
            pending: 0,
            unused: 0,
            surplus: None,
            block_bytes: 0,
            free_units: 0,
            patience: 0,
            tolerance: TOLERANCE.0,
            emptied: 0,
        }
    }

    /// Frames that belong to no block, and their order.
    pub(super) fn take_surplus(&mut self) -> Option<(NonNull<u8>, u32)> {
        let frames = self.surplus?;
        // SAFETY: frames of the surplus begin with what `put_surplus` wrote.
        let Surplus { next, order } = unsafe { frames.read() };
        self.surplus = next;
        Some((frames.cast(), order))
    }

    /// Learns from a new block being needed: where more is free than is tolerated although blocks
    /// were emptied just before, they were emptied in vain, unless there were many of them.
    fn opened(&mut self) {
        let (least, most) = TOLERANCE;
        let free = self.free_units * UNIT as usize;
        let scarce = free <= self.block_bytes / 1024 * self.tolerance;
        self.tolerance = match self.emptied {
            1..4 if !scarce => (self.tolerance + 8).min(most),
            0..4 => self.tolerance.saturating_sub(1).max(least),
            _ => least,
        };
        self.emptied = 0;
    }

    fn put_surplus(&mut self, frames: NonNull<u8>, order: u32) {
        let surplus = frames.cast();
        // SAFETY: the frames are the shelf's now, and a page has room for two words.
        unsafe { surplus.write(Surplus { next: self.surplus, order }) };
        self.surplus = Some(surplus);
    }

    fn surplus_order(&self) -> Option<u32> {
        // SAFETY: frames of the surplus begin with what `put_surplus` wrote.
        self.surplus.map(|frames| unsafe { frames.as_ref() }.order)
    }

    /// The fullest list of a kind, if it is at least `list`: its first block.
    pub(super) fn top(&self, kind: Kind, list: u8) -> Option<u32> {
        let heads = &self.heads[kind as usize];
        heads.last().filter(|&last| last >= list).map(|last| heads.first(last))
    }
}

/// The links of blocks in the lists, reached with the lock of the lists held.
struct TableLinks<'a, E: Env>(&'a Table<E>);

/// What the lists keep of a block.
fn membership(descriptor: &Descriptor) -> Option<NonNull<Membership>> {
    let frames = NonNull::new(descriptor.frames.load(Ordering::Relaxed))?;
    // SAFETY: the membership lies behind the header, inside the frames.
    Some(unsafe { frames.add(super::block::HEADER_BYTES) }.cast())
}

impl<E: Env> Links for TableLinks<'_, E> {
    #[inline(always)]
    fn link(&mut self, block: u32, kind: Kind) -> &mut Link {
        let descriptor = self.0.get(block).expect("lists hold blocks that exist");
        match kind {
            // SAFETY: the lock of the lists is held, which protects the links; the borrow of
            // `self` keeps a second one from being made meanwhile.
            Kind::Room => unsafe { &mut *descriptor.link.get() },
            kind => {
                let mut membership = membership(descriptor).expect("lists hold blocks with frames");
                // SAFETY: as above; blocks in lists are formatted.
                unsafe { &mut membership.as_mut().links[kind as usize - 1] }
            }
        }
    }
}

impl<E: Env> Slotted<E> {
    /// A place for an object among others.
    #[inline]
    pub(super) fn place(&self, size: usize, owner: Owner) -> Result<Handle, AllocError> {
        let mut shelf = self.shelf.lock(&self.env);
        if shelf.patience == 0 {
            self.look(&mut shelf, 1);
        } else {
            shelf.patience -= 1;
        }
        if let Some(placed) = self.fit(&mut shelf, size, owner) {
            return placed.name.handle().ok_or(AllocError::NoMemory);
        }
        self.place_slowly(&mut shelf, size, owner)
    }

    /// A place in a block in which something was freed lately, or in a new block.
    #[cold]
    fn place_slowly(
        &self,
        shelf: &mut Shelf,
        size: usize,
        owner: Owner,
    ) -> Result<Handle, AllocError> {
        self.look(shelf, LOOKED_AT);
        let placed = match self.fit(shelf, size, owner) {
            Some(placed) => placed,
            None => self.open(shelf, size, owner)?,
        };
        placed.name.handle().ok_or(AllocError::NoMemory)
    }

    /// A place in the tightest block that has room: the first of the own list that does, else
    /// the first of the next list, all of which do.
    #[inline]
    pub(super) fn fit(&self, shelf: &mut Shelf, size: usize, owner: Owner) -> Option<Placed> {
        let units = (size as u32).div_ceil(UNIT);
        let list = lists::room(units * UNIT, E::Granule::SHIFT);
        let heads = &shelf.heads[Kind::Room as usize];
        let mut number = heads.first(list);
        for _ in 0..PROBED {
            let Some(descriptor) = self.table.get(number) else { break };
            let membership = membership(descriptor)?;
            // SAFETY: the lock of the lists is held, and blocks in lists are formatted.
            if u32::from(unsafe { membership.as_ref() }.room) >= units {
                return self.place_in(shelf, number, size, owner);
            }
            // SAFETY: the lock of the lists is held.
            number = unsafe { &*descriptor.link.get() }.next;
        }
        let number = heads.first(heads.from(list + 1)?);
        self.place_in(shelf, number, size, owner)
    }

    /// A place in that block, if it has room.
    #[inline]
    fn place_in(
        &self,
        shelf: &mut Shelf,
        number: u32,
        size: usize,
        owner: Owner,
    ) -> Option<Placed> {
        let descriptor = self.table.get(number)?;
        let mut locked = Locked::nested(descriptor, &self.env);
        let mut block = locked.block()?;
        let generation = descriptor.generation();
        let index = block.alloc(size as u32, generation, owner.0);
        if index.is_some() {
            descriptor.advance();
        }
        self.list_room(shelf, number, descriptor, &mut block);
        Some(Placed { name: Name { number, index: index?, generation } })
    }

    /// A place in a new block.
    pub(super) fn open(
        &self,
        shelf: &mut Shelf,
        size: usize,
        owner: Owner,
    ) -> Result<Placed, AllocError> {
        shelf.opened();
        let pages = self.pages.load(Ordering::Relaxed);
        let order = (pages / BLOCKS_OF_A_POOL).max(2).ilog2().min(LARGEST_ORDER);
        let number = self.new_block(shelf, order)?;
        self.place_in(shelf, number, size, owner).ok_or(AllocError::NoMemory)
    }

    /// A new block of `2^order` frames, of fewer where there are no more.
    pub(super) fn new_block(&self, shelf: &mut Shelf, order: u32) -> Result<u32, AllocError> {
        let (frames, order) = self.frames(shelf, order)?;
        let Some(number) = self.number(shelf) else {
            shelf.put_surplus(frames, order);
            self.shed(shelf);
            return Err(AllocError::NoMemory);
        };
        let descriptor = self.table.get(number).ok_or(AllocError::NoMemory)?;
        let locked = Locked::new(descriptor, &self.env);
        descriptor.frames.store(frames.as_ptr(), Ordering::Relaxed);
        descriptor.set_usage(Use::Slotted, order);
        descriptor.word.store(0, Ordering::Relaxed);
        let bytes = E::Granule::SIZE << order;
        // SAFETY: the frames are fresh, and the lock keeps everybody else away.
        let mut block = unsafe { Block::format(frames, bytes) };
        shelf.block_bytes += bytes;
        self.list(shelf, number, descriptor, &mut block);
        drop(locked);
        Ok(number)
    }

    /// Frames from the surplus or from the environment.
    fn frames(&self, shelf: &mut Shelf, order: u32) -> Result<(NonNull<u8>, u32), AllocError> {
        if shelf.surplus_order() == Some(order) {
            return shelf.take_surplus().ok_or(AllocError::NoMemory);
        }
        for order in (0..=order).rev() {
            if let Some(frames) = self.env.alloc(order) {
                self.pages.fetch_add(1 << order, Ordering::Relaxed);
                return Ok((frames, order));
            }
        }
        // Whatever is left over will do.
        shelf.take_surplus().ok_or(AllocError::NoMemory)
    }

    /// The number of an unused descriptor.
    fn number(&self, shelf: &mut Shelf) -> Option<u32> {
        if let Some(descriptor) = self.table.get(shelf.unused) {
            let number = shelf.unused;
            shelf.unused = descriptor.word.load(Ordering::Relaxed);
            return Some(number);
        }
        let number = self.table.used().max(1);
        self.table.grow(&self.env, Self::NUMBERS, self.seed(number))
    }

    /// Gives frames of the surplus back at once.
    fn shed(&self, shelf: &mut Shelf) -> usize {
        let Some((frames, order)) = shelf.take_surplus() else { return 0 };
        self.pages.fetch_sub(1 << order, Ordering::Relaxed);
        // SAFETY: the frames came from `alloc` with this order and belong to no block.
        unsafe { self.env.free(frames, order) };
        1 << order
    }

    /// A page for an object of its own.
    pub(super) fn place_alone(&self, size: usize) -> Result<Handle, AllocError> {
        let mut shelf = self.shelf.lock(&self.env);
        let frames = match shelf.surplus_order() {
            Some(0) => shelf.take_surplus().map(|(frames, _)| frames),
            _ => None,
        };
        let frames = match frames {
            Some(frames) => frames,
            None => {
                let frames = self.env.alloc(0).ok_or(AllocError::NoMemory)?;
                self.pages.fetch_add(1, Ordering::Relaxed);
                frames
            }
        };
        let Some(number) = self.number(&mut shelf) else {
            shelf.put_surplus(frames, 0);
            self.shed(&mut shelf);
            return Err(AllocError::NoMemory);
        };
        let descriptor = self.table.get(number).ok_or(AllocError::NoMemory)?;
        let _locked = Locked::new(descriptor, &self.env);
        descriptor.frames.store(frames.as_ptr(), Ordering::Relaxed);
        descriptor.set_usage(Use::Single, 0);
        descriptor.word.store(single::word(size), Ordering::Relaxed);
        let generation = descriptor.generation();
        Name { number, index: 0, generation }.handle().ok_or(AllocError::NoMemory)
    }

    /// Ends a page of its own whose object is gone.
    pub(super) fn retire_alone(&self, number: u32) {
        let mut shelf = self.shelf.lock(&self.env);
        self.retire(&mut shelf, number);
    }

    /// Takes the frames from a descriptor; they become surplus.
    fn retire(&self, shelf: &mut Shelf, number: u32) {
        let Some(descriptor) = self.table.get(number) else { return };
        let _locked = Locked::new(descriptor, &self.env);
        let (_, order) = descriptor.usage();
        let frames = NonNull::new(descriptor.frames.swap(core::ptr::null_mut(), Ordering::Relaxed));
        descriptor.set_usage(Use::Nothing, 0);
        descriptor.word.store(shelf.unused, Ordering::Relaxed);
        shelf.unused = number;
        if let Some(frames) = frames {
            shelf.put_surplus(frames, order);
        }
    }

    /// Looks at up to `count` blocks in which something was freed: brings them to the lists where
    /// they belong now, retires empty ones.
    pub(super) fn look(&self, shelf: &mut Shelf, count: usize) {
        for _ in 0..count {
            if shelf.pending == 0 {
                if self.dirty.is_empty() {
                    return;
                }
                shelf.pending = self.dirty.take();
            }
            let number = shelf.pending;
            let Some(descriptor) = self.table.get(number) else { return };
            let mut locked = Locked::new(descriptor, &self.env);
            shelf.pending = descriptor.word.load(Ordering::Relaxed);
            let Some(mut block) = locked.block() else { continue };
            block.header().flags &= !DIRTY;
            if block.live() == 0 {
                self.unlist(shelf, number, descriptor, &mut block);
                drop(locked);
                self.retire(shelf, number);
            } else {
                self.list(shelf, number, descriptor, &mut block);
            }
        }
    }

    /// More blocks wait to be looked at.
    pub(super) fn unseen(&self, shelf: &Shelf) -> bool {
        shelf.pending != 0 || !self.dirty.is_empty()
    }

    /// Brings a block whose lock is held to the lists where it belongs; whether it was in the one
    /// of its scattered bytes already.
    pub(super) fn list(
        &self,
        shelf: &mut Shelf,
        number: u32,
        descriptor: &Descriptor,
        block: &mut Block,
    ) -> bool {
        self.list_room(shelf, number, descriptor, block);
        let scattered = match block.scattered() / UNIT {
            0 => NOWHERE,
            units => lists::scattered(units * UNIT, E::Granule::SHIFT),
        };
        let free = match block.header().flags & (STUCK | EVACUATING) {
            0 => lists::free(block.free(), block.bytes()),
            _ => NOWHERE,
        };
        self.move_to(shelf, number, descriptor, Kind::Free, free);
        !self.move_to(shelf, number, descriptor, Kind::Scattered, scattered)
    }

    /// Brings a block whose lock is held to the list where allocations find it, and counts what is
    /// free in it. The other lists may wait until someone looks.
    #[inline]
    fn list_room(
        &self,
        shelf: &mut Shelf,
        number: u32,
        descriptor: &Descriptor,
        block: &mut Block,
    ) {
        let Some(mut membership) = membership(descriptor) else { return };
        let (usable, free) = (block.usable(), block.free() / UNIT);
        // SAFETY: the lock of the lists is held, and the block is formatted.
        let membership = unsafe { membership.as_mut() };
        shelf.free_units += free as usize;
        shelf.free_units -= usize::from(membership.counted);
        membership.counted = free as u16;
        membership.room = (usable / UNIT) as u16;
        let list = if usable == 0 || block.header().flags & EVACUATING != 0 {
            NOWHERE
        } else {
            lists::room(usable, E::Granule::SHIFT)
        };
        if membership.lists[Kind::Room as usize] != list {
            self.move_to(shelf, number, descriptor, Kind::Room, list);
        }
    }

    /// Takes a block whose lock is held out of all lists.
    fn unlist(&self, shelf: &mut Shelf, number: u32, descriptor: &Descriptor, block: &mut Block) {
        for kind in [Kind::Room, Kind::Scattered, Kind::Free] {
            self.move_to(shelf, number, descriptor, kind, NOWHERE);
        }
        let Some(membership) = membership(descriptor) else { return };
        // SAFETY: the lock of the lists is held, and the block is formatted.
        shelf.free_units -= usize::from(unsafe { membership.as_ref() }.counted);
        shelf.block_bytes -= block.bytes() as usize;
    }

    /// Moves a block to another list of that kind, or out of all of them; whether it was not there.
    #[inline(always)]
    pub(super) fn move_to(
        &self,
        shelf: &mut Shelf,
        number: u32,
        descriptor: &Descriptor,
        kind: Kind,
        list: u8,
    ) -> bool {
        let Some(mut membership) = membership(descriptor) else { return false };
        // SAFETY: the lock of the lists is held, and the block is formatted; the borrow ends
        // before links of the block are touched.
        let lists = unsafe { &mut membership.as_mut().lists };
        let before = core::mem::replace(&mut lists[kind as usize], list);
        if before == list {
            return false;
        }
        let heads = &mut shelf.heads[kind as usize];
        if before != NOWHERE {
            heads.remove(&mut TableLinks(&self.table), kind, before, number);
        }
        if list != NOWHERE {
            heads.push(&mut TableLinks(&self.table), kind, list, number);
        }
        true
    }

    /// Frames given back of those that no block needs: of one order at a time, all but one block
    /// where that one is less than 1/128 of the pool, or all.
    pub(super) fn give_back(&self, all: bool) -> usize {
        let mut shelf = self.shelf.lock(&self.env);
        let Some(order) = shelf.surplus_order() else { return 0 };
        let spare = !all && self.pages.load(Ordering::Relaxed) >> order >= 2 * BLOCKS_OF_A_POOL;
        if spare {
            // One ready block stays on top.
            let top = shelf.take_surplus();
            let freed = self.shed(&mut shelf);
            if let Some((frames, order)) = top {
                shelf.put_surplus(frames, order);
            }
            return freed;
        }
        self.shed(&mut shelf)
    }
}
