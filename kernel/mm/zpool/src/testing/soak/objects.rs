//! The objects of a soak: who holds their handles, and what their bytes are.

use std::sync::{Mutex, MutexGuard};
use std::vec::Vec;

use crate::{Handle, Owner, Owners};

/// A live object.
#[derive(Clone, Copy)]
pub(super) struct Object {
    pub(super) handle: Handle,
    pub(super) size: u32,
    /// Where its bytes begin among those that all contents are taken from.
    pub(super) seed: u16,
}

/// A place for an object, by itself on a cache line.
#[repr(align(64))]
struct Place(Mutex<Option<Object>>);

/// Places for objects; the number of one is the owner of what is in it.
pub(super) struct Table {
    places: Vec<Place>,
    contents: Vec<u8>,
}

impl Table {
    pub(super) fn new(places: usize, largest: usize) -> Self {
        let mut random = Random::new(0);
        let mut contents: Vec<u8> = Vec::new();
        while contents.len() < usize::from(u16::MAX) + largest {
            contents.extend_from_slice(&random.next().to_le_bytes());
        }
        let places = (0..places).map(|_| Place(Mutex::new(None))).collect();
        Self { places, contents }
    }

    /// Places there are.
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// A place for whoever comes first.
    pub(super) fn try_hold(&self, place: usize) -> Option<MutexGuard<'_, Option<Object>>> {
        self.places[place].0.try_lock().ok()
    }

    /// The place, once nobody else has it.
    pub(super) fn hold(&self, place: usize) -> MutexGuard<'_, Option<Object>> {
        self.places[place].0.lock().expect("no thread fails with a place")
    }

    /// The bytes of an object.
    pub(super) fn contents(&self, object: &Object) -> &[u8] {
        &self.contents[usize::from(object.seed)..][..object.size as usize]
    }

    /// Objects, while nobody changes any.
    pub(super) fn live(&self) -> usize {
        (0..self.len()).filter(|&place| self.hold(place).is_some()).count()
    }
}

impl Owners for Table {
    fn relocated(&self, owner: Owner, old: Handle, new: Handle) -> bool {
        let Some(mut place) = self.try_hold(owner.0 as usize) else { return false };
        match place.as_mut() {
            Some(object) if object.handle == old => {
                object.handle = new;
                true
            }
            _ => false,
        }
    }
}

/// A linear congruential generator (Knuth's MMIX constants), of which the upper bits are used.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        self.0 >> 16
    }

    /// A number below `bound`, which is not zero.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        (((self.next() >> 16) * bound as u64) >> 32) as usize
    }
}
