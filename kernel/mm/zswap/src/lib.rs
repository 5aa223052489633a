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
mod lru;
mod object;
mod recompress;
mod same;
mod settings;
pub mod shrinker;
mod store;
mod stored;
mod table;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
#[cfg(test)]
mod tests;
mod tier;

pub use codec::{
    ACCEPTED, Algorithm, COMPRESSORS, Choice, ChoiceError, CompressError, Compressor,
    DecompressError, Levels, OPTIONAL, find,
};
pub use context::{Context, Contexts};
pub use counters::Counters;
pub use error::{LoadError, Reject, WriteBackError};
pub use keyed::{Keyed, Run};
pub use limits::{Admission, Limits};
pub use settings::{Incompressible, SameFilled, Settings};
pub use store::Store;
pub use stored::{Leave, Stored};
pub use tier::{Slot, SwapArea, Tier, TierError};
