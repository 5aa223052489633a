#![doc = include_str!("../README.md")]
#![cfg_attr(not(any(test, feature = "testing")), no_std)]
#![deny(unsafe_code)]
#![cfg_attr(not(feature = "zstd"), forbid(unsafe_code))]

extern crate alloc;

mod codec;
mod context;
mod counters;
mod error;
mod keyed;
mod limits;
mod same;
mod store;
mod table;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
#[cfg(test)]
mod tests;

pub use codec::{
    Algorithm, COMPRESSORS, Choice, ChoiceError, CompressError, Compressor, DecompressError,
    Levels, OPTIONAL, find,
};
pub use context::{Context, Contexts};
pub use counters::Counters;
pub use error::{LoadError, Reject};
pub use keyed::Keyed;
pub use limits::{Admission, Limits};
pub use store::{Incompressible, SameFilled, Settings, Store, Stored};
