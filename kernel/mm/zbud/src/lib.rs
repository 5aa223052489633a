#![doc = include_str!("../README.md")]
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

use alloc::boxed::Box;

use zpool::{Backend, Env};

pub use pool::Zbud;

/// zbud under the name by which it is chosen.
#[must_use]
pub fn backends<'a, E: Env + 'a>() -> [Backend<'a, E>; 1] {
    [Backend {
        name: "zbud",
        about: "zbud of Linux 6.12: up to two objects a page",
        create: |env| Ok(Box::new(Zbud::new(env))),
    }]
}
