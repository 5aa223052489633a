//! The generic timer: counting and the CPU's alarm.

use core::arch::asm;

use aarch64_cpu::registers::{CNTFRQ_EL0, CNTV_CTL_EL0, CNTV_CVAL_EL0, Readable, Writeable};

/// Nanoseconds in a second.
pub const NS_PER_S: u64 = 1_000_000_000;

/// Ticks of the virtual counter since an arbitrary moment, the same on every CPU.
#[inline]
pub fn ticks() -> u64 {
    let ticks: u64;
    // SAFETY: reads a counter; the barrier keeps it from being read ahead of what it times.
    unsafe { asm!("isb", "mrs {}, cntvct_el0", out(reg) ticks, options(nomem, nostack)) };
    ticks
}

/// Ticks a second.
#[inline]
pub fn frequency() -> u64 {
    CNTFRQ_EL0.get().max(1)
}

/// Nanoseconds of the virtual counter.
#[inline]
pub fn now_ns() -> u64 {
    ticks_to_ns(ticks())
}

/// Ticks in nanoseconds, rounded down.
#[inline]
pub fn ticks_to_ns(ticks: u64) -> u64 {
    let frequency = frequency();
    (ticks / frequency) * NS_PER_S + (ticks % frequency) * NS_PER_S / frequency
}

/// Nanoseconds in ticks, rounded up: never early.
#[inline]
pub fn ns_to_ticks(ns: u64) -> u64 {
    let frequency = frequency();
    (ns / NS_PER_S) * frequency + ((ns % NS_PER_S) * frequency).div_ceil(NS_PER_S)
}

/// Sets this CPU's alarm to an absolute tick; one in the past rings at once.
#[inline]
pub fn set_alarm(tick: u64) {
    CNTV_CVAL_EL0.set(tick);
    CNTV_CTL_EL0.write(CNTV_CTL_EL0::ENABLE::SET + CNTV_CTL_EL0::IMASK::CLEAR);
}

/// Turns this CPU's alarm off.
#[inline]
pub fn clear_alarm() {
    CNTV_CTL_EL0.write(CNTV_CTL_EL0::ENABLE::CLEAR + CNTV_CTL_EL0::IMASK::SET);
}
