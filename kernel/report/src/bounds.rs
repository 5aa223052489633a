//! What operations of a pool took at most, and where.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::{self, Write};

use serde::{Deserialize, Serialize};

use crate::Unit;

/// What a directed search and random operations found out about one allocator.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Bounds {
    /// What every duration below counts.
    pub unit: Unit,
    /// What measuring adds, in `unit`s: every duration below includes it.
    pub overhead: u64,
    /// Random operations, beside the directed ones.
    pub random_operations: u64,
    /// Each operation over all states.
    pub operations: Vec<Bound>,
    /// The longest duration of each operation in each state.
    pub states: Vec<StateBound>,
}

/// One operation.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Bound {
    /// Its name.
    pub operation: String,
    /// Random operations of the kind. The three shares are of them, `max` is of all.
    pub count: u64,
    /// Half of them took at most this long.
    pub median: u64,
    /// 99 % of them did.
    pub percent_99: u64,
    /// 99.99 % of them did.
    pub percent_99_99: u64,
    /// The longest, random or directed.
    pub max: u64,
    /// The state in which it was seen first.
    pub worst_state: String,
    /// Bytes of the object it was on; zero without one.
    pub worst_size: u64,
}

/// One state.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct StateBound {
    /// Its name.
    pub state: String,
    /// The longest duration of each operation, in the order of [`Bounds::operations`]; zero where
    /// there was none.
    pub max: Vec<u64>,
}

impl Bounds {
    /// A duration without what measuring adds.
    #[must_use]
    pub const fn net(&self, duration: u64) -> u64 {
        duration.saturating_sub(self.overhead)
    }

    /// The operation of that name.
    #[must_use]
    pub fn operation(&self, name: &str) -> Option<&Bound> {
        self.operations.iter().find(|bound| bound.operation == name)
    }

    /// Writes both tables, each line after `prefix`.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write(&self, prefix: &str, out: &mut dyn Write) -> fmt::Result {
        let unit = self.unit.text();
        writeln!(
            out,
            "{prefix}{unit}, net of {} for measuring; {} random operations and a directed search",
            self.overhead, self.random_operations
        )?;
        writeln!(
            out,
            "{prefix}{:<25} {:>9} {:>7} {:>7} {:>7} {:>7} {:>7}  worst state (bytes)",
            "operation", "count", "median", "99%", "99.99%", "max", "raw max"
        )?;
        for bound in &self.operations {
            let [median, most, nearly_all, max] =
                [bound.median, bound.percent_99, bound.percent_99_99, bound.max]
                    .map(|duration| self.net(duration));
            writeln!(
                out,
                "{prefix}{:<25} {:>9} {median:>7} {most:>7} {nearly_all:>7} {max:>7} {:>7}  {} ({})",
                bound.operation, bound.count, bound.max, bound.worst_state, bound.worst_size
            )?;
        }
        write!(out, "{prefix}{:<38}", "max by state")?;
        self.operations.iter().try_for_each(|bound| {
            let first = bound.operation.split(' ').next().unwrap_or_default();
            let besides = if bound.operation.contains("besides") { "*" } else { "" };
            write!(out, " {:>9}", [first, besides].concat())
        })?;
        writeln!(out)?;
        for state in &self.states {
            write!(out, "{prefix}{:<38}", state.state)?;
            state.max.iter().try_for_each(|&max| match max {
                0 => write!(out, " {:>9}", "-"),
                max => write!(out, " {:>9}", self.net(max)),
            })?;
            writeln!(out)?;
        }
        writeln!(out, "{prefix}*: less one for each byte copied")
    }
}
