//! Relocating: objects of nearly empty blocks move to others, one at a time.

use core::sync::atomic::Ordering;

use zpool::{Env, Granule, Handle, Masked, Owner, Work};

use super::super::block::{Block, Leaving};
use super::super::entry::{Entry, NIL, units};
use super::super::front::{EVACUATING, FRONT_BYTES, STUCK};
use super::super::lists::{self, Kind};
use super::super::name::Name;
use super::super::pool::Slotted;
use super::super::stamp::State;
use super::effort::{CHOICE, RELOCATED, RELOCATION, SLIDING, Step};
use super::{Progress, REFUSALS};

/// Blocks are emptied from this list of [`Kind::Free`] on: 3/64 free, or 1/64 in compaction.
const WORTH_EMPTYING: u8 = 3;
const COMPACTED: u8 = 1;

/// What came of an attempt to relocate an object: bytes copied and entries passed to find it.
enum Outcome {
    Moved(usize, usize),
    /// The owner kept the old handle; the bytes were copied in vain.
    Refused(usize, usize),
    /// The block cannot be emptied now.
    GivenUp,
}

impl<E: Env> Slotted<E> {
    /// Relocates as many objects as the step may.
    pub(super) fn relocate_some(
        &self,
        progress: &mut Progress,
        step: &mut Step<'_>,
        work: &mut Work,
    ) {
        for _ in 0..step.budget.objects {
            // Objects are tried with room for the longest only: what fails is left alone for long.
            let enough = step.effort >= RELOCATION && step.budget.bytes >= E::Granule::SIZE;
            if !enough || progress.source == 0 && !self.choose(progress, step, work) {
                return;
            }
            let Some(block) = self.block(progress.source) else { return };
            if block.front().first.get() == NIL {
                // Emptied; the next look retires it.
                progress.source = 0;
                progress.emptied += 1;
                return;
            }
            let outcome = {
                let _masked = Masked::new(&self.env);
                self.relocate_from(progress, step, block)
            };
            work.more = true;
            match outcome {
                Outcome::Moved(bytes, visited) | Outcome::Refused(bytes, visited) => {
                    step.spend(RELOCATED + visited);
                    work.objects += 1;
                    work.bytes += bytes;
                    step.budget.bytes -= bytes;
                }
                Outcome::GivenUp => step.spend(RELOCATION),
            }
            match outcome {
                Outcome::Moved(..) => progress.refusals = 0,
                Outcome::Refused(..) if progress.refusals + 1 < REFUSALS => progress.refusals += 1,
                Outcome::Refused(..) | Outcome::GivenUp => {
                    step.spend(SLIDING);
                    self.give_up(progress, block);
                }
            }
        }
    }

    /// Chooses the block to empty.
    fn choose(&self, progress: &mut Progress, step: &mut Step<'_>, work: &mut Work) -> bool {
        let thorough = step.thorough;
        let tolerated = self.block_bytes.load(Ordering::Relaxed) / 1024 * progress.tolerance;
        if !thorough && self.free_bytes() <= tolerated {
            return false;
        }
        let Some((block, list)) = progress.heads[Kind::Free as usize].last() else {
            return false;
        };
        if list < if thorough { COMPACTED } else { WORTH_EMPTYING } {
            return false;
        }
        step.spend(CHOICE);
        self.own(block);
        // Allocations leave blocks in their list: then it goes to where it belongs first.
        let listed = lists::free(block.free(), block.bytes()) >= list;
        let chosen = listed && self.begin_emptying(progress, block, thorough);
        self.disown(progress, block);
        work.more |= !listed;
        chosen && step.effort >= RELOCATION
    }

    /// Chooses this block of our own if its objects fit elsewhere.
    fn begin_emptying(&self, progress: &mut Progress, block: Block, thorough: bool) -> bool {
        let number = block.front().number.load(Ordering::Relaxed);
        let free = self.free_bytes();
        let tolerated = self.block_bytes.load(Ordering::Relaxed) / 1024 * progress.tolerance;
        let elsewhere = free.saturating_sub(block.free() as usize);
        let used = block.used() as usize;
        let worthwhile = if thorough {
            used <= elsewhere || Self::shrunk(block).is_some()
        } else {
            used * 5 / 4 + tolerated <= elsewhere
        };
        if !worthwhile {
            return false;
        }
        block.front().set(EVACUATING);
        if progress.pass.is_some_and(|(slid, _)| slid == number) {
            progress.pass = None;
        }
        progress.source = number;
        progress.refusals = 0;
        true
    }

    /// Leaves a block as it is.
    fn give_up(&self, progress: &mut Progress, block: Block) {
        progress.source = 0;
        block.front().clear(EVACUATING);
        block.front().set(STUCK);
        self.disown(progress, block);
    }

    /// The order of a new block for objects of this one, if all of them together need fewer pages
    /// than it has.
    fn shrunk(block: Block) -> Option<u32> {
        let page = E::Granule::SIZE as u32;
        let pages = (block.used() + 2 * FRONT_BYTES).div_ceil(page);
        (pages * page < block.bytes()).then(|| pages.ilog2())
    }

    /// Moves one object out of a block of our own.
    fn relocate_from(&self, progress: &Progress, step: &Step<'_>, block: Block) -> Outcome {
        let Some(leaving) = block.leave(progress.refusals) else { return Outcome::GivenUp };
        let entry = block.entry(leaving.index);
        let Some(new) = self.copy(&leaving, block, step) else {
            entry.stamp.set(leaving.seen.live());
            return Outcome::GivenUp;
        };
        let number = block.front().number.load(Ordering::Relaxed);
        let old = Name { number, index: leaving.index, generation: leaving.seen.generation() };
        let told = step.owners.relocated(Owner(leaving.owner), old.handle(), new);
        self.decide(Name::of(new), told);
        let length = leaving.length as usize;
        if !told {
            entry.stamp.set(leaving.seen.live());
            return Outcome::Refused(length, leaving.visited);
        }
        entry.stamp.set(leaving.seen.dead());
        self.count_freed(old, leaving.length);
        Outcome::Moved(length, leaving.visited)
    }

    /// Copies an object of our own to a place elsewhere, which stays our own too.
    fn copy(&self, leaving: &Leaving, block: Block, step: &Step<'_>) -> Option<Handle> {
        let length = leaving.length;
        if length as usize > step.budget.bytes {
            return None;
        }
        let found = self.place_beside(length, leaving.owner, State::Moving);
        let new = match (found, Self::shrunk(block)) {
            (None, Some(order)) if step.thorough => {
                self.place_in_new(order, length, leaving.owner, State::Moving).ok()
            }
            (found, _) => found,
        }?;
        let name = Name::of(new);
        let to = self.block(name.number)?;
        let data = to.byte(to.entry(name.index).place().offset());
        // SAFETY: both places have that many bytes and are this CPU's own; they are in different
        // blocks, since a block that is being emptied is not allocated from.
        unsafe { data.copy_from_nonoverlapping(leaving.bytes, length as usize) };
        Some(new)
    }

    /// Makes the copy an object for everybody, or ends it.
    fn decide(&self, new: Name, stays: bool) {
        let Some(block) = self.block(new.number) else { return };
        let entry: &Entry = block.entry(new.index);
        let seen = entry.stamp.seen();
        if stays {
            entry.stamp.set(seen.live());
        } else {
            let length = entry.place().length(seen);
            entry.stamp.set(seen.dead());
            self.count_freed(new, length);
        }
    }

    /// Counts what an object of our own leaves behind.
    fn count_freed(&self, name: Name, length: u32) {
        let Some(descriptor) = self.table.get(name.number) else { return };
        descriptor.state.enter();
        if descriptor.state.leave_freed(units(length)) {
            self.freed.push(name.number, |next| descriptor.link.store(next, Ordering::Relaxed));
        }
    }
}
