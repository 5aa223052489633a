//! What tests of back ends need on the host.

pub mod conformance;
mod host;
mod soak;

pub use host::HostEnv;
pub use soak::{Soak, Soaked};
