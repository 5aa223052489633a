//! Probes: places in the code where a tracer can be called.
//!
//! On the bare machine a probe is one NOP, and an entry in the section `.probes`: 32 bits with the
//! distance from the entry to the NOP; an instruction that is never executed, `add x0, xN, #KIND`,
//! which tells the probe's kind and the register that holds its operand; and 32 bits with the
//! distance from themselves to a `fn() -> &'static str` that says what it is about. A kernel that
//! wants to trace replaces the NOP by a call (BL) of a function that preserves every register but x30.
//! Anywhere else a probe is nothing.

/// After interrupts were masked; the operand is DAIF as it was.
pub const MASKED: u32 = 0;
/// Before DAIF becomes what the operand is.
pub const RESTORING: u32 = 1;
/// Before interrupts are unmasked.
pub const UNMASKING: u32 = 2;
/// After a sleep that interrupts end also when they are masked.
pub const AWAKE: u32 = 3;
/// After an interrupt's registers were saved; the operand is the address of the frame.
pub const INTERRUPT_ENTRY: u32 = 4;
/// After another exception's registers were saved; the operand is the address of the frame.
pub const EXCEPTION_ENTRY: u32 = 5;
/// Before the registers of an exception or interrupt are restored.
pub const RETURNING: u32 = 6;
/// After preemption was turned off; the operand is how often.
pub const PREEMPTION_OFF: u32 = 7;
/// Before preemption is turned on; the operand is how often it is off still.
pub const PREEMPTION_ON: u32 = 8;
/// Before a lock is waited for; the operand is its address, also below.
pub const LOCK_WAIT: u32 = 9;
/// After it was taken.
pub const LOCK_TAKEN: u32 = 10;
/// Before it is let go.
pub const LOCK_RELEASE: u32 = 11;
/// After it was taken together with others, as a reader.
pub const LOCK_SHARED: u32 = 12;
/// Before another thread runs; the operand is its number.
pub const SWITCH: u32 = 13;
/// An interrupt is handled; the operand is its number.
pub const INTERRUPT: u32 = 14;
/// Between [`LOCK_WAIT`] and [`LOCK_TAKEN`] of a lock that is not free; the operand is its address.
pub const LOCK_CONTENDED: u32 = 15;
/// Before a sleeping lock is waited for; the operand is its address, also below.
pub const SLEEP_WAIT: u32 = 16;
/// After it was taken.
pub const SLEEP_TAKEN: u32 = 17;
/// Before it is let go.
pub const SLEEP_RELEASE: u32 = 18;
/// At the begin of operation number 0; others follow.
pub const OPERATION_BEGIN: u32 = 0x100;
/// At the end of operation number 0; others follow.
pub const OPERATION_END: u32 = 0x200;

/// What a probe is about, in words: the name of a type.
#[cfg(all(target_arch = "aarch64", target_os = "none"))]
fn name_of<T: ?Sized>() -> &'static str {
    core::any::type_name::<T>()
}

/// A probe of this kind, which is below 4096.
#[inline(always)]
pub fn probe<const KIND: u32>(operand: usize) {
    probe_of::<KIND, ()>(operand);
}

/// A probe of this kind that is about this type, such as what a lock protects; `()` for none.
#[inline(always)]
pub fn probe_of<const KIND: u32, T: ?Sized>(operand: usize) {
    #[cfg(all(target_arch = "aarch64", target_os = "none"))]
    // SAFETY: a NOP, or a call of a function that preserves every register but x30 and uses the
    // stack below the stack pointer.
    unsafe {
        core::arch::asm!(
            "770: nop",
            ".pushsection .probes, \"a\"",
            ".balign 4",
            ".word 770b - .",
            "add x0, {operand}, #{kind}",
            ".word {name} - .",
            ".popsection",
            kind = const KIND,
            name = sym name_of::<T>,
            operand = in(reg) operand,
            out("x30") _,
        );
    }
    #[cfg(not(all(target_arch = "aarch64", target_os = "none")))]
    let _ = operand;
}

/// A probe of this kind whose operand does not matter.
#[inline(always)]
pub fn mark<const KIND: u32>() {
    #[cfg(all(target_arch = "aarch64", target_os = "none"))]
    // SAFETY: as for `probe`.
    unsafe {
        core::arch::asm!(
            "770: nop",
            ".pushsection .probes, \"a\"",
            ".balign 4",
            ".word 770b - .",
            "add x0, x0, #{kind}",
            ".word {name} - .",
            ".popsection",
            kind = const KIND,
            name = sym name_of::<()>,
            out("x30") _,
        );
    }
}
