//! Zspages: chains of single pages, seen as one row of objects.

use core::ptr::NonNull;
use core::sync::atomic::{AtomicU8, AtomicU16, AtomicU32, AtomicU64, Ordering};

use buddy::Granule;
use zpool::RwSpinLock;

use crate::fullness::Group;
use crate::size_class::Layout;

/// No zspage.
pub(crate) const NONE: u32 = u32::MAX;
/// End of a free list.
const END: u16 = u16::MAX;
/// A header whose lowest bit is set belongs to a live object.
const ALLOCATED: u64 = 1;

/// Descriptor of a zspage.
///
/// The lock of the class protects all of it, and the headers of the objects, except for `lock`,
/// which readers hold while they look at an object and compaction while it empties the zspage.
#[derive(Debug)]
pub(crate) struct Zspage<const CHAIN: usize> {
    pub(crate) lock: RwSpinLock<Zspage<CHAIN>>,
    /// Position of the class.
    class: AtomicU16,
    group: AtomicU8,
    inuse: AtomicU16,
    /// First free object.
    free: AtomicU16,
    /// Neighbours in the list of the group.
    pub(crate) next: AtomicU32,
    pub(crate) previous: AtomicU32,
    /// The header of the object of a huge zspage.
    huge_header: AtomicU64,
    /// Addresses of the pages. Stands for the chain through the kernel's page descriptors.
    pages: [AtomicU64; CHAIN],
}

impl<const CHAIN: usize> Default for Zspage<CHAIN> {
    fn default() -> Self {
        Self {
            lock: RwSpinLock::new(),
            class: AtomicU16::new(0),
            group: AtomicU8::new(0),
            inuse: AtomicU16::new(0),
            free: AtomicU16::new(END),
            next: AtomicU32::new(NONE),
            previous: AtomicU32::new(NONE),
            huge_header: AtomicU64::new(0),
            pages: [const { AtomicU64::new(0) }; CHAIN],
        }
    }
}

/// Where an object's bytes are: `size` bytes, the first `front` of them at `start`, the rest at
/// the beginning of the page `rest`.
pub(crate) struct Place {
    pub(crate) start: *mut u8,
    pub(crate) front: usize,
    pub(crate) rest: *mut u8,
}

impl<const CHAIN: usize> Zspage<CHAIN> {
    /// Makes an empty zspage of its pages.
    ///
    /// # Safety
    /// There are as many pages as the layout says, each valid for reads and writes and used by
    /// nobody else until the zspage is destroyed; the descriptor is nobody else's.
    pub(crate) unsafe fn create<G: Granule>(
        &self,
        class: u16,
        layout: &Layout,
        pages: &[Option<NonNull<u8>>; CHAIN],
    ) {
        for (entry, page) in self.pages.iter().zip(pages) {
            let address = page.map_or(0, |page| page.as_ptr().expose_provenance() as u64);
            entry.store(address, Ordering::Relaxed);
        }
        self.class.store(class, Ordering::Relaxed);
        self.group.store(0, Ordering::Relaxed);
        self.inuse.store(0, Ordering::Relaxed);
        self.free.store(0, Ordering::Relaxed);
        for index in 0..layout.objects {
            let next = if index + 1 < layout.objects { index as u16 + 1 } else { END };
            // SAFETY: the object is one of the layout, and nobody else has the pages.
            unsafe { self.set_header::<G>(layout, index, link(next)) };
        }
    }

    pub(crate) fn class(&self) -> usize {
        self.class.load(Ordering::Relaxed).into()
    }

    pub(crate) fn group(&self) -> Group {
        self.group.load(Ordering::Relaxed).into()
    }

    pub(crate) fn set_group(&self, group: Group) {
        self.group.store(group as u8, Ordering::Relaxed);
    }

    pub(crate) fn inuse(&self) -> usize {
        self.inuse.load(Ordering::Relaxed).into()
    }

    /// Address of the page of that number in the chain.
    pub(crate) fn page(&self, number: usize) -> usize {
        self.pages[number].load(Ordering::Relaxed) as usize
    }

    /// Takes the free object that was freed last for the handle; `None` when all are live.
    ///
    /// # Safety
    /// The zspage was created with this layout, and the caller has the lock of its class.
    pub(crate) unsafe fn take<G: Granule>(&self, layout: &Layout, handle: u32) -> Option<u16> {
        let index = self.free.load(Ordering::Relaxed);
        if index == END {
            return None;
        }
        let header = u64::from(handle) << 1 | ALLOCATED;
        // SAFETY: free lists name objects of the layout; the rest is the caller's promise.
        let next = unsafe {
            let next = self.header::<G>(layout, index.into()) >> 1;
            self.set_header::<G>(layout, index.into(), header);
            next
        };
        self.free.store(next as u16, Ordering::Relaxed);
        self.inuse.fetch_add(1, Ordering::Relaxed);
        Some(index)
    }

    /// Puts a live object at the head of the free list.
    ///
    /// # Safety
    /// As [`Zspage::take`]; the index was taken, and nobody uses the object.
    pub(crate) unsafe fn put<G: Granule>(&self, layout: &Layout, index: u16) {
        let next = self.free.swap(index, Ordering::Relaxed);
        // SAFETY: the caller's promise.
        unsafe { self.set_header::<G>(layout, index.into(), link(next)) };
        self.inuse.fetch_sub(1, Ordering::Relaxed);
    }

    /// The handle of a live object; `None` for a free one.
    ///
    /// # Safety
    /// As [`Zspage::take`]; the index is below the number of objects.
    pub(crate) unsafe fn handle_of<G: Granule>(&self, layout: &Layout, index: u16) -> Option<u32> {
        // SAFETY: the caller's promise.
        let header = unsafe { self.header::<G>(layout, index.into()) };
        (header & ALLOCATED != 0).then_some((header >> 1) as u32)
    }

    /// Where the bytes of an object are, header included. An object straddles at most two pages.
    pub(crate) fn place<G: Granule>(&self, layout: &Layout, index: usize) -> Place {
        let offset = index * layout.size;
        let page = offset >> G::SHIFT;
        let within = offset & (G::SIZE - 1);
        let front = layout.size.min(G::SIZE - within);
        let start = core::ptr::with_exposed_provenance_mut::<u8>(self.page(page) + within);
        let rest = if front < layout.size { self.page(page + 1) } else { 0 };
        Place { start, front, rest: core::ptr::with_exposed_provenance_mut(rest) }
    }

    /// # Safety
    /// As [`Zspage::take`]; the index is below the number of objects.
    unsafe fn header<G: Granule>(&self, layout: &Layout, index: usize) -> u64 {
        if layout.is_huge() {
            return self.huge_header.load(Ordering::Relaxed);
        }
        // SAFETY: sizes and so offsets are multiples of eight: a header lies in one page,
        // aligned, and with the lock nobody else reaches it.
        unsafe { self.place::<G>(layout, index).start.cast::<u64>().read() }
    }

    /// # Safety
    /// As [`Zspage::header`].
    unsafe fn set_header<G: Granule>(&self, layout: &Layout, index: usize, header: u64) {
        if layout.is_huge() {
            self.huge_header.store(header, Ordering::Relaxed);
        } else {
            // SAFETY: as for reading.
            unsafe { self.place::<G>(layout, index).start.cast::<u64>().write(header) }
        }
    }
}

/// The header of a free object.
fn link(next: u16) -> u64 {
    u64::from(next) << 1
}

impl Place {
    /// Copies the whole of an object to another place of the same size, piece by piece.
    ///
    /// # Safety
    /// Both are places of objects of `size` bytes in different zspages that nobody else uses.
    pub(crate) unsafe fn copy_to(&self, target: &Self, size: usize) {
        let mut done = 0;
        while done < size {
            let (source, source_left) = self.at(done, size);
            let (target, target_left) = target.at(done, size);
            let count = source_left.min(target_left);
            // SAFETY: both pieces have that many bytes left, and belong to different pages.
            unsafe { target.copy_from_nonoverlapping(source, count) };
            done += count;
        }
    }

    /// Copies bytes of the object, from `offset` on, to a buffer.
    ///
    /// # Safety
    /// The object has `offset + buffer.len()` bytes, and nobody writes to them meanwhile.
    pub(crate) unsafe fn read(&self, offset: usize, buffer: &mut [u8]) {
        let end = offset + buffer.len();
        let mut done = offset;
        while done < end {
            let (source, count) = self.at(done, end);
            // SAFETY: the piece has that many bytes, and buffers are not part of pools.
            unsafe { buffer[done - offset..].as_mut_ptr().copy_from_nonoverlapping(source, count) };
            done += count;
        }
    }

    /// Copies a buffer to the bytes of the object from `offset` on.
    ///
    /// # Safety
    /// The object has `offset + buffer.len()` bytes, and nobody else uses them.
    pub(crate) unsafe fn write(&self, offset: usize, buffer: &[u8]) {
        let end = offset + buffer.len();
        let mut done = offset;
        while done < end {
            let (target, count) = self.at(done, end);
            // SAFETY: the piece has that many bytes, and buffers are not part of pools.
            unsafe { target.copy_from_nonoverlapping(buffer[done - offset..].as_ptr(), count) };
            done += count;
        }
    }

    /// Where byte number `offset` is, and how many follow there up to number `end`.
    fn at(&self, offset: usize, end: usize) -> (*mut u8, usize) {
        if offset < self.front {
            (self.start.wrapping_add(offset), end.min(self.front) - offset)
        } else {
            (self.rest.wrapping_add(offset - self.front), end - offset)
        }
    }
}
