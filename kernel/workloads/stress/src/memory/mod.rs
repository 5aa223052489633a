//! Stressors that move data through memory.

pub(crate) mod cache;
pub(crate) mod heap;
pub(crate) mod malloc;
pub(crate) mod memcpy;
pub(crate) mod memrate;
pub(crate) mod memthrash;
pub(crate) mod randlist;
pub(crate) mod stream;
#[cfg(feature = "zlib")]
pub(crate) mod zlib;
