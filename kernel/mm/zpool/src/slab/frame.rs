//! One frame of a slab: a header, a bit for each object, the objects.

use core::marker::PhantomData;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use buddy::Granule;

/// No frame.
pub(super) const NONE: u32 = u32::MAX;

/// A frame with objects of one type. The header changes under the lock of its shard only.
pub(super) struct Frame<'a, T, G> {
    start: NonNull<u8>,
    objects: PhantomData<(&'a T, G)>,
}

#[repr(C)]
pub(super) struct Header {
    /// The number under which the directory has this frame.
    pub(super) number: u32,
    /// The shard that owns the frame.
    pub(super) shard: u32,
    /// Neighbours in a list of the shard.
    pub(super) next: AtomicU32,
    pub(super) previous: AtomicU32,
    /// Live objects.
    pub(super) live: AtomicU32,
}

impl<'a, T: Default, G: Granule> Frame<'a, T, G> {
    const WORDS: usize = (G::SIZE / size_of::<T>()).div_ceil(64);
    const BITMAP: usize = size_of::<Header>().next_multiple_of(8);
    const FIRST: usize = (Self::BITMAP + Self::WORDS * 8).next_multiple_of(align_of::<T>());
    /// Objects of a frame.
    pub(super) const OBJECTS: usize = (G::SIZE - Self::FIRST) / size_of::<T>();
    /// Bits that the number of an object in its frame needs.
    pub(super) const BITS: u32 = Self::OBJECTS.next_power_of_two().trailing_zeros();

    /// Makes the header, the bits and the objects, all free.
    ///
    /// # Safety
    /// `start` is a frame that the caller owns.
    pub(super) unsafe fn create(start: NonNull<u8>, number: u32, shard: u32) -> Self {
        let header = Header {
            number,
            shard,
            next: AtomicU32::new(NONE),
            previous: AtomicU32::new(NONE),
            live: AtomicU32::new(0),
        };
        // SAFETY: header, bits and objects lie one behind the other within the frame, each
        // aligned, and nobody else has the frame yet.
        unsafe {
            start.cast().write(header);
            start.add(Self::BITMAP).write_bytes(0, Self::WORDS * 8);
            let first = start.add(Self::FIRST).cast::<T>();
            for slot in 0..Self::OBJECTS {
                first.add(slot).write(T::default());
            }
            Self::at(start)
        }
    }

    /// The frame that starts there.
    ///
    /// # Safety
    /// It was made by [`Frame::create`] for the same types and is not given back during `'a`.
    pub(super) unsafe fn at(start: NonNull<u8>) -> Self {
        Self { start, objects: PhantomData }
    }

    pub(super) fn start(&self) -> NonNull<u8> {
        self.start
    }

    pub(super) fn header(&self) -> &'a Header {
        // SAFETY: `create` wrote it, and it is only changed through its atomics.
        unsafe { self.start.cast().as_ref() }
    }

    pub(super) fn object(&self, slot: usize) -> Option<&'a T> {
        // SAFETY: `create` wrote as many objects, and they are only reached by reference.
        (slot < Self::OBJECTS)
            .then(|| unsafe { self.start.add(Self::FIRST).cast::<T>().add(slot).as_ref() })
    }

    /// Marks a free object as live: at most one step for each 64 objects of a frame.
    pub(super) fn take(&self) -> Option<usize> {
        for (index, word) in self.bitmap().iter().enumerate() {
            let bits = word.load(Ordering::Relaxed);
            let slot = index * 64 + bits.trailing_ones() as usize;
            if bits != u64::MAX && slot < Self::OBJECTS {
                word.store(bits | 1 << (slot % 64), Ordering::Relaxed);
                let live = &self.header().live;
                live.store(live.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
                return Some(slot);
            }
        }
        None
    }

    /// Marks a live object as free; false if it was.
    pub(super) fn put(&self, slot: usize) -> bool {
        let Some(word) = self.bitmap().get(slot / 64) else { return false };
        let bits = word.load(Ordering::Relaxed);
        if bits >> (slot % 64) & 1 == 0 {
            return false;
        }
        word.store(bits & !(1 << (slot % 64)), Ordering::Relaxed);
        let live = &self.header().live;
        live.store(live.load(Ordering::Relaxed) - 1, Ordering::Relaxed);
        true
    }

    pub(super) fn is_full(&self) -> bool {
        self.header().live.load(Ordering::Relaxed) as usize == Self::OBJECTS
    }

    pub(super) fn is_empty(&self) -> bool {
        self.header().live.load(Ordering::Relaxed) == 0
    }

    pub(super) fn is_live(&self, slot: usize) -> bool {
        self.bitmap()
            .get(slot / 64)
            .is_some_and(|word| word.load(Ordering::Relaxed) >> (slot % 64) & 1 != 0)
    }

    fn bitmap(&self) -> &'a [AtomicU64] {
        // SAFETY: `create` wrote that many words there, and they are only changed as atomics.
        unsafe {
            let words = self.start.add(Self::BITMAP).cast::<AtomicU64>();
            core::slice::from_raw_parts(words.as_ptr(), Self::WORDS)
        }
    }
}
