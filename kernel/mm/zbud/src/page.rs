//! Pages: a header, an object behind it, an object at the end.

use core::marker::PhantomData;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU8, AtomicU32, AtomicUsize, Ordering};

use buddy::Granule;

use crate::entry::Buddy;

/// Chunks of a page.
pub(crate) const CHUNKS: usize = 64;
/// Chunks that objects can have: one is the header's.
pub(crate) const USABLE: usize = CHUNKS - 1;

/// Bytes of a chunk.
pub(crate) const fn chunk<G: Granule>() -> usize {
    G::SIZE / CHUNKS
}

/// Chunks that so many bytes need.
pub(crate) const fn chunks<G: Granule>(bytes: usize) -> usize {
    bytes.div_ceil(chunk::<G>())
}

/// What stands at the beginning of a page: 24 bytes, as in the original. It changes with the lock
/// of the pool only.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Header {
    /// Addresses of the neighbours in the list, zero at its ends.
    pub(crate) next: AtomicUsize,
    pub(crate) previous: AtomicUsize,
    /// Number of the page's entry.
    pub(crate) entry: AtomicU32,
    first_chunks: AtomicU8,
    last_chunks: AtomicU8,
}

/// A page of a pool.
pub(crate) struct Page<'a, G> {
    header: &'a Header,
    granule: PhantomData<G>,
}

impl<'a, G: Granule> Page<'a, G> {
    /// Makes a page without objects of a frame.
    ///
    /// # Safety
    /// The frame is valid and nobody else's, for as long as the page is used.
    pub(crate) unsafe fn create(frame: NonNull<u8>, entry: u32) -> Self {
        let header = Header {
            next: AtomicUsize::new(0),
            previous: AtomicUsize::new(0),
            entry: AtomicU32::new(entry),
            first_chunks: AtomicU8::new(0),
            last_chunks: AtomicU8::new(0),
        };
        let address = frame.as_ptr().expose_provenance();
        // SAFETY: a frame begins aligned and has room for a header.
        unsafe {
            frame.cast().write(header);
            Self::at(address)
        }
    }

    /// The page at that address.
    ///
    /// # Safety
    /// [`Page::create`] made it, and it is not given back during `'a`: it has a live object that
    /// is pinned, or the lock of the pool is held.
    pub(crate) unsafe fn at(address: usize) -> Self {
        // SAFETY: the caller's promise; the provenance of frames is exposed.
        let header = unsafe { &*core::ptr::with_exposed_provenance::<Header>(address) };
        Self { header, granule: PhantomData }
    }

    pub(crate) fn header(&self) -> &'a Header {
        self.header
    }

    pub(crate) fn address(&self) -> usize {
        core::ptr::from_ref(self.header).addr()
    }

    /// Chunks of an object, zero where there is none.
    pub(crate) fn chunks_of(&self, buddy: Buddy) -> usize {
        self.place(buddy).load(Ordering::Relaxed).into()
    }

    pub(crate) fn set_chunks(&self, buddy: Buddy, chunks: usize) {
        self.place(buddy).store(chunks as u8, Ordering::Relaxed);
    }

    /// Chunks without an object.
    pub(crate) fn free_chunks(&self) -> usize {
        USABLE - self.chunks_of(Buddy::First) - self.chunks_of(Buddy::Last)
    }

    /// The list of the page: its free chunks, or 0 with both objects live.
    pub(crate) fn list(&self) -> usize {
        let both = [Buddy::First, Buddy::Last].iter().all(|&buddy| self.chunks_of(buddy) != 0);
        if both { 0 } else { self.free_chunks() }
    }

    /// Where the bytes of an object begin.
    pub(crate) fn object(&self, buddy: Buddy) -> *mut u8 {
        let offset = match buddy {
            Buddy::First => chunk::<G>(),
            Buddy::Last => G::SIZE - self.chunks_of(buddy) * chunk::<G>(),
        };
        core::ptr::with_exposed_provenance_mut(self.address() + offset)
    }

    fn place(&self, buddy: Buddy) -> &AtomicU8 {
        match buddy {
            Buddy::First => &self.header.first_chunks,
            Buddy::Last => &self.header.last_chunks,
        }
    }
}
