//! Who holds the handles of a course.

use alloc::vec::Vec;
use core::cell::Cell;

use zpool::{Handle, Owner, Owners};

/// An object that was allocated, or refused.
#[derive(Clone, Copy)]
pub(crate) struct Object {
    /// Where it is; `None` when it was refused.
    pub(crate) handle: Option<Handle>,
    pub(crate) size: u16,
    /// Which contents it has.
    pub(crate) stamp: u16,
}

/// The objects by their places, which are their owners.
pub(crate) struct Objects(Vec<Cell<Option<Object>>>);

impl Objects {
    pub(crate) fn new(places: usize) -> Self {
        Self((0..places).map(|_| Cell::new(None)).collect())
    }

    pub(crate) fn put(&self, place: usize, object: Object) {
        self.0[place].set(Some(object));
    }

    pub(crate) fn take(&self, place: usize) -> Option<Object> {
        self.0[place].take()
    }

    pub(crate) fn places(&self) -> usize {
        self.0.len()
    }
}

impl Owners for Objects {
    fn relocated(&self, owner: Owner, old: Handle, new: Handle) -> bool {
        let Some(cell) = self.0.get(owner.0 as usize) else { return false };
        match cell.get() {
            Some(object) if object.handle == Some(old) => {
                cell.set(Some(Object { handle: Some(new), ..object }));
                true
            }
            _ => false,
        }
    }
}
