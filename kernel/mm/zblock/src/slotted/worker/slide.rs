//! Sliding: objects of one block move up over holes, so that the gap grows.

use core::sync::atomic::Ordering;

use zpool::{Env, Granule, Masked};

use super::super::block::Slid;
use super::super::entry::UNIT;
use super::super::lists::{Kind, LISTS_OF_A_PAGE, NOWHERE};
use super::super::pool::Slotted;
use super::Progress;

/// Entries that one step passes.
const VISITED: usize = 12;
/// As many fewer for each block that it has looked at.
const VISITED_LESS: usize = 3;
/// Blocks are slid from this list of [`Kind::Scattered`] on: 1/32 of a page scattered.
const WORTH_SLIDING: u8 = 1;
/// Sliding rests while less than this many 1/1024 of the blocks' bytes are free.
const SLIDING_RESTS: usize = 8;

impl<E: Env> Slotted<E> {
    /// Goes on sliding the block it was at, or the one with the most scattered bytes; how many
    /// bytes were copied, and whether there was one.
    pub(super) fn slide(
        &self,
        progress: &mut Progress,
        most: usize,
        looked: usize,
        thorough: bool,
    ) -> (usize, bool) {
        let Some((number, mut pass)) =
            progress.pass.take().or_else(|| self.pick(progress, thorough))
        else {
            return (0, false);
        };
        let Some(block) = self.block(number) else { return (0, false) };
        let list = E::Granule::SIZE as u32 / LISTS_OF_A_PAGE / UNIT;
        let worth = if thorough { 1 } else { list };
        self.own(block);
        let visits = VISITED - looked * VISITED_LESS;
        let mut slid = Slid::default();
        while slid.visited < visits && slid.won.is_none() && !slid.full {
            // One object at a time: others may run in between.
            let _masked = Masked::new(&self.env);
            slid.add(block.slide(&mut pass, most - slid.bytes, 1, worth));
        }
        self.disown(progress, block);
        match slid.won {
            None => progress.pass = Some((number, pass)),
            // Nothing of it can be moved: out of the way of others, until someone frees something
            // in it.
            Some(0) => progress.move_to(block, Kind::Scattered, NOWHERE),
            Some(_) => {}
        }
        (slid.bytes, true)
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
