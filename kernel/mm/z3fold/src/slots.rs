//! Slots: the words that handles name, four for the objects of a page.

use core::sync::atomic::{AtomicU64, Ordering};

use buddy::Granule;
use zpool::{Handle, HandleError, RwSpinLock};

use crate::page::{Page, Place};

/// No slots.
pub(crate) const NO_SLOTS: u32 = u32::MAX;
/// Bytes of slots in the original, which aligns them to cache lines.
pub(crate) const SLOTS_BYTES: usize = 64;

/// The words of the handles made in one page. They outlive the page while an object that was
/// moved elsewhere needs one.
///
/// A word is the address of the object's page, its index in bits 0 and 1, and for a last object
/// its chunks above these; zero without an object.
#[derive(Debug, Default)]
#[repr(align(64))]
pub(crate) struct Slots {
    /// Readers look where an object is; the writer changes that.
    pub(crate) lock: RwSpinLock<Slots>,
    words: [AtomicU64; 4],
}

impl Slots {
    /// The address and index a word names; `None` without an object. The caller has the lock.
    pub(crate) fn get(&self, slot: u8) -> Option<(usize, u8)> {
        match self.words[usize::from(slot)].load(Ordering::Relaxed) {
            0 => None,
            word => Some((word as usize & !0xFFF, word as u8 & 3)),
        }
    }

    /// Lets a word name an object.
    pub(crate) fn set<G: Granule>(&self, slot: u8, page: &Page<'_, G>, place: Place) {
        let size = if place == Place::Last { page.size(place) as u64 } else { 0 };
        let word = page.address() as u64 | size << 2 | u64::from(page.index(place));
        self.lock.lock_write();
        self.words[usize::from(slot)].store(word, Ordering::Relaxed);
        self.lock.unlock_write();
    }

    /// Empties a word; says whether all are empty now.
    pub(crate) fn clear(&self, slot: u8) -> bool {
        self.lock.lock_write();
        self.words[usize::from(slot)].store(0, Ordering::Relaxed);
        let empty = self.words.iter().all(|word| word.load(Ordering::Relaxed) == 0);
        self.lock.unlock_write();
        empty
    }

    /// Addresses and indexes of all objects.
    pub(crate) fn objects(&self) -> impl Iterator<Item = (usize, u8)> {
        (0..4).filter_map(|slot| self.get(slot))
    }
}

/// What a handle names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Name {
    /// A word of slots.
    Slot(u32, u8),
    /// A page without a header.
    Headless(u32),
}

impl Name {
    /// The handle. Bit 0 distinguishes headless pages, as in the original.
    pub(crate) fn handle(self) -> Handle {
        let bits = match self {
            Self::Slot(slots, slot) => (u64::from(slots) + 1) << 3 | u64::from(slot) << 1,
            Self::Headless(number) => (u64::from(number) + 1) << 3 | 1,
        };
        Handle::from_bits(bits).expect("36 bits, not zero")
    }

    pub(crate) fn of(handle: Handle) -> Result<Self, HandleError> {
        let number = (handle.bits() >> 3).checked_sub(1).and_then(|number| number.try_into().ok());
        let number = number.ok_or(HandleError::Invalid)?;
        match (handle.bits() & 1, (handle.bits() >> 1 & 3) as u8) {
            (0, slot) => Ok(Self::Slot(number, slot)),
            (_, 0) => Ok(Self::Headless(number)),
            _ => Err(HandleError::Invalid),
        }
    }
}
