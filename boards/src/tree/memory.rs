//! RAM, and what of it is reserved.

use core::ops::Range;

use dtoolkit::fdt::FdtNode;
use dtoolkit::{Node, Property};
use heapless::Vec;

use super::Tree;
use super::path::is_enabled;
use crate::{Error, MAX_MEMORY_RANGES, MAX_RESERVED_RANGES, Reserved};

/// RAM of all enabled memory nodes: ascending and disjoint.
pub(crate) fn memory(tree: &Tree<'_>) -> Result<Vec<Range<u64>, MAX_MEMORY_RANGES>, Error> {
    let mut memory = Vec::new();
    for node in tree.root().children().filter(|node| is_memory(*node) && is_enabled(*node)) {
        for bank in ranges(node, "memory")? {
            merge(&mut memory, bank?)?;
        }
    }
    if memory.is_empty() {
        return Err(Error::Missing("RAM (a node with device_type = \"memory\" and a size)"));
    }
    Ok(memory)
}

fn is_memory(node: FdtNode<'_>) -> bool {
    node.property("device_type").is_some_and(|kind| kind.value_as::<&str>() == Ok("memory"))
}

/// Adds a range; ranges that overlap or touch become one.
fn merge(
    memory: &mut Vec<Range<u64>, MAX_MEMORY_RANGES>,
    mut added: Range<u64>,
) -> Result<(), Error> {
    memory.retain(|range| {
        let apart = added.end < range.start || range.end < added.start;
        if !apart {
            added = added.start.min(range.start)..added.end.max(range.end);
        }
        apart
    });
    let position = memory.iter().take_while(|range| range.start < added.start).count();
    memory
        .insert(position, added)
        .map_err(|_| Error::TooMany { what: "RAM ranges", limit: MAX_MEMORY_RANGES })
}

/// The memory reservation block, then the static ranges of `/reserved-memory`.
pub(crate) fn reserved(tree: &Tree<'_>) -> Result<Vec<Reserved, MAX_RESERVED_RANGES>, Error> {
    let mut reserved = Vec::new();
    for (start, size) in tree.reservations().filter(|(_, size)| *size > 0) {
        // A reservation beyond the end of the address space is one up to the end.
        let range = start..start.saturating_add(size);
        reserve(&mut reserved, Reserved { range, no_map: false })?;
    }
    let Some(parent) = tree.top("reserved-memory") else { return Ok(reserved) };
    for node in parent.children().filter(|node| is_enabled(*node)) {
        if node.property("reg").is_none() {
            // It has a size only: the operating system may place it, and this one does not.
            continue;
        }
        let no_map = node.property("no-map").is_some();
        for range in ranges(node, "reserved-memory")? {
            reserve(&mut reserved, Reserved { range: range?, no_map })?;
        }
    }
    Ok(reserved)
}

/// Adds a reserved range.
pub(crate) fn reserve(
    reserved: &mut Vec<Reserved, MAX_RESERVED_RANGES>,
    added: Reserved,
) -> Result<(), Error> {
    reserved
        .push(added)
        .map_err(|_| Error::TooMany { what: "reserved ranges", limit: MAX_RESERVED_RANGES })
}

/// The ranges of a `reg` property that are not empty.
fn ranges<'a>(
    node: FdtNode<'a>,
    name: &'static str,
) -> Result<impl Iterator<Item = Result<Range<u64>, Error>> + 'a, Error> {
    let wrong = Error::BadProperty {
        node: name,
        property: "reg",
        expected: "pairs of address and size, of one or two cells each, below 2^64",
    };
    let entries = node.reg().map_err(|_| wrong)?.ok_or(wrong)?;
    Ok(entries
        .map(move |entry| {
            let start: u64 = entry.address().map_err(|_| wrong)?;
            let size: u64 = entry.size().map_err(|_| wrong)?;
            Ok(start..start.checked_add(size).ok_or(wrong)?)
        })
        .filter(|range: &Result<Range<u64>, Error>| !range.as_ref().is_ok_and(Range::is_empty)))
}
