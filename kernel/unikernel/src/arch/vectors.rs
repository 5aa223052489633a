//! The vector table: saves everything, checks the stack first, calls Rust.

use core::arch::{asm, global_asm};
use core::mem::offset_of;

use super::exception::{Kind, handle_exception, handle_interrupt, handle_stack_overflow};
use super::frame::{FRAME_BYTES, TrapFrame};
use crate::cpu::Cpu;

// An entry has room for 32 instructions. Every one finds out first whether the frame still fits
// on the stack: below the limit lies the guard page, and an exception that faults while it saves
// registers would fault for ever. TPIDR_EL0 and TPIDRRO_EL0 are free here (nothing runs at EL0)
// and hold x0 and x1 meanwhile.
global_asm!(
    ".macro zlab_vector kind, handler",
    ".balign 0x80",
    "msr tpidr_el0, x0",
    "msr tpidrro_el0, x1",
    "mrs x0, tpidr_el1",
    // When an interrupt got here, for who measures latency. Taking an exception synchronises the
    // context, so no ISB is needed.
    ".if \\kind == {irq}",
    "mrs x1, cntvct_el0",
    "str x1, [x0, #{vector_tick}]",
    ".endif",
    "ldr x0, [x0, #{stack_limit}]",
    "sub x1, sp, #{frame}",
    "cmp x1, x0",
    "mov x0, sp",
    "b.lo zlab_stack_overflow",
    "mov sp, x1",
    "stp x2, x3, [sp, #{x2}]",
    "mov x2, x0",
    "mrs x0, tpidr_el0",
    "mrs x1, tpidrro_el0",
    "stp x0, x1, [sp]",
    "str x2, [sp, #{sp}]",
    "mov x1, #\\kind",
    "adr x2, \\handler",
    "b zlab_save",
    ".endm",
    //
    ".section .text.vectors, \"ax\"",
    ".balign 0x800",
    ".global zlab_vectors",
    "zlab_vectors:",
    // Current EL with SP_EL0: never used.
    "zlab_vector {unexpected}, zlab_to_exception",
    "zlab_vector {unexpected}, zlab_to_exception",
    "zlab_vector {unexpected}, zlab_to_exception",
    "zlab_vector {unexpected}, zlab_to_exception",
    // Current EL with SP_ELx.
    "zlab_vector {synchronous}, zlab_to_exception",
    "zlab_vector {irq}, zlab_to_interrupt",
    "zlab_vector {fiq}, zlab_to_exception",
    "zlab_vector {serror}, zlab_to_exception",
    // Lower EL, AArch64 and AArch32: there is none.
    "zlab_vector {unexpected}, zlab_to_exception",
    "zlab_vector {unexpected}, zlab_to_exception",
    "zlab_vector {unexpected}, zlab_to_exception",
    "zlab_vector {unexpected}, zlab_to_exception",
    "zlab_vector {unexpected}, zlab_to_exception",
    "zlab_vector {unexpected}, zlab_to_exception",
    "zlab_vector {unexpected}, zlab_to_exception",
    "zlab_vector {unexpected}, zlab_to_exception",
    //
    // x0 = stack pointer of the interrupted code; continue on the CPU's emergency stack.
    "zlab_stack_overflow:",
    "mrs x1, tpidr_el1",
    "ldr x1, [x1, #{emergency_stack}]",
    "sub sp, x1, #{frame}",
    "stp x2, x3, [sp, #{x2}]",
    "mov x2, x0",
    "mrs x0, tpidr_el0",
    "mrs x1, tpidrro_el0",
    "stp x0, x1, [sp]",
    "str x2, [sp, #{sp}]",
    "mov x1, #{unexpected}",
    "adr x2, zlab_to_overflow",
    //
    // x0 to x3 and sp are saved; x1 = kind, x2 = where to go with the complete frame.
    ".global zlab_save",
    "zlab_save:",
    "stp x4, x5, [sp, #32]",
    "stp x6, x7, [sp, #48]",
    "stp x8, x9, [sp, #64]",
    "stp x10, x11, [sp, #80]",
    "stp x12, x13, [sp, #96]",
    "stp x14, x15, [sp, #112]",
    "stp x16, x17, [sp, #128]",
    "stp x18, x19, [sp, #144]",
    "stp x20, x21, [sp, #160]",
    "stp x22, x23, [sp, #176]",
    "stp x24, x25, [sp, #192]",
    "stp x26, x27, [sp, #208]",
    "stp x28, x29, [sp, #224]",
    "str x30, [sp, #240]",
    "mrs x3, elr_el1",
    "mrs x4, spsr_el1",
    "stp x3, x4, [sp, #{elr}]",
    "mrs x3, fpcr",
    "mrs x4, fpsr",
    "stp x3, x4, [sp, #{fpcr}]",
    "add x3, sp, #{q}",
    "stp q0, q1, [x3]",
    "stp q2, q3, [x3, #32]",
    "stp q4, q5, [x3, #64]",
    "stp q6, q7, [x3, #96]",
    "stp q8, q9, [x3, #128]",
    "stp q10, q11, [x3, #160]",
    "stp q12, q13, [x3, #192]",
    "stp q14, q15, [x3, #224]",
    "stp q16, q17, [x3, #256]",
    "stp q18, q19, [x3, #288]",
    "stp q20, q21, [x3, #320]",
    "stp q22, q23, [x3, #352]",
    "stp q24, q25, [x3, #384]",
    "stp q26, q27, [x3, #416]",
    "stp q28, q29, [x3, #448]",
    "stp q30, q31, [x3, #480]",
    "mov x0, sp",
    "br x2",
    //
    ".global zlab_saved",
    "zlab_saved:",
    "zlab_to_exception:",
    "bl {handle_exception}",
    "b zlab_restore",
    "zlab_to_interrupt:",
    "bl {handle_interrupt}",
    "b zlab_restore",
    "zlab_to_overflow:",
    "bl {handle_stack_overflow}",
    //
    ".global zlab_restore",
    "zlab_restore:",
    "add x3, sp, #{q}",
    "ldp q0, q1, [x3]",
    "ldp q2, q3, [x3, #32]",
    "ldp q4, q5, [x3, #64]",
    "ldp q6, q7, [x3, #96]",
    "ldp q8, q9, [x3, #128]",
    "ldp q10, q11, [x3, #160]",
    "ldp q12, q13, [x3, #192]",
    "ldp q14, q15, [x3, #224]",
    "ldp q16, q17, [x3, #256]",
    "ldp q18, q19, [x3, #288]",
    "ldp q20, q21, [x3, #320]",
    "ldp q22, q23, [x3, #352]",
    "ldp q24, q25, [x3, #384]",
    "ldp q26, q27, [x3, #416]",
    "ldp q28, q29, [x3, #448]",
    "ldp q30, q31, [x3, #480]",
    "ldp x3, x4, [sp, #{fpcr}]",
    "msr fpcr, x3",
    "msr fpsr, x4",
    "ldp x3, x4, [sp, #{elr}]",
    "msr elr_el1, x3",
    "msr spsr_el1, x4",
    "ldp x2, x3, [sp, #16]",
    "ldp x4, x5, [sp, #32]",
    "ldp x6, x7, [sp, #48]",
    "ldp x8, x9, [sp, #64]",
    "ldp x10, x11, [sp, #80]",
    "ldp x12, x13, [sp, #96]",
    "ldp x14, x15, [sp, #112]",
    "ldp x16, x17, [sp, #128]",
    "ldp x18, x19, [sp, #144]",
    "ldp x20, x21, [sp, #160]",
    "ldp x22, x23, [sp, #176]",
    "ldp x24, x25, [sp, #192]",
    "ldp x26, x27, [sp, #208]",
    "ldp x28, x29, [sp, #224]",
    "ldr x30, [sp, #240]",
    "ldp x0, x1, [sp], #{frame_half}",
    "add sp, sp, #({frame} - {frame_half})",
    "eret",
    ".global zlab_restored",
    "zlab_restored:",
    frame = const FRAME_BYTES,
    frame_half = const 496,
    x2 = const offset_of!(TrapFrame, x) + 16,
    sp = const offset_of!(TrapFrame, sp),
    elr = const offset_of!(TrapFrame, elr),
    fpcr = const offset_of!(TrapFrame, fpcr),
    q = const offset_of!(TrapFrame, q),
    stack_limit = const offset_of!(Cpu, stack_limit),
    vector_tick = const offset_of!(Cpu, vector_tick),
    emergency_stack = const offset_of!(Cpu, emergency_stack),
    unexpected = const Kind::Unexpected as u32,
    synchronous = const Kind::Synchronous as u32,
    irq = const Kind::Irq as u32,
    fiq = const Kind::Fiq as u32,
    serror = const Kind::SError as u32,
    handle_exception = sym handle_exception,
    handle_interrupt = sym handle_interrupt,
    handle_stack_overflow = sym handle_stack_overflow,
);

unsafe extern "C" {
    static zlab_vectors: u8;
    static zlab_save: u32;
    static zlab_saved: u32;
    static zlab_restore: u32;
    static zlab_restored: u32;
}

/// Instructions of an interrupt's vector before its handler.
pub fn save_instructions() -> u64 {
    /// Those of the entry in the table.
    const ENTRY: u64 = 19;
    let bytes = (&raw const zlab_saved).addr() - (&raw const zlab_save).addr();
    ENTRY + (bytes / 4) as u64
}

/// Instructions of a vector after its handler.
pub fn restore_instructions() -> u64 {
    let bytes = (&raw const zlab_restored).addr() - (&raw const zlab_restore).addr();
    (bytes / 4) as u64
}

/// Installs the vectors on this CPU. From here on exceptions need TPIDR_EL1 to point at its
/// [`Cpu`].
pub fn install() {
    // SAFETY: the table is aligned to 2 KiB as VBAR_EL1 asks, and lives as long as the kernel.
    unsafe {
        asm!("msr vbar_el1, {}", "isb", in(reg) &raw const zlab_vectors, options(nostack));
    }
}
