//! The image: boots, pages, schedules, runs the workloads, reports.
//!
//! ```text
//! boot      first instruction to Rust with MMU and caches on
//! start     device tree, memory, the other CPUs, threads
//! arch      what is particular to AArch64
//! memory    frames, map, heap, stacks; demand paging into the compressed store
//! sched     threads
//! console   the UART: text and log frames
//! run       the boot arguments' workload, its report and verdict
//! dying     faults, panics, and how the machine is left
//! ```
#![no_std]
#![no_main]

extern crate alloc;

mod arch;
mod boot;
mod console;
mod cpu;
mod dying;
mod memory;
mod run;
mod sched;
mod start;
mod sync;
