#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

mod board;
mod error;
mod machine;
pub mod rpi5;
mod tree;
pub mod virt;

pub use board::Board;
pub use error::Error;
pub use machine::{
    Console, Gic, Interrupt, MAX_BOOT_ARGUMENTS, MAX_MEMORY_RANGES, MAX_PROCESSORS,
    MAX_REDISTRIBUTORS, MAX_RESERVED_RANGES, MAX_VIRTIO, Machine, PsciMethod, Reserved, Timer,
    Trigger,
};
pub use tree::{HEADER_PREFIX, tree_size};
