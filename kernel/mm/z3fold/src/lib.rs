#![doc = include_str!("../README.md")]
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

use alloc::boxed::Box;

use zpool::{Backend, Env};

pub use pool::Z3fold;

/// z3fold under the name by which it is chosen.
#[must_use]
pub fn backends<'a, E: Env + 'a>() -> [Backend<'a, E>; 1] {
    [Backend {
        name: "z3fold",
        about: "z3fold of Linux 6.12: up to three objects a page, evacuation",
        create: |env| Ok(Box::new(Z3fold::new(env))),
    }]
}
