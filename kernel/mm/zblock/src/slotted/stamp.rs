//! Stamps: the word of an object that says who may do what with it.
//!
//! ```text
//! pins : 9 | generation : 15 | state : 2 | low bits of the length : 6
//! ```
//!
//! A live stamp is only changed by compare-exchange, so of all who want to free, pin or move an
//! object at the same time one comes first. A moving one is its mover's, any other the block
//! owner's: those store.

use super::sync::{AtomicU32, Ordering};

/// Bits of a generation.
pub(super) const GENERATION_BITS: u32 = 15;
/// Bits of the length that a stamp keeps.
pub(super) const LENGTH_BITS: u32 = 6;
const STATE_SHIFT: u32 = LENGTH_BITS;
const GENERATION_SHIFT: u32 = STATE_SHIFT + 2;
const PIN_SHIFT: u32 = GENERATION_SHIFT + GENERATION_BITS;
/// One reader.
const PIN: u32 = 1 << PIN_SHIFT;
/// Stamps of objects that have as many readers as can be counted begin here.
const PINNED_FULLY: u32 = u32::MAX << PIN_SHIFT;

/// What an entry stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum State {
    /// Nothing: the entry waits to be used.
    Unused = 0,
    /// An object.
    Live = 1,
    /// An object that was freed; its bytes are not free yet.
    Dead = 2,
    /// An object that one CPU has for itself while it copies.
    Moving = 3,
}

/// Why an object is not to be had.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Refusal {
    /// It is gone.
    Stale,
    /// It is being read.
    Busy,
    /// Somebody changed the stamp or has the object for a copy: it is worth trying again.
    Again,
}

/// The value of a stamp at some moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Seen(u32);

impl Seen {
    /// The stamp of an object of `length` bytes without readers.
    #[inline(always)]
    pub(super) const fn new(state: State, generation: u32, length: u32) -> Self {
        let low = (length - 1) & ((1 << LENGTH_BITS) - 1);
        let generation = generation & ((1 << GENERATION_BITS) - 1);
        Self(low | (state as u32) << STATE_SHIFT | generation << GENERATION_SHIFT)
    }

    #[inline(always)]
    pub(super) const fn state(self) -> State {
        match self.0 >> STATE_SHIFT & 3 {
            0 => State::Unused,
            1 => State::Live,
            2 => State::Dead,
            _ => State::Moving,
        }
    }

    #[inline(always)]
    pub(super) const fn generation(self) -> u32 {
        self.0 >> GENERATION_SHIFT & ((1 << GENERATION_BITS) - 1)
    }

    /// There is an object, whoever has it.
    pub(super) const fn is_object(self) -> bool {
        matches!(self.state(), State::Live | State::Moving)
    }

    /// The lowest bits of the length less one.
    #[inline(always)]
    pub(super) const fn length_bits(self) -> u32 {
        self.0 & ((1 << LENGTH_BITS) - 1)
    }

    #[inline(always)]
    const fn pins(self) -> u32 {
        self.0 >> PIN_SHIFT
    }

    #[inline(always)]
    const fn with(self, state: State) -> Self {
        Self(self.0 & !(3 << STATE_SHIFT) | (state as u32) << STATE_SHIFT)
    }

    /// What a live stamp becomes when its object ends: the next state.
    #[inline(always)]
    const fn ended(self) -> Self {
        Self(self.0 + ((State::Dead as u32 - State::Live as u32) << STATE_SHIFT))
    }

    /// The live object of that generation, whoever reads it.
    #[inline(always)]
    const fn is_live(self, generation: u32) -> bool {
        (self.0 << (u32::BITS - PIN_SHIFT)) >> (u32::BITS - PIN_SHIFT + STATE_SHIFT)
            == generation << 2 | State::Live as u32
    }

    /// The live object of that generation, read by nobody.
    #[inline(always)]
    const fn is_alone(self, generation: u32) -> bool {
        self.0 >> STATE_SHIFT == generation << 2 | State::Live as u32
    }

    const fn refusal(self, generation: u32) -> Refusal {
        if self.generation() != generation {
            return Refusal::Stale;
        }
        match self.state() {
            State::Unused | State::Dead => Refusal::Stale,
            State::Moving => Refusal::Again,
            State::Live if self.pins() == 0 => Refusal::Again,
            State::Live => Refusal::Busy,
        }
    }
}

/// The word itself.
pub(super) struct Stamp(AtomicU32);

impl Stamp {
    pub(super) fn new(seen: Seen) -> Self {
        Self(AtomicU32::new(seen.0))
    }

    #[inline(always)]
    pub(super) fn seen(&self) -> Seen {
        Seen(self.0.load(Ordering::Acquire))
    }

    /// Says something else, where nobody but the caller may.
    #[inline(always)]
    pub(super) fn set(&self, seen: Seen) {
        self.0.store(seen.0, Ordering::Release);
    }

    #[inline(always)]
    fn exchange(&self, seen: Seen, now: Seen) -> bool {
        self.0.compare_exchange(seen.0, now.0, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    /// Ends an object that nobody reads. What `look` finds at its entry is said of this object: it is
    /// asked before the end, since afterwards the entry may at once be another object's.
    #[inline(always)]
    pub(super) fn try_free<T>(&self, generation: u32, look: impl FnOnce(Seen) -> T) -> Option<T> {
        let seen = self.seen();
        if !seen.is_alone(generation) {
            return None;
        }
        let looked = look(seen);
        self.exchange(seen, seen.ended()).then_some(looked)
    }

    /// The same, or why not.
    pub(super) fn free<T>(
        &self,
        generation: u32,
        look: impl FnOnce(Seen) -> T,
    ) -> Result<T, Refusal> {
        self.try_free(generation, look).ok_or_else(|| self.seen().refusal(generation))
    }

    /// Makes an object that nobody reads the caller's own, until [`Stamp::set`].
    pub(super) fn hold(&self, generation: u32) -> Result<Seen, Refusal> {
        let seen = Seen(self.0.load(Ordering::Relaxed));
        if seen.is_alone(generation) && self.exchange(seen, seen.with(State::Moving)) {
            return Ok(seen);
        }
        Err(seen.refusal(generation))
    }

    /// The same for whatever object it is, if it is live and not read.
    pub(super) fn hold_any(&self) -> Option<Seen> {
        let seen = Seen(self.0.load(Ordering::Relaxed));
        self.hold(seen.generation()).ok()
    }

    /// One reader more; what the stamp was.
    #[inline(always)]
    pub(super) fn pin(&self, generation: u32) -> Result<Seen, Refusal> {
        let seen = Seen(self.0.load(Ordering::Relaxed));
        if seen.is_live(generation)
            && seen.0 < PINNED_FULLY
            && self.exchange(seen, Seen(seen.0 + PIN))
        {
            return Ok(seen);
        }
        Err(match seen.refusal(generation) {
            Refusal::Busy if seen.0 < PINNED_FULLY => Refusal::Again,
            refusal => refusal,
        })
    }

    /// One reader less.
    #[inline(always)]
    pub(super) fn unpin(&self) {
        self.0.fetch_sub(PIN, Ordering::Release);
    }
}

impl Seen {
    /// The same object for everybody again.
    pub(super) const fn live(self) -> Self {
        self.with(State::Live)
    }

    /// The same object gone.
    pub(super) const fn dead(self) -> Self {
        self.with(State::Dead)
    }

    /// The same entry without an object.
    pub(super) const fn unused(self) -> Self {
        self.with(State::Unused)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn fields_do_not_overlap() {
        let seen = Seen::new(State::Moving, 0x5555, 0x2b);
        assert_eq!((seen.state(), seen.generation()), (State::Moving, 0x5555));
        assert_eq!((seen.length_bits(), seen.pins()), (0x2a, 0));
        let live = Seen(seen.live().0 + 3 * PIN);
        assert_eq!((live.state(), live.generation(), live.pins()), (State::Live, 0x5555, 3));
        assert_eq!(live.length_bits(), 0x2a);
        assert!(live.is_live(0x5555) && !live.is_alone(0x5555) && !live.is_live(0x5554));
    }

    #[test]
    fn readers_keep_the_object_and_each_lie_has_its_name() {
        let stamp = Stamp::new(Seen::new(State::Live, 7, 1));
        assert_eq!(stamp.free(8, |_| ()), Err(Refusal::Stale));
        assert!(stamp.pin(7).is_ok());
        assert_eq!(stamp.free(7, |_| ()), Err(Refusal::Busy));
        assert_eq!(stamp.hold_any(), None);
        stamp.unpin();
        let held = stamp.hold(7).unwrap();
        assert_eq!(stamp.pin(7), Err(Refusal::Again));
        stamp.set(held.live());
        assert!(stamp.free(7, |_| ()).is_ok());
        assert_eq!(stamp.free(7, |_| ()), Err(Refusal::Stale));
        assert_eq!(stamp.pin(7), Err(Refusal::Stale));
    }

    #[test]
    fn readers_are_counted_to_the_last() {
        let stamp = Stamp::new(Seen::new(State::Live, 0x7fff, 63));
        let most = u32::MAX >> PIN_SHIFT;
        for _ in 0..most {
            assert!(stamp.pin(0x7fff).is_ok());
        }
        assert_eq!(stamp.pin(0x7fff), Err(Refusal::Busy));
        (0..most).for_each(|_| stamp.unpin());
        assert!(stamp.free(0x7fff, |_| ()).is_ok());
    }
}
