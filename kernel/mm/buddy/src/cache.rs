//! The frames that one CPU keeps at hand.

#[cfg(not(loom))]
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};
#[cfg(loom)]
use loom::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// Most frames in the cache of a CPU.
pub const CAPACITY: usize = if cfg!(loom) { 2 } else { 16 };

/// Frames that an empty cache gets from the lists at once: half of the capacity, so that a CPU
/// allocates or frees that many less one before it needs the lists again, whatever it does first.
pub const BATCH: usize = CAPACITY / 2;

/// Slots for frames, used as a stack.
///
/// A frame is in a slot or it is not: it comes by a compare-exchange from empty and goes by a swap
/// to empty, so any CPU may take or put at any time, interrupt handlers included. Where the stack
/// ends is only remembered as a hint, which two users at once may leave wrong.
#[derive(Debug)]
#[repr(align(64))]
pub(crate) struct Cache {
    /// Slots below this one are probably full, the others probably empty.
    top: AtomicU32,
    /// Some frame was put here: there are more caches than CPUs that run.
    used: AtomicBool,
    /// Number of the frame's entry plus one; zero is empty.
    slots: [AtomicU32; CAPACITY],
}

impl Cache {
    pub(crate) fn new() -> Self {
        Self {
            top: AtomicU32::new(0),
            used: AtomicBool::new(false),
            slots: core::array::from_fn(|_| AtomicU32::new(0)),
        }
    }

    /// Keeps a frame; false if there is no room. One compare-exchange, or one for each slot when
    /// somebody else used the cache meanwhile.
    pub(crate) fn put(&self, entry: u32) -> bool {
        let top = self.top.load(Ordering::Relaxed) as usize;
        if top >= CAPACITY {
            return false;
        }
        if !self.used.load(Ordering::Relaxed) {
            self.used.store(true, Ordering::Relaxed);
        }
        (top..CAPACITY).chain(0..top).any(|slot| {
            // What the last owner wrote to the frame happens before its next one gets it.
            let word = &self.slots[slot];
            let put =
                word.compare_exchange(0, entry + 1, Ordering::Release, Ordering::Relaxed).is_ok();
            if put {
                self.top.store(slot as u32 + 1, Ordering::Relaxed);
            }
            put
        })
    }

    /// The frame that was put last, if the hint is right; `None` when the hint says empty, or no
    /// slot has one.
    pub(crate) fn take(&self) -> Option<u32> {
        let top = (self.top.load(Ordering::Relaxed) as usize).min(CAPACITY);
        (0..top).rev().find_map(|slot| {
            let entry = self.take_from(slot);
            self.top.store(slot as u32, Ordering::Relaxed);
            entry
        })
    }

    /// Any frame there is: looks into every slot.
    pub(crate) fn steal(&self) -> Option<u32> {
        if !self.used.load(Ordering::Relaxed) {
            return None;
        }
        (0..CAPACITY).find_map(|slot| self.take_from(slot))
    }

    /// The slots with a frame that `wanted` wants, as bits.
    pub(crate) fn find(&self, wanted: impl Fn(u32) -> bool) -> u32 {
        if !self.used.load(Ordering::Relaxed) {
            return 0;
        }
        self.slots.iter().enumerate().fold(0, |found, (slot, word)| {
            let entry = word.load(Ordering::Relaxed).checked_sub(1);
            found | u32::from(entry.is_some_and(&wanted)) << slot
        })
    }

    /// Frames in the slots.
    pub(crate) fn len(&self) -> usize {
        self.slots.iter().filter(|slot| slot.load(Ordering::Relaxed) != 0).count()
    }

    /// The frame of a slot.
    pub(crate) fn take_from(&self, slot: usize) -> Option<u32> {
        let word = &self.slots[slot];
        // Looking first spares an empty slot's line the write.
        if word.load(Ordering::Relaxed) == 0 {
            return None;
        }
        word.swap(0, Ordering::Acquire).checked_sub(1)
    }
}
