//! Which slots of a device are taken.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::num::NonZeroU32;
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use super::Tier;

/// Names a page in the second tier.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Slot(NonZeroU32);

impl Slot {
    /// The slot with these bits; `None` for what is none.
    #[must_use]
    pub const fn from_bits(bits: u64) -> Option<Self> {
        if bits >> u32::BITS != 0 {
            return None;
        }
        match NonZeroU32::new(bits as u32) {
            Some(number) => Some(Self(number)),
            None => None,
        }
    }

    /// Its bits: not zero, less than 2^32.
    #[must_use]
    pub const fn bits(self) -> u64 {
        self.0.get() as u64
    }

    /// Where it is on the device.
    const fn index(self) -> usize {
        self.0.get() as usize - 1
    }
}

/// A device and a map of its slots. Shared by all CPUs; it has no lock.
pub struct SwapArea<'a> {
    tier: &'a dyn Tier,
    /// A bit for each slot, set while it is taken, and for each that does not exist.
    taken: Box<[AtomicU64]>,
    used: AtomicUsize,
    /// Word of the map to look at first.
    next: AtomicUsize,
}

impl<'a> SwapArea<'a> {
    /// The slots of `tier`, all free. Takes a bit of heap for each; `None` when there are none.
    #[must_use]
    pub fn new(tier: &'a dyn Tier) -> Option<Self> {
        let slots = tier.slots().min(u32::MAX as usize - 1);
        let words = slots.div_ceil(64);
        let mut taken = Vec::new();
        taken.try_reserve_exact(words).ok()?;
        let missing = |word: usize| match slots - word * 64 {
            left @ 0..64 => u64::MAX << left,
            _ => 0,
        };
        taken.extend((0..words).map(|word| AtomicU64::new(missing(word))));
        let taken = taken.into_boxed_slice();
        Some(Self { tier, taken, used: AtomicUsize::new(0), next: AtomicUsize::new(0) })
    }

    /// The device.
    #[must_use]
    pub const fn tier(&self) -> &'a dyn Tier {
        self.tier
    }

    /// Slots taken now.
    #[must_use]
    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// Takes a free slot; `None` when all are taken. Looks at the whole map at most once.
    pub(super) fn take(&self) -> Option<Slot> {
        let words = self.taken.len();
        let first = self.next.load(Ordering::Relaxed);
        (0..words).find_map(|step| {
            let word = (first + step) % words;
            let bit = take_bit(&self.taken[word])?;
            self.next.store(word, Ordering::Relaxed);
            self.used.fetch_add(1, Ordering::Relaxed);
            Slot::from_bits(word as u64 * 64 + u64::from(bit) + 1)
        })
    }

    /// Gives a slot back; false when it was not taken.
    pub(super) fn give(&self, slot: Slot) -> bool {
        let bit = 1 << (slot.index() % 64);
        let Some(word) = self.taken.get(slot.index() / 64) else { return false };
        let taken = word.fetch_and(!bit, Ordering::Release) & bit != 0;
        if taken {
            self.used.fetch_sub(1, Ordering::Relaxed);
        }
        taken
    }

    /// Reads a page; false when the device failed.
    pub(super) fn read(&self, slot: Slot, page: &mut [u8]) -> bool {
        self.tier.read(slot.index(), page).is_ok()
    }

    /// Writes a page; false when the device failed.
    pub(super) fn write(&self, slot: Slot, page: &[u8]) -> bool {
        self.tier.write(slot.index(), page).is_ok()
    }
}

/// Sets the lowest clear bit.
fn take_bit(word: &AtomicU64) -> Option<u32> {
    let mut found = word.load(Ordering::Relaxed);
    while found != u64::MAX {
        let bit = found.trailing_ones();
        // Acquire: whoever gave the slot back is done with it.
        let taken = found | 1 << bit;
        match word.compare_exchange(found, taken, Ordering::Acquire, Ordering::Relaxed) {
            Ok(_) => return Some(bit),
            Err(other) => found = other,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::tests::disk::Disk;

    #[test]
    fn every_slot_is_taken_once() {
        for slots in [1, 63, 64, 65, 200] {
            let disk = Disk::new(slots);
            let area = SwapArea::new(&disk).unwrap();
            let taken: BTreeSet<_> = std::iter::from_fn(|| area.take()).map(Slot::index).collect();
            assert_eq!(taken, (0..slots).collect(), "{slots}");
            assert_eq!((area.used(), area.take()), (slots, None));
            let slot = Slot::from_bits(slots as u64).unwrap();
            assert!(area.give(slot));
            assert!(!area.give(slot), "given twice");
            assert_eq!(area.take(), Some(slot));
        }
        let empty = Disk::new(0);
        assert_eq!(SwapArea::new(&empty).unwrap().take(), None);
    }

    #[test]
    fn slots_that_do_not_exist_are_refused() {
        let disk = Disk::new(10);
        let area = SwapArea::new(&disk).unwrap();
        for bits in [1, 65, 1000, u64::from(u32::MAX)] {
            assert!(!area.give(Slot::from_bits(bits).unwrap()), "{bits}");
        }
        assert_eq!((Slot::from_bits(0), Slot::from_bits(1 << 32)), (None, None));
    }
}
