//! What is mapped, for dumps and tests.

use core::fmt;

use crate::granule::VIRTUAL_BITS;
use crate::{Attributes, PhysicalAddress, TableMemory, Tables};

/// Addresses that are mapped contiguously with the same attributes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mapping {
    /// First virtual address.
    pub virtual_start: usize,
    /// Bytes.
    pub size: usize,
    /// What the first address is mapped to.
    pub physical: PhysicalAddress,
    /// What may be done with them.
    pub attributes: Attributes,
}

impl Mapping {
    /// Whether `next` goes on where this ends.
    fn joins(&self, next: &Self) -> bool {
        self.virtual_start + self.size == next.virtual_start
            && self.physical.0 + self.size as u64 == next.physical.0
            && self.attributes == next.attributes
    }
}

impl fmt::Display for Mapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let has = |flag| self.attributes.contains(flag);
        let kind = if has(Attributes::DEVICE_MEMORY) { "device" } else { "normal" };
        let write = if has(Attributes::READ_ONLY) { '-' } else { 'w' };
        let execute = if has(Attributes::PRIVILEGED_EXECUTE_NEVER) { '-' } else { 'x' };
        write!(
            f,
            "{:#014x}-{:#014x} -> {:#014x} r{write}{execute} {kind}",
            self.virtual_start,
            self.virtual_start + self.size,
            self.physical
        )
    }
}

/// Blocks and pages in order of address ([`Tables::leaves`]).
#[derive(Debug)]
pub struct Leaves<'a, M> {
    tables: &'a Tables<M>,
    next: usize,
}

impl<'a, M> Leaves<'a, M> {
    pub(crate) fn new(tables: &'a Tables<M>) -> Self {
        Self { tables, next: 0 }
    }
}

impl<M: TableMemory> Iterator for Leaves<'_, M> {
    type Item = Mapping;

    fn next(&mut self) -> Option<Mapping> {
        while self.next < 1 << VIRTUAL_BITS {
            let walk = self.tables.walk(self.next);
            self.next = walk.covers.end;
            if let Some(mapping) = walk.mapping() {
                return Some(mapping);
            }
        }
        None
    }
}

/// Mappings with neighbours joined ([`Tables::runs`]).
#[derive(Debug)]
pub struct Runs<'a, M: TableMemory> {
    leaves: core::iter::Peekable<Leaves<'a, M>>,
}

impl<'a, M: TableMemory> Runs<'a, M> {
    pub(crate) fn new(tables: &'a Tables<M>) -> Self {
        Self { leaves: Leaves::new(tables).peekable() }
    }
}

impl<M: TableMemory> Iterator for Runs<'_, M> {
    type Item = Mapping;

    fn next(&mut self) -> Option<Mapping> {
        let mut run = self.leaves.next()?;
        while let Some(next) = self.leaves.next_if(|next| run.joins(next)) {
            run.size += next.size;
        }
        Some(run)
    }
}
