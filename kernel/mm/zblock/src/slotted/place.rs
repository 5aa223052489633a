//! Where objects go.

use core::sync::atomic::Ordering;

use zpool::{AllocError, Env, Granule, Handle, Masked, Owner};

use super::entry::units;
use super::name::Name;
use super::pool::{SHELVES, Slotted};
use super::shelf::Shelf;
use super::stamp::{Seen, State};

/// Pages of a pool for each shelf that it uses: below that many, CPUs share.
const PAGES_OF_A_SHELF: usize = 4096;

impl<E: Env> Slotted<E> {
    /// A place for an object among others.
    ///
    /// With interrupts masked, the CPU's shelf gives a place in its tightest block that has room.
    #[inline(always)]
    pub(super) fn place(&self, size: usize, owner: Owner) -> Result<Handle, AllocError> {
        let saved = self.env.mask();
        let held = self.shelves[self.own_shelf()].try_hold();
        let placed =
            held.and_then(|held| held.place(size as u32, owner.0, State::Live, E::Granule::SHIFT));
        match placed {
            Some(handle) => {
                self.env.unmask(saved);
                Ok(handle)
            }
            None => self.place_slowly(size as u32, owner, saved),
        }
    }

    /// The shelf of this CPU.
    #[inline]
    fn own_shelf(&self) -> usize {
        self.env.cpu() & self.shelf_mask.load(Ordering::Relaxed) & (SHELVES - 1)
    }

    /// The same where the shelf has no room or is another's just now: any shelf gives a place, or a
    /// new block is opened. Unmasks interrupts with what masking them gave.
    #[cold]
    #[inline(never)]
    fn place_slowly(&self, length: u32, owner: Owner, saved: usize) -> Result<Handle, AllocError> {
        self.env.unmask(saved);
        let owner = owner.0;
        if let Some(handle) = self.place_anywhere(length, owner, State::Live) {
            return Ok(handle);
        }
        let handle = self.place_in_new(self.order(), length, owner, State::Live)?;
        self.opened.fetch_add(1, Ordering::Relaxed);
        Ok(handle)
    }

    /// A place on any shelf where there may be room, this CPU's first.
    fn place_anywhere(&self, length: u32, owner: u32, state: State) -> Option<Handle> {
        self.promising(length).find_map(|shelf| {
            let _masked = Masked::new(&self.env);
            shelf.hold().place_thoroughly(length, owner, state, E::Granule::SHIFT)
        })
    }

    /// A place beside other objects, on any shelf.
    pub(super) fn place_beside(&self, length: u32, owner: u32, state: State) -> Option<Handle> {
        self.promising(length).find_map(|shelf| {
            let _masked = Masked::new(&self.env);
            shelf.hold().place_beside(length, owner, state, E::Granule::SHIFT)
        })
    }

    /// Shelves where there may be room, this CPU's first.
    fn promising(&self, length: u32) -> impl Iterator<Item = &Shelf> {
        let own = self.own_shelf();
        (0..SHELVES)
            .map(move |distance| &self.shelves[(own + distance) % SHELVES])
            .filter(move |shelf| shelf.promises(units(length), E::Granule::SHIFT))
    }

    /// A place in a new block.
    pub(super) fn place_in_new(
        &self,
        order: u32,
        length: u32,
        owner: u32,
        state: State,
    ) -> Result<Handle, AllocError> {
        let own = self.own_shelf();
        let block = self.new_block(order, own as u8)?;
        self.spread();
        let _masked = Masked::new(&self.env);
        let held = self.shelves[own].hold();
        let placed = held.place_first(block, length, owner, state, E::Granule::SHIFT);
        placed.ok_or(AllocError::NoMemory)
    }

    /// Decides how many shelves are in use: more as the pool grows.
    pub(super) fn spread(&self) {
        let wanted = self.pages.load(Ordering::Relaxed) / PAGES_OF_A_SHELF + 1;
        let useful = self.env.cpus().next_power_of_two().min(SHELVES);
        let shelves = (1 << wanted.ilog2()).min(useful);
        self.shelf_mask.store(shelves - 1, Ordering::Relaxed);
    }

    /// A page for an object of its own.
    #[cold]
    #[inline(never)]
    pub(super) fn place_alone(&self, size: usize) -> Result<Handle, AllocError> {
        let mut name = Name { number: 0, index: 0, generation: 0 };
        self.new_page(|number, descriptor| {
            let generation = descriptor.stamp.seen().generation() + 1;
            let seen = Seen::new(State::Live, generation, size as u32);
            descriptor.link.store(size as u32, Ordering::Relaxed);
            descriptor.stamp.set(seen);
            name = Name { number, index: 0, generation: seen.generation() };
        })?;
        Ok(name.handle())
    }
}
