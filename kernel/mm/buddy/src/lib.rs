#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

mod allocator;
mod error;
mod frame;
mod granule;
mod ram;
mod statistics;

pub use allocator::{Buddy, MAX_ORDER};
pub use error::Error;
pub use frame::FrameInfo;
pub use granule::{Granule, Granule4K, Granule16K};
pub use ram::{MAX_RANGES, find_unreserved};
pub use statistics::Statistics;
