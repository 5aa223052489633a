//! Calls that fail because the boot arguments say so (`fail-frame=`, `fail-disk=`, `fail-object=`).

use core::sync::atomic::{AtomicU64, Ordering};

use stress::options::FailPoint;

/// How often something was made to fail since boot.
static FAILURES: AtomicU64 = AtomicU64::new(0);

/// Calls of one kind, which are counted; some of them fail.
pub struct Failing {
    point: FailPoint,
    calls: AtomicU64,
}

impl Failing {
    /// Calls that fail at `point`.
    pub const fn new(point: FailPoint) -> Self {
        Self { point, calls: AtomicU64::new(0) }
    }

    /// Counts a call; its number if it is to fail.
    #[inline]
    pub fn call(&self) -> Option<u64> {
        let number = self.calls.fetch_add(1, Ordering::Relaxed) + 1;
        if !self.point.hits(number) {
            return None;
        }
        FAILURES.fetch_add(1, Ordering::Relaxed);
        Some(number)
    }
}

/// How often something was made to fail since boot.
pub fn failures() -> u64 {
    FAILURES.load(Ordering::Relaxed)
}
