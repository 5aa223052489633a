//! What tests of back ends need on the host.

pub mod conformance;
mod host;

pub use host::HostEnv;
