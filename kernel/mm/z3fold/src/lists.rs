//! Pages with room, by CPU and free chunks, under one lock.

use alloc::boxed::Box;
use core::sync::atomic::{AtomicUsize, Ordering};

use zpool::{Env, SpinGuard, SpinLock};

use crate::page::{CHUNKS, NO_CPU, Page};

/// The lists of all CPUs: one for each number of free chunks.
pub(crate) struct Lists {
    /// Addresses of first pages. They change with the lock held; looking needs none.
    heads: Box<[AtomicUsize]>,
    lock: SpinLock<()>,
}

/// All lists, locked.
pub(crate) struct LockedLists<'a, E: Env> {
    lists: &'a Lists,
    _guard: SpinGuard<'a, (), E>,
}

impl Lists {
    pub(crate) fn new(cpus: usize) -> Self {
        Self {
            heads: (0..cpus.max(1) * CHUNKS).map(|_| AtomicUsize::new(0)).collect(),
            lock: SpinLock::new(()),
        }
    }

    pub(crate) fn cpus(&self) -> usize {
        self.heads.len() / CHUNKS
    }

    /// Address of the page that came to a list last, zero without one.
    pub(crate) fn head(&self, cpu: usize, list: usize) -> usize {
        self.heads[cpu % self.cpus() * CHUNKS + list].load(Ordering::Acquire)
    }

    /// Waits for the lock of all lists.
    pub(crate) fn lock<'a, E: Env>(&'a self, env: &'a E) -> LockedLists<'a, E> {
        LockedLists { lists: self, _guard: self.lock.lock(env) }
    }
}

impl<'a, E: Env> LockedLists<'a, E> {
    /// The page that came to a list last, if that is still the one at this address.
    pub(crate) fn page(
        &self,
        cpu: usize,
        list: usize,
        head: usize,
    ) -> Option<Page<'a, E::Granule>> {
        // SAFETY: a page on a list has not been released, and releasing takes this lock.
        (self.lists.head(cpu, list) == head).then(|| unsafe { Page::at(head) })
    }

    /// Puts a page with room at the head of its list; a full one on none. The caller has the
    /// lock of the page.
    pub(crate) fn insert(&self, cpu: usize, page: &Page<'_, E::Granule>) {
        if page.live().count() == 3 {
            return;
        }
        let cpu = cpu % self.lists.cpus();
        let list = page.free_chunks();
        let head = &self.lists.heads[cpu * CHUNKS + list];
        let next = head.load(Ordering::Relaxed);
        let header = page.header();
        header.cpu.store(cpu as u16, Ordering::Relaxed);
        header.list.store(list as u8, Ordering::Relaxed);
        header.previous.store(0, Ordering::Relaxed);
        header.next.store(next, Ordering::Relaxed);
        if let Some(next) = self.neighbour(next) {
            next.header().previous.store(page.address(), Ordering::Relaxed);
        }
        head.store(page.address(), Ordering::Release);
    }

    /// Takes a page off its list, if it is on one. The caller has the lock of the page.
    pub(crate) fn remove(&self, page: &Page<'_, E::Granule>) {
        let header = page.header();
        let cpu = header.cpu.swap(NO_CPU, Ordering::Relaxed);
        if cpu == NO_CPU {
            return;
        }
        let next = header.next.load(Ordering::Relaxed);
        let previous = header.previous.load(Ordering::Relaxed);
        match self.neighbour(previous) {
            Some(previous) => previous.header().next.store(next, Ordering::Relaxed),
            None => {
                let list = usize::from(header.list.load(Ordering::Relaxed));
                self.lists.heads[usize::from(cpu) * CHUNKS + list].store(next, Ordering::Release);
            }
        }
        if let Some(next) = self.neighbour(next) {
            next.header().previous.store(previous, Ordering::Relaxed);
        }
    }

    fn neighbour(&self, address: usize) -> Option<Page<'a, E::Granule>> {
        // SAFETY: a page on a list has not been released, and releasing takes this lock.
        (address != 0).then(|| unsafe { Page::at(address) })
    }
}
