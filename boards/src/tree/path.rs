//! A node and the nodes that it is in.

use core::ops::Range;

use dtoolkit::fdt::FdtNode;
use dtoolkit::{Node, Property, ToCellInt};
use heapless::Vec;

use super::MAX_DEPTH;

/// A node with its ancestors, without which its addresses mean nothing.
#[derive(Clone)]
pub(crate) struct Path<'a> {
    root: FdtNode<'a>,
    /// From a child of the root down to the node itself; empty for the root.
    below: Vec<FdtNode<'a>, MAX_DEPTH>,
}

impl<'a> Path<'a> {
    pub(crate) fn new(root: FdtNode<'a>) -> Self {
        Self { root, below: Vec::new() }
    }

    pub(crate) fn node(&self) -> FdtNode<'a> {
        self.below.last().copied().unwrap_or(self.root)
    }

    /// Goes down to a child; `None` if it is too deep, which a checked tree never is.
    pub(crate) fn push(&mut self, child: FdtNode<'a>) -> Option<()> {
        self.below.push(child).ok()
    }

    /// Goes to the first node below this one that is wanted; false, and here again, if there is
    /// none. The recursion is as deep as the tree, at most [`MAX_DEPTH`].
    pub(crate) fn search(
        &mut self,
        only_enabled: bool,
        wanted: &mut impl FnMut(&Self) -> bool,
    ) -> bool {
        for child in self.node().children() {
            if only_enabled && !is_enabled(child) {
                continue;
            }
            if self.push(child).is_none() {
                return false;
            }
            if wanted(self) || self.search(only_enabled, wanted) {
                return true;
            }
            self.below.pop();
        }
        false
    }

    /// From the root down.
    pub(crate) fn nodes(&self) -> impl DoubleEndedIterator<Item = FdtNode<'a>> {
        core::iter::once(self.root).chain(self.below.iter().copied())
    }

    pub(crate) fn is_enabled(&self) -> bool {
        self.nodes().all(is_enabled)
    }

    pub(crate) fn is_compatible(&self, names: &[&str]) -> bool {
        let node = self.node();
        node.compatible().is_some_and(|mut list| list.any(|entry| names.contains(&entry)))
    }

    /// The addresses of register window `index`, as the processors see it.
    ///
    /// `None` if the node has no such window, or it has no size, or one of the buses above does
    /// not pass it on.
    pub(crate) fn registers(&self, index: usize) -> Option<Range<u64>> {
        let window = self.node().reg().ok()??.nth(index)?;
        let (mut address, size) = (window.address::<u64>().ok()?, window.size::<u64>().ok()?);
        if size == 0 {
            return None;
        }
        let (_, buses) = self.below.split_last()?;
        for bus in buses.iter().rev() {
            address = translate(*bus, address, size)?;
        }
        Some(address..address.checked_add(size)?)
    }
}

/// Whether a node's `status` lets it be used.
pub(crate) fn is_enabled(node: FdtNode<'_>) -> bool {
    // "ok" is a spelling that the specification does not know but trees in use have.
    node.property("status")
        .is_none_or(|status| matches!(status.value_as::<&str>(), Ok("okay" | "ok")))
}

/// The address on the bus above `bus` of what has `address` on it.
fn translate(bus: FdtNode<'_>, address: u64, size: u64) -> Option<u64> {
    if bus.property("ranges")?.value().is_empty() {
        return Some(address);
    }
    bus.ranges().ok()??.find_map(|range| {
        let start: u64 = range.child_bus_address.to_int().ok()?;
        let length: u64 = range.length.to_int().ok()?;
        let offset = address.checked_sub(start)?;
        if offset.checked_add(size)? > length {
            return None;
        }
        range.parent_bus_address.to_int::<u64>().ok()?.checked_add(offset)
    })
}
