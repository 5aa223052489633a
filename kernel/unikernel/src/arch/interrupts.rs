//! Masking interrupts on the running CPU.

use core::arch::asm;

use zpool::probe::{self, mark, probe};

/// Masks IRQ; returns DAIF as it was, for [`restore`].
#[inline]
pub fn mask() -> u64 {
    let saved: u64;
    // SAFETY: masking interrupts breaks no rule of Rust's; the compiler keeps memory accesses on
    // their side of it because memory is not declared untouched.
    unsafe { asm!("mrs {}, daif", "msr daifset, #2", out(reg) saved, options(nostack)) };
    probe::<{ probe::MASKED }>(saved as usize);
    saved
}

/// Puts DAIF back as [`mask`] found it.
#[inline]
pub fn restore(saved: u64) {
    probe::<{ probe::RESTORING }>(saved as usize);
    // SAFETY: as in `mask`; the value came from DAIF.
    unsafe { asm!("msr daif, {}", in(reg) saved, options(nostack)) };
}

/// Unmasks IRQ.
#[inline]
pub fn unmask() {
    mark::<{ probe::UNMASKING }>();
    // SAFETY: whoever calls this holds no lock that a handler takes, and vectors are installed.
    unsafe { asm!("msr daifclr, #2", options(nostack)) };
}

/// Whether IRQ is masked.
#[inline]
pub fn masked() -> bool {
    let daif: u64;
    // SAFETY: reads a register.
    unsafe { asm!("mrs {}, daif", out(reg) daif, options(nomem, nostack)) };
    daif & (1 << 7) != 0
}

/// Sleeps until an interrupt is pending, masked or not.
#[inline]
pub fn wait() {
    // SAFETY: the DSB completes what was written before; WFI has no other effect.
    unsafe { asm!("dsb sy", "wfi", options(nostack)) };
    awake();
}

/// Says to whoever traces that this CPU slept.
#[inline]
pub fn awake() {
    mark::<{ probe::AWAKE }>();
}
