#![doc = include_str!("../README.md")]
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

pub mod cyclictest;
mod histogram;
mod layout;
mod recorder;

pub use histogram::Histogram;
pub use layout::{BUCKETS, Bucket, LIMIT, SUBBUCKETS};
pub use recorder::Recorder;
