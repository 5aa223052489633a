//! The pool: what it is made of, and how an object is found.

use alloc::sync::Arc;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use buddy::Granule;
use zpool::slab::{Readers, Reading, Slab};
use zpool::{Env, HandleError, Masked, relax};

use crate::headless::Headless;
use crate::lists::Lists;
use crate::page::{CHUNKS, Locked, Page, Place};
use crate::slots::Slots;
use crate::work::Queues;

/// A z3fold pool.
///
/// Locks, in the order in which they are taken: a page, the lists, slots. Who has the lists and
/// wants a page only tries.
pub struct Z3fold<E: Env> {
    pub(crate) env: Arc<E>,
    pub(crate) readers: Arc<Readers>,
    pub(crate) slots: Slab<Slots, E>,
    pub(crate) headless: Slab<Headless, E>,
    pub(crate) lists: Lists,
    pub(crate) queues: Queues,
    /// Pages with objects.
    pub(crate) pages: AtomicUsize,
    /// Live objects (upper half) and their chunks (lower half).
    usage: AtomicU64,
    pub(crate) evacuations: AtomicUsize,
    pub(crate) middle_moves: AtomicUsize,
}

impl<E: Env> Z3fold<E> {
    /// A pool without objects or frames.
    #[must_use]
    pub fn new(env: E) -> Self {
        let env = Arc::new(env);
        let readers = Arc::new(Readers::new(env.cpus()));
        Self {
            slots: Slab::new(env.clone(), readers.clone()),
            headless: Slab::new(env.clone(), readers.clone()),
            lists: Lists::new(env.cpus()),
            env,
            readers,
            queues: Queues::new(),
            pages: AtomicUsize::new(0),
            usage: AtomicU64::new(0),
            evacuations: AtomicUsize::new(0),
            middle_moves: AtomicUsize::new(0),
        }
    }

    /// Objects that were moved to another page, so that theirs could be given back.
    pub fn evacuations(&self) -> usize {
        self.evacuations.load(Ordering::Relaxed)
    }

    /// Middle objects that were moved within their page.
    pub fn middle_moves(&self) -> usize {
        self.middle_moves.load(Ordering::Relaxed)
    }

    pub(crate) fn enter(&self) -> Reading<'_> {
        self.readers.enter(self.env.cpu())
    }

    /// The page and place of the object that a slot names, with the lock of the page.
    ///
    /// The slots are locked while the page is looked up, so that its object stays there; in that
    /// order the lock of the page can only be tried.
    pub(crate) fn lock_object<'r>(
        &'r self,
        reading: &'r Reading<'_>,
        number: u32,
        slot: u8,
    ) -> Result<(Locked<'r, E::Granule, E>, Place), HandleError> {
        let slots = self.slots.get(reading, number).ok_or(HandleError::Invalid)?;
        loop {
            let masked = Masked::new(&*self.env);
            slots.lock.lock_read();
            let Some((address, index)) = slots.get(slot) else {
                slots.lock.unlock_read();
                return Err(HandleError::Stale);
            };
            // SAFETY: the slot names an object of the page; whoever frees or moves it empties or
            // changes the slot first, and waits for this lock.
            let page = unsafe { Page::<E::Granule>::at(address) };
            let locked = page.try_lock(masked);
            slots.lock.unlock_read();
            if let Ok(locked) = locked {
                let place = locked.place(index).ok_or(HandleError::Invalid)?;
                return Ok((locked, place));
            }
            drop(locked);
            relax();
        }
    }

    /// Counts an object of so many chunks.
    pub(crate) fn count(&self, chunks: usize) {
        self.usage.fetch_add(1 << 32 | chunks as u64, Ordering::Relaxed);
    }

    /// Counts an object of so many chunks no longer.
    pub(crate) fn discount(&self, chunks: usize) {
        self.usage.fetch_sub(1 << 32 | chunks as u64, Ordering::Relaxed);
    }

    /// Live objects and the bytes of their chunks.
    pub(crate) fn usage(&self) -> (usize, usize) {
        let usage = self.usage.load(Ordering::Relaxed);
        ((usage >> 32) as usize, usage as u32 as usize * (E::Granule::SIZE / CHUNKS))
    }

    /// Gives at most one frame of each cache back; says whether there was one.
    pub(crate) fn trim(&self, reserve: usize) -> bool {
        self.slots.trim(reserve) | self.headless.trim(reserve)
    }

    /// Gives a page frame back.
    ///
    /// # Safety
    /// The frame at that address came from this environment, and nobody can reach it any more.
    pub(crate) unsafe fn give_back(&self, address: usize) {
        if let Some(frame) = NonNull::new(core::ptr::with_exposed_provenance_mut(address)) {
            // SAFETY: the caller's promise.
            unsafe { self.env.free(frame, 0) };
        }
    }
}

impl<E: Env> Drop for Z3fold<E> {
    fn drop(&mut self) {
        // From now on every page has a live object, and every live object has a slot.
        self.run_all();
        let env = &*self.env;
        let free = |address: usize| {
            if let Some(frame) = NonNull::new(core::ptr::with_exposed_provenance_mut(address)) {
                // SAFETY: the frame came from this environment, and nobody can reach it once the
                // pool is gone.
                unsafe { env.free(frame, 0) };
            }
        };
        self.slots.for_each(|slots| {
            for (address, index) in slots.objects() {
                // SAFETY: the page has this object, which is only now taken out of it.
                let page = unsafe { Page::<E::Granule>::at(address) };
                page.place(index).into_iter().for_each(|place| page.set_size(place, 0));
                if page.live().next().is_none() {
                    free(address);
                }
            }
        });
        self.headless.for_each(|page| free(page.address()));
    }
}
