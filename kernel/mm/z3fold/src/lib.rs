//! Allocator for compressed pages: z3fold.
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod allocate;
mod compact;
#[cfg(test)]
mod examples;
mod free;
mod headless;
mod lists;
mod page;
mod pool;
mod slots;
mod work;
mod zpool_impl;

pub use pool::Z3fold;
