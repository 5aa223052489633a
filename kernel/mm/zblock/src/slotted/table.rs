//! The block table: one descriptor for each block, in frames that stay until the pool goes.

use core::cell::UnsafeCell;
use core::ptr::{self, NonNull};
use core::sync::atomic::{AtomicPtr, AtomicU32, AtomicUsize, Ordering};

use zpool::{Env, Granule, TicketLock};

use super::entry::GENERATION_BITS;
use super::lists::Link;

/// What the frames of a descriptor hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Use {
    /// It has none.
    Nothing,
    /// A block of objects with a directory.
    Slotted,
    /// One object, in a page of its own.
    Single,
}

/// A block, as the pool knows it from outside.
///
/// `frames` and the use are written with both the lock of the lists and `lock` held, so either is
/// enough to read them; the generation and `word` belong to `lock`.
pub(super) struct Descriptor {
    pub(super) lock: TicketLock,
    /// First byte of the frames; null when there are none.
    pub(super) frames: AtomicPtr<u8>,
    /// Generation of the next object : 16 | use : 8 | order : 8.
    kind: AtomicU32,
    /// Of a slotted block the next one in the queue of blocks to look at, of a single object its
    /// length, state and pins, of an unused descriptor the next unused one.
    pub(super) word: AtomicU32,
    /// Protected by the lock of the lists.
    pub(super) link: UnsafeCell<Link>,
}

// SAFETY: the contents of the cell are touched under the lock named beside it.
unsafe impl Sync for Descriptor {}

impl Descriptor {
    /// An unused one whose objects' generations count on from `generation`.
    fn new(generation: u32) -> Self {
        Self {
            lock: TicketLock::new(),
            frames: AtomicPtr::new(ptr::null_mut()),
            kind: AtomicU32::new(generation << 16),
            word: AtomicU32::new(0),
            link: UnsafeCell::new(Link::default()),
        }
    }

    /// Bytes of the slotted block that the frames are; `None` if they hold something else.
    #[inline(always)]
    pub(super) fn block_bytes<G: Granule>(&self) -> Option<usize> {
        let kind = self.kind.load(Ordering::Relaxed);
        (kind & 0xff00 == (Use::Slotted as u32) << 8).then(|| G::SIZE << (kind & 0xff))
    }

    /// What the frames hold and the binary logarithm of their number.
    #[inline]
    pub(super) fn usage(&self) -> (Use, u32) {
        let kind = self.kind.load(Ordering::Relaxed);
        let usage = match kind >> 8 & 0xff {
            0 => Use::Nothing,
            1 => Use::Slotted,
            _ => Use::Single,
        };
        (usage, kind & 0xff)
    }

    /// Says what the frames hold.
    pub(super) fn set_usage(&self, usage: Use, order: u32) {
        let kind = self.kind.load(Ordering::Relaxed);
        self.kind.store(kind & !0xffff | (usage as u32) << 8 | order, Ordering::Relaxed);
    }

    /// Generation of the next object.
    #[inline]
    pub(super) fn generation(&self) -> u32 {
        self.kind.load(Ordering::Relaxed) >> 16 & ((1 << GENERATION_BITS) - 1)
    }

    /// Advances the generation.
    #[inline]
    pub(super) fn advance(&self) {
        let kind = self.kind.load(Ordering::Relaxed);
        self.kind.store(kind.wrapping_add(1 << 16), Ordering::Relaxed);
    }
}

/// Segments of the table: one page, one, two, four, ... up to 64 pages, then 64 pages each.
const SEGMENTS: usize = 128;
const LARGEST_ORDER: u32 = 6;
/// Descriptors of one page are addressed together.
const fn per_page<G: Granule>() -> u32 {
    (G::SIZE / size_of::<Descriptor>()) as u32
}

/// The segment of a page of the table.
#[inline(always)]
const fn segment_of(page: u32) -> u32 {
    if page >> (LARGEST_ORDER + 1) == 0 {
        u32::BITS - page.leading_zeros()
    } else {
        (page >> LARGEST_ORDER) + LARGEST_ORDER
    }
}

/// The order of a segment.
const fn order_of(segment: u32) -> u32 {
    let order = segment.saturating_sub(1);
    if order < LARGEST_ORDER { order } else { LARGEST_ORDER }
}

/// The first page of a segment.
const fn first_of(segment: u32) -> u32 {
    if segment <= LARGEST_ORDER + 1 {
        (1 << segment) >> 1
    } else {
        (segment - LARGEST_ORDER) << LARGEST_ORDER
    }
}

/// All descriptors of a pool, by number from 1 on. Lookups take no lock.
pub(super) struct Table<E: Env> {
    /// Of each segment where number 0 would be, were it in it; null while there is none.
    segments: [AtomicPtr<Descriptor>; SEGMENTS],
    /// Numbers below this one have a descriptor.
    used: AtomicU32,
    pages: AtomicUsize,
    environment: core::marker::PhantomData<fn(E)>,
}

impl<E: Env> Table<E> {
    /// A table without descriptors. Number 0 exists and is never handed out.
    pub(super) const fn new() -> Self {
        Self {
            segments: [const { AtomicPtr::new(ptr::null_mut()) }; SEGMENTS],
            used: AtomicU32::new(0),
            pages: AtomicUsize::new(0),
            environment: core::marker::PhantomData,
        }
    }

    /// Numbers from 1 on and below this one have a descriptor.
    pub(super) fn used(&self) -> u32 {
        self.used.load(Ordering::Acquire)
    }

    /// Frames of the table.
    pub(super) fn pages(&self) -> usize {
        self.pages.load(Ordering::Relaxed)
    }

    /// The descriptor of that number, if it exists.
    #[inline(always)]
    pub(super) fn get(&self, number: u32) -> Option<&Descriptor> {
        if number == 0 || number >= self.used() {
            return None;
        }
        let segment = segment_of(number / per_page::<E::Granule>());
        let segment = self.segments[segment as usize & (SEGMENTS - 1)].load(Ordering::Relaxed);
        // SAFETY: numbers below `used` have an initialised descriptor in a segment that was
        // published before `used` was raised and stays until the table is cleared. A segment is
        // known by where number 0 would be, were it in it.
        Some(unsafe { &*segment.wrapping_add(number as usize) })
    }

    /// One descriptor more, unused; its number. `None` when there are no frames for it or no
    /// numbers left. The caller lets nobody else add one.
    pub(super) fn grow(&self, env: &E, numbers: u32, generation: u32) -> Option<u32> {
        let number = self.used().max(1);
        if number >= numbers {
            return None;
        }
        let per_page = per_page::<E::Granule>();
        let segment = segment_of(number / per_page);
        let slot = self.segments.get(segment as usize)?;
        if slot.load(Ordering::Relaxed).is_null() {
            let order = order_of(segment);
            let frames = env.alloc(order)?;
            self.pages.fetch_add(1 << order, Ordering::Relaxed);
            let first = (first_of(segment) * per_page) as usize;
            let segment = frames.cast::<Descriptor>().as_ptr().wrapping_sub(first);
            slot.store(segment, Ordering::Relaxed);
        }
        let descriptor = Descriptor::new(generation);
        // SAFETY: the number is of this segment, and nobody looks at numbers that are not below
        // `used`.
        unsafe {
            slot.load(Ordering::Relaxed).wrapping_add(number as usize).write(descriptor);
        };
        self.used.store(number + 1, Ordering::Release);
        Some(number)
    }

    /// Gives the frames of the table back.
    pub(super) fn clear(&mut self, env: &E) {
        self.used.store(0, Ordering::Relaxed);
        let per_page = per_page::<E::Granule>();
        for (segment, slot) in (0..).zip(self.segments.iter_mut()) {
            let slot = slot.get_mut();
            if slot.is_null() {
                continue;
            }
            let frames = slot.wrapping_add((first_of(segment) * per_page) as usize);
            *slot = ptr::null_mut();
            if let Some(frames) = NonNull::new(frames) {
                // SAFETY: the segment came from `alloc` with this order, and no reference into it
                // outlives the exclusive borrow.
                unsafe { env.free(frames.cast(), order_of(segment)) };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_is_in_one_segment() {
        let mut next = 0;
        for segment in 0..SEGMENTS as u32 {
            assert_eq!(first_of(segment), next, "segment {segment}");
            next += 1 << order_of(segment);
            assert_eq!(segment_of(first_of(segment)), segment);
            assert_eq!(segment_of(next - 1), segment);
        }
    }

    #[test]
    fn a_descriptor_has_its_size() {
        assert_eq!(size_of::<Descriptor>(), 32);
    }
}
