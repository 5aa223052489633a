//! Waiting for something that another thread does soon and tells nobody of.

use super::{sleep_until_ns, yield_now};
use crate::arch::clock;

/// Turns given to equals before sleeping.
const YIELDS: u32 = 16;

/// How long a sleep takes.
const PAUSE_NS: u64 = 20_000;

/// A wait that goes on until its owner finds what it waits for. Equals run first, then it sleeps
/// between looks: who is waited for may have a lower priority, and would never run otherwise.
pub struct Wait {
    yields: u32,
}

impl Wait {
    /// A wait that begins.
    pub const fn new() -> Self {
        Self { yields: 0 }
    }

    /// Lets others run before the next look.
    pub fn pause(&mut self) {
        if self.yields < YIELDS {
            self.yields += 1;
            yield_now();
        } else {
            sleep_until_ns(clock::now_ns() + PAUSE_NS);
        }
    }
}
