//! Translation registers, the change-over to other tables, TLB and cache maintenance.

use core::arch::{asm, naked_asm};
use core::ops::Range;
use core::sync::atomic::{AtomicBool, Ordering};

/// The translation registers of a set of tables.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Translation {
    /// MAIR_EL1.
    pub mair: u64,
    /// TCR_EL1.
    pub tcr: u64,
    /// TTBR0_EL1.
    pub ttbr0: u64,
}

/// Changes over to other tables, granule included, and comes back with the MMU on.
///
/// The MMU is off for a dozen instructions that touch no memory.
///
/// # Safety
/// The image, the stack and everything the caller uses are mapped where they are now; interrupts
/// are masked.
pub unsafe fn change_over(translation: &Translation) {
    // SAFETY: passes on the caller's promise.
    unsafe {
        change_over_registers(
            translation.mair,
            translation.tcr,
            translation.ttbr0,
            crate::boot::entry::SCTLR_ON,
        );
    }
}

#[unsafe(naked)]
unsafe extern "C" fn change_over_registers(mair: u64, tcr: u64, ttbr0: u64, sctlr_on: u64) {
    naked_asm!(
        "dsb sy",
        // MMU off (SCTLR_EL1.M); the identity map makes the next fetch the same instruction.
        "bic x4, x3, #1",
        "msr sctlr_el1, x4",
        "isb",
        "msr mair_el1, x0",
        "msr tcr_el1, x1",
        "msr ttbr0_el1, x2",
        "isb",
        "tlbi vmalle1",
        "dsb nsh",
        "isb",
        "msr sctlr_el1, x3",
        "isb",
        "ret",
    )
}

/// Whether invalidations have to be repeated.
static REPEAT: AtomicBool = AtomicBool::new(true);

/// Invalidates once from now on. For machines without Cortex-A76 erratum 4193800, which lets a
/// broadcast TLBI complete early: an emulator claims to be that CPU but does not share its flaws.
pub fn invalidate_once() {
    REPEAT.store(false, Ordering::Relaxed);
}

/// Makes a change of the leaf entry of the page at `address` seen by every CPU.
#[inline]
pub fn invalidate_page(address: usize) {
    invalidate_pages(address..address + 1, 1);
}

/// [`invalidate_page`] for every page of a range, waiting once.
#[inline]
pub fn invalidate_pages(range: Range<usize>, page_size: usize) {
    broadcast(|| {
        for address in range.clone().step_by(page_size) {
            // SAFETY: invalidating translations only costs walks.
            unsafe {
                asm!(
                    "tlbi vaale1is, {page}",
                    page = in(reg) (address >> 12) as u64 & ((1 << 44) - 1),
                    options(nostack),
                );
            }
        }
    });
}

/// Makes this CPU look again at the entry of the page at `address`, whose Access flag was cleared.
/// Waits for nothing: the flag only guides.
#[inline]
pub fn forget_page(address: usize) {
    // SAFETY: invalidating a translation only costs a walk.
    unsafe {
        asm!(
            "dsb nshst",
            "tlbi vaale1, {page}",
            page = in(reg) (address >> 12) as u64 & ((1 << 44) - 1),
            options(nostack),
        );
    }
}

/// Makes changes of tables (entries that were invalid before) and of anything they map seen by
/// every CPU.
pub fn invalidate_all() {
    broadcast(|| {
        // SAFETY: invalidating translations only costs walks.
        unsafe { asm!("tlbi vmalle1is", options(nostack)) };
    });
}

/// Runs invalidations after all writes to tables, and waits until every CPU has done them.
#[inline]
fn broadcast(invalidate: impl Fn()) {
    // SAFETY: barriers. The first completes the writes of entries, the others the invalidations.
    unsafe {
        asm!("dsb ishst", options(nostack));
        invalidate();
        asm!("dsb ish", options(nostack));
        if REPEAT.load(Ordering::Relaxed) {
            invalidate();
            asm!("dsb ish", options(nostack));
        }
        asm!("isb", options(nostack));
    }
}

/// Makes a new valid entry, written over one that faulted, visible to this CPU's walker.
#[inline]
pub fn publish_entry() {
    // SAFETY: barriers.
    unsafe { asm!("dsb ishst", "isb", options(nostack)) };
}

/// Writes the cache lines of a range back to memory, for whom the caches are not, and drops them.
pub fn clean_to_memory(range: Range<usize>) {
    let line = 64;
    let mut address = range.start & !(line - 1);
    while address < range.end {
        // SAFETY: writes back what is there.
        unsafe { asm!("dc civac, {}", in(reg) address, options(nostack)) };
        address += line;
    }
    // SAFETY: a barrier.
    unsafe { asm!("dsb sy", options(nostack)) };
}

/// Hints that what is at this address will be read and written soon. Addresses that are not mapped
/// are ignored.
pub fn prefetch(address: usize) {
    // SAFETY: a hint, which changes nothing and never faults.
    unsafe { asm!("prfm pstl1keep, [{}]", in(reg) address, options(nostack, readonly)) };
}
