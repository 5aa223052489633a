//! Allocator for compressed pages: zbud.
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod entry;
#[cfg(test)]
mod examples;
mod page;
mod pool;
mod zpool_impl;

pub use pool::Zbud;
