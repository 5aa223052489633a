//! The state of a descriptor: where its block is, and who is inside.
//!
//! ```text
//! freed units : 15 | order : 2 | bits 12 to 46 of the address : 35 | users : 10 | use : 2
//! ```
//!
//! Whoever follows a handle becomes a *user* of the block in the same atomic addition that says
//! where the block is, and stops being one in the addition that counts what he freed. Frames are
//! taken from a descriptor only by a compare-exchange that finds no user, so nobody touches frames
//! that are somebody else's.

use core::ptr::NonNull;

use super::sync::{AtomicU64, Ordering};

const USES: u64 = 3;
const USER: u64 = 1 << 2;
const USERS: u64 = ((1 << 10) - 1) << 2;
/// Frames are pages of 4 KiB at least, below 2^47.
const ADDRESS: u64 = ((1 << 35) - 1) << 12;
const ORDER_SHIFT: u32 = 47;
const FREED_SHIFT: u32 = 49;
const FREED: u64 = u64::MAX << FREED_SHIFT;

/// What the frames of a descriptor hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Use {
    /// It has none.
    Nothing = 0,
    /// A block of objects with a directory.
    Slotted = 1,
    /// One object, in a page of its own.
    Single = 2,
}

/// A state at some moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Snapshot(u64);

impl Snapshot {
    /// What the frames hold.
    #[inline(always)]
    pub(super) const fn usage(self) -> Use {
        match self.0 & USES {
            0 => Use::Nothing,
            1 => Use::Slotted,
            _ => Use::Single,
        }
    }

    /// Address of the first frame.
    #[inline(always)]
    pub(super) const fn address(self) -> usize {
        (self.0 & ADDRESS) as usize
    }

    /// The first frame, if there are any.
    #[inline(always)]
    pub(super) fn frames(self) -> Option<NonNull<u8>> {
        NonNull::new(core::ptr::with_exposed_provenance_mut(self.address()))
    }

    /// The same if the frames hold a block.
    #[inline(always)]
    pub(super) fn block(self) -> Option<NonNull<u8>> {
        if self.0 & Use::Slotted as u64 == 0 {
            return None;
        }
        // SAFETY: `publish` alone says that frames hold a block, and where they are: not at zero.
        Some(unsafe { self.frames().unwrap_unchecked() })
    }

    /// Binary logarithm of the number of frames.
    pub(super) const fn order(self) -> u32 {
        (self.0 >> ORDER_SHIFT & 3) as u32
    }

    /// Units freed since somebody took account of them.
    #[inline(always)]
    pub(super) const fn freed(self) -> u32 {
        (self.0 >> FREED_SHIFT) as u32
    }
}

/// The word itself.
pub(super) struct State(AtomicU64);

impl State {
    /// Of a descriptor without frames.
    pub(super) fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// How it is now.
    pub(super) fn seen(&self) -> Snapshot {
        Snapshot(self.0.load(Ordering::Acquire))
    }

    /// One user more: as long as there is one, frames stay.
    #[inline(always)]
    pub(super) fn enter(&self) -> Snapshot {
        Snapshot(self.0.fetch_add(USER, Ordering::Acquire))
    }

    /// One user less.
    #[inline(always)]
    pub(super) fn leave(&self) {
        self.0.fetch_sub(USER, Ordering::Release);
    }

    /// One user less who has freed `units`, at least one; true for the first since somebody took
    /// account, whose
    /// task it is to have the block looked at.
    #[inline(always)]
    pub(super) fn leave_freed(&self, units: u32) -> bool {
        // Units are counted from one, as an entry keeps them from zero: less to do.
        let change = (u64::from(units - 1) << FREED_SHIFT) + ((1 << FREED_SHIFT) - USER);
        Snapshot(self.0.fetch_add(change, Ordering::AcqRel)).freed() == 0
    }

    /// Takes account of what was freed: zeroes it and says how it was.
    pub(super) fn take_freed(&self) -> Snapshot {
        Snapshot(self.0.fetch_and(!FREED, Ordering::AcqRel))
    }

    /// Gives frames to a descriptor without.
    pub(super) fn publish(&self, address: usize, usage: Use, order: u32) {
        debug_assert!(address as u64 & ADDRESS != 0);
        let state = address as u64 & ADDRESS | u64::from(order) << ORDER_SHIFT | usage as u64;
        // Users who follow stale handles may come and go meanwhile.
        self.0.fetch_add(state, Ordering::Release);
    }

    /// Takes the frames away, if there is no user and nothing freed that is not accounted for.
    pub(super) fn retire(&self) -> Option<Snapshot> {
        let seen = self.0.load(Ordering::Relaxed);
        let unused = seen & (USERS | FREED) == 0;
        (unused && self.0.compare_exchange(seen, 0, Ordering::AcqRel, Ordering::Relaxed).is_ok())
            .then_some(Snapshot(seen))
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_state_says_what_was_put_in() {
        let state = State::new();
        let address = (1 << 47) - (8 << 12);
        state.publish(address, Use::Slotted, 3);
        let seen = state.enter();
        assert_eq!((seen.address(), seen.usage(), seen.order()), (address, Use::Slotted, 3));
        assert_eq!(state.retire(), None, "somebody is inside");
        state.enter();
        assert!(state.leave_freed(16_000));
        assert!(!state.leave_freed(300));
        assert_eq!(state.retire(), None, "something is not accounted for");
        assert_eq!(state.take_freed().freed(), 16_300);
        assert_eq!(state.seen().freed(), 0);
        assert_eq!(state.retire().map(Snapshot::address), Some(address));
        assert_eq!(state.enter().usage(), Use::Nothing);
        state.publish(1 << 12, Use::Single, 0);
        state.leave();
        let seen = state.seen();
        assert_eq!((seen.address(), seen.usage(), seen.order()), (1 << 12, Use::Single, 0));
    }
}
