//! What is particular to AArch64: registers, tables, exceptions, interrupts, firmware.

pub mod clock;
pub mod exception;
pub mod firmware;
pub mod frame;
pub mod gic;
pub mod icount;
pub mod interrupts;
pub mod memory_functions;
pub mod mmu;
pub mod pmu;
pub mod semihosting;
pub mod switch;
pub mod vectors;
