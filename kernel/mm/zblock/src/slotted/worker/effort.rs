//! What a step of background work may do, and what its parts cost.
//!
//! Effort is counted in entries passed while sliding, 50 instructions each at most. Costs are the
//! worst that the parts were seen to take in the image, on any page size; what is copied comes on
//! top.

use zpool::{Budget, Owners};

/// Of a step.
pub(super) const EFFORT: usize = 44;
/// Looking at a block, besides entries passed below its newest hole.
pub(super) const LOOK: usize = 7;
/// Looking at a page of its own.
pub(super) const LOOK_AT_PAGE: usize = 4;
/// Giving the frames of one block back, which may merge up through all orders.
pub(super) const GIVING: usize = 20;
/// Having a block ready, and a descriptor for the next one.
pub(super) const RESERVE: usize = 22;
/// Ending a block that was ready.
pub(super) const SURRENDER: usize = 16;
/// Choosing a block to empty.
pub(super) const CHOICE: usize = 8;
/// Relocating an object, whatever comes of it.
pub(super) const RELOCATION: usize = 18;
/// Relocating one that was found at once, besides entries passed to find it.
pub(super) const RELOCATED: usize = 10;
/// Taking a block off its shelf and putting it back, to slide in it.
pub(super) const SLIDING: usize = 6;
/// Masking interrupts once.
pub(super) const PIECE: usize = 2;
/// Moving an object inside its block.
pub(super) const COPY: usize = 2;

/// What a step may do still.
pub(super) struct Step<'a> {
    pub(super) budget: Budget,
    pub(super) owners: &'a dyn Owners,
    pub(super) thorough: bool,
    pub(super) effort: usize,
}

impl Step<'_> {
    /// Something took so much effort.
    pub(super) fn spend(&mut self, effort: usize) {
        self.effort = self.effort.saturating_sub(effort);
    }
}
