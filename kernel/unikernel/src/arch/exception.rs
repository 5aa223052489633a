//! What an exception is, and who answers it.

use core::fmt;

use aarch64_cpu::registers::{ESR_EL1, FAR_EL1, Readable};
use zpool::probe::{self, mark, probe};

use super::frame::TrapFrame;
use super::{gic, interrupts};
use crate::memory::fault;
use crate::sched::preemption;
use crate::{dying, sched};

/// Which vector an exception came through.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum Kind {
    /// A synchronous exception of the kernel.
    Synchronous = 0,
    /// An interrupt.
    Irq = 1,
    /// A fast interrupt; nothing raises one.
    Fiq = 2,
    /// An asynchronous abort.
    SError = 3,
    /// A vector that nothing should come through.
    Unexpected = 4,
}

impl Kind {
    const fn from_vector(kind: u64) -> Self {
        match kind {
            0 => Self::Synchronous,
            1 => Self::Irq,
            2 => Self::Fiq,
            3 => Self::SError,
            _ => Self::Unexpected,
        }
    }
}

/// ESR_EL1, decoded in words (Arm ARM DDI 0487, D24.2.40).
#[derive(Clone, Copy)]
pub struct Syndrome(pub u64);

impl Syndrome {
    const DATA_ABORT: u64 = 0x25;

    /// Exception class.
    pub const fn class(self) -> u64 {
        (self.0 >> 26) & 0x3f
    }

    /// Whether an access to data failed in the way that paging answers: a translation or an
    /// Access flag fault.
    pub const fn is_paging_fault(self) -> bool {
        // DFSC 0b0001LL: translation, 0b0010LL: Access flag.
        self.class() == Self::DATA_ABORT && matches!((self.0 & 0x3f) >> 2, 0b0001 | 0b0010)
    }

    const fn class_words(self) -> &'static str {
        match self.class() {
            0x00 => "unknown reason (undefined instruction?)",
            0x07 => "trapped FP/SIMD access",
            0x0e => "illegal execution state",
            0x15 => "SVC",
            0x16 => "HVC",
            0x17 => "SMC",
            0x18 => "trapped MSR, MRS or system instruction",
            0x20 | 0x21 => "instruction abort",
            0x22 => "PC alignment fault",
            0x24 | 0x25 => "data abort",
            0x26 => "SP alignment fault",
            0x2c => "floating-point exception",
            0x2f => "SError",
            0x3c => "BRK instruction",
            _ => "other exception",
        }
    }

    const fn status_words(self) -> &'static str {
        match (self.0 & 0x3f) >> 2 {
            0b0000 => "address size fault",
            0b0001 => "translation fault",
            0b0010 => "Access flag fault",
            0b0011 => "permission fault",
            0b0100 => "synchronous external abort",
            0b1000 => "alignment fault",
            _ => "other fault",
        }
    }
}

impl fmt::Display for Syndrome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.class_words())?;
        if matches!(self.class(), 0x20 | 0x21 | 0x24 | 0x25) {
            write!(f, ": {}", self.status_words())?;
            if (self.0 & 0x3f) >> 2 != 0b1000 && (self.0 & 0x3f) >> 2 != 0b0100 {
                write!(f, ", level {}", self.0 & 3)?;
            }
            if self.class() >= 0x24 {
                f.write_str(if self.0 & (1 << 6) != 0 { ", write" } else { ", read" })?;
            }
        }
        Ok(())
    }
}

/// Every exception but interrupts. Faults of paging are served; anything else is the end.
pub extern "C" fn handle_exception(frame: &mut TrapFrame, kind: u64) {
    probe::<{ probe::EXCEPTION_ENTRY }>(core::ptr::from_ref(frame).expose_provenance());
    let syndrome = Syndrome(ESR_EL1.get());
    let address = FAR_EL1.get() as usize;
    if Kind::from_vector(kind) == Kind::Synchronous
        && syndrome.is_paging_fault()
        && fault::is_pageable(address)
    {
        if frame.interrupts_masked() {
            dying::fault("a page fault with interrupts masked", frame, syndrome, address);
        }
        if preemption::is_off() {
            dying::fault("a page fault with a spinning lock held", frame, syndrome, address);
        }
        // The fault is served on the thread's own stack, by code that may be preempted.
        interrupts::unmask();
        let served = fault::serve(address);
        interrupts::mask();
        if served {
            mark::<{ probe::RETURNING }>();
            return;
        }
    }
    let what = match Kind::from_vector(kind) {
        Kind::Synchronous => "an exception that nobody expected",
        Kind::SError => "an SError",
        Kind::Irq | Kind::Fiq | Kind::Unexpected => "an exception through an unused vector",
    };
    dying::fault(what, frame, syndrome, address)
}

/// An interrupt, then perhaps another thread.
pub extern "C" fn handle_interrupt(frame: &mut TrapFrame, _kind: u64) {
    probe::<{ probe::INTERRUPT_ENTRY }>(core::ptr::from_ref(frame).expose_provenance());
    gic::dispatch();
    sched::preempt();
    mark::<{ probe::RETURNING }>();
}

/// The stack of the interrupted code has no room for a frame: it is used up.
pub extern "C" fn handle_stack_overflow(frame: &mut TrapFrame, _kind: u64) -> ! {
    let syndrome = Syndrome(ESR_EL1.get());
    dying::fault("stack overflow", frame, syndrome, FAR_EL1.get() as usize)
}
