//! Sliding: objects of one block move up over holes, so that the gap grows.

use core::sync::atomic::Ordering;

use zpool::{Env, Masked};

use super::super::block::Slid;
use super::super::lists::{Kind, NOWHERE};
use super::super::pool::Slotted;
use super::Progress;

/// Entries that one step passes, and blocks.
const VISITED: usize = 16;
const BLOCKS_SLID: usize = 2;
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
        thorough: bool,
    ) -> (usize, bool) {
        let (mut copied, mut visits, mut any) = (0, VISITED, false);
        for _ in 0..BLOCKS_SLID {
            let Some((number, mut pass)) =
                progress.pass.take().or_else(|| self.pick(progress, thorough))
            else {
                break;
            };
            let Some(block) = self.block(number) else { break };
            any = true;
            self.own(block);
            let mut slid = Slid::default();
            while slid.visited < visits && slid.won.is_none() && !slid.full {
                // One object at a time: others may run in between.
                let _masked = Masked::new(&self.env);
                slid.add(block.slide(&mut pass, most - copied - slid.bytes, 1));
            }
            self.disown(progress, block);
            copied += slid.bytes;
            visits -= slid.visited;
            let stuck = slid.bytes == 0 && copied == 0 && most >= Self::SLOTTED_MAX && visits != 0;
            match slid.won {
                Some(won) if won != 0 => {}
                None if !stuck => progress.pass = Some((number, pass)),
                // Nothing of it can be moved: out of the way of others, until someone frees
                // something in it.
                _ => _ = self.move_to(progress, block, Kind::Scattered, NOWHERE),
            }
            if visits == 0 || progress.pass.is_some() {
                break;
            }
        }
        (copied, any)
    }

    /// The block that is worth it most.
    fn pick(&self, progress: &Progress, thorough: bool) -> Option<(u32, super::Pass)> {
        let (least, share) = if thorough { (0, 0) } else { (WORTH_SLIDING, SLIDING_RESTS) };
        if self.free_bytes() <= self.block_bytes.load(Ordering::Relaxed) / 1024 * share {
            return None;
        }
        let (number, list) = progress.heads[Kind::Scattered as usize].last()?;
        let block = self.block(number)?;
        (list >= least).then(|| (number, block.pass()))
    }
}
