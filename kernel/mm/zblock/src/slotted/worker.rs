//! Background work: looking at blocks, sliding, relocating, giving frames back.

use core::cell::UnsafeCell;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicBool, Ordering};

use zpool::{Budget, Env, Granule, Owner, Owners, Work};

use super::block::{Block, EVACUATING, HEADER_UNITS, STUCK, UNIT};
use super::entry::State;
use super::lists::{Kind, NOWHERE};
use super::name::Name;
use super::place::{PATIENCE, Shelf};
use super::pool::{Locked, Slotted};
use super::table::Descriptor;

/// Blocks that one step looks at for what was freed in them.
const LOOKED_AT: usize = 4;
/// Blocks that one step slides, and objects of each.
const BLOCKS_SLID: usize = 2;
const SLID: usize = 16;
/// Objects that an owner may refuse to let go before their block is left alone.
const REFUSALS: usize = 4;

/// Blocks are slid from this list of [`Kind::Scattered`] on: 1/32 of a page scattered in holes.
const WORTH_SLIDING: u8 = 1;
/// Sliding rests while less than this many 1/1024 of the blocks' bytes are free.
const SLIDING_RESTS: usize = 8;
/// Blocks are emptied from this list of [`Kind::Free`] on: 3/64 free.
const WORTH_EMPTYING: u8 = 3;

/// Whoever does background work; one at a time.
pub(super) struct Worker {
    busy: AtomicBool,
    state: UnsafeCell<Progress>,
}

// SAFETY: `busy` lets one thread at a time reach the state.
unsafe impl Sync for Worker {}

/// Where background work has got to.
struct Progress {
    /// The block being emptied; zero if none is.
    source: u32,
    /// Objects of it that stayed.
    refusals: usize,
}

/// The right to do background work.
struct Shift<'a> {
    worker: &'a Worker,
}

impl Drop for Shift<'_> {
    fn drop(&mut self) {
        self.worker.busy.store(false, Ordering::Release);
    }
}

impl Shift<'_> {
    fn progress(&mut self) -> &mut Progress {
        // SAFETY: the shift is the only one while `busy` is set, and it is borrowed.
        unsafe { &mut *self.worker.state.get() }
    }
}

impl Worker {
    pub(super) const fn new() -> Self {
        Self {
            busy: AtomicBool::new(false),
            state: UnsafeCell::new(Progress { source: 0, refusals: 0 }),
        }
    }

    fn begin(&self) -> Option<Shift<'_>> {
        // Not `then_some`: a shift that is dropped ends the one in progress.
        (!self.busy.swap(true, Ordering::Acquire)).then(|| Shift { worker: self })
    }
}

/// What came of an attempt to relocate an object.
enum Outcome {
    Moved(usize),
    /// It was the last one of its block.
    Emptied(usize),
    /// The owner kept the old handle; the bytes were copied in vain.
    Refused(usize),
    /// The block cannot be emptied now.
    GivenUp,
    /// No block is worth being emptied.
    Nothing,
}

impl<E: Env> Slotted<E> {
    /// One bounded step.
    pub(super) fn step(&self, budget: Budget, owners: &dyn Owners) -> Work {
        let Some(mut shift) = self.worker.begin() else {
            return Work { more: true, ..Work::default() };
        };
        self.step_of(&mut shift, budget, owners, false)
    }

    /// Steps until nothing is left to do.
    pub(super) fn run(&self, owners: &dyn Owners) -> Work {
        let mut total = Work::default();
        let Some(mut shift) = self.worker.begin() else { return total };
        self.reconsider();
        loop {
            let budget = Budget { bytes: 2 * E::Granule::SIZE, objects: 1 };
            let work = self.step_of(&mut shift, budget, owners, true);
            total += work;
            if !work.more {
                return total;
            }
        }
    }

    fn step_of(
        &self,
        shift: &mut Shift<'_>,
        budget: Budget,
        owners: &dyn Owners,
        thorough: bool,
    ) -> Work {
        let progress = shift.progress();
        let mut work = Work::default();
        let unseen = {
            let mut shelf = self.shelf.lock(&self.env);
            shelf.patience = PATIENCE;
            self.look(&mut shelf, LOOKED_AT);
            self.unseen(&shelf)
        };
        work.pages = self.give_back(thorough);
        work.more = unseen || work.pages != 0;
        let mut left = budget.bytes;
        if !thorough {
            self.relocate_some(progress, owners, budget, &mut left, thorough, &mut work);
        }
        for _ in 0..BLOCKS_SLID {
            let bytes = self.slide(left, thorough);
            work.bytes += bytes;
            left -= bytes;
            work.more |= bytes != 0;
        }
        if thorough && left == budget.bytes {
            self.relocate_some(progress, owners, budget, &mut left, thorough, &mut work);
        }
        work
    }

    fn relocate_some(
        &self,
        progress: &mut Progress,
        owners: &dyn Owners,
        budget: Budget,
        left: &mut usize,
        thorough: bool,
        work: &mut Work,
    ) {
        for _ in 0..budget.objects {
            match self.relocate(progress, owners, *left, thorough) {
                Outcome::Moved(bytes) | Outcome::Emptied(bytes) | Outcome::Refused(bytes) => {
                    work.objects += 1;
                    work.bytes += bytes;
                    *left -= bytes;
                    work.more = true;
                }
                Outcome::Nothing => {}
                Outcome::GivenUp => work.more = true,
            }
        }
    }

    /// Lets every block be tried again.
    fn reconsider(&self) {
        for number in 1..self.table.used() {
            let Some(descriptor) = self.table.get(number) else { continue };
            let mut shelf = self.shelf.lock(&self.env);
            let mut locked = Locked::new(descriptor, &self.env);
            if let Some(mut block) = locked.block() {
                block.header().flags &= !STUCK;
                self.list(&mut shelf, number, descriptor, &mut block);
            }
        }
    }

    /// Slides objects of the block with the most scattered bytes; how many bytes were copied.
    fn slide(&self, most: usize, thorough: bool) -> usize {
        let number = {
            let mut shelf = self.shelf.lock(&self.env);
            let (least, share) = if thorough { (0, 0) } else { (WORTH_SLIDING, SLIDING_RESTS) };
            if shelf.free_units * UNIT as usize <= shelf.block_bytes / 1024 * share {
                return 0;
            }
            match self.most_scattered(&mut shelf, least) {
                Some(number) => number,
                None => return 0,
            }
        };
        let Some(descriptor) = self.table.get(number) else { return 0 };
        let mut copied = 0;
        for _ in 0..SLID {
            match self.slide_one(descriptor, most - copied) {
                Some(bytes) => copied += bytes,
                None => break,
            }
        }
        let mut shelf = self.shelf.lock(&self.env);
        let mut locked = Locked::nested(descriptor, &self.env);
        if let Some(mut block) = locked.block() {
            self.list(&mut shelf, number, descriptor, &mut block);
            if copied == 0 && most >= Self::SLOTTED_MAX {
                // Nothing of it can be moved: out of the way of others, until someone looks.
                self.move_to(&mut shelf, number, descriptor, Kind::Scattered, NOWHERE);
            }
        }
        copied
    }

    /// The block with the most scattered bytes. Allocations leave blocks in that list though their
    /// holes were used; a few of those are brought to where they belong on the way.
    fn most_scattered(&self, shelf: &mut Shelf, least: u8) -> Option<u32> {
        for _ in 0..LOOKED_AT {
            let number = shelf.top(Kind::Scattered, least)?;
            let descriptor = self.table.get(number)?;
            let mut locked = Locked::nested(descriptor, &self.env);
            let mut block = locked.block()?;
            if self.list(shelf, number, descriptor, &mut block) {
                return Some(number);
            }
        }
        None
    }

    /// Moves one object down into the lowest hole of its block; its bytes.
    fn slide_one(&self, descriptor: &Descriptor, most: usize) -> Option<usize> {
        // Interrupts stay masked while an object is this CPU's own: a handler on this CPU that
        // waited for it would wait for ever.
        let saved = self.env.mask();
        let mut locked = Locked::nested(descriptor, &self.env);
        let slide = locked.block().and_then(|mut block| block.slide_begin(most));
        drop(locked);
        if let Some(slide) = slide {
            // SAFETY: both places are inside the block and this CPU's own until `slide_end`.
            unsafe { slide.to.copy_from(slide.from, slide.length) };
            let mut locked = Locked::nested(descriptor, &self.env);
            if let Some(mut block) = locked.block() {
                block.slide_end(slide);
            }
        }
        self.env.unmask(saved);
        slide.map(|slide| slide.length)
    }

    /// Moves one object out of the block that is being emptied.
    fn relocate(
        &self,
        progress: &mut Progress,
        owners: &dyn Owners,
        most: usize,
        thorough: bool,
    ) -> Outcome {
        if progress.source == 0 && !self.choose(progress, thorough) {
            return Outcome::Nothing;
        }
        let number = progress.source;
        let Some(descriptor) = self.table.get(number) else { return Outcome::Nothing };
        let saved = self.env.mask();
        let outcome = self.relocate_from(progress, owners, most, number, thorough);
        self.env.unmask(saved);
        if let Outcome::Emptied(_) = outcome {
            progress.source = 0;
            self.shelf.lock(&self.env).emptied += 1;
        }
        match outcome {
            Outcome::Emptied(bytes) => return Outcome::Moved(bytes),
            Outcome::Moved(_) => {}
            Outcome::Refused(_) => {
                progress.refusals += 1;
                if progress.refusals == REFUSALS {
                    self.give_up(progress, number, descriptor);
                }
            }
            Outcome::GivenUp | Outcome::Nothing => self.give_up(progress, number, descriptor),
        }
        outcome
    }

    /// Chooses the block to empty.
    fn choose(&self, progress: &mut Progress, thorough: bool) -> bool {
        let mut shelf = self.shelf.lock(&self.env);
        let free = shelf.free_units * UNIT as usize;
        let tolerated = shelf.block_bytes / 1024 * shelf.tolerance;
        let Some(number) = shelf.top(Kind::Free, WORTH_EMPTYING) else { return false };
        let Some(descriptor) = self.table.get(number) else { return false };
        let mut locked = Locked::new(descriptor, &self.env);
        let Some(mut block) = locked.block() else { return false };
        let elsewhere = free.saturating_sub(block.free() as usize);
        let used = block.used() as usize;
        let worthwhile = if thorough {
            used <= elsewhere || Self::shrunk(&mut block).is_some()
        } else {
            used * 5 / 4 + tolerated <= elsewhere
        };
        if !worthwhile {
            return false;
        }
        block.header().flags |= EVACUATING;
        self.list(&mut shelf, number, descriptor, &mut block);
        progress.source = number;
        progress.refusals = 0;
        true
    }

    /// Leaves a block as it is.
    fn give_up(&self, progress: &mut Progress, number: u32, descriptor: &super::table::Descriptor) {
        progress.source = 0;
        let mut shelf = self.shelf.lock(&self.env);
        let mut locked = Locked::new(descriptor, &self.env);
        if let Some(mut block) = locked.block() {
            block.header().flags &= !EVACUATING;
            block.header().flags |= STUCK;
            self.list(&mut shelf, number, descriptor, &mut block);
        }
    }

    /// The order of a new block for objects of this one, if all of them together need fewer pages
    /// than it has.
    fn shrunk(block: &mut Block) -> Option<u32> {
        let page = E::Granule::SIZE as u32;
        let pages = (block.used() + 2 * HEADER_UNITS * UNIT).div_ceil(page);
        (pages * page < block.bytes()).then(|| pages.ilog2())
    }

    fn relocate_from(
        &self,
        progress: &mut Progress,
        owners: &dyn Owners,
        most: usize,
        number: u32,
        thorough: bool,
    ) -> Outcome {
        let Some(descriptor) = self.table.get(number) else { return Outcome::Nothing };
        let mut locked = Locked::new(descriptor, &self.env);
        let Some(mut block) = locked.block() else { return Outcome::GivenUp };
        if block.header().flags & EVACUATING == 0 {
            return Outcome::GivenUp;
        }
        let Some(leaving) = block.leave(progress.refusals) else { return Outcome::GivenUp };
        let shrunk = Self::shrunk(&mut block);
        drop(locked);
        let placed = {
            let mut shelf = self.shelf.lock(&self.env);
            if leaving.length > most {
                None
            } else {
                let owner = Owner(leaving.owner);
                let found = self.fit(&mut shelf, leaving.length, owner);
                match (found, shrunk) {
                    (None, Some(order)) if thorough => {
                        let made = self.new_block(&mut shelf, order);
                        made.ok().and_then(|_| self.fit(&mut shelf, leaving.length, owner))
                    }
                    (found, _) => found,
                }
            }
        };
        let Some(placed) = placed else {
            let mut locked = Locked::new(descriptor, &self.env);
            if let Some(mut block) = locked.block() {
                block.stay(leaving.entry);
            }
            return Outcome::GivenUp;
        };
        if !self.fill(placed.name, leaving.bytes, leaving.length) {
            self.settle(
                Name { number, index: leaving.entry, generation: leaving.generation },
                true,
            );
            return Outcome::GivenUp;
        }
        let old = Name { number, index: leaving.entry, generation: leaving.generation };
        let moved = match (old.handle(), placed.name.handle()) {
            (Some(old), Some(new)) => owners.relocated(Owner(leaving.owner), old, new),
            _ => false,
        };
        if moved {
            progress.refusals = 0;
            if self.settle(old, false) {
                Outcome::Emptied(leaving.length)
            } else {
                Outcome::Moved(leaving.length)
            }
        } else {
            self.settle(placed.name, false);
            self.settle(old, true);
            Outcome::Refused(leaving.length)
        }
    }

    /// Copies bytes that are this CPU's own to an object that nobody has heard of yet; false if
    /// someone has guessed its handle and ended it.
    fn fill(&self, name: Name, bytes: NonNull<u8>, length: usize) -> bool {
        let Some(descriptor) = self.table.get(name.number) else { return false };
        let mut locked = Locked::nested(descriptor, &self.env);
        let Some(mut block) = locked.block() else { return false };
        match block.find(name.index, name.generation) {
            Some(entry) if entry.state() == State::Live && entry.pins() == 0 => {}
            _ => return false,
        }
        block.seize(name.index);
        let data = block.data_of(name.index);
        drop(locked);
        // SAFETY: both places have that many bytes and are this CPU's own; they are in different
        // blocks, since a block that is being emptied is not allocated from.
        unsafe { data.copy_from_nonoverlapping(bytes, length) };
        self.settle(name, true);
        true
    }

    /// Makes an object that is this CPU's own everybody's again, or ends it; whether it was the
    /// last one of its block.
    fn settle(&self, name: Name, stays: bool) -> bool {
        let Some(descriptor) = self.table.get(name.number) else { return false };
        let mut locked = Locked::new(descriptor, &self.env);
        let Some(mut block) = locked.block() else { return false };
        if stays {
            block.stay(name.index);
        } else {
            block.release(name.index);
            self.mark(descriptor, name.number, &mut block);
        }
        block.live() == 0
    }
}
