//! Builds the zlab image, runs it under QEMU and reads what it reports.
//!
//! The binary `zlab` (what `cargo run` starts) is a thin shell over this library; the black-box
//! tests use the same parts:
//!
//! - [`image`]: build the kernel and make the flat image from its ELF file;
//! - [`vm`]: a virtual machine as a value, its QEMU process, how it ended;
//! - [`console`]: the serial stream taken apart into lines, log records, progress and the report;
//! - [`card`]: the SD card of a board;
//! - [`session`]: a running console, QEMU's or a board's, with what is typed;
//! - [`outputs`]: the report as YAML and JSON files;
//! - [`toolchain`] and [`qemu_install`]: what a fresh machine lacks, with a word before each step.
#![forbid(unsafe_code)]

pub mod card;
pub mod cli;
pub mod compare;
pub mod console;
pub mod cyclictest;
pub mod html;
pub mod image;
pub mod initrd;
pub mod interrupt;
mod job;
pub mod outputs;
pub mod qemu_install;
pub mod replay;
pub mod results;
pub mod screen;
pub mod session;
pub mod status;
pub mod symbols;
pub mod toolchain;
pub mod tour;
pub mod units;
pub mod vm;
