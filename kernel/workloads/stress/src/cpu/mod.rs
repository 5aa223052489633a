//! Stressors that compute.

pub(crate) mod atomic;
pub(crate) mod integers;
pub(crate) mod load;
pub(crate) mod matrix;
pub(crate) mod numbers;
