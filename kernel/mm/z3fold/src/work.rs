//! Deferred work: pages to compact and frames to give back.

use core::sync::atomic::Ordering;

use buddy::Granule;
use zpool::{Budget, Env, SpinLock, Work};

use crate::Z3fold;
use crate::page::Page;

/// Items of each kind that one step handles at most.
const ITEMS: usize = 64;

/// Two queues, chained through the headers of their pages. Each has its own lock.
pub(crate) struct Queues {
    /// Pages to compact, first come, first served. Each has a reference for it.
    compaction: SpinLock<Queue>,
    /// Address of the page that was released last, zero without one.
    stale: SpinLock<usize>,
}

/// Addresses, zero without a page.
struct Queue {
    first: usize,
    last: usize,
}

impl Queues {
    pub(crate) const fn new() -> Self {
        Self { compaction: SpinLock::new(Queue { first: 0, last: 0 }), stale: SpinLock::new(0) }
    }

    /// Queues a page for compaction. It has a reference for that, and is not queued already.
    pub(crate) fn compact_later<E: Env>(&self, env: &E, page: &Page<'_, E::Granule>) {
        page.header().next_work.store(0, Ordering::Relaxed);
        let mut queue = self.compaction.lock(env);
        if queue.first == 0 {
            queue.first = page.address();
        } else {
            // SAFETY: a queued page has a reference, which goes with taking it off the queue.
            let last = unsafe { Page::<E::Granule>::at(queue.last) };
            last.header().next_work.store(page.address(), Ordering::Relaxed);
        }
        queue.last = page.address();
    }

    /// The page that has waited longest; its reference goes with it.
    fn next_to_compact<'a, E: Env>(&'a self, env: &E) -> Option<Page<'a, E::Granule>> {
        let mut queue = self.compaction.lock(env);
        if queue.first == 0 {
            return None;
        }
        // SAFETY: a queued page has a reference, which is the caller's from now on.
        let page = unsafe { Page::<E::Granule>::at(queue.first) };
        queue.first = page.header().next_work.load(Ordering::Relaxed);
        Some(page)
    }

    /// Queues a released page.
    pub(crate) fn give_back_later<E: Env>(&self, env: &E, page: &Page<'_, E::Granule>) {
        let mut first = self.stale.lock(env);
        page.header().next.store(*first, Ordering::Relaxed);
        *first = page.address();
    }

    /// The address of the page that was released last.
    fn next_to_give_back<E: Env>(&self, env: &E) -> Option<usize> {
        let mut first = self.stale.lock(env);
        let address = *first;
        if address == 0 {
            return None;
        }
        // SAFETY: released pages stay until they are taken off this queue.
        *first = unsafe { Page::<E::Granule>::at(address) }.header().next.load(Ordering::Relaxed);
        Some(address)
    }

    fn is_empty<E: Env>(&self, env: &E) -> bool {
        self.compaction.lock(env).first == 0 && *self.stale.lock(env) == 0
    }
}

impl<E: Env> Z3fold<E> {
    /// Compacts queued pages while the budget lasts, gives frames back.
    pub(crate) fn run_some(&self, budget: Budget) -> Work {
        let mut work = Work::default();
        for _ in 0..ITEMS {
            // One page copies one object at most.
            let bytes_left = budget.bytes.saturating_sub(work.bytes);
            if bytes_left < E::Granule::SIZE || work.objects >= budget.objects {
                break;
            }
            let Some(page) = self.queues.next_to_compact(&*self.env) else { break };
            let reading = self.enter();
            work += self.compact_page(&reading, page.lock(&*self.env));
        }
        for _ in 0..ITEMS {
            let Some(address) = self.queues.next_to_give_back(&*self.env) else { break };
            // SAFETY: the page was released: nothing names it but the queue it was on.
            unsafe { self.give_back(address) };
        }
        self.trim(self.env.cpus());
        work.more = !self.queues.is_empty(&*self.env);
        work
    }

    /// All of it.
    pub(crate) fn run_all(&self) -> Work {
        let mut all = Work::default();
        loop {
            let work = self.run_some(Budget { bytes: usize::MAX, objects: usize::MAX });
            all += work;
            if !work.more {
                all.more = false;
                return all;
            }
        }
    }
}
