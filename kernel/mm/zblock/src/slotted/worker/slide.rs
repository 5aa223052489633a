//! Sliding: objects of one block move up over holes, so that the gap grows.

use core::sync::atomic::Ordering;

use zpool::{Env, Granule, Masked, Work};

use super::super::block::Slid;
use super::super::entry::UNIT;
use super::super::lists::{Kind, LISTS_OF_A_PAGE, NOWHERE};
use super::super::pool::Slotted;
use super::Progress;
use super::effort::{COPY, PIECE, SLIDING, Step};

/// Entries passed before others may run in between.
const VISITED_AT_ONCE: usize = 4;
/// Blocks are slid from this list of [`Kind::Scattered`] on: 1/32 of a page scattered.
const WORTH_SLIDING: u8 = 1;
/// Sliding rests while less than this many 1/1024 of the blocks' bytes are free.
const SLIDING_RESTS: usize = 8;

impl<E: Env> Slotted<E> {
    /// Goes on sliding the block it was at, or the one with the most scattered bytes; whether there
    /// was one, as far as is known.
    pub(super) fn slide(
        &self,
        progress: &mut Progress,
        step: &mut Step<'_>,
        work: &mut Work,
    ) -> bool {
        if step.effort <= SLIDING + PIECE + COPY {
            return true;
        }
        let thorough = step.thorough;
        let Some((number, mut pass)) =
            progress.pass.take().or_else(|| self.pick(progress, thorough))
        else {
            return false;
        };
        let Some(block) = self.block(number) else { return false };
        let list = E::Granule::SIZE as u32 / LISTS_OF_A_PAGE / UNIT;
        let worth = if thorough { 1 } else { list };
        self.own(block);
        step.spend(SLIDING);
        let mut slid = Slid::default();
        while step.effort > PIECE + COPY && slid.won.is_none() && !slid.full {
            let visits = VISITED_AT_ONCE.min(step.effort - PIECE - COPY);
            // One object at a time: others may run in between.
            let _masked = Masked::new(&self.env);
            let next = block.slide(&mut pass, step.budget.bytes - slid.bytes, visits, worth);
            step.spend(PIECE + next.visited + if next.bytes == 0 { 0 } else { COPY });
            slid.add(next);
        }
        self.disown(progress, block);
        match slid.won {
            None => progress.pass = Some((number, pass)),
            // Nothing of it can be moved: out of the way of others, until someone frees something
            // in it.
            Some(0) => progress.move_to(block, Kind::Scattered, NOWHERE),
            Some(_) => {}
        }
        step.budget.bytes -= slid.bytes;
        work.bytes += slid.bytes;
        work.more = true;
        true
    }

    /// The block that is worth it most.
    fn pick(&self, progress: &Progress, thorough: bool) -> Option<(u32, super::Pass)> {
        let (least, share) = if thorough { (0, 0) } else { (WORTH_SLIDING, SLIDING_RESTS) };
        if self.free_bytes() <= self.block_bytes.load(Ordering::Relaxed) / 1024 * share {
            return None;
        }
        let (block, list) = progress.heads[Kind::Scattered as usize].last()?;
        let number = block.front().number.load(Ordering::Relaxed);
        (list >= least).then(|| (number, block.pass()))
    }
}
