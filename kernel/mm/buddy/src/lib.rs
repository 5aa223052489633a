//! Buddy allocator of page frames, generic over the granule.
#![no_std]
#![forbid(unsafe_code)]

mod granule;

pub use granule::{Granule, Granule4K, Granule16K};
