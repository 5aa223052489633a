//! Image header, entry of the boot CPU, entry of the other CPUs.
//!
//! Nothing compiled from Rust runs before the MMU and the caches are on: the compiler is free to
//! use unaligned accesses and exclusives, and Device memory faults on both.

use core::arch::{global_asm, naked_asm};
use core::mem::offset_of;

use super::el2::drop_to_el1;
use crate::arch::mmu::Translation;

/// What a secondary CPU needs before it can run Rust. Read with the MMU off, so whoever fills it
/// cleans it to the point of coherency.
#[repr(C, align(64))]
pub struct SecondaryStart {
    /// Translation registers of the running kernel.
    pub translation: Translation,
    /// Top of the CPU's first stack.
    pub stack_top: u64,
    /// The CPU's own data, passed to Rust and put into TPIDR_EL1.
    pub cpu: u64,
}

/// MAIR_EL1 of the first map: 0 normal write-back, 1 Device-nGnRE.
const EARLY_MAIR: u64 = 0x04ff;
/// TCR_EL1 of the first map: 39-bit addresses in TTBR0 with a 4K granule, write-back walks, inner
/// shareable, 40-bit physical addresses, no TTBR1.
const EARLY_TCR: u64 = 25 | (1 << 8) | (1 << 10) | (3 << 12) | (1 << 23) | (2 << 32);
/// SCTLR_EL1 with MMU, caches and the RES1 bits; alignment checks off except for the stack.
pub const SCTLR_ON: u64 = 0x30d0_0800 | 1 | (1 << 2) | (1 << 3) | (1 << 12);
/// A 1 GiB block of normal memory: AF, inner shareable, attribute 0.
const EARLY_NORMAL: u64 = 1 | (1 << 10) | (3 << 8);
/// A 1 GiB block of device memory: AF, attribute 1, never executed.
const EARLY_DEVICE: u64 = 1 | (1 << 10) | (1 << 2) | (1 << 53) | (1 << 54);
/// Type of a relocation that adds the load address: R_AARCH64_RELATIVE.
const RELATIVE: u64 = 1027;

/// The table of the first map: one entry a GiB.
#[repr(C, align(4096))]
struct EarlyTable([u64; 512]);

#[unsafe(link_section = ".bss.early_table")]
static mut EARLY_TABLE: EarlyTable = EarlyTable([0; 512]);

unsafe extern "C" {
    static __image_start: u8;
    static __image_end: u8;
    static __rela_start: u8;
    static __rela_end: u8;
    static __relr_start: u8;
    static __relr_end: u8;
    static __bss_start: u8;
    static __bss_end: u8;
    static __boot_stack_top: u8;
}

// The header of Documentation/arch/arm64/booting.rst: loaders read the size from it and keep
// text_offset zero, so the image stays where the loader puts it.
global_asm!(
    ".section .head.header, \"ax\"",
    ".global _head",
    "_head:",
    "b {start}",
    "nop",
    ".quad 0",            // text_offset
    ".quad __image_size", // size with bss and stack
    ".quad 0xa",          // little endian, 4K is as good as any, placed anywhere
    ".quad 0, 0, 0",
    ".ascii \"ARM\\x64\"",
    ".long 0",
    start = sym start,
);

/// Entry of the boot CPU: EL2 or EL1, MMU off, x0 = device tree or not.
#[unsafe(naked)]
#[unsafe(link_section = ".head.text")]
unsafe extern "C" fn start() -> ! {
    naked_asm!(
        "mov x19, x0",
        "bl {drop}",
        // FP/SIMD without traps.
        "mov x1, #(3 << 20)",
        "msr cpacr_el1, x1",
        "isb",
        // Relocate: base + offset gets base + addend.
        "adrp x20, {image_start}",
        "adrp x1, {rela_start}",
        "add x1, x1, :lo12:{rela_start}",
        "adrp x2, {rela_end}",
        "add x2, x2, :lo12:{rela_end}",
        "1: cmp x1, x2",
        "b.hs 2f",
        "ldp x3, x4, [x1], #16",
        "ldr x5, [x1], #8",
        "cmp w4, #{relative}",
        "b.ne 1b",
        "add x5, x5, x20",
        "str x5, [x3, x20]",
        "b 1b",
        "2:",
        // The same for relocations that are packed (RELR): an even word is the offset of a place that
        // holds its addend; an odd one has a bit for each of the 63 places behind the last.
        "adrp x1, {relr_start}",
        "add x1, x1, :lo12:{relr_start}",
        "adrp x2, {relr_end}",
        "add x2, x2, :lo12:{relr_end}",
        "1: cmp x1, x2",
        "b.hs 2f",
        "ldr x3, [x1], #8",
        "tbnz x3, #0, 3f",
        "add x4, x20, x3",
        "ldr x5, [x4]",
        "add x5, x5, x20",
        "str x5, [x4], #8",
        "b 1b",
        "3: mov x6, x4",
        "add x4, x4, #(63 * 8)",
        "4: lsr x3, x3, #1",
        "cbz x3, 1b",
        "tbz x3, #0, 5f",
        "ldr x5, [x6]",
        "add x5, x5, x20",
        "str x5, [x6]",
        "5: add x6, x6, #8",
        "b 4b",
        "2:",
        // Clear bss, the early table and the stack among it.
        "adrp x1, {bss_start}",
        "add x1, x1, :lo12:{bss_start}",
        "adrp x2, {bss_end}",
        "add x2, x2, :lo12:{bss_end}",
        "1: cmp x1, x2",
        "b.hs 2f",
        "stp xzr, xzr, [x1], #16",
        "b 1b",
        "2:",
        // First map. Device: GiB 0 (console of virt) and GiB 65 (console of the Pi 5). Normal,
        // and last, so that it wins: the GiB of the image and that of the device tree.
        "adrp x1, {table}",
        "ldr x3, ={device}",
        "str x3, [x1]",
        "ldr x4, ={console_gib}",
        "orr x4, x3, x4",
        "str x4, [x1, #(65 * 8)]",
        "mov x3, #{normal}",
        "lsr x4, x20, #30",
        "orr x5, x3, x4, lsl #30",
        "str x5, [x1, x4, lsl #3]",
        "cbz x19, 3f",
        "lsr x4, x19, #30",
        "cmp x4, #512",
        "b.hs 3f",
        "orr x5, x3, x4, lsl #30",
        "str x5, [x1, x4, lsl #3]",
        "3:",
        // What was written with the caches off must not be shadowed by what they hold.
        "dsb sy",
        "mov x2, x20",
        "adrp x3, {image_end}",
        "add x3, x3, :lo12:{image_end}",
        "mrs x4, ctr_el0",
        "ubfx x4, x4, #16, #4",
        "mov x5, #4",
        "lsl x4, x5, x4",
        "1: dc ivac, x2",
        "add x2, x2, x4",
        "cmp x2, x3",
        "b.lo 1b",
        "dsb sy",
        "ldr x2, ={mair}",
        "msr mair_el1, x2",
        "ldr x2, ={tcr}",
        "msr tcr_el1, x2",
        "msr ttbr0_el1, x1",
        "tlbi vmalle1",
        "ic iallu",
        "dsb sy",
        "isb",
        "ldr x2, ={sctlr}",
        "msr sctlr_el1, x2",
        "isb",
        "adrp x1, {stack_top}",
        "add x1, x1, :lo12:{stack_top}",
        "mov sp, x1",
        "mov x29, xzr",
        "mov x30, xzr",
        "mov x0, x19",
        "b {main}",
        drop = sym drop_to_el1,
        image_start = sym __image_start,
        image_end = sym __image_end,
        rela_start = sym __rela_start,
        rela_end = sym __rela_end,
        relr_start = sym __relr_start,
        relr_end = sym __relr_end,
        bss_start = sym __bss_start,
        bss_end = sym __bss_end,
        stack_top = sym __boot_stack_top,
        table = sym EARLY_TABLE,
        relative = const RELATIVE,
        device = const EARLY_DEVICE,
        normal = const EARLY_NORMAL,
        console_gib = const 65_u64 << 30,
        mair = const EARLY_MAIR,
        tcr = const EARLY_TCR,
        sctlr = const SCTLR_ON,
        main = sym crate::start::boot_cpu,
    )
}

/// Entry of the other CPUs, from PSCI CPU_ON: EL2 or EL1, MMU off, x0 = [`SecondaryStart`].
#[unsafe(naked)]
#[unsafe(link_section = ".head.text")]
pub unsafe extern "C" fn secondary() -> ! {
    naked_asm!(
        "mov x19, x0",
        "bl {drop}",
        "mov x1, #(3 << 20)",
        "msr cpacr_el1, x1",
        "ldr x1, [x19, #{mair}]",
        "msr mair_el1, x1",
        "ldr x1, [x19, #{tcr}]",
        "msr tcr_el1, x1",
        "ldr x1, [x19, #{ttbr0}]",
        "msr ttbr0_el1, x1",
        "isb",
        "tlbi vmalle1",
        "ic iallu",
        "dsb sy",
        "isb",
        "ldr x1, ={sctlr}",
        "msr sctlr_el1, x1",
        "isb",
        "ldr x1, [x19, #{stack_top}]",
        "mov sp, x1",
        "ldr x0, [x19, #{cpu}]",
        "msr tpidr_el1, x0",
        "mov x29, xzr",
        "mov x30, xzr",
        "b {main}",
        drop = sym drop_to_el1,
        mair = const offset_of!(SecondaryStart, translation.mair),
        tcr = const offset_of!(SecondaryStart, translation.tcr),
        ttbr0 = const offset_of!(SecondaryStart, translation.ttbr0),
        stack_top = const offset_of!(SecondaryStart, stack_top),
        cpu = const offset_of!(SecondaryStart, cpu),
        sctlr = const SCTLR_ON,
        main = sym crate::start::secondary_cpu,
    )
}
