//! Who holds the handles of a course.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::cell::Cell;

use zpool::{Handle, Owner, Owners};

/// An object that was allocated, or refused.
#[derive(Clone, Copy)]
pub(crate) struct Object {
    /// Where it is; `None` when it was refused.
    pub(crate) handle: Option<Handle>,
    /// Its bytes; zero where there is no object.
    pub(crate) size: u16,
    /// Which contents it has.
    pub(crate) stamp: u16,
}

const NOTHING: Object = Object { handle: None, size: 0, stamp: 0 };

/// Places of a piece: small enough for a heap that is in use.
const PIECE: usize = 1024;

/// The objects by their places, which are their owners.
pub(crate) struct Objects {
    pieces: Vec<Box<[Cell<Object>]>>,
    places: usize,
}

impl Objects {
    pub(crate) fn new(places: usize) -> Self {
        let piece = || (0..PIECE).map(|_| Cell::new(NOTHING)).collect();
        Self { pieces: (0..places.div_ceil(PIECE)).map(|_| piece()).collect(), places }
    }

    pub(crate) fn put(&self, place: usize, object: Object) {
        self.pieces[place / PIECE][place % PIECE].set(object);
    }

    pub(crate) fn take(&self, place: usize) -> Option<Object> {
        let object = self.pieces[place / PIECE][place % PIECE].replace(NOTHING);
        (object.size != 0).then_some(object)
    }

    pub(crate) fn places(&self) -> usize {
        self.places
    }
}

impl Owners for Objects {
    fn relocated(&self, owner: Owner, old: Handle, new: Handle) -> bool {
        let place = owner.0 as usize;
        let Some(piece) = self.pieces.get(place / PIECE) else { return false };
        let cell = &piece[place % PIECE];
        let object = cell.get();
        if object.handle != Some(old) {
            return false;
        }
        cell.set(Object { handle: Some(new), ..object });
        true
    }
}
