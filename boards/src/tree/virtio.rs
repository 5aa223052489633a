//! Virtio transports in memory (virtio 1.3, section 4.2).

use core::ops::Range;

use heapless::Vec;

use super::Tree;
use crate::machine::MAX_VIRTIO;

/// The registers of every transport, as far as there is room, in the tree's order.
pub(crate) fn transports(tree: &Tree<'_>) -> Vec<Range<u64>, MAX_VIRTIO> {
    let mut found = Vec::new();
    // The search ends at a node that finds no room, if there are as many.
    let _ = tree.find(|path| {
        path.is_compatible(&["virtio,mmio"])
            && path.registers(0).is_some_and(|registers| found.push(registers).is_err())
    });
    found
}
