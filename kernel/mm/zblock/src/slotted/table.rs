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

/// Segments of the table: one page, one, two, four, ... up to 256 pages, then 256 pages each.
const SEGMENTS: usize = 64;
const LARGEST_ORDER: u32 = 8;
/// Descriptors of one page are addressed together.
const fn per_page<G: Granule>() -> u32 {
    (G::SIZE / size_of::<Descriptor>()) as u32
}

/// Where a descriptor is: the segment, the number in it, the order of the segment.
const fn place<G: Granule>(number: u32) -> (usize, u32, u32) {
    let per_page = per_page::<G>();
    let page = number / per_page;
    let within = number % per_page;
    if page >> (LARGEST_ORDER + 1) == 0 {
        let segment = 32 - page.leading_zeros();
        let order = segment.saturating_sub(1);
        let first = if segment == 0 { 0 } else { 1 << order };
        (segment as usize, (page - first) * per_page + within, order)
    } else {
        let segment = (page >> LARGEST_ORDER) + LARGEST_ORDER;
        (segment as usize, page % (1 << LARGEST_ORDER) * per_page + within, LARGEST_ORDER)
    }
}

/// All descriptors of a pool, by number from 1 on. Lookups take no lock.
pub(super) struct Table<E: Env> {
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

    /// Numbers from 1 to below this one have a descriptor.
    pub(super) fn used(&self) -> u32 {
        self.used.load(Ordering::Acquire)
    }

    /// Frames of the table.
    pub(super) fn pages(&self) -> usize {
        self.pages.load(Ordering::Relaxed)
    }

    /// The descriptor of that number, if it exists.
    #[inline]
    pub(super) fn get(&self, number: u32) -> Option<&Descriptor> {
        if number == 0 || number >= self.used() {
            return None;
        }
        let (segment, index, _) = place::<E::Granule>(number);
        let segment = self.segments[segment].load(Ordering::Relaxed);
        // SAFETY: numbers below `used` have an initialised descriptor in a segment that was
        // published before `used` was raised and stays until the table is cleared.
        Some(unsafe { &*segment.add(index as usize) })
    }

    /// One descriptor more, unused; its number. `None` when there are no frames for it or no
    /// numbers left. The caller lets nobody else add one.
    pub(super) fn grow(&self, env: &E, numbers: u32, generation: u32) -> Option<u32> {
        let number = self.used().max(1);
        if number >= numbers {
            return None;
        }
        let (segment, index, order) = place::<E::Granule>(number);
        let slot = self.segments.get(segment)?;
        if slot.load(Ordering::Relaxed).is_null() {
            let frames = env.alloc(order)?;
            self.pages.fetch_add(1 << order, Ordering::Relaxed);
            slot.store(frames.as_ptr().cast(), Ordering::Relaxed);
        }
        let descriptor = Descriptor::new(generation);
        // SAFETY: the segment has room for the index by construction of `place`, and nobody
        // looks at numbers that are not below `used`.
        unsafe { slot.load(Ordering::Relaxed).add(index as usize).write(descriptor) };
        self.used.store(number + 1, Ordering::Release);
        Some(number)
    }

    /// Gives the frames of the table back.
    pub(super) fn clear(&mut self, env: &E) {
        self.used.store(0, Ordering::Relaxed);
        for (segment, slot) in self.segments.iter_mut().enumerate() {
            let order = segment.saturating_sub(1).min(LARGEST_ORDER as usize) as u32;
            if let Some(frames) = NonNull::new(*slot.get_mut()) {
                *slot.get_mut() = ptr::null_mut();
                // SAFETY: the segment came from `alloc` with this order, and no reference into it
                // outlives the exclusive borrow.
                unsafe { env.free(frames.cast(), order) };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use zpool::{Granule4K, Granule16K};

    fn places_are_dense<G: Granule>() {
        let mut expected = (0, 0);
        for number in 0..if cfg!(miri) { 2_000 } else { 1_000_000 } {
            let (segment, index, order) = place::<G>(number);
            if (segment, index) != expected {
                assert_eq!((segment, index), (expected.0 + 1, 0), "number {number}");
            }
            assert!(index < per_page::<G>() << order);
            assert_eq!(order as usize, segment.saturating_sub(1).min(LARGEST_ORDER as usize));
            expected = (segment, index + 1);
        }
    }

    #[test]
    fn every_number_has_its_own_place() {
        places_are_dense::<Granule4K>();
        places_are_dense::<Granule16K>();
    }

    #[test]
    fn a_descriptor_has_its_size() {
        assert_eq!(size_of::<Descriptor>(), 32);
    }
}
