//! A counting semaphore whose waiters sleep.

use super::thread::{self, MAX_THREADS};
use super::{current, park, unpark};
use crate::sync::ThreadLock;

/// Permits that threads take and give.
pub struct Semaphore {
    inner: ThreadLock<Inner>,
}

struct Inner {
    permits: usize,
    /// Bit i: thread i waits.
    waiting: u128,
}

const _: () = assert!(MAX_THREADS <= u128::BITS as usize);

impl Semaphore {
    /// A semaphore with that many permits.
    pub const fn new(permits: usize) -> Self {
        Self { inner: ThreadLock::new(Inner { permits, waiting: 0 }) }
    }

    /// Waits for a permit and takes it. A thread that comes by while a waiter is waking up may
    /// get there first.
    pub fn wait(&self) {
        loop {
            let mut inner = self.inner.lock();
            let me = 1 << current().index();
            if inner.permits > 0 {
                inner.permits -= 1;
                // It may have been woken by something else: who does not wait must not be chosen.
                inner.waiting &= !me;
                return;
            }
            inner.waiting |= me;
            drop(inner);
            park();
        }
    }

    /// Takes a permit if there is one.
    pub fn try_wait(&self) -> bool {
        let mut inner = self.inner.lock();
        let taken = inner.permits > 0;
        inner.permits -= usize::from(taken);
        taken
    }

    /// Gives a permit and wakes one of those who wait.
    pub fn post(&self) {
        let mut inner = self.inner.lock();
        inner.permits += 1;
        let waiter = inner.waiting.trailing_zeros();
        if waiter < u128::BITS {
            inner.waiting &= !(1 << waiter);
            drop(inner);
            unpark(thread::get(waiter as u16));
        }
    }
}
