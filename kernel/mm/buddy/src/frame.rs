//! What is kept for each page frame.

#[cfg(not(loom))]
use core::sync::atomic::{AtomicU32, Ordering};
#[cfg(loom)]
use loom::sync::atomic::{AtomicU32, Ordering};

/// State of one page frame: 8 bytes, that is 0.2 % of RAM at 4 KiB and 0.05 % at 16 KiB.
///
/// Only the first frame of a block says what the block is; the others are "interior". So splitting
/// or merging by one order writes a handful of entries, whatever the size of the blocks.
///
/// Aligned to 4 bytes, without padding; every bit pattern is a valid value, so RAM that holds
/// anything can be lent as a frame array. [`Buddy::new`](crate::Buddy::new) overwrites it.
///
/// The words are atomic because a frame goes to a CPU's cache and comes from it without the lock
/// of the lists ([`FrameCaches`](crate::FrameCaches)). Everything else is written under that lock.
#[derive(Debug, Default)]
#[repr(C)]
pub struct FrameInfo {
    /// Bits 31..28: the state; bits 27..0: next block in the free list, or the order of a block
    /// that was handed out.
    state_and_next: AtomicU32,
    /// Bits 31..28: the order; bits 27..0: previous block in the free list.
    order_and_previous: AtomicU32,
}

#[cfg(not(loom))]
const _: () = assert!(size_of::<FrameInfo>() == 8);

const LINK_BITS: u32 = 28;
const LINK_MASK: u32 = (1 << LINK_BITS) - 1;

const STATE_RESERVED: u32 = 0;
const STATE_INTERIOR: u32 = 1;
const STATE_FREE: u32 = 2;
const STATE_ALLOCATED: u32 = 3;
const STATE_CACHED: u32 = 4;

/// The link that leads nowhere; also the number of frames that can be told apart.
pub(crate) const NO_FRAME: u32 = LINK_MASK;

/// What a frame is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum FrameState {
    /// In a hole: never handed out, never merged.
    Reserved,
    /// Not the first frame of its block.
    Interior,
    /// First frame of a free block of this order.
    Free(u32),
    /// First frame of a block of this order that was handed out.
    Allocated(u32),
    /// Free, in the cache of a CPU or on its way.
    Cached,
}

impl FrameInfo {
    pub(crate) fn set_reserved(&self) {
        self.set(STATE_RESERVED << LINK_BITS, 0);
    }

    pub(crate) fn set_interior(&self) {
        self.set(STATE_INTERIOR << LINK_BITS, 0);
    }

    pub(crate) fn set_allocated(&self, order: u32) {
        self.state_and_next.store(STATE_ALLOCATED << LINK_BITS | order, Ordering::Relaxed);
    }

    pub(crate) fn set_cached(&self) {
        self.state_and_next.store(STATE_CACHED << LINK_BITS, Ordering::Relaxed);
    }

    /// The first frame of a free block that becomes the head of its list.
    pub(crate) fn set_free(&self, order: u32, next: u32) {
        self.set(STATE_FREE << LINK_BITS | next, order << LINK_BITS | NO_FRAME);
    }

    /// From handed out with order 0 to cached, in one step; false if it was anything else.
    pub(crate) fn try_cache(&self) -> bool {
        let (allocated, cached) = (STATE_ALLOCATED << LINK_BITS, STATE_CACHED << LINK_BITS);
        let word = &self.state_and_next;
        word.compare_exchange(allocated, cached, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    pub(crate) fn state(&self) -> FrameState {
        let word = self.state_and_next.load(Ordering::Relaxed);
        match word >> LINK_BITS {
            STATE_RESERVED => FrameState::Reserved,
            STATE_INTERIOR => FrameState::Interior,
            STATE_FREE => {
                FrameState::Free(self.order_and_previous.load(Ordering::Relaxed) >> LINK_BITS)
            }
            STATE_ALLOCATED => FrameState::Allocated(word & LINK_MASK),
            _ => FrameState::Cached,
        }
    }

    pub(crate) fn next(&self) -> u32 {
        self.state_and_next.load(Ordering::Relaxed) & LINK_MASK
    }

    pub(crate) fn previous(&self) -> u32 {
        self.order_and_previous.load(Ordering::Relaxed) & LINK_MASK
    }

    pub(crate) fn set_next(&self, next: u32) {
        replace_link(&self.state_and_next, next);
    }

    pub(crate) fn set_previous(&self, previous: u32) {
        replace_link(&self.order_and_previous, previous);
    }

    fn set(&self, state_and_next: u32, order_and_previous: u32) {
        self.state_and_next.store(state_and_next, Ordering::Relaxed);
        self.order_and_previous.store(order_and_previous, Ordering::Relaxed);
    }
}

/// A frame array is made of equal entries, such as `vec![FrameInfo::default(); frames]`.
impl Clone for FrameInfo {
    fn clone(&self) -> Self {
        let copy = |word: &AtomicU32| AtomicU32::new(word.load(Ordering::Relaxed));
        Self {
            state_and_next: copy(&self.state_and_next),
            order_and_previous: copy(&self.order_and_previous),
        }
    }
}

/// Under the lock of the lists: nobody else writes a word that has a link.
fn replace_link(word: &AtomicU32, link: u32) {
    let rest = word.load(Ordering::Relaxed) & !LINK_MASK;
    word.store(rest | link, Ordering::Relaxed);
}
