//! The stressors there are.

use alloc::vec::Vec;

use report::Metric;

use crate::options::Options;
use crate::worker::{Counters, Worker};
use crate::{vm, zpool, zswap};

/// Most instances of a stressor.
pub(crate) const INSTANCE_LIMIT: u32 = 1024;

/// A stressor: what it is called and what it does.
pub struct Stressor {
    /// The name, as in `--NAME`.
    pub name: &'static str,
    /// One line for people.
    pub about: &'static str,
    /// One bogo operation is two to this power ticks.
    pub(crate) tick_shift: u32,
    /// Bogo operations over all instances after which to stop.
    pub(crate) ops: fn(&Options) -> Option<u64>,
    /// The method, for a stressor that has methods.
    pub(crate) method: fn(&Options) -> Option<&'static str>,
    /// Bytes all instances work on together, of `memory` bytes of RAM.
    pub(crate) bytes: fn(&Options, memory: u64) -> u64,
    /// Whether those bytes are demand-paged.
    pub(crate) paged: bool,
    /// Whether a run with these options checks what it reads.
    pub(crate) checks: fn(&Options) -> bool,
    /// Runs one instance.
    pub(crate) run: fn(&Worker<'_>),
    /// Its miscellaneous metrics.
    pub(crate) metrics: fn(&[Counters]) -> Vec<Metric>,
}

/// Every stressor, by name.
pub static STRESSORS: &[Stressor] = &[vm::STRESSOR, zpool::STRESSOR, zswap::STRESSOR];

/// The stressor of that name.
pub(crate) fn find(name: &str) -> Option<&'static Stressor> {
    STRESSORS.iter().find(|stressor| stressor.name == name)
}
