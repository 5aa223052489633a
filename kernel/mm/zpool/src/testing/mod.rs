//! What tests of back ends need on the host.

pub mod conformance;
mod host;
mod soak;

use std::sync::atomic::{AtomicU64, Ordering};

pub use host::HostEnv;
pub use soak::{Soak, Soaked};

static WAITS: AtomicU64 = AtomicU64::new(0);

/// Turns of waiting loops so far, of all threads.
#[must_use]
pub fn waits() -> u64 {
    WAITS.load(Ordering::Relaxed)
}

/// One turn of a waiting loop.
pub(crate) fn wait() {
    WAITS.fetch_add(1, Ordering::Relaxed);
    std::thread::yield_now();
}
