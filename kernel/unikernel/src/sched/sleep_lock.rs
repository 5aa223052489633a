//! A lock that sleeps instead of spinning, and lends the waiter's priority to its holder.

use core::cell::UnsafeCell;
use core::ops::{Deref, DerefMut};
use core::sync::atomic::{AtomicU32, Ordering};

use zpool::probe::{self, probe, probe_of};

use super::thread::{self, MAX_THREADS, NONE};
use super::{park, unpark, update_priority};
use crate::arch::interrupts;
use crate::cpu;
use crate::sync::ThreadLock;

/// Data that one thread at a time has, for as long as it likes: whoever waits sleeps, and the
/// holder runs at the priority of the most important waiter of any lock it holds meanwhile. A
/// holder that sleeps for another lock passes nothing on.
///
/// A waiter more important than the holder gets it at once. An equal one is woken, and gets it when
/// it insists: handed over each time, two threads that want it for every page would do one page in a
/// turn, and leave the rest of both turns to a third one.
///
/// Before threads run there is nobody to wait for, and it is simply taken.
pub struct SleepLock<T> {
    gate: Gate,
    data: UnsafeCell<T>,
}

// SAFETY: the data is handed to one thread at a time.
unsafe impl<T: Send> Sync for SleepLock<T> {}

impl<T> SleepLock<T> {
    /// Data that nobody has.
    pub const fn new(data: T) -> Self {
        Self { gate: Gate::new(), data: UnsafeCell::new(data) }
    }

    /// Waits for the data. For threads with interrupts unmasked; during boot, while nobody else
    /// can have it, also with interrupts masked.
    #[inline]
    pub fn lock(&self) -> SleepGuard<'_, T> {
        probe_of::<{ probe::SLEEP_WAIT }, T>(self.gate.address());
        if !self.gate.enter_at_once() {
            self.gate.wait();
        }
        probe_of::<{ probe::SLEEP_TAKEN }, T>(self.gate.address());
        SleepGuard { owner: self }
    }

    /// Takes the data if nobody has it or waits for it.
    pub fn try_lock(&self) -> Option<SleepGuard<'_, T>> {
        if !self.gate.enter_at_once() {
            return None;
        }
        probe_of::<{ probe::SLEEP_WAIT }, T>(self.gate.address());
        probe_of::<{ probe::SLEEP_TAKEN }, T>(self.gate.address());
        Some(SleepGuard { owner: self })
    }
}

/// Who is in, and who waits.
struct Gate {
    /// Index of the holder, [`NONE`] for nobody, [`BOOT`] before threads run; and [`CONTENDED`].
    holder: AtomicU32,
    waiters: ThreadLock<Waiters>,
}

/// Somebody waits: only who has the waiters' lock changes the holder.
const CONTENDED: u32 = 1 << 16;

/// Nobody holds it, nobody waits.
const OPEN: u32 = NONE as u32;

/// The holder is the boot code.
const BOOT: u16 = NONE - 1;

struct Waiters {
    /// The holder was a waiter and does not know yet.
    handed_over: bool,
    /// A waiter was woken, found somebody else holding the lock again, and wants it next.
    insisted: bool,
    /// The highest priority of a waiter, which the holder was lent; 0 for none.
    lent: u8,
    /// Bit i: thread i waits.
    waiting: [u64; MAX_THREADS / 64],
}

impl Gate {
    const fn new() -> Self {
        Self {
            holder: AtomicU32::new(OPEN),
            waiters: ThreadLock::new(Waiters {
                handed_over: false,
                insisted: false,
                lent: 0,
                waiting: [0; MAX_THREADS / 64],
            }),
        }
    }

    /// How probes name the lock: by an odd number, to tell it from the lock inside.
    #[inline]
    fn address(&self) -> usize {
        core::ptr::from_ref(self).addr() | 1
    }

    #[inline]
    fn enter_at_once(&self) -> bool {
        self.change(OPEN, me().into())
    }

    #[inline]
    fn leave(&self) {
        probe::<{ probe::SLEEP_RELEASE }>(self.address());
        if !self.change(me().into(), OPEN) {
            self.pass_on();
        }
    }

    #[inline]
    fn change(&self, from: u32, to: u32) -> bool {
        self.holder.compare_exchange(from, to, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    #[cold]
    fn wait(&self) {
        let me = me();
        let mut woken = false;
        loop {
            let mut waiters = self.waiters.lock();
            // From here on nobody enters or leaves without the waiters' lock.
            let holder = self.holder.fetch_or(CONTENDED, Ordering::AcqRel) as u16;
            if holder == me {
                assert!(waiters.handed_over, "a thread waits for a lock that it holds");
                waiters.handed_over = false;
                return;
            }
            if holder == NONE {
                self.let_in(&mut waiters, me);
                return;
            }
            waiters.waiting[usize::from(me) / 64] |= 1 << (me % 64);
            waiters.insisted |= woken;
            // With the waiters' lock held, so that the holder still is one.
            waiters.lend(holder, thread::get(me).priority());
            drop(waiters);
            debug_assert!(!interrupts::masked(), "a thread sleeps with interrupts masked");
            park();
            woken = true;
        }
    }

    /// Leaves to whoever waits.
    #[cold]
    fn pass_on(&self) {
        let me = me();
        let mut waiters = self.waiters.lock();
        waiters.take_back(me);
        let next = waiters.most_important();
        let now = next != NONE && (waiters.insisted || is_more_important(next));
        waiters.handed_over = now;
        waiters.insisted &= !now;
        if next != NONE {
            waiters.waiting[usize::from(next) / 64] &= !(1 << (next % 64));
        }
        self.let_in(&mut waiters, if now { next } else { NONE });
        drop(waiters);
        if next != NONE {
            unpark(thread::get(next));
        }
        if me != BOOT {
            update_priority(thread::get(me));
        }
    }

    /// Makes `holder` the holder, or nobody, with what those who wait lend to it.
    fn let_in(&self, waiters: &mut Waiters, holder: u16) {
        let first = waiters.most_important();
        if first != NONE && holder != NONE {
            waiters.lend(holder, thread::get(first).priority());
        }
        let contended = if first != NONE || waiters.handed_over { CONTENDED } else { 0 };
        self.holder.store(u32::from(holder) | contended, Ordering::Release);
    }
}

impl Waiters {
    /// The waiter of the highest priority, [`NONE`] for nobody. O(waiters).
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

    /// Lets the holder run at a waiter's priority.
    fn lend(&mut self, holder: u16, priority: u8) {
        if holder != BOOT && priority > self.lent {
            let thread = thread::get(holder);
            thread.lend(priority);
            self.take_back(holder);
            self.lent = priority;
            update_priority(thread);
        }
    }

    /// Takes back what the holder was lent; its priority follows by [`update_priority`].
    fn take_back(&mut self, holder: u16) {
        if self.lent != 0 {
            thread::get(holder).take_back(self.lent);
            self.lent = 0;
        }
    }
}

/// Whether a waiter is more important than the running thread would be without the lock.
fn is_more_important(waiter: u16) -> bool {
    let me = me();
    me == BOOT || thread::get(waiter).priority() > thread::get(me).due_priority()
}

#[inline]
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
    #[inline]
    fn drop(&mut self) {
        self.owner.gate.leave();
    }
}
