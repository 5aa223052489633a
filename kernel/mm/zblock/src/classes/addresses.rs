//! Handles of v4: the address of the block, its type, the number of the slot.

use core::marker::PhantomData;
use core::ptr::{NonNull, with_exposed_provenance_mut};

use zpool::{Env, Granule, Handle, HandleError};

use super::names::{Names, Place};
use super::table::{Table, slot_bits};

/// Names that need no memory and check nothing but their own range.
///
/// The type sits in the bits of the page offset above the slot number, so that a handle tells
/// where its object is without a memory access, and cannot tell whether it is still there.
pub(crate) struct Addresses<G> {
    table: &'static Table,
    granule: PhantomData<G>,
}

impl<G: Granule> Addresses<G> {
    const SLOT_MASK: usize = (1 << slot_bits::<G>()) - 1;

    fn encode(block: usize, class: usize, slot: usize) -> u64 {
        (block | class << slot_bits::<G>() | slot) as u64
    }

    fn decode(&self, handle: Handle) -> Result<Place, HandleError> {
        let bits = handle.bits() as usize;
        let slot = bits & Self::SLOT_MASK;
        let class = (bits & (G::SIZE - 1)) >> slot_bits::<G>();
        let block = NonNull::new(with_exposed_provenance_mut(bits & !(G::SIZE - 1)));
        let slots = self.table.classes.get(class).map_or(0, |class| class.slots);
        match block {
            Some(block) if slot < slots => Ok(Place { block, record: 0, class, slot }),
            _ => Err(HandleError::Invalid),
        }
    }
}

impl<G: Granule> Names<G> for Addresses<G> {
    const PINS: bool = false;

    fn new(table: &'static Table) -> Self {
        Self { table, granule: PhantomData }
    }

    fn enroll<E: Env<Granule = G>>(&self, _: &E, _: usize, block: NonNull<u8>) -> Option<u32> {
        block.as_ptr().expose_provenance();
        Some(0)
    }

    fn dismiss<E: Env<Granule = G>>(&self, _: &E, _: usize, _: u32) {}

    fn issue(&self, place: Place) -> Handle {
        let bits = Self::encode(place.block.as_ptr().addr(), place.class, place.slot);
        Handle::from_bits(bits).expect("blocks are below 2^47 and not at zero")
    }

    fn retire(&self, handle: Handle) -> Result<Place, HandleError> {
        self.decode(handle)
    }

    fn begin_read(&self, handle: Handle) -> Result<Place, HandleError> {
        self.decode(handle)
    }

    fn end_read(&self, _: u64) {}

    fn begin_write(&self, handle: Handle) -> Result<Place, HandleError> {
        self.decode(handle)
    }

    fn end_write(&self, _: Handle) {}

    fn pages(&self) -> usize {
        0
    }

    fn dissolve<E: Env<Granule = G>>(&mut self, _: &E, _: impl FnMut(NonNull<u8>)) {}
}

#[cfg(test)]
mod tests {
    use zpool::{Granule4K, Granule16K};

    use super::*;

    #[test]
    fn handles_are_address_type_and_slot() {
        assert_eq!(Addresses::<Granule4K>::encode(0x4000_0000, 22, 5), 0x4000_0B05);
        assert_eq!(Addresses::<Granule16K>::encode(0x4000_0000, 36, 7), 0x4000_2407);
        let names = Addresses::<Granule4K>::new(Table::v4::<Granule4K>());
        let place = names.decode(Handle::from_bits(0x4000_0B05).unwrap()).unwrap();
        assert_eq!((place.block.as_ptr().addr(), place.class, place.slot), (0x4000_0000, 22, 5));
    }

    #[test]
    fn types_and_slots_that_do_not_exist_are_refused() {
        let refused = |names: &Addresses<Granule4K>, bits| {
            names.decode(Handle::from_bits(bits).unwrap()) == Err(HandleError::Invalid)
        };
        let names = Addresses::<Granule4K>::new(Table::v4::<Granule4K>());
        assert!(refused(&names, 0x4000_0000 | 31 << 7));
        assert!(refused(&names, 0x4000_0000 | 22 << 7 | 8));
        assert!(refused(&names, 22 << 7));
    }
}
