//! From the first instruction to Rust with MMU and caches on.
//!
//! [`entry`] holds the image header and the assembly of the boot CPU and of the others;
//! [`el2`] is the drop from EL2 to EL1 that both share.

mod el2;
pub mod entry;
