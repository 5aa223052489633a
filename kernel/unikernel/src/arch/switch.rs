//! Changing from one thread's stack to another's.

use core::arch::naked_asm;

/// Saves what a call preserves on the current stack, its pointer to `*save`, and continues where
/// the thread with stack pointer `next` was saved.
///
/// # Safety
/// `save` is writable; `next` was written by this function for a thread that has not run since,
/// or made by [`prepare`]. Interrupts are masked.
#[unsafe(naked)]
pub unsafe extern "C" fn switch(save: *mut u64, next: u64) {
    naked_asm!(
        "sub sp, sp, #160",
        "stp x19, x20, [sp]",
        "stp x21, x22, [sp, #16]",
        "stp x23, x24, [sp, #32]",
        "stp x25, x26, [sp, #48]",
        "stp x27, x28, [sp, #64]",
        "stp x29, x30, [sp, #80]",
        "stp d8, d9, [sp, #96]",
        "stp d10, d11, [sp, #112]",
        "stp d12, d13, [sp, #128]",
        "stp d14, d15, [sp, #144]",
        "mov x9, sp",
        "str x9, [x0]",
        "mov sp, x1",
        "ldp x19, x20, [sp]",
        "ldp x21, x22, [sp, #16]",
        "ldp x23, x24, [sp, #32]",
        "ldp x25, x26, [sp, #48]",
        "ldp x27, x28, [sp, #64]",
        "ldp x29, x30, [sp, #80]",
        "ldp d8, d9, [sp, #96]",
        "ldp d10, d11, [sp, #112]",
        "ldp d12, d13, [sp, #128]",
        "ldp d14, d15, [sp, #144]",
        "add sp, sp, #160",
        "ret",
    )
}

/// Words that [`switch`] keeps on a stack.
const SAVED_WORDS: usize = 20;

/// Lays out a new stack so that switching to it calls `entry(argument)`.
///
/// # Safety
/// `top` is the 16-byte aligned end of a writable stack that nobody uses.
pub unsafe fn prepare(top: u64, entry: extern "C" fn(u64) -> !, argument: u64) -> u64 {
    let bottom = top - (SAVED_WORDS * 8) as u64;
    let words = core::ptr::with_exposed_provenance_mut::<u64>(bottom as usize);
    // SAFETY: the caller promises a writable stack below `top`.
    unsafe {
        words.write_bytes(0, SAVED_WORDS);
        // x19, x20: what `first` passes on; x30: where `switch` returns to.
        words.write(argument);
        words.add(1).write(entry as usize as u64);
        words.add(11).write(first as *const () as usize as u64);
    }
    bottom
}

/// The first instructions of every thread.
#[unsafe(naked)]
unsafe extern "C" fn first() -> ! {
    naked_asm!("mov x0, x19", "mov x29, xzr", "mov x30, xzr", "br x20")
}
