//! A lock that sleeps instead of spinning, and lends the waiter's priority to its holder.

use core::cell::UnsafeCell;
use core::ops::{Deref, DerefMut};

use super::thread::{self, MAX_THREADS, NONE};
use super::{park, set_priority, unpark};
use crate::arch::interrupts;
use crate::cpu;
use crate::sync::ThreadLock;

/// Data that one thread at a time has, for as long as it likes: whoever waits sleeps, and the
/// holder runs at the priority of the most important waiter meanwhile.
///
/// A waiter more important than the holder gets it at once. An equal one is woken, and gets it when
/// it insists: handed over each time, two threads that want it for every page would do one page in a
/// turn, and leave the rest of both turns to a third one.
///
/// Before threads run there is nobody to wait for, and it is simply taken.
pub struct SleepLock<T> {
    inner: ThreadLock<Inner>,
    data: UnsafeCell<T>,
}

struct Inner {
    /// Index of the holder, [`NONE`] for nobody; [`BOOT`] before threads run.
    holder: u16,
    /// The holder was a waiter and does not know yet.
    handed_over: bool,
    /// A waiter was woken, found somebody else holding the lock again, and wants it next.
    insisted: bool,
    /// Bit i: thread i waits.
    waiting: [u64; MAX_THREADS / 64],
}

/// The holder is the boot code.
const BOOT: u16 = NONE - 1;

// SAFETY: the data is handed to one thread at a time.
unsafe impl<T: Send> Sync for SleepLock<T> {}

impl<T> SleepLock<T> {
    /// Data that nobody has.
    pub const fn new(data: T) -> Self {
        Self {
            inner: ThreadLock::new(Inner {
                holder: NONE,
                handed_over: false,
                insisted: false,
                waiting: [0; MAX_THREADS / 64],
            }),
            data: UnsafeCell::new(data),
        }
    }

    /// Waits for the data. For threads with interrupts unmasked; during boot, while nobody else
    /// can have it, also with interrupts masked.
    pub fn lock(&self) -> SleepGuard<'_, T> {
        let me = me();
        let mut woken = false;
        loop {
            let mut inner = self.inner.lock();
            if inner.holder == NONE {
                inner.holder = me;
                return SleepGuard { owner: self };
            }
            if inner.holder == me {
                assert!(inner.handed_over, "a thread waits for a lock that it holds");
                inner.handed_over = false;
                return SleepGuard { owner: self };
            }
            inner.waiting[usize::from(me) / 64] |= 1 << (me % 64);
            inner.insisted |= woken;
            // With the lock of `inner` held, so that the holder still is one.
            lend(inner.holder, thread::get(me).priority());
            drop(inner);
            debug_assert!(!interrupts::masked(), "a thread sleeps with interrupts masked");
            park();
            woken = true;
        }
    }

    /// Takes the data if nobody has it.
    pub fn try_lock(&self) -> Option<SleepGuard<'_, T>> {
        let mut inner = self.inner.lock();
        if inner.holder != NONE {
            return None;
        }
        inner.holder = me();
        Some(SleepGuard { owner: self })
    }

    fn unlock(&self) {
        let mut inner = self.inner.lock();
        let next = inner.most_important();
        let now = next != NONE && (inner.insisted || is_more_important(next));
        inner.holder = if now { next } else { NONE };
        inner.handed_over = now;
        inner.insisted &= !now;
        if next != NONE {
            inner.waiting[usize::from(next) / 64] &= !(1 << (next % 64));
        }
        drop(inner);
        if next != NONE {
            unpark(thread::get(next));
        }
        let me = me();
        if me != BOOT {
            let me = thread::get(me);
            if me.priority() != me.base_priority() {
                set_priority(me, me.base_priority());
            }
        }
    }
}

impl Inner {
    /// The waiter of the highest priority, [`NONE`] for nobody.
    fn most_important(&self) -> u16 {
        let mut best = NONE;
        for (word, &bits) in self.waiting.iter().enumerate() {
            let mut bits = bits;
            while bits != 0 {
                let index = word as u16 * 64 + bits.trailing_zeros() as u16;
                if best == NONE || thread::get(index).priority() > thread::get(best).priority() {
                    best = index;
                }
                bits &= bits - 1;
            }
        }
        best
    }
}

/// Whether a waiter is more important than the running thread would be without the lock.
fn is_more_important(waiter: u16) -> bool {
    let me = me();
    me == BOOT || thread::get(waiter).priority() > thread::get(me).base_priority()
}

/// Lets a holder run at a waiter's priority.
fn lend(holder: u16, priority: u8) {
    if holder != BOOT && thread::get(holder).priority() < priority {
        set_priority(thread::get(holder), priority);
    }
}

fn me() -> u16 {
    let cpu = cpu::current();
    if thread::scheduling(cpu.id) { thread::current_of(cpu).index() } else { BOOT }
}

/// Access to the data of a [`SleepLock`].
pub struct SleepGuard<'a, T> {
    owner: &'a SleepLock<T>,
}

impl<T> Deref for SleepGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: the guard's thread is the holder.
        unsafe { &*self.owner.data.get() }
    }
}

impl<T> DerefMut for SleepGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the guard's thread is the holder.
        unsafe { &mut *self.owner.data.get() }
    }
}

impl<T> Drop for SleepGuard<'_, T> {
    fn drop(&mut self) {
        self.owner.unlock();
    }
}
