//! The RAM ranges that an allocator manages, and where their frames are in the frame array.

use core::ops::Range;

use crate::Error;
use crate::frame::NO_FRAME;

/// The most RAM ranges that one allocator manages.
pub const MAX_RANGES: usize = 16;

/// The whole page frames of one RAM range.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Span {
    /// Number of the first frame: its address divided by the page size.
    pub(crate) first_frame: u64,
    /// How many frames.
    pub(crate) count: u32,
    /// Where the first frame's entry is in the frame array.
    pub(crate) first_entry: u32,
}

impl Span {
    /// The entry of a frame, if it is in this span.
    pub(crate) const fn entry(&self, frame: u64) -> Option<u32> {
        let distance = frame.wrapping_sub(self.first_frame);
        if distance < self.count as u64 { Some(self.first_entry + distance as u32) } else { None }
    }

    /// The frame of an entry, if it is in this span.
    pub(crate) const fn frame(&self, entry: u32) -> Option<u64> {
        let distance = entry.wrapping_sub(self.first_entry);
        if distance < self.count { Some(self.first_frame + distance as u64) } else { None }
    }
}

/// All spans, ascending. Finding one takes at most [`MAX_RANGES`] comparisons.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spans {
    spans: [Span; MAX_RANGES],
    used: usize,
}

impl Spans {
    /// Takes the whole frames of each range.
    pub(crate) fn new(ram: &[Range<u64>], shift: u32) -> Result<Self, Error> {
        if ram.len() > MAX_RANGES {
            return Err(Error::TooManyRanges(ram.len()));
        }
        let mut spans = [Span::default(); MAX_RANGES];
        let mut frames: u64 = 0;
        let mut end_of_last = 0;
        for (position, (span, range)) in spans.iter_mut().zip(ram).enumerate() {
            if range.start > range.end || range.start < end_of_last {
                return Err(Error::UnorderedRanges(position));
            }
            end_of_last = range.end;
            let count = frames_inside(range, shift);
            let first_entry = frames;
            frames = frames.saturating_add(count);
            if frames > u64::from(NO_FRAME) {
                return Err(Error::TooManyFrames(frames));
            }
            *span = Span {
                first_frame: range.start.div_ceil(1 << shift),
                count: count as u32,
                first_entry: first_entry as u32,
            };
        }
        Ok(Self { spans, used: ram.len() })
    }

    pub(crate) fn iter(&self) -> core::slice::Iter<'_, Span> {
        self.spans[..self.used].iter()
    }

    /// The span of a frame, and its entry.
    pub(crate) fn of_frame(&self, frame: u64) -> Option<(Span, u32)> {
        self.iter().find_map(|span| Some((*span, span.entry(frame)?)))
    }

    /// The span of an entry, and its frame.
    pub(crate) fn span_of_entry(&self, entry: u32) -> Option<(Span, u64)> {
        self.iter().find_map(|span| Some((*span, span.frame(entry)?)))
    }

    /// The frame of an entry.
    pub(crate) fn frame(&self, entry: u32) -> Option<u64> {
        self.iter().find_map(|span| span.frame(entry))
    }

    /// Entries in all spans.
    pub(crate) fn total(&self) -> usize {
        self.iter().map(|span| span.count as usize).sum()
    }
}

/// How many whole frames lie inside a range; none if it is upside down.
pub(crate) const fn frames_inside(range: &Range<u64>, shift: u32) -> u64 {
    (range.end >> shift).saturating_sub(range.start.div_ceil(1 << shift))
}

/// The lowest place in RAM for `bytes` bytes, aligned to `alignment`, that touches nothing
/// reserved.
///
/// What a kernel calls to place the frame array itself, and whatever else has to exist before
/// the allocator does. The reserved ranges may overlap and be in any order. Takes
/// O(`ram.len()` × `reserved.len()`²) steps at worst; it is meant for boot.
///
/// `None` if there is no such place, or `alignment` is not a power of two.
#[must_use]
pub fn find_unreserved(
    ram: &[Range<u64>],
    reserved: &[Range<u64>],
    bytes: u64,
    alignment: u64,
) -> Option<Range<u64>> {
    if !alignment.is_power_of_two() {
        return None;
    }
    ram.iter().find_map(|range| {
        let mut start = range.start.checked_next_multiple_of(alignment)?;
        loop {
            let end = start.checked_add(bytes)?;
            if end > range.end {
                return None;
            }
            // Each round moves the start beyond one reserved range, which never obstructs again.
            let obstacle = reserved
                .iter()
                .find(|hole| !hole.is_empty() && hole.start < end && start < hole.end);
            match obstacle {
                Some(hole) => start = hole.end.checked_next_multiple_of(alignment)?,
                None => return Some(start..end),
            }
        }
    })
}
