//! The suite every back end passes.
//!
//! ```ignore
//! use zpool::testing::conformance::{Capabilities, check};
//!
//! #[test]
//! fn conforms_4k() {
//!     check::<Granule4K>(|env| Ok(Box::new(Pool::new(env)?)), Capabilities { largest: 3968, ..Capabilities::strict() });
//! }
//! ```
//!
//! A failed check panics, like a failed assertion of a test. Sequences are pseudo-random with
//! fixed seeds, so that a failure repeats.

mod basic;
mod churn;
mod memory;
mod model;
mod threads;

use std::boxed::Box;

use super::HostEnv;
use crate::{AllocError, Granule, ZPool};

/// What a back end promises beyond the interface, and where it stays behind.
#[derive(Clone, Copy, Debug)]
pub struct Capabilities {
    /// Largest size that [`ZPool::malloc`] takes, in bytes. One more is refused.
    pub largest: usize,
    /// A handle whose object was freed is refused, even when its place was given away again.
    pub detects_stale: bool,
    /// Bits that no `malloc` of this pool returned are refused.
    pub detects_forged: bool,
    /// Reads and writes beyond what an object's place can hold are refused.
    pub detects_length: bool,
    /// While a read guard lives, freeing and writing its object are refused with
    /// [`HandleError::Busy`](crate::HandleError::Busy) (and do not wait for the guard).
    pub pins_reads: bool,
    /// Page frames that may stay with the pool after every object was freed and
    /// [`ZPool::compact`] was called.
    pub idle_pages: usize,
    /// [`Statistics`](crate::Statistics) account for every frame the pool holds. A model of
    /// another allocator counts the metadata that one would have, object by object, and holds
    /// whole frames of them.
    pub accounts_for_frames: bool,
}

impl Capabilities {
    /// Everything detected, nothing kept, sizes up to [`Capabilities::largest`] = 0 (to be set).
    #[must_use]
    pub const fn strict() -> Self {
        Self {
            largest: 0,
            detects_stale: true,
            detects_forged: true,
            detects_length: true,
            pins_reads: true,
            idle_pages: 0,
            accounts_for_frames: true,
        }
    }

    /// Nothing detected, nothing kept: a back end that trusts its callers.
    #[must_use]
    pub const fn trusting() -> Self {
        Self {
            largest: 0,
            detects_stale: false,
            detects_forged: false,
            detects_length: false,
            pins_reads: false,
            idle_pages: 0,
            accounts_for_frames: true,
        }
    }
}

/// Runs the whole suite on pools that `create` makes.
///
/// # Panics
/// When the back end does not conform; the message names what failed.
pub fn check<G: Granule>(
    create: impl for<'e> Fn(&'e HostEnv<G>) -> Result<Box<dyn ZPool + 'e>, AllocError>,
    capabilities: Capabilities,
) {
    let subject = Subject { create: &create, capabilities };
    basic::check(&subject);
    memory::check(&subject);
    churn::check(&subject);
    threads::check(&subject);
}

type Create<'c, G> = dyn for<'e> Fn(&'e HostEnv<G>) -> Result<Box<dyn ZPool + 'e>, AllocError> + 'c;

/// What is being checked.
struct Subject<'c, G> {
    create: &'c Create<'c, G>,
    capabilities: Capabilities,
}

impl<G: Granule> Subject<'_, G> {
    fn pool<'e>(&self, env: &'e HostEnv<G>) -> Box<dyn ZPool + 'e> {
        (self.create)(env).expect("a pool in an environment without a limit")
    }
}

/// The generator of the pseudo-random sequences: Knuth's 64-bit linear congruence, upper half.
struct Random(u64);

impl Random {
    fn next(&mut self) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) as usize
    }

    /// A number below `bound`.
    fn below(&mut self, bound: usize) -> usize {
        self.next() % bound
    }
}

/// As many rounds as asked for; few under Miri, which is a thousand times slower.
fn rounds(count: usize) -> usize {
    if cfg!(miri) { count.div_ceil(200) } else { count }
}
