//! The pool: lists of pages by free chunks, under one lock.

use alloc::sync::Arc;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicUsize, Ordering};

use buddy::Granule;
use zpool::slab::{Readers, Reading, Slab};
use zpool::{AllocError, Env, Handle, HandleError, SpinLock};

use crate::entry::{Buddy, Entry};
use crate::page::{CHUNKS, Page, USABLE, chunk, chunks};

/// A zbud pool.
pub struct Zbud<E: Env> {
    env: Arc<E>,
    readers: Arc<Readers>,
    entries: Slab<Entry, E>,
    lists: SpinLock<Lists>,
    pub(crate) pages: AtomicUsize,
}

/// What the lock of the pool protects, besides headers.
pub(crate) struct Lists {
    /// Addresses of the first pages: `heads[0]` of those with two objects, `heads[i]` of those
    /// with one object and `i` free chunks.
    heads: [usize; USABLE],
    pub(crate) objects: usize,
    /// Chunks of all live objects.
    pub(crate) chunks: usize,
}

impl<E: Env> Zbud<E> {
    /// A pool without objects or frames.
    #[must_use]
    pub fn new(env: E) -> Self {
        let env = Arc::new(env);
        let readers = Arc::new(Readers::new(env.cpus()));
        Self {
            entries: Slab::new(env.clone(), readers.clone()),
            env,
            readers,
            lists: SpinLock::new(Lists { heads: [0; USABLE], objects: 0, chunks: 0 }),
            pages: AtomicUsize::new(0),
        }
    }

    /// Takes a place in the page with the least room that is enough, the one that came to its
    /// list last, or in a new page.
    pub(crate) fn allocate(&self, size: usize) -> Result<Handle, AllocError> {
        if size == 0 {
            return Err(AllocError::Invalid);
        }
        if size > E::Granule::SIZE - 2 * chunk::<E::Granule>() {
            return Err(AllocError::NoSpace);
        }
        let wanted = chunks::<E::Granule>(size);
        let reading = self.enter();
        let mut lists = self.lists.lock(&*self.env);
        if let Some(list) = (wanted..USABLE).find(|&list| lists.heads[list] != 0) {
            // SAFETY: the page is on a list, and the lock is held.
            let page = unsafe { Page::<E::Granule>::at(lists.heads[list]) };
            lists.remove(list, &page);
            let first = page.chunks_of(Buddy::First) == 0;
            let buddy = if first { Buddy::First } else { Buddy::Last };
            return Ok(self.place(&reading, &mut lists, &page, buddy, wanted));
        }
        drop(lists);
        let Some(page) = self.create_page(&reading) else {
            drop(reading);
            while self.entries.trim(0) {}
            return Err(AllocError::NoMemory);
        };
        let mut lists = self.lists.lock(&*self.env);
        self.pages.fetch_add(1, Ordering::Relaxed);
        Ok(self.place(&reading, &mut lists, &page, Buddy::First, wanted))
    }

    /// Begins an object in a page that is on no list, and lists the page.
    fn place(
        &self,
        reading: &Reading<'_>,
        lists: &mut Lists,
        page: &Page<'_, E::Granule>,
        buddy: Buddy,
        wanted: usize,
    ) -> Handle {
        page.set_chunks(buddy, wanted);
        lists.insert(page);
        lists.objects += 1;
        lists.chunks += wanted;
        let number = page.header().entry.load(Ordering::Relaxed);
        if let Some(entry) = self.entries.get(reading, number) {
            entry.begin(buddy);
        }
        encode(number, buddy)
    }

    fn create_page(&self, reading: &Reading<'_>) -> Option<Page<'_, E::Granule>> {
        let frame = self.env.alloc(0)?;
        let Some(number) = self.entries.alloc() else {
            // SAFETY: the frame was just handed out, and nobody has seen it.
            unsafe { self.env.free(frame, 0) };
            return None;
        };
        // SAFETY: the frame is fresh; nobody gives it back before it has had an object.
        let page = unsafe { Page::create(frame, number) };
        self.entries.get(reading, number)?.set(page.address());
        Some(page)
    }

    /// Ends an object. A page without objects goes back at once, with the lock held.
    pub(crate) fn release(&self, handle: Handle) -> Result<(), HandleError> {
        let reading = self.enter();
        let (number, buddy, entry) = self.entry(&reading, handle)?;
        {
            let mut lists = self.lists.lock(&*self.env);
            let address = entry.claim(buddy)?;
            // SAFETY: the object was live until now, so its page is there, and the lock is held.
            let page = unsafe { Page::<E::Granule>::at(address) };
            lists.remove(page.list(), &page);
            lists.objects -= 1;
            lists.chunks -= page.chunks_of(buddy);
            page.set_chunks(buddy, 0);
            if page.free_chunks() < USABLE {
                lists.insert(&page);
                return Ok(());
            }
            entry.set(0);
            if let Some(frame) = NonNull::new(core::ptr::with_exposed_provenance_mut(address)) {
                // SAFETY: the frame came from this environment; no object of it is live, and it
                // is on no list.
                unsafe { self.env.free(frame, 0) };
            }
            self.pages.fetch_sub(1, Ordering::Relaxed);
        }
        self.entries.free(&reading, number);
        drop(reading);
        self.trim(self.env.cpus());
        Ok(())
    }

    /// Gives at most one frame of entries back; says whether there was one.
    pub(crate) fn trim(&self, reserve: usize) -> bool {
        self.entries.trim(reserve)
    }

    pub(crate) fn enter(&self) -> Reading<'_> {
        self.readers.enter(self.env.cpu())
    }

    /// The entry and the object that a handle names.
    pub(crate) fn entry<'r>(
        &'r self,
        reading: &'r Reading<'_>,
        handle: Handle,
    ) -> Result<(u32, Buddy, &'r Entry), HandleError> {
        let buddy = if handle.bits() & 1 == 0 { Buddy::First } else { Buddy::Last };
        let number = (handle.bits() >> 1).checked_sub(1).and_then(|number| number.try_into().ok());
        let number = number.ok_or(HandleError::Invalid)?;
        let entry = self.entries.get(reading, number).ok_or(HandleError::Invalid)?;
        Ok((number, buddy, entry))
    }

    /// Live objects and the bytes of their chunks.
    pub(crate) fn usage(&self) -> (usize, usize) {
        let lists = self.lists.lock(&*self.env);
        (lists.objects, lists.chunks * E::Granule::SIZE / CHUNKS)
    }
}

/// The handle of an object: the number of its page's entry, and which of two it is.
fn encode(number: u32, buddy: Buddy) -> Handle {
    let bits = (u64::from(number) + 1) << 1 | u64::from(buddy == Buddy::Last);
    Handle::from_bits(bits).expect("34 bits, not zero")
}

impl Lists {
    fn insert<G: Granule>(&mut self, page: &Page<'_, G>) {
        let head = &mut self.heads[page.list()];
        let header = page.header();
        header.previous.store(0, Ordering::Relaxed);
        header.next.store(*head, Ordering::Relaxed);
        if *head != 0 {
            // SAFETY: the page is on a list, and the caller has the lock.
            let next = unsafe { Page::<G>::at(*head) };
            next.header().previous.store(page.address(), Ordering::Relaxed);
        }
        *head = page.address();
    }

    fn remove<G: Granule>(&mut self, list: usize, page: &Page<'_, G>) {
        let next = page.header().next.load(Ordering::Relaxed);
        let previous = page.header().previous.load(Ordering::Relaxed);
        if previous == 0 {
            self.heads[list] = next;
        } else {
            // SAFETY: the page is on a list, and the caller has the lock.
            let previous = unsafe { Page::<G>::at(previous) };
            previous.header().next.store(next, Ordering::Relaxed);
        }
        if next != 0 {
            // SAFETY: as above.
            let next = unsafe { Page::<G>::at(next) };
            next.header().previous.store(previous, Ordering::Relaxed);
        }
    }
}

impl<E: Env> Drop for Zbud<E> {
    fn drop(&mut self) {
        let env = &*self.env;
        self.entries.for_each(|entry| {
            let frame = core::ptr::with_exposed_provenance_mut(entry.address());
            if let Some(frame) = NonNull::new(frame) {
                // SAFETY: the frame came from this environment, and nobody can reach it once the
                // pool is gone.
                unsafe { env.free(frame, 0) };
            }
        });
    }
}
