//! Spinning locks of the kernel, and references that boot sets.

use core::cell::UnsafeCell;
use core::marker::PhantomData;
use core::ops::{Deref, DerefMut};
use core::sync::atomic::{AtomicPtr, Ordering};

use zpool::TicketLock;

use crate::arch::interrupts;
use crate::sched::preemption;

/// What keeps the holder of a [`Lock`] on its CPU.
pub trait Hold {
    /// Before the lock is waited for; returns what [`Hold::end`] needs.
    fn begin() -> u64;

    /// After it was let go.
    fn end(saved: u64);
}

/// Interrupts are masked: for data that handlers use.
pub struct Masked;

impl Hold for Masked {
    #[inline]
    fn begin() -> u64 {
        interrupts::mask()
    }

    #[inline]
    fn end(saved: u64) {
        interrupts::restore(saved);
    }
}

/// Preemption is off and interrupts are on: for data that only threads use.
pub struct Unpreempted;

impl Hold for Unpreempted {
    #[inline]
    fn begin() -> u64 {
        preemption::disable();
        0
    }

    #[inline]
    fn end(_: u64) {
        preemption::enable();
    }
}

/// Data behind a ticket lock, held for a bounded number of instructions.
pub struct Lock<T, H = Masked> {
    lock: TicketLock<T>,
    hold: PhantomData<H>,
    data: UnsafeCell<T>,
}

/// A [`Lock`] that no handler takes.
pub type ThreadLock<T> = Lock<T, Unpreempted>;

// SAFETY: the lock hands the data to one CPU at a time, and to nobody who interrupts or preempts
// the holder there: see `Hold`.
unsafe impl<T: Send, H> Sync for Lock<T, H> {}

impl<T, H: Hold> Lock<T, H> {
    /// Data that nobody holds.
    pub const fn new(data: T) -> Self {
        Self { lock: TicketLock::new(), hold: PhantomData, data: UnsafeCell::new(data) }
    }

    /// Waits for the data.
    #[inline]
    pub fn lock(&self) -> Guard<'_, T, H> {
        let saved = H::begin();
        self.lock.lock();
        Guard { owner: self, saved }
    }
}

impl<T, H: Hold> buddy::Lock<T> for Lock<T, H> {
    fn new(value: T) -> Self {
        Self::new(value)
    }

    fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        f(&mut self.lock())
    }
}

/// Access to the data of a [`Lock`].
pub struct Guard<'a, T, H: Hold> {
    owner: &'a Lock<T, H>,
    saved: u64,
}

impl<T, H: Hold> Deref for Guard<'_, T, H> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the guard holds the lock.
        unsafe { &*self.owner.data.get() }
    }
}

impl<T, H: Hold> DerefMut for Guard<'_, T, H> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the guard holds the lock.
        unsafe { &mut *self.owner.data.get() }
    }
}

impl<T, H: Hold> Drop for Guard<'_, T, H> {
    #[inline]
    fn drop(&mut self) {
        self.owner.lock.unlock();
        H::end(self.saved);
    }
}

/// A reference that is set once at boot and read ever after.
pub struct Once<T: 'static>(AtomicPtr<T>);

impl<T: Sync> Once<T> {
    /// Nothing yet.
    pub const fn new() -> Self {
        Self(AtomicPtr::new(core::ptr::null_mut()))
    }

    /// Sets it.
    pub fn set(&self, value: &'static T) {
        self.0.store(core::ptr::from_ref(value).cast_mut(), Ordering::Release);
    }

    /// What was set.
    #[inline]
    pub fn get(&self) -> Option<&'static T> {
        let pointer = self.0.load(Ordering::Acquire);
        // SAFETY: null, or from a `&'static T` that `set` was given.
        unsafe { pointer.as_ref() }
    }
}
