//! Allocator for compressed pages: zsmalloc.
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod access;
mod class;
mod compact;
#[cfg(test)]
mod examples;
mod fullness;
mod handle_word;
mod pool;
mod size_class;
mod zpool_impl;
mod zspage;

pub use pool::{ClassStatistics, Zsmalloc};
