//! The allocator: free lists, splitting, merging.

use core::marker::PhantomData;
use core::ops::Range;

use crate::frame::{FrameInfo, FrameState, NO_FRAME};
use crate::ram::{Span, Spans, frames_inside};
use crate::{Error, Granule, Statistics};

/// The largest order: blocks have 2^0 to 2^10 frames (4 MiB at 4 KiB pages, 16 MiB at 16 KiB).
pub const MAX_ORDER: u32 = 10;

const ORDERS: usize = MAX_ORDER as usize + 1;

/// A buddy allocator of page frames of granule `G`.
///
/// Its state is in a frame array that is lent for `'a`, one [`FrameInfo`] for each frame; free
/// blocks of an order are a doubly linked list through that array, and the pages themselves are
/// never touched. The list is last in, first out: a block freed just now is probably still in
/// the cache. At first, low addresses come before high ones.
///
/// It has no lock: wrap it in one to share it, or in [`FrameCaches`](crate::FrameCaches), which
/// also has caches for each CPU. Addresses are physical, in bytes.
#[derive(Debug)]
pub struct Buddy<'a, G> {
    frames: &'a [FrameInfo],
    spans: Spans,
    /// First entry of each order's free list.
    first_free: [u32; ORDERS],
    /// Bit n is set while the free list of order n is not empty.
    orders_with_free: u32,
    free_blocks: [usize; ORDERS],
    free_frames: usize,
    reserved_frames: usize,
    granule: PhantomData<G>,
}

impl<'a, G: Granule> Buddy<'a, G> {
    /// How many [`FrameInfo`] the frame array for these RAM ranges needs: one per whole frame.
    #[must_use]
    pub const fn metadata_entries(ram: &[Range<u64>]) -> usize {
        let mut entries = 0;
        let mut position = 0;
        while position < ram.len() {
            entries += frames_inside(&ram[position], G::SHIFT) as usize;
            position += 1;
        }
        entries
    }

    /// Size in bytes of the frame array for these RAM ranges: 8 per frame.
    #[must_use]
    pub const fn metadata_bytes(ram: &[Range<u64>]) -> usize {
        Self::metadata_entries(ram) * size_of::<FrameInfo>()
    }

    /// Takes over `ram`, all of it free but for `reserved`.
    ///
    /// RAM ranges are disjoint and ascending; only whole frames inside them are managed, and
    /// blocks never span two ranges. Reserved ranges may be in any order, overlap each other,
    /// and reach outside of RAM; a frame of which a single byte is reserved is not handed out.
    /// Whoever carves `frames` out of the RAM itself has to list that place in `reserved`
    /// ([`find_unreserved`](crate::find_unreserved) finds one). What `frames` holds before
    /// does not matter; entries beyond the needed are left alone.
    ///
    /// Takes O(frames + reserved frames) steps.
    ///
    /// # Errors
    ///
    /// [`Error::TooManyRanges`], [`Error::UnorderedRanges`], [`Error::TooManyFrames`],
    /// [`Error::FrameArrayTooShort`].
    pub fn new(
        ram: &[Range<u64>],
        reserved: &[Range<u64>],
        frames: &'a mut [FrameInfo],
    ) -> Result<Self, Error> {
        let spans = Spans::new(ram, G::SHIFT)?;
        let needed = spans.total();
        let given = frames.len();
        let frames: &[FrameInfo] =
            frames.get(..needed).ok_or(Error::FrameArrayTooShort { needed, given })?;
        frames.iter().for_each(FrameInfo::set_interior);
        let mut buddy = Self {
            frames,
            spans,
            first_free: [NO_FRAME; ORDERS],
            orders_with_free: 0,
            free_blocks: [0; ORDERS],
            free_frames: 0,
            reserved_frames: 0,
            granule: PhantomData,
        };
        for hole in reserved {
            buddy.reserve(hole);
        }
        // From the highest address down, so that the lowest end up first in their lists.
        for span in spans.iter().rev() {
            buddy.populate(span);
        }
        buddy.reserved_frames = needed - buddy.free_frames;
        Ok(buddy)
    }

    /// Takes a block of 2^`order` frames and returns its address, a multiple of its size.
    ///
    /// What the block holds is undefined. Takes the smallest free block that is large enough
    /// and splits it: O([`MAX_ORDER`]) steps, and at most [`MAX_RANGES`](crate::MAX_RANGES)
    /// comparisons to turn the block's number into an address.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfMemory`], [`Error::OrderTooLarge`].
    pub fn alloc(&mut self, order: u32) -> Result<u64, Error> {
        if order > MAX_ORDER {
            return Err(Error::OrderTooLarge(order));
        }
        let entry = self.take(order).ok_or(Error::OutOfMemory(order))?;
        self.frames[entry as usize].set_allocated(order);
        Ok(self.spans.frame(entry).ok_or(Error::OutOfMemory(order))? << G::SHIFT)
    }

    /// Gives back a block that [`alloc`](Self::alloc) returned, with the same order.
    ///
    /// Merges it with its buddy as long as that is free: O([`MAX_ORDER`]) steps, and at most
    /// [`MAX_RANGES`](crate::MAX_RANGES) comparisons to find the address's RAM range.
    ///
    /// # Errors
    ///
    /// [`Error::Unaligned`], [`Error::OrderTooLarge`], [`Error::Foreign`], [`Error::Reserved`],
    /// [`Error::DoubleFree`], [`Error::WrongOrder`], [`Error::InsideBlock`]. A block that was
    /// handed out again since it was freed cannot be told from its successor.
    pub fn free(&mut self, address: u64, order: u32) -> Result<(), Error> {
        if order > MAX_ORDER {
            return Err(Error::OrderTooLarge(order));
        }
        if address & (G::SIZE as u64 - 1) != 0 {
            return Err(Error::Unaligned(address));
        }
        let frame = address >> G::SHIFT;
        let (span, entry) = self.spans.of_frame(frame).ok_or(Error::Foreign(address))?;
        match self.frames[entry as usize].state() {
            FrameState::Allocated(allocated) if allocated == order => {}
            FrameState::Allocated(allocated) => {
                return Err(Error::WrongOrder { address, allocated, given: order });
            }
            FrameState::Reserved => return Err(Error::Reserved(address)),
            FrameState::Free(_) | FrameState::Cached => return Err(Error::DoubleFree(address)),
            FrameState::Interior => return Err(self.explain_interior(&span, frame)),
        }
        self.merge_and_link(&span, frame, order);
        Ok(())
    }

    /// Takes a block of this order out of the lists. Its entry is stale until the caller writes it.
    pub(crate) fn take(&mut self, order: u32) -> Option<u32> {
        let suitable = self.orders_with_free >> order;
        if suitable == 0 {
            return None;
        }
        let found = order + suitable.trailing_zeros();
        let entry = self.first_free[found as usize];
        self.unlink(entry, found);
        for half in (order..found).rev() {
            self.link(entry + (1 << half), half);
        }
        Some(entry)
    }

    /// Takes the smallest free block there is, of order `most` at most; as [`Buddy::take`].
    pub(crate) fn take_smallest(&mut self, most: u32) -> Option<(u32, u32)> {
        let order = self.orders_with_free.trailing_zeros().min(most);
        Some((self.take(order)?, order))
    }

    /// Puts a single frame into the lists, whatever its entry says.
    pub(crate) fn put(&mut self, entry: u32) {
        // Entries come from `take` and `Spans::of_frame`, so there is such a frame.
        if let Some((span, frame)) = self.spans.span_of_entry(entry) {
            self.merge_and_link(&span, frame, 0);
        }
    }

    /// The frame array, and where frames are in it.
    pub(crate) const fn array(&self) -> (&'a [FrameInfo], Spans) {
        (self.frames, self.spans)
    }

    /// What is free now, and in what pieces. Takes constant time.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        Statistics {
            free_blocks: self.free_blocks,
            free_frames: self.free_frames,
            reserved_frames: self.reserved_frames,
            total_frames: self.frames.len(),
        }
    }

    /// Marks every frame that the hole touches.
    fn reserve(&mut self, hole: &Range<u64>) {
        if hole.is_empty() {
            return;
        }
        let first = hole.start >> G::SHIFT;
        let end = hole.end.div_ceil(G::SIZE as u64);
        for span in self.spans.iter() {
            let from = first.max(span.first_frame);
            let to = end.min(span.first_frame + u64::from(span.count));
            if from < to {
                let entry = span.first_entry as usize + (from - span.first_frame) as usize;
                let count = (to - from) as usize;
                self.frames[entry..entry + count].iter().for_each(FrameInfo::set_reserved);
            }
        }
    }

    /// Frees all of a span that is not reserved, highest address first, in the largest blocks.
    fn populate(&mut self, span: &Span) {
        let mut end = span.count;
        while end > 0 {
            let last = span.first_entry + end - 1;
            if self.frames[last as usize].state() == FrameState::Reserved {
                end -= 1;
                continue;
            }
            let mut start = end - 1;
            while start > 0
                && self.frames[(span.first_entry + start - 1) as usize].state()
                    != FrameState::Reserved
            {
                start -= 1;
            }
            self.populate_run(span, start, end);
            end = start;
        }
    }

    /// Frees the frames `start..end` of a span, counted from its first.
    fn populate_run(&mut self, span: &Span, start: u32, mut end: u32) {
        while end > start {
            let by_alignment = (span.first_frame + u64::from(end)).trailing_zeros();
            let by_length = (end - start).ilog2();
            let order = by_alignment.min(by_length).min(MAX_ORDER);
            end -= 1 << order;
            self.link(span.first_entry + end, order);
        }
    }

    /// Merges an allocated block with its free buddies and puts the result in its list.
    fn merge_and_link(&mut self, span: &Span, mut frame: u64, mut order: u32) {
        while order < MAX_ORDER {
            let buddy = frame ^ (1 << order);
            let Some(entry) = span.entry(buddy) else { break };
            if self.frames[entry as usize].state() != FrameState::Free(order) {
                break;
            }
            self.unlink(entry, order);
            let upper = frame.max(buddy);
            self.frames[(span.first_entry + (upper - span.first_frame) as u32) as usize]
                .set_interior();
            frame = frame.min(buddy);
            order += 1;
        }
        self.link(span.first_entry + (frame - span.first_frame) as u32, order);
    }

    /// The error for a frame that is not the first of its block: is the block free?
    fn explain_interior(&self, span: &Span, frame: u64) -> Error {
        let address = frame << G::SHIFT;
        for order in 1..=MAX_ORDER {
            let first = frame & !((1 << order) - 1);
            let Some(entry) = span.entry(first) else { break };
            match self.frames[entry as usize].state() {
                FrameState::Allocated(of) if of >= order => {
                    return Error::InsideBlock { address, block: first << G::SHIFT };
                }
                FrameState::Free(of) if of >= order => return Error::DoubleFree(address),
                _ => {}
            }
        }
        Error::Foreign(address)
    }

    /// Puts a free block at the head of its list.
    fn link(&mut self, entry: u32, order: u32) {
        let next = self.first_free[order as usize];
        self.frames[entry as usize].set_free(order, next);
        if next != NO_FRAME {
            self.frames[next as usize].set_previous(entry);
        }
        self.first_free[order as usize] = entry;
        self.orders_with_free |= 1 << order;
        self.free_blocks[order as usize] += 1;
        self.free_frames += 1 << order;
    }

    /// Takes a free block out of its list. Its entry is stale until the caller writes it.
    fn unlink(&mut self, entry: u32, order: u32) {
        let info = &self.frames[entry as usize];
        let (previous, next) = (info.previous(), info.next());
        if next != NO_FRAME {
            self.frames[next as usize].set_previous(previous);
        }
        if previous != NO_FRAME {
            self.frames[previous as usize].set_next(next);
        } else {
            self.first_free[order as usize] = next;
            if next == NO_FRAME {
                self.orders_with_free &= !(1 << order);
            }
        }
        self.free_blocks[order as usize] -= 1;
        self.free_frames -= 1 << order;
    }
}
