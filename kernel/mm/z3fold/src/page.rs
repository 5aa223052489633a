//! Pages: a header and up to three objects.

use core::marker::PhantomData;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU8, AtomicU16, AtomicU32, AtomicUsize, Ordering};

use buddy::Granule;
use zpool::{Env, HandleError, Masked, TicketLock};

/// Chunks of a page.
pub(crate) const CHUNKS: usize = 64;
/// Bytes of the original's header. Ours is smaller; the place it takes is the same.
const HEADER_BYTES: usize = 88;
/// Users of an object that is being written.
const WRITER: u8 = u8::MAX;
/// Not on a list of any CPU.
pub(crate) const NO_CPU: u16 = u16::MAX;

/// Compaction of the page is queued.
pub(crate) const NEEDS_COMPACTING: u8 = 1;
/// The page waits to be given back.
pub(crate) const STALE: u8 = 2;
/// The page is being freed or compacted.
pub(crate) const CLAIMED: u8 = 4;

/// Bytes of a chunk.
pub(crate) const fn chunk<G: Granule>() -> usize {
    G::SIZE / CHUNKS
}

/// Chunks that so many bytes need.
pub(crate) const fn chunks<G: Granule>(bytes: usize) -> usize {
    bytes.div_ceil(chunk::<G>())
}

/// Chunks of the header.
pub(crate) const fn header_chunks<G: Granule>() -> usize {
    chunks::<G>(HEADER_BYTES)
}

/// Chunks that objects can have.
pub(crate) const fn usable<G: Granule>() -> usize {
    CHUNKS - header_chunks::<G>()
}

/// Where in its page an object is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    /// Right behind the header.
    First = 1,
    /// Somewhere between the others.
    Middle = 2,
    /// Flush with the end of the page.
    Last = 3,
}

impl Place {
    pub(crate) const ALL: [Self; 3] = [Self::First, Self::Middle, Self::Last];
}

/// What stands at the beginning of a page. It changes with the lock of the page only, but for
/// the links, which the lock of their list protects.
#[repr(C)]
pub(crate) struct Header {
    pub(crate) lock: TicketLock<Header>,
    /// Neighbours in a list of free chunks; `next` also links stale pages.
    pub(crate) next: AtomicUsize,
    pub(crate) previous: AtomicUsize,
    /// The next page of the compaction queue.
    pub(crate) next_work: AtomicUsize,
    /// One for each live object, one for queued compaction.
    pub(crate) references: AtomicU32,
    /// Number of the slots for handles made in this page.
    pub(crate) slots: AtomicU32,
    /// Whose list the page is on.
    pub(crate) cpu: AtomicU16,
    /// Which of its lists that is: the free chunks when the page came there.
    pub(crate) list: AtomicU8,
    flags: AtomicU8,
    sizes: [AtomicU8; 3],
    users: [AtomicU8; 3],
    start_middle: AtomicU8,
    first_number: AtomicU8,
    /// Objects whose handle is in the slots of another page.
    pub(crate) foreign: AtomicU8,
}

/// A page of a pool.
#[derive(Clone, Copy)]
pub(crate) struct Page<'a, G> {
    header: &'a Header,
    granule: PhantomData<G>,
}

impl<'a, G: Granule> Page<'a, G> {
    /// Makes a page without objects of a frame.
    ///
    /// # Safety
    /// The frame is valid and nobody else's, for as long as the page is used.
    pub(crate) unsafe fn create(frame: NonNull<u8>, slots: u32) -> Self {
        const { assert!(size_of::<Header>() <= HEADER_BYTES) };
        let header = Header {
            lock: TicketLock::new(),
            next: AtomicUsize::new(0),
            previous: AtomicUsize::new(0),
            next_work: AtomicUsize::new(0),
            references: AtomicU32::new(1),
            slots: AtomicU32::new(slots),
            cpu: AtomicU16::new(NO_CPU),
            list: AtomicU8::new(0),
            flags: AtomicU8::new(0),
            sizes: [const { AtomicU8::new(0) }; 3],
            users: [const { AtomicU8::new(0) }; 3],
            start_middle: AtomicU8::new(0),
            first_number: AtomicU8::new(0),
            foreign: AtomicU8::new(0),
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
    /// [`Page::create`] made it, and it is not given back during `'a`: someone has a reference
    /// that is not dropped meanwhile (an object whose slot is locked, queued compaction), or the
    /// page is on a list whose lock is held, or its own lock is held.
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

    /// Waits for the page.
    pub(crate) fn lock<E: Env>(self, env: &'a E) -> Locked<'a, G, E> {
        let masked = Masked::new(env);
        self.header.lock.lock();
        Locked { page: self, _hold: Hold(&self.header.lock), masked }
    }

    /// Takes the page if nobody has it. Interrupts stay masked until the page is let go; without
    /// the page, that is given back.
    pub(crate) fn try_lock<E: Env>(
        self,
        masked: Masked<'a, E>,
    ) -> Result<Locked<'a, G, E>, Masked<'a, E>> {
        if self.header.lock.try_lock() {
            Ok(Locked { page: self, _hold: Hold(&self.header.lock), masked })
        } else {
            Err(masked)
        }
    }

    pub(crate) fn has(&self, flags: u8) -> bool {
        self.header.flags.load(Ordering::Relaxed) & flags != 0
    }

    /// Sets a flag; says whether it was set before.
    pub(crate) fn set(&self, flag: u8) -> bool {
        self.header.flags.fetch_or(flag, Ordering::Relaxed) & flag != 0
    }

    pub(crate) fn clear(&self, flag: u8) {
        self.header.flags.fetch_and(!flag, Ordering::Relaxed);
    }

    pub(crate) fn refer(&self) {
        self.header.references.fetch_add(1, Ordering::Relaxed);
    }

    /// Drops a reference; says whether it was the last.
    pub(crate) fn unrefer(&self) -> bool {
        self.header.references.fetch_sub(1, Ordering::Relaxed) == 1
    }

    /// Chunks of an object, zero where there is none.
    pub(crate) fn size(&self, place: Place) -> usize {
        self.header.sizes[place as usize - 1].load(Ordering::Relaxed).into()
    }

    pub(crate) fn set_size(&self, place: Place, chunks: usize) {
        self.header.sizes[place as usize - 1].store(chunks as u8, Ordering::Relaxed);
    }

    /// Live objects.
    pub(crate) fn live(&self) -> impl Iterator<Item = Place> {
        Place::ALL.into_iter().filter(|&place| self.size(place) != 0)
    }

    pub(crate) fn start_middle(&self) -> usize {
        self.header.start_middle.load(Ordering::Relaxed).into()
    }

    pub(crate) fn set_start_middle(&self, chunk: usize) {
        self.header.start_middle.store(chunk as u8, Ordering::Relaxed);
    }

    /// Who reads or writes the object now.
    pub(crate) fn is_used(&self, place: Place) -> bool {
        self.users(place).load(Ordering::Relaxed) != 0
    }

    /// Joins the readers of an object.
    pub(crate) fn pin_shared(&self, place: Place) -> Result<(), HandleError> {
        let users = self.users(place);
        match users.load(Ordering::Relaxed) {
            // One more reader would be a writer.
            254.. => Err(HandleError::Busy),
            count => {
                users.store(count + 1, Ordering::Relaxed);
                Ok(())
            }
        }
    }

    /// Becomes the only user of an object.
    pub(crate) fn pin_exclusive(&self, place: Place) -> Result<(), HandleError> {
        if self.is_used(place) {
            return Err(HandleError::Busy);
        }
        self.users(place).store(WRITER, Ordering::Relaxed);
        Ok(())
    }

    /// Ends a read or a write.
    pub(crate) fn unpin(&self, place: Place) {
        let users = self.users(place);
        let count = users.load(Ordering::Relaxed);
        users.store(if count == WRITER { 0 } else { count.saturating_sub(1) }, Ordering::Relaxed);
    }

    fn users(&self, place: Place) -> &AtomicU8 {
        &self.header.users[place as usize - 1]
    }

    /// The largest number of chunks that are free in a row.
    pub(crate) fn free_chunks(&self) -> usize {
        let [first, middle, last] = Place::ALL.map(|place| self.size(place));
        if middle == 0 {
            return usable::<G>() - first - last;
        }
        let start = self.start_middle();
        let before = if first != 0 { 0 } else { start - header_chunks::<G>() };
        let after = if last != 0 { 0 } else { CHUNKS - (start + middle) };
        before.max(after)
    }

    /// Which place an object of that many chunks gets; `None` when there is none for it.
    pub(crate) fn place_for(&self, chunks: usize) -> Option<Place> {
        let [first, middle, last] = Place::ALL.map(|place| self.size(place));
        if middle != 0 {
            if first == 0 && chunks <= self.start_middle() - header_chunks::<G>() {
                Some(Place::First)
            } else {
                (last == 0).then_some(Place::Last)
            }
        } else if first == 0 {
            Some(Place::First)
        } else if last == 0 {
            Some(Place::Last)
        } else {
            Some(Place::Middle)
        }
    }

    /// Begins an object.
    pub(crate) fn occupy(&self, place: Place, chunks: usize) {
        self.set_size(place, chunks);
        if place == Place::Middle {
            self.set_start_middle(self.size(Place::First) + header_chunks::<G>());
        }
    }

    /// The number by which handles know a place; it goes with the object when a middle one
    /// becomes the first.
    pub(crate) fn index(&self, place: Place) -> u8 {
        (place as u8 + self.header.first_number.load(Ordering::Relaxed)) % 4
    }

    /// The place of that number; `None` for the one that names no place now.
    pub(crate) fn place(&self, index: u8) -> Option<Place> {
        Place::ALL.into_iter().find(|&place| self.index(place) == index)
    }

    /// From now on the middle object, which was moved there, is the first.
    pub(crate) fn middle_becomes_first(&self) {
        self.set_size(Place::First, self.size(Place::Middle));
        self.set_size(Place::Middle, 0);
        self.set_start_middle(0);
        let number = self.header.first_number.load(Ordering::Relaxed);
        self.header.first_number.store((number + 1) % 4, Ordering::Relaxed);
    }

    /// Where the bytes of an object begin.
    pub(crate) fn object(&self, place: Place) -> *mut u8 {
        self.chunk(match place {
            Place::First => header_chunks::<G>(),
            Place::Middle => self.start_middle(),
            Place::Last => CHUNKS - self.size(Place::Last),
        })
    }

    /// Where a chunk begins.
    pub(crate) fn chunk(&self, number: usize) -> *mut u8 {
        core::ptr::with_exposed_provenance_mut(self.address() + number * chunk::<G>())
    }
}

/// A page whose lock is held, with interrupts masked.
pub(crate) struct Locked<'a, G: Granule, E: Env> {
    page: Page<'a, G>,
    // Dropped in this order: interrupts come back when the lock is open.
    _hold: Hold<'a>,
    masked: Masked<'a, E>,
}

/// A lock that is held, until this is dropped.
struct Hold<'a>(&'a TicketLock<Header>);

impl Drop for Hold<'_> {
    fn drop(&mut self) {
        self.0.unlock();
    }
}

impl<'a, G: Granule, E: Env> Locked<'a, G, E> {
    /// Lets the page go, with interrupts still masked.
    pub(crate) fn unlock(self) -> Masked<'a, E> {
        self.masked
    }
}

impl<'a, G: Granule, E: Env> core::ops::Deref for Locked<'a, G, E> {
    type Target = Page<'a, G>;

    fn deref(&self) -> &Page<'a, G> {
        &self.page
    }
}
