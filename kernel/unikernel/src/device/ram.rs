//! A reserved part of RAM as a device that holds pages.

use alloc::vec::Vec;
use core::ptr::NonNull;

use paging::TranslationGranule;
use zswap::{Tier, TierError};

use crate::memory::frames::Frames;

/// Binary logarithm of the frames of a block: the largest that can be had.
const ORDER: u32 = buddy::MAX_ORDER;

/// Blocks of page frames that were taken at boot, for good.
pub struct RamTier {
    blocks: Vec<Block>,
    page_size: usize,
    slots: usize,
}

/// First byte of a block.
struct Block(NonNull<u8>);

// SAFETY: the memory belongs to the tier, and a slot is used by one thread at a time.
unsafe impl Send for Block {}
// SAFETY: as above.
unsafe impl Sync for Block {}

impl RamTier {
    /// Takes `bytes` bytes, rounded up to blocks; `None` when there are not as many.
    pub fn new<G: TranslationGranule>(frames: &Frames<G>, bytes: u64) -> Option<Self> {
        let slots = usize::try_from(bytes).ok()?.div_ceil(G::SIZE);
        let count = slots.div_ceil(1 << ORDER);
        let mut blocks = Vec::new();
        blocks.try_reserve_exact(count).ok()?;
        for _ in 0..count {
            blocks.push(Block(frames.reserve(ORDER)?));
        }
        Some(Self { blocks, page_size: G::SIZE, slots })
    }

    fn page(&self, slot: usize) -> Result<*mut u8, TierError> {
        let block = self.blocks.get(slot >> ORDER).ok_or(TierError)?;
        // SAFETY: the block has 2^ORDER pages.
        Ok(unsafe { block.0.as_ptr().add((slot % (1 << ORDER)) * self.page_size) })
    }
}

impl Tier for RamTier {
    fn slots(&self) -> usize {
        self.slots
    }

    fn read(&self, slot: usize, page: &mut [u8]) -> Result<(), TierError> {
        let stored = self.page(slot)?;
        // SAFETY: a page of the tier, which no slice refers to; the caller uses the slot alone.
        unsafe { core::ptr::copy_nonoverlapping(stored, page.as_mut_ptr(), page.len()) };
        Ok(())
    }

    fn write(&self, slot: usize, page: &[u8]) -> Result<(), TierError> {
        let stored = self.page(slot)?;
        // SAFETY: as above.
        unsafe { core::ptr::copy_nonoverlapping(page.as_ptr(), stored, page.len()) };
        Ok(())
    }
}
