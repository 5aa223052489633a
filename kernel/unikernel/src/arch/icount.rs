//! What keeps the host out of a machine whose time is QEMU's count of instructions (`-icount`).
//!
//! **Sleep.** When the CPU sleeps, a thread of QEMU's moves time to the next timer. It may do so when
//! the CPU has executed its WFI but the instructions since time was last asked for are not counted
//! yet (`icount_start_warp_timer` and `icount_process_data` in QEMU 10): they come on top, and time
//! is later than the timer by that many. Whether it happens is up to the host's scheduler. [`wait`]
//! keeps them to one, the WFI, sees which of the two it was, and makes up for it.
//!
//! **Translations.** How many translations QEMU keeps depends on what was used in the last 100 ms of
//! the host's time (`tlb_mmu_resize_locked`). A translation that is kept sets no Access flag that
//! was cleared since. So where the choice of victims depends on the flag, a translation is dropped
//! with it ([`drops_translations`]).

use core::arch::asm;
use core::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use super::{interrupts, pmu};

/// Whether time is instructions executed.
static ON: AtomicBool = AtomicBool::new(false);

/// Lowest bit of the cycle counter when guest time is an even number of nanoseconds.
static EVEN: AtomicU8 = AtomicU8::new(UNKNOWN);
const UNKNOWN: u8 = u8::MAX;

/// Finds out how the cycle counter lies to the ticks of the system counter, which come at even
/// nanoseconds. Once, with the PMU on, and only where time is instructions executed.
pub fn init() {
    ON.store(true, Ordering::Relaxed);
    if !pmu::available() {
        return;
    }
    let (before, after, cycles): (u64, u64, u64);
    // SAFETY: reads counters that are there. The loop is of seven instructions: as that is odd, one
    // of 16 rounds has a tick between the reads where there is one every 16 ns.
    unsafe {
        asm!(
            "2:",
            "mrs {before}, cntvct_el0",
            "mrs {after}, cntvct_el0",
            "mrs {cycles}, pmccntr_el0",
            "sub {rounds}, {rounds}, #1",
            "cbz {rounds}, 3f",
            "cmp {before}, {after}",
            "b.eq 2b",
            "3:",
            before = out(reg) before,
            after = out(reg) after,
            cycles = out(reg) cycles,
            rounds = inout(reg) 64_u64 => _,
            options(nomem, nostack)
        );
    }
    if before != after {
        // The second read was at the tick, the third a nanosecond later.
        EVEN.store((cycles & 1 ^ 1) as u8, Ordering::Relaxed);
    }
}

/// Whether whoever clears an Access flag has to invalidate the translation, too.
#[inline]
pub fn drops_translations() -> bool {
    ON.load(Ordering::Relaxed)
}

/// [`interrupts::wait`]; after [`init`] it takes the same guest time however the host runs QEMU.
pub fn wait() {
    let even = EVEN.load(Ordering::Relaxed);
    if even == UNKNOWN {
        return interrupts::wait();
    }
    // SAFETY: as in `interrupts::wait`; the rest reads a counter that is there.
    unsafe {
        asm!(
            "dsb sy",
            "mrs {cycles}, pmccntr_el0", // all up to here is counted
            "wfi",
            "mrs {cycles}, pmccntr_el0", // a nanosecond after the alarm, or two
            "eor {cycles}, {cycles}, {even}",
            "tbz {cycles}, #0, 2f",
            "nop",
            "2:",
            cycles = out(reg) _,
            even = in(reg) u64::from(even),
            options(nostack)
        );
    }
    interrupts::awake();
}
