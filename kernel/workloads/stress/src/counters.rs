//! What one worker counts.

use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use core::sync::atomic::{AtomicBool, AtomicU8, AtomicU64};

/// Numbers a stressor counts besides operations and checks.
pub(crate) const EXTRAS: usize = 6;

/// What one worker counts. It belongs to the supervisor, so that it outlives a killed worker;
/// each has cache lines of its own.
#[derive(Default)]
#[repr(align(128))]
pub(crate) struct Counters {
    state: AtomicU8,
    pub ticks: AtomicU64,
    pub checks: AtomicU64,
    pub errors: AtomicU64,
    pub start_ns: AtomicU64,
    pub end_ns: AtomicU64,
    pub user_ns: AtomicU64,
    pub system_ns: AtomicU64,
    pub resident_max_bytes: AtomicU64,
    /// Bytes of the objects that it has in the pool.
    pub live_bytes: AtomicU64,
    pub extra: [AtomicU64; EXTRAS],
    pub complaints: AtomicU64,
    pub injected: AtomicBool,
}

/// Where a worker is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum State {
    /// Not begun, or not ended.
    Running,
    /// Ended by itself.
    Finished,
    /// Ended because memory or a facility was not there.
    NoResource,
    /// Ended because something failed that is neither memory nor a comparison.
    Failed,
}

impl Counters {
    pub fn state(&self) -> State {
        match self.state.load(Acquire) {
            1 => State::Finished,
            2 => State::NoResource,
            3 => State::Failed,
            _ => State::Running,
        }
    }

    /// The worker has ended; of several ways to end the first one counts. Whether this is it.
    pub fn set_state(&self, state: State) -> bool {
        let value = match state {
            State::Running => 0,
            State::Finished => 1,
            State::NoResource => 2,
            State::Failed => 3,
        };
        self.state.compare_exchange(0, value, Release, Relaxed).is_ok()
    }
}
