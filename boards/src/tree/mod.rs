//! A checked device tree, and how to find a node in it.

mod check;
pub(crate) mod chosen;
pub(crate) mod console;
pub(crate) mod interrupts;
pub(crate) mod memory;
mod path;
pub(crate) mod processors;
pub(crate) mod virtio;

pub use check::{HEADER_PREFIX, tree_size};
use dtoolkit::Node;
use dtoolkit::fdt::{Fdt, FdtNode};
use dtoolkit::standard::NodeStandard;
use heapless::String;
pub(crate) use path::Path;

use crate::{Board, Error};

/// The deepest node that is accepted; trees in use have at most about eight levels.
pub(crate) const MAX_DEPTH: usize = 16;

/// A tree that was checked, so that reading it cannot fail.
///
/// Iterators over nodes and properties must not be asked again after they have ended
/// (dtoolkit's would panic), which `for` and the adapters used here never do.
#[derive(Clone, Copy)]
pub(crate) struct Tree<'a> {
    fdt: Fdt<'a>,
}

impl<'a> Tree<'a> {
    pub(crate) fn new(data: &'a [u8]) -> Result<Self, Error> {
        Ok(Self { fdt: Fdt::new_unchecked(check::check(data)?) })
    }

    pub(crate) fn root(&self) -> FdtNode<'a> {
        self.fdt.root()
    }

    pub(crate) fn board(&self) -> Board {
        let root = self.root();
        let Some(compatible) = root.compatible() else { return Board::Generic };
        compatible
            .map(Board::from_compatible)
            .find(|board| *board != Board::Generic)
            .unwrap_or(Board::Generic)
    }

    pub(crate) fn model(&self) -> String<64> {
        let mut model = String::new();
        for character in self.root().model().ok().flatten().unwrap_or_default().chars() {
            if model.push(character).is_err() {
                break;
            }
        }
        model
    }

    /// The node of this name, with or without its address, directly below the root.
    pub(crate) fn top(&self, name: &str) -> Option<FdtNode<'a>> {
        child(self.root(), name)
    }

    /// The entries of the memory reservation block.
    pub(crate) fn reservations(&self) -> impl Iterator<Item = (u64, u64)> + 'a {
        self.fdt.memory_reservations().map(|entry| (entry.address(), entry.size()))
    }

    /// The first enabled node, in the tree's order, that is wanted.
    pub(crate) fn find(&self, mut wanted: impl FnMut(&Path<'a>) -> bool) -> Option<Path<'a>> {
        let mut path = Path::new(self.root());
        path.search(true, &mut wanted).then_some(path)
    }

    /// The first enabled node that is compatible with one of these.
    pub(crate) fn find_compatible(&self, names: &[&str]) -> Option<Path<'a>> {
        self.find(|path| path.is_compatible(names))
    }

    /// The node that has this phandle, enabled or not.
    pub(crate) fn find_phandle(&self, phandle: u32) -> Option<Path<'a>> {
        let mut path = Path::new(self.root());
        let mut wanted = |path: &Path<'a>| path.node().phandle() == Ok(Some(phandle));
        path.search(false, &mut wanted).then_some(path)
    }

    /// The node at a full path such as `/soc/serial@7d001000`, if it is enabled.
    pub(crate) fn find_path(&self, full_path: &str) -> Option<Path<'a>> {
        let mut path = Path::new(self.root());
        for name in full_path.strip_prefix('/')?.split('/').filter(|name| !name.is_empty()) {
            path.push(child(path.node(), name)?)?;
        }
        path.is_enabled().then_some(path)
    }
}

/// The child of this name; a name without an address matches whatever the address.
pub(crate) fn child<'a>(node: FdtNode<'a>, name: &str) -> Option<FdtNode<'a>> {
    let with_address = name.contains('@');
    node.children().find(|child| {
        name == if with_address { child.name() } else { child.name_without_address() }
    })
}
