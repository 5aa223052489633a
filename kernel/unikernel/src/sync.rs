//! Locks of the kernel: a spinning one that masks interrupts, and a sleeping one.

use core::cell::UnsafeCell;
use core::ops::{Deref, DerefMut};
use core::sync::atomic::{AtomicPtr, Ordering};

use zpool::TicketLock;

use crate::arch::interrupts;

/// Data behind a ticket lock, held with interrupts masked. For a bounded number of instructions.
pub struct Lock<T> {
    lock: TicketLock,
    data: UnsafeCell<T>,
}

// SAFETY: the lock hands the data to one CPU at a time, and to nobody who interrupts it there.
unsafe impl<T: Send> Sync for Lock<T> {}

impl<T> Lock<T> {
    /// Data that nobody holds.
    pub const fn new(data: T) -> Self {
        Self { lock: TicketLock::new(), data: UnsafeCell::new(data) }
    }

    /// Masks interrupts and waits for the data.
    #[inline]
    pub fn lock(&self) -> Guard<'_, T> {
        let saved = interrupts::mask();
        self.lock.lock();
        Guard { owner: self, saved }
    }
}

/// Access to the data of a [`Lock`].
pub struct Guard<'a, T> {
    owner: &'a Lock<T>,
    saved: u64,
}

impl<T> Deref for Guard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: the guard holds the lock.
        unsafe { &*self.owner.data.get() }
    }
}

impl<T> DerefMut for Guard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the guard holds the lock.
        unsafe { &mut *self.owner.data.get() }
    }
}

impl<T> Drop for Guard<'_, T> {
    fn drop(&mut self) {
        self.owner.lock.unlock();
        interrupts::restore(self.saved);
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
