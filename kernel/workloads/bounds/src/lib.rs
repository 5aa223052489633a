#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod meter;
mod objects;
mod random;
mod search;
mod states;
#[cfg(test)]
mod tests;

use alloc::boxed::Box;

use report::{Bounds, Unit};
use zpool::ZPool;

use crate::search::Search;

/// The machine that is measured on.
pub trait Machine {
    /// Bytes of a page.
    fn page_size(&self) -> usize;

    /// An empty pool; `None` when there is no memory for one.
    fn pool(&self) -> Option<Box<dyn ZPool + '_>>;

    /// Whether the pools tell a handle that was freed, or never given, from a live one.
    fn checks_handles(&self) -> bool;

    /// A counter that never goes back.
    fn now(&self) -> u64;

    /// Masks interrupts; returns what [`Machine::unmask`] needs.
    fn mask(&self) -> usize;

    /// Restores interrupts as they were before [`Machine::mask`].
    fn unmask(&self, saved: usize);

    /// Holds page frames back, or gives all of them.
    fn supply(&self, supply: Supply);
}

/// Which page frames there are for pools.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Supply {
    /// All.
    Plenty,
    /// No two of them are neighbours.
    Fragmented,
    /// None.
    Exhausted,
}

/// Searches every state and then makes `operations` random operations, from `seed`.
///
/// # Errors
/// What keeps it from being finished.
pub fn search<M: Machine>(
    machine: &M,
    unit: Unit,
    operations: u64,
    seed: u64,
) -> Result<Bounds, &'static str> {
    let mut search = Search::new(machine, seed)?;
    for (name, operate) in states::all() {
        search.meter.enter(name);
        search.fresh()?;
        let operated = operate(&mut search);
        machine.supply(Supply::Plenty);
        operated?;
    }
    random::run(&mut search, operations)?;
    Ok(search.finish(unit))
}
