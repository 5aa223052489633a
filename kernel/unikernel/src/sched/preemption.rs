//! Keeping the CPU for a while, with interrupts on.
//!
//! A thread that turned preemption off is interrupted, but no other thread runs on its CPU until
//! it turns preemption on again. Spinning locks that no handler takes are held like this: a
//! handler runs at once whatever they cover, and a thread that it wakes waits for their end.

use core::sync::atomic::{Ordering, compiler_fence};

use zpool::probe::{self, probe};

use crate::arch::interrupts;
use crate::cpu;

/// Turns preemption off on this CPU; every call is matched by one of [`enable`].
#[inline]
pub fn disable() {
    let depth = &cpu::current().preemption_off;
    // An interrupt in between leaves the count as it found it, and a switch finds it zero.
    let times = depth.load(Ordering::Relaxed) + 1;
    depth.store(times, Ordering::Relaxed);
    compiler_fence(Ordering::SeqCst);
    probe::<{ probe::PREEMPTION_OFF }>(times as usize);
}

/// Takes one [`disable`] back, and lets a thread run that has to run by now.
#[inline]
pub fn enable() {
    compiler_fence(Ordering::SeqCst);
    let cpu = cpu::current();
    let depth = cpu.preemption_off.load(Ordering::Relaxed) - 1;
    probe::<{ probe::PREEMPTION_ON }>(depth as usize);
    cpu.preemption_off.store(depth, Ordering::Relaxed);
    // Read after the count was written: an interrupt in between finds zero and switches itself.
    compiler_fence(Ordering::SeqCst);
    if depth == 0 && cpu.reschedule.load(Ordering::Relaxed) {
        give_way();
    }
}

/// Whether preemption is off on this CPU.
#[inline]
pub fn is_off() -> bool {
    cpu::current().preemption_off.load(Ordering::Relaxed) != 0
}

/// Lets a thread run that has to, unless interrupts are masked: whoever masked them does it then.
#[cold]
pub(super) fn give_way() {
    if !interrupts::masked() {
        let saved = interrupts::mask();
        super::preempt();
        interrupts::restore(saved);
    }
}
