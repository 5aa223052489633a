//! Readers and writers, first come, first served.

use core::marker::PhantomData;
use core::sync::atomic::{AtomicU32, Ordering};

use crate::probe::{self, probe_of};
use crate::{Env, TicketLock};

/// A reader-writer spin lock without data: many readers or one writer.
///
/// Whoever cannot have it at once queues in the order of arrival, readers and writers alike, so
/// neither starves the other. `T` is as for [`TicketLock`].
#[derive(Debug, Default)]
pub struct RwSpinLock<T: ?Sized = ()> {
    /// [`WRITER`] is set while a writer holds the lock, [`PENDING`] while the first writer of the
    /// queue waits for readers to leave; the rest counts readers.
    state: AtomicU32,
    queue: TicketLock<T>,
    queued: AtomicU32,
    protects: PhantomData<fn(&T)>,
}

const WRITER: u32 = 1 << 31;
const PENDING: u32 = 1 << 30;

impl<T: ?Sized> RwSpinLock<T> {
    /// An open lock.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            state: AtomicU32::new(0),
            queue: TicketLock::new(),
            queued: AtomicU32::new(0),
            protects: PhantomData,
        }
    }

    /// Waits until no writer holds the lock or was there before, and joins the readers.
    pub fn lock_read(&self) {
        probe_of::<{ probe::LOCK_WAIT }, T>(self.address());
        self.wait_read();
        probe_of::<{ probe::LOCK_SHARED }, T>(self.address());
    }

    fn wait_read(&self) {
        if self.state.fetch_add(1, Ordering::Acquire) & (WRITER | PENDING) == 0 {
            return;
        }
        self.state.fetch_sub(1, Ordering::Relaxed);
        self.queued.fetch_add(1, Ordering::Relaxed);
        self.queue.lock();
        // At the front of the queue there is no pending writer, and no new one can come.
        self.state.fetch_add(1, Ordering::Relaxed);
        while self.state.load(Ordering::Acquire) & WRITER != 0 {
            crate::relax();
        }
        self.queue.unlock();
        self.queued.fetch_sub(1, Ordering::Relaxed);
    }

    /// Leaves the readers. Only a reader calls this.
    pub fn unlock_read(&self) {
        self.state.fetch_sub(1, Ordering::Release);
    }

    /// Waits until everyone who was there before has left, and takes the lock alone.
    pub fn lock_write(&self) {
        probe_of::<{ probe::LOCK_WAIT }, T>(self.address());
        self.wait_write();
        probe_of::<{ probe::LOCK_TAKEN }, T>(self.address());
    }

    fn wait_write(&self) {
        if self.take_write() {
            return;
        }
        self.queued.fetch_add(1, Ordering::Relaxed);
        self.queue.lock();
        self.state.fetch_or(PENDING, Ordering::Relaxed);
        while self
            .state
            .compare_exchange_weak(PENDING, WRITER, Ordering::Acquire, Ordering::Relaxed)
            .is_err()
        {
            crate::relax();
        }
        self.queue.unlock();
        self.queued.fetch_sub(1, Ordering::Relaxed);
    }

    /// Takes the lock alone if nobody has it.
    pub fn try_lock_write(&self) -> bool {
        let taken = self.take_write();
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

    fn take_write(&self) -> bool {
        self.state.compare_exchange(0, WRITER, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    /// Lets everyone in again. Only the writer calls this.
    pub fn unlock_write(&self) {
        probe_of::<{ probe::LOCK_RELEASE }, T>(self.address());
        self.state.fetch_and(!WRITER, Ordering::Release);
    }

    /// Someone waits for the lock.
    #[must_use]
    pub fn is_contended(&self) -> bool {
        self.queued.load(Ordering::Relaxed) != 0
    }
}

/// Interrupts of this CPU are masked while this lives, so that its thread is not preempted.
pub struct Masked<'a, E: Env> {
    env: &'a E,
    saved: usize,
}

impl<'a, E: Env> Masked<'a, E> {
    /// Masks interrupts.
    pub fn new(env: &'a E) -> Self {
        Self { env, saved: env.mask() }
    }
}

impl<E: Env> Drop for Masked<'_, E> {
    fn drop(&mut self) {
        self.env.unmask(self.saved);
    }
}

#[cfg(test)]
mod tests {
    use core::cell::UnsafeCell;

    use super::*;

    #[test]
    fn readers_share_and_writers_do_not() {
        let lock = RwSpinLock::<()>::new();
        lock.lock_read();
        lock.lock_read();
        assert!(!lock.try_lock_write());
        lock.unlock_read();
        assert!(!lock.try_lock_write());
        lock.unlock_read();
        assert!(lock.try_lock_write());
        assert!(!lock.try_lock_write());
        lock.unlock_write();
        lock.lock_read();
        lock.unlock_read();
        assert!(!lock.is_contended());
    }

    struct Pair(RwSpinLock, UnsafeCell<(u32, u32)>);

    // SAFETY: the test reaches the pair only with the lock in the right mode.
    unsafe impl Sync for Pair {}

    #[test]
    fn readers_never_see_half_a_write() {
        let rounds = if cfg!(miri) { 20 } else { 2_000 };
        let pair = Pair(RwSpinLock::new(), UnsafeCell::new((0, 0)));
        let pair = &pair;
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(move || {
                    for _ in 0..rounds {
                        pair.0.lock_read();
                        // SAFETY: readers only read, and no writer is inside.
                        let (left, right) = unsafe { *pair.1.get() };
                        pair.0.unlock_read();
                        assert_eq!(left, right);
                        std::thread::yield_now();
                    }
                });
                scope.spawn(move || {
                    for _ in 0..rounds {
                        pair.0.lock_write();
                        // SAFETY: the writer is alone.
                        unsafe {
                            (*pair.1.get()).0 += 1;
                            (*pair.1.get()).1 += 1;
                        }
                        pair.0.unlock_write();
                        std::thread::yield_now();
                    }
                });
            }
        });
        // SAFETY: every thread has ended.
        assert_eq!(unsafe { *pair.1.get() }, (2 * rounds, 2 * rounds));
    }
}
