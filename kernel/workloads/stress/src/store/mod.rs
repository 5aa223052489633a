//! Stressors on the pool and on the compressed page store, without page faults.

pub(crate) mod contend;
pub(crate) mod zpool;
pub(crate) mod zswap;
