//! What is kept for each page frame.

/// State of one page frame: 8 bytes, that is 0.2 % of RAM at 4 KiB and 0.05 % at 16 KiB.
///
/// Only the first frame of a block says what the block is; the others are "interior". So splitting
/// or merging by one order writes a handful of entries, whatever the size of the blocks.
///
/// Aligned to 4 bytes, without padding; every bit pattern is a valid value, so RAM that holds
/// anything can be lent as a frame array. [`Buddy::new`](crate::Buddy::new) overwrites it.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub struct FrameInfo {
    /// Bits 31..28: the state; bits 27..0: next block in the free list.
    state_and_next: u32,
    /// Bits 31..28: the order; bits 27..0: previous block in the free list.
    order_and_previous: u32,
}

const _: () = assert!(size_of::<FrameInfo>() == 8);

const LINK_BITS: u32 = 28;
const LINK_MASK: u32 = (1 << LINK_BITS) - 1;

const STATE_RESERVED: u32 = 0;
const STATE_INTERIOR: u32 = 1;
const STATE_FREE: u32 = 2;
const STATE_ALLOCATED: u32 = 3;

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
}

impl FrameInfo {
    pub(crate) const RESERVED: Self =
        Self { state_and_next: STATE_RESERVED << LINK_BITS, order_and_previous: 0 };

    pub(crate) const INTERIOR: Self =
        Self { state_and_next: STATE_INTERIOR << LINK_BITS, order_and_previous: 0 };

    pub(crate) const fn allocated(order: u32) -> Self {
        Self {
            state_and_next: STATE_ALLOCATED << LINK_BITS,
            order_and_previous: order << LINK_BITS,
        }
    }

    /// The first frame of a free block that becomes the head of its list.
    pub(crate) const fn free(order: u32, next: u32) -> Self {
        Self {
            state_and_next: STATE_FREE << LINK_BITS | next,
            order_and_previous: order << LINK_BITS | NO_FRAME,
        }
    }

    pub(crate) const fn state(self) -> FrameState {
        let order = self.order_and_previous >> LINK_BITS;
        match self.state_and_next >> LINK_BITS {
            STATE_RESERVED => FrameState::Reserved,
            STATE_INTERIOR => FrameState::Interior,
            STATE_FREE => FrameState::Free(order),
            _ => FrameState::Allocated(order),
        }
    }

    pub(crate) const fn next(self) -> u32 {
        self.state_and_next & LINK_MASK
    }

    pub(crate) const fn previous(self) -> u32 {
        self.order_and_previous & LINK_MASK
    }

    pub(crate) const fn set_next(&mut self, next: u32) {
        self.state_and_next = self.state_and_next & !LINK_MASK | next;
    }

    pub(crate) const fn set_previous(&mut self, previous: u32) {
        self.order_and_previous = self.order_and_previous & !LINK_MASK | previous;
    }
}
