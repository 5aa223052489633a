//! What tests of back ends need on the host.

mod host;

pub use host::HostEnv;
