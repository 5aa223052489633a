//! What is free, and in what pieces.

use crate::MAX_ORDER;

/// A snapshot of an allocator, from [`Buddy::statistics`](crate::Buddy::statistics).
///
/// Frames are of the allocator's page size.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Statistics {
    /// Free blocks of each order.
    pub free_blocks: [usize; MAX_ORDER as usize + 1],
    /// Frames in free blocks.
    pub free_frames: usize,
    /// Frames in reserved holes, the frame array's own among them if it was declared reserved.
    pub reserved_frames: usize,
    /// All frames of all RAM ranges: free, reserved and handed out.
    pub total_frames: usize,
}

impl Statistics {
    /// Frames that are handed out.
    #[must_use]
    pub const fn allocated_frames(&self) -> usize {
        self.total_frames - self.reserved_frames - self.free_frames
    }

    /// The largest order that can be allocated now; `None` if nothing is free.
    #[must_use]
    pub fn largest_free_order(&self) -> Option<u32> {
        (0..=MAX_ORDER).rev().find(|order| self.free_blocks[*order as usize] > 0)
    }

    /// Fragmentation as seen by requests of one order: the share of free memory that is in
    /// blocks too small for them, in thousandths, rounded to nearest.
    ///
    /// 0 means that all free memory can serve the order, 1000 that none can (also when nothing
    /// is free). This is the *unusable free space index* of Gorman and Whitcroft, "The What, The
    /// Why and the Where To of Anti-Fragmentation" (Ottawa Linux Symposium 2006), which Linux
    /// shows as `unusable_index`: with `k[i]` free blocks of order `i`,
    /// `(F - sum over i >= order of k[i] * 2^i) / F`, where `F` is the number of free frames.
    /// Takes at most [`MAX_ORDER`] + 1 steps.
    #[must_use]
    pub fn unusable_free_permille(&self, order: u32) -> u32 {
        if self.free_frames == 0 {
            return 1000;
        }
        let usable: usize =
            (order..=MAX_ORDER).map(|order| self.free_blocks[order as usize] << order).sum();
        let unusable = self.free_frames - usable;
        ((unusable as u64 * 1000 + self.free_frames as u64 / 2) / self.free_frames as u64) as u32
    }
}
