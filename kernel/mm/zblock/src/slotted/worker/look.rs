//! Looking at blocks in which something was freed: what is left of them?

use core::ptr::NonNull;
use core::sync::atomic::Ordering;

use zpool::Env;

use super::super::block::Block;
use super::super::entry::UNIT;
use super::super::front::{EVACUATING, STUCK};
use super::super::lists::NOWHERE;
use super::super::pool::Slotted;
use super::super::state::{Snapshot, Use};
use super::super::table::Descriptor;
use super::Progress;
use super::effort::{LOOK, LOOK_AT_PAGE, Step};

/// Whether an allocation has the block for itself, which places its first object.
fn is_being_opened(block: Block) -> bool {
    let front = block.front();
    front.list.load(Ordering::Relaxed) == NOWHERE && !front.has(EVACUATING)
}

/// What was found in a block.
enum Looked {
    /// Objects; so many entries were passed in search of a hole.
    InUse(usize),
    /// None; whether it was retired.
    Empty(bool),
}

impl<E: Env> Slotted<E> {
    /// Looks at up to `count` blocks, or two pages of their own for each: takes account of what was
    /// freed, retires empty ones.
    pub(super) fn look(&self, progress: &mut Progress, step: &mut Step<'_>, count: usize) {
        let mut halves = 2 * count;
        while halves > 0 {
            if progress.pending == 0 {
                if self.freed.is_empty() {
                    return;
                }
                progress.pending = self.freed.take();
            }
            let number = progress.pending;
            let Some(descriptor) = self.table.get(number) else { return };
            progress.pending = descriptor.link.load(Ordering::Relaxed);
            // From here on whoever frees something in it queues it again.
            let seen = descriptor.state.take_freed();
            let page = seen.usage() == Use::Single;
            halves = halves.saturating_sub(if page { 1 } else { 2 });
            step.spend(if page { LOOK_AT_PAGE } else { LOOK });
            let retired = match seen.usage() {
                Use::Nothing => continue,
                Use::Single => self.retire(number, descriptor),
                Use::Slotted => match self.look_at(progress, number, descriptor, seen) {
                    Looked::InUse(visited) => {
                        step.spend(visited);
                        true
                    }
                    Looked::Empty(retired) => retired,
                },
            };
            if !retired {
                // Someone follows a stale handle just now.
                descriptor.link.store(progress.pending, Ordering::Relaxed);
                progress.pending = number;
            }
        }
    }

    /// More blocks wait to be looked at.
    pub(super) fn unseen(&self, progress: &Progress) -> bool {
        progress.pending != 0 || !self.freed.is_empty()
    }

    /// Looks at a block.
    fn look_at(
        &self,
        progress: &mut Progress,
        number: u32,
        descriptor: &Descriptor,
        seen: Snapshot,
    ) -> Looked {
        // SAFETY: the frames are a block, and only background work retires it.
        let Some(block) = (unsafe { Descriptor::block(seen) }) else { return Looked::InUse(0) };
        self.own(block);
        let front = block.front();
        front.clear(STUCK);
        front.add_holes(seen.freed());
        self.offered.fetch_add((seen.freed() * UNIT) as usize, Ordering::Relaxed);
        if progress.pass.is_some_and(|(slid, _)| slid == number) {
            // Where it had got to may be gone.
            progress.pass = None;
        }
        if front.live_units() != 0 {
            // Nothing is allocated in a block that is being emptied.
            let emptied = front.has(EVACUATING);
            let visited = if emptied { 0 } else { block.open_freed() };
            self.disown(progress, block);
            return Looked::InUse(visited);
        }
        self.delist(progress, block);
        if progress.source == number {
            progress.source = 0;
            progress.emptied += 1;
        }
        let (bytes, balance) = (block.bytes() as usize, block.balance());
        descriptor.stamp.set(front.generation_seen());
        let retired = self.retire(number, descriptor);
        if retired {
            self.block_bytes.fetch_sub(bytes, Ordering::Relaxed);
            self.offered.fetch_sub(balance as usize, Ordering::Relaxed);
        }
        Looked::Empty(retired)
    }

    /// Takes the frames of a descriptor whose objects are gone, unless somebody is inside.
    fn retire(&self, number: u32, descriptor: &Descriptor) -> bool {
        let Some(seen) = descriptor.state.retire() else { return false };
        let frames = core::ptr::with_exposed_provenance_mut(seen.address());
        if let Some(frames) = NonNull::new(frames) {
            self.put_back(number, frames, seen.order());
        }
        true
    }

    /// Ends a block that is kept ready where the pool has become too small for that; whether there
    /// was one.
    pub(super) fn surrender(&self, progress: &mut Progress) -> bool {
        let Some(block) = self.superfluous() else { return false };
        let number = block.front().number.load(Ordering::Relaxed);
        let Some(descriptor) = self.table.get(number) else { return false };
        if let Looked::Empty(false) =
            self.look_at(progress, number, descriptor, descriptor.state.seen())
        {
            // Someone follows a stale handle just now: it stays ready.
            self.disown(progress, block);
        }
        true
    }

    /// Lets every block be tried again, and ends those that are kept empty.
    pub(super) fn reconsider(&self, progress: &mut Progress) {
        for number in 1..self.table.used() {
            let Some(descriptor) = self.table.get(number) else { continue };
            let seen = descriptor.state.seen();
            // What waits to be looked at is left there: its link leads to the others.
            let waits = seen.freed() != 0 || number == progress.pending;
            // So is a block that an allocation has just opened, and not listed yet: it is not ours.
            let known = !waits && self.block(number).is_some_and(|block| !is_being_opened(block));
            if known && let Looked::Empty(false) = self.look_at(progress, number, descriptor, seen)
            {
                // Someone follows a stale handle just now: it stays ready.
                self.block(number).into_iter().for_each(|block| self.disown(progress, block));
            }
        }
    }
}
