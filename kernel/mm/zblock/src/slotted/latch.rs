//! The lock of a shelf: taken and let go in one atomic instruction each.

use zpool::TicketLock;
use zpool::probe::{self, probe_of};

use super::shelf::Shelf;
use super::sync::{AtomicU32, Ordering};

/// Somebody has it.
const HELD: u32 = 1;
/// The first in line waits: whoever finds this steps back, so that he is not passed by for ever.
const WANTED: u32 = 2;

/// A lock that whoever finds it open takes, and that those who do not wait for in line.
///
/// Waiting is bounded as in line: while the first one waits, each other CPU comes in between at
/// most for the two instructions in which it finds that somebody waits.
pub(super) struct Latch {
    word: AtomicU32,
    line: TicketLock,
}

impl Latch {
    /// Open.
    pub(super) fn new() -> Self {
        Self { word: AtomicU32::new(0), line: TicketLock::new() }
    }

    /// How probes name the lock.
    #[inline(always)]
    fn address(&self) -> usize {
        core::ptr::from_ref(self).addr()
    }

    /// Takes it if nobody has it and nobody waits for it.
    #[inline(always)]
    pub(super) fn try_lock(&self) -> bool {
        let taken = self.take();
        if taken {
            probe_of::<{ probe::LOCK_WAIT }, Shelf>(self.address());
            probe_of::<{ probe::LOCK_TAKEN }, Shelf>(self.address());
        }
        taken
    }

    #[inline(always)]
    fn take(&self) -> bool {
        let before = self.word.fetch_or(HELD, Ordering::Acquire);
        if before == WANTED {
            self.word.fetch_and(!HELD, Ordering::Release);
        }
        before == 0
    }

    /// Takes it, in line behind those who came before. The caller has masked interrupts where a
    /// handler could want it too.
    #[cold]
    pub(super) fn lock(&self) {
        probe_of::<{ probe::LOCK_WAIT }, Shelf>(self.address());
        probe_of::<{ probe::LOCK_CONTENDED }, Shelf>(self.address());
        self.line.lock();
        loop {
            self.word.fetch_or(WANTED, Ordering::Relaxed);
            let taken =
                self.word.compare_exchange(WANTED, HELD, Ordering::Acquire, Ordering::Relaxed);
            if taken.is_ok() {
                break;
            }
            super::sync::relax();
        }
        self.line.unlock();
        probe_of::<{ probe::LOCK_TAKEN }, Shelf>(self.address());
    }

    /// Lets it go. Only its holder calls this.
    #[inline(always)]
    pub(super) fn unlock(&self) {
        probe_of::<{ probe::LOCK_RELEASE }, Shelf>(self.address());
        self.word.fetch_and(!HELD, Ordering::Release);
    }
}

#[cfg(all(test, loom))]
mod tests {
    use loom::cell::UnsafeCell;
    use loom::sync::Arc;
    use loom::thread;

    use super::*;

    /// One at a time, also while somebody waits.
    #[test]
    fn a_latch_is_one_holders() {
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = Some(3);
        builder.check(|| {
            let shared = Arc::new((Latch::new(), UnsafeCell::new(0_u32)));
            let count = |shared: &(Latch, UnsafeCell<u32>)| {
                // SAFETY: Loom checks that the latch orders the accesses.
                shared.1.with_mut(|count| unsafe { *count += 1 });
                shared.0.unlock();
            };
            let (second, third) = (Arc::clone(&shared), Arc::clone(&shared));
            let waiting = thread::spawn(move || {
                second.0.lock();
                count(&second);
            });
            let trying = thread::spawn(move || {
                let taken = third.0.try_lock();
                if taken {
                    count(&third);
                }
                u32::from(taken)
            });
            let taken = shared.0.try_lock();
            if taken {
                count(&shared);
            }
            waiting.join().unwrap();
            let counted = 1 + trying.join().unwrap() + u32::from(taken);
            // SAFETY: nobody else is left.
            shared.1.with(|count| assert_eq!(unsafe { *count }, counted));
            assert!(shared.0.try_lock(), "it is open in the end");
        });
    }
}
