//! The lock of back ends: fair, interrupt-safe, bounded by the number of CPUs.

use core::cell::UnsafeCell;
use core::marker::PhantomData;
use core::ops::{Deref, DerefMut};
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use crate::Env;
use crate::probe::{self, probe_of};

/// Whether waiters stand in line.
static IN_LINE: AtomicBool = AtomicBool::new(true);

/// From now on locks go to whichever waiter finds them open, not to the one who came first.
///
/// For machines whose CPUs are threads of a host, such as an emulator: the host may have put the
/// first in line aside, and everybody would wait until it is its turn there. On a machine of its
/// own, waiting is bounded only in line.
pub fn serve_any_waiter() {
    IN_LINE.store(false, Ordering::Relaxed);
}

/// A ticket lock without data: first come, first served, unless [`serve_any_waiter`] was called.
/// Who traces locks calls it by the name of `T`, which is what it protects.
#[derive(Debug, Default)]
pub struct TicketLock<T: ?Sized = ()> {
    next: AtomicU32,
    serving: AtomicU32,
    protects: PhantomData<fn(&T)>,
}

impl<T: ?Sized> TicketLock<T> {
    /// An open lock.
    #[must_use]
    pub const fn new() -> Self {
        Self { next: AtomicU32::new(0), serving: AtomicU32::new(0), protects: PhantomData }
    }

    /// Waits for the lock. The caller has masked interrupts where a handler could want it too.
    #[inline]
    pub fn lock(&self) {
        probe_of::<{ probe::LOCK_WAIT }, T>(self.address());
        if !self.take() {
            self.wait();
        }
        probe_of::<{ probe::LOCK_TAKEN }, T>(self.address());
    }

    #[cold]
    #[inline(never)]
    fn wait(&self) {
        probe_of::<{ probe::LOCK_CONTENDED }, T>(self.address());
        if !IN_LINE.load(Ordering::Relaxed) {
            // A ticket is drawn only when it is the one being served: nobody is in line.
            while !self.take() {
                relax();
            }
            return;
        }
        let ticket = self.next.fetch_add(1, Ordering::Relaxed);
        while self.serving.load(Ordering::Acquire) != ticket {
            relax();
        }
    }

    /// Takes the lock if nobody has it.
    pub fn try_lock(&self) -> bool {
        let taken = self.take();
        if taken {
            probe_of::<{ probe::LOCK_WAIT }, T>(self.address());
            probe_of::<{ probe::LOCK_TAKEN }, T>(self.address());
        }
        taken
    }

    /// How probes name the lock.
    fn address(&self) -> usize {
        core::ptr::from_ref(self).addr()
    }

    /// Takes the lock if nobody has it or is in line.
    #[inline]
    fn take(&self) -> bool {
        let serving = self.serving.load(Ordering::Acquire);
        self.next
            .compare_exchange(
                serving,
                serving.wrapping_add(1),
                Ordering::Acquire,
                Ordering::Relaxed,
            )
            .is_ok()
    }

    /// Hands the lock on. Only its holder calls this.
    #[inline]
    pub fn unlock(&self) {
        probe_of::<{ probe::LOCK_RELEASE }, T>(self.address());
        let serving = self.serving.load(Ordering::Relaxed);
        self.serving.store(serving.wrapping_add(1), Ordering::Release);
    }
}

/// One turn of a waiting loop. On the bare machine it says YIELD, so that an emulator that runs
/// CPUs in turn goes on to the one that is waited for.
#[inline]
pub fn relax() {
    #[cfg(all(target_arch = "aarch64", target_os = "none"))]
    // SAFETY: a hint without operands or effects.
    unsafe {
        core::arch::asm!("yield", options(nomem, nostack, preserves_flags));
    }
    // Under an operating system whoever is waited for may not be running at all.
    #[cfg(any(test, feature = "testing"))]
    crate::testing::wait();
    #[cfg(not(any(test, feature = "testing", all(target_arch = "aarch64", target_os = "none"))))]
    core::hint::spin_loop();
}

/// Data behind a [`TicketLock`], taken with interrupts masked by the environment.
#[derive(Debug, Default)]
pub struct SpinLock<T> {
    lock: TicketLock<T>,
    data: UnsafeCell<T>,
}

// SAFETY: the lock hands the data to one thread at a time.
unsafe impl<T: Send> Sync for SpinLock<T> {}

impl<T> SpinLock<T> {
    /// Data that nobody holds.
    pub const fn new(data: T) -> Self {
        Self { lock: TicketLock::new(), data: UnsafeCell::new(data) }
    }

    /// Masks interrupts and waits for the data.
    pub fn lock<'a, E: Env>(&'a self, env: &'a E) -> SpinGuard<'a, T, E> {
        let saved = env.mask();
        self.lock.lock();
        SpinGuard { owner: self, env, saved }
    }

    /// Masks interrupts and takes the data if nobody has it.
    pub fn try_lock<'a, E: Env>(&'a self, env: &'a E) -> Option<SpinGuard<'a, T, E>> {
        let saved = env.mask();
        if self.lock.try_lock() {
            Some(SpinGuard { owner: self, env, saved })
        } else {
            env.unmask(saved);
            None
        }
    }

    /// The data, from someone who has the lock for himself.
    pub fn get_mut(&mut self) -> &mut T {
        self.data.get_mut()
    }
}

/// Access to the data of a [`SpinLock`]; lets go and restores interrupts when dropped.
pub struct SpinGuard<'a, T, E: Env> {
    owner: &'a SpinLock<T>,
    env: &'a E,
    saved: usize,
}

impl<T, E: Env> Deref for SpinGuard<'_, T, E> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: the guard holds the lock, so nobody else reaches the data.
        unsafe { &*self.owner.data.get() }
    }
}

impl<T, E: Env> DerefMut for SpinGuard<'_, T, E> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the guard holds the lock, so nobody else reaches the data.
        unsafe { &mut *self.owner.data.get() }
    }
}

impl<T, E: Env> Drop for SpinGuard<'_, T, E> {
    fn drop(&mut self) {
        self.owner.lock.unlock();
        self.env.unmask(self.saved);
    }
}
