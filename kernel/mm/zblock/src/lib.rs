#![doc = include_str!("../README.md")]
#![cfg_attr(not(test), no_std)]

extern crate alloc;

mod classes;
mod slotted;

pub use slotted::Slotted;
use zpool::{Backend, Env};

/// The configurations of zblock, the default first.
#[must_use]
pub fn backends<'a, E: Env + 'a>() -> [Backend<'a, E>; 3] {
    let default = slotted::slotted();
    [default, classes::fixed(), classes::v4()]
}

/// zblock v4 with one decision at a time replaced by zsmalloc's: unchanged, class lookup,
/// contiguity, no copy, no indirection, all four. For measurements, not for use.
#[must_use]
pub fn ablations<'a, E: Env + 'a>() -> [Backend<'a, E>; 6] {
    classes::variants()
}
