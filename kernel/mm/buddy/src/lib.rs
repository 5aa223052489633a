#![doc = include_str!("../README.md")]
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

mod allocator;
mod cache;
mod caches;
mod error;
mod frame;
mod granule;
mod ram;
mod statistics;

pub use allocator::{Buddy, MAX_ORDER};
pub use cache::{BATCH, CAPACITY};
pub use caches::{FrameCaches, Lock};
pub use error::Error;
pub use frame::FrameInfo;
pub use granule::Granule;
#[cfg(feature = "granule-4k")]
pub use granule::Granule4K;
#[cfg(feature = "granule-16k")]
pub use granule::Granule16K;
pub use ram::{MAX_RANGES, find_unreserved};
pub use statistics::Statistics;
