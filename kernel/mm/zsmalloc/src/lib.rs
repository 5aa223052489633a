#![doc = include_str!("../README.md")]
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

use alloc::boxed::Box;

use zpool::{Backend, Env};

pub use pool::{ClassStatistics, Zsmalloc};

/// zsmalloc under the names by which it is chosen: with the default chains, and with short ones.
#[must_use]
pub fn backends<'a, E: Env + 'a>() -> [Backend<'a, E>; 2] {
    [
        Backend {
            name: "zsmalloc",
            about: "zsmalloc of Linux 6.12: size classes, chains of up to 8 pages, compaction",
            create: |env| Ok(Box::new(Zsmalloc::<E, 8>::new(env))),
        },
        Backend {
            name: "zsmalloc-c4",
            about: "zsmalloc with chains of up to 4 pages",
            create: |env| Ok(Box::new(Zsmalloc::<E, 4>::new(env))),
        },
    ]
}
