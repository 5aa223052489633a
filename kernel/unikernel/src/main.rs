//! The image: boots, pages, schedules, runs the workloads, reports.
//!
//! ```text
//! boot      first instruction to Rust with MMU and caches on
//! start     device tree, memory, the other CPUs, threads
//! arch      what is particular to AArch64
//! memory    frames, map, heap, stacks; demand paging into the compressed store
//! sched     threads
//! console   the UART: text and log frames
//! board     what is particular to a board: watchdog, clocks, another console
//! trace     what is measured of latency
//! run       the boot arguments' workload, its report and verdict
//! shell     the prompt for when there is no workload, or after it
//! device    what holds pages behind the store: a virtio disk, a part of RAM
//! dying     faults, panics, and how the machine is left
//! ```
#![no_std]
#![no_main]

extern crate alloc;

mod arch;
mod board;
mod boot;
mod console;
mod cpu;
mod device;
mod dying;
mod memory;
mod run;
mod sched;
mod shell;
mod start;
mod sync;
mod trace;
