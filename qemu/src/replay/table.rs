//! Who holds the handles of a replay.

use std::cell::Cell;

use zpool::{Handle, Owner, Owners};

/// An object of the trace.
#[derive(Clone, Copy, Default)]
pub(super) enum State {
    /// Not allocated, or freed.
    #[default]
    Dead,
    /// The allocator refused it.
    Refused,
    /// Allocated.
    Live { handle: Handle, size: usize },
}

/// The objects of a trace by their index, which is their owner.
pub(super) struct Table(Vec<Cell<State>>);

impl Table {
    pub(super) fn new(objects: usize) -> Self {
        Self((0..objects).map(|_| Cell::default()).collect())
    }

    pub(super) fn get(&self, object: u32) -> State {
        self.0[object as usize].get()
    }

    pub(super) fn set(&self, object: u32, state: State) {
        self.0[object as usize].set(state);
    }

    /// Every live object: index, handle, size.
    pub(super) fn live(&self) -> impl Iterator<Item = (u32, Handle, usize)> {
        (0..).zip(&self.0).filter_map(|(object, state)| match state.get() {
            State::Live { handle, size } => Some((object, handle, size)),
            State::Dead | State::Refused => None,
        })
    }
}

impl Owners for Table {
    fn relocated(&self, owner: Owner, old: Handle, new: Handle) -> bool {
        match self.get(owner.0) {
            State::Live { handle, size } if handle == old => {
                self.set(owner.0, State::Live { handle: new, size });
                true
            }
            _ => false,
        }
    }
}
