//! The performance monitors (PMUv3): cycles, and instructions where the CPU counts them.
//!
//! Each CPU counts for itself; under an emulator that counts instructions all CPUs share one count.
//! Nothing here waits for instructions before it (no ISB): on an out-of-order CPU a read may be
//! early by what is in flight, some tens of cycles. The compiler keeps memory accesses on their side
//! of a read.

use core::arch::asm;
use core::sync::atomic::{AtomicU8, Ordering};

use aarch64_cpu::registers::{ID_AA64DFR0_EL1, Readable};

/// What CPUs count: [`CYCLES`], [`INSTRUCTIONS`].
static COUNTED: AtomicU8 = AtomicU8::new(0);
const CYCLES: u8 = 1;
const INSTRUCTIONS: u8 = 2;

/// Number of the event INST_RETIRED, and its bit in PMCEID0_EL0 (Arm ARM DDI 0487, D13.12).
const INST_RETIRED: u64 = 8;

/// Starts this CPU's counters, if it has any. The boot CPU decides for all what is counted.
pub fn init_cpu() {
    let version = (ID_AA64DFR0_EL1.get() >> 8) & 0xf;
    if version == 0 || version == 0xf {
        return;
    }
    let (control, events): (u64, u64);
    // SAFETY: there is a PMU of the architecture's kind, and nobody else uses it. PMCR_EL0.E (0)
    // enables, .LC (6) makes the cycle counter 64 bits wide; .N (15:11) is how many event counters
    // there are. Nothing is filtered: all runs at EL1.
    unsafe {
        asm!("mrs {}, pmcr_el0", "mrs {}, pmceid0_el0", out(reg) control, out(reg) events,
            options(nomem, nostack));
        asm!("msr pmccfiltr_el0, xzr", "msr pmcntenset_el0, {}", "msr pmcr_el0, {}", "isb",
            in(reg) 1_u64 << 31, in(reg) 1_u64 | 1 << 6, options(nomem, nostack));
    }
    let mut counted = CYCLES;
    if (control >> 11) & 0x1f != 0 && events & (1 << INST_RETIRED) != 0 {
        // SAFETY: as before; event counter 0 exists.
        unsafe {
            asm!("msr pmevtyper0_el0, {}", "msr pmcntenset_el0, {}", "isb", in(reg) INST_RETIRED,
                in(reg) 1_u64, options(nomem, nostack));
        }
        counted |= INSTRUCTIONS;
    }
    COUNTED.store(counted, Ordering::Relaxed);
}

/// Whether cycles are counted.
#[inline]
pub fn available() -> bool {
    COUNTED.load(Ordering::Relaxed) & CYCLES != 0
}

/// Whether instructions are counted.
#[inline]
pub fn counts_instructions() -> bool {
    COUNTED.load(Ordering::Relaxed) & INSTRUCTIONS != 0
}

/// Cycles of this CPU since it started; under QEMU's `-icount` nanoseconds of guest time. One
/// instruction. An undefined one, which is fatal, unless [`available`].
#[inline(always)]
pub fn cycles() -> u64 {
    let cycles: u64;
    // SAFETY: reads a counter.
    unsafe { asm!("mrs {}, pmccntr_el0", out(reg) cycles, options(nostack, preserves_flags)) };
    cycles
}

/// Instructions this CPU executed, modulo 2^32: compare by [`u32::wrapping_sub`]. One instruction.
/// It reads a counter that may not exist unless [`counts_instructions`].
#[inline(always)]
pub fn instructions() -> u32 {
    let instructions: u64;
    // SAFETY: reads a counter.
    unsafe {
        asm!("mrs {}, pmevcntr0_el0", out(reg) instructions, options(nostack, preserves_flags));
    }
    instructions as u32
}

/// Cycles from one read of [`cycles`] to the next, the fewest of many; zero without a PMU.
#[cold]
pub fn cycles_cost() -> u64 {
    least(available(), || {
        let start = cycles();
        cycles() - start
    })
}

/// Instructions from one read of [`instructions`] to the next, the fewest of many; zero without
/// an instruction counter.
#[cold]
pub fn instructions_cost() -> u64 {
    least(counts_instructions(), || {
        let start = instructions();
        u64::from(instructions().wrapping_sub(start))
    })
}

fn least(counted: bool, difference: fn() -> u64) -> u64 {
    const TRIES: usize = 64;
    if !counted {
        return 0;
    }
    (0..TRIES).map(|_| difference()).min().unwrap_or(0)
}
