//! Transitions of a page-table entry, without a lock.
//!
//! ```text
//!            fault                    publish
//!   Empty, Object, Same, ... ──► Busy ──────► Present ◄──┐ hardware sets the Access flag,
//!                                 ▲ │            │ │     │ the clock clears it
//!                                 │ │            │ └─────┘
//!                                 │ │ publish    │ evict (Access flag clear), claim
//!         Object, Same, ... ◄─────┼─┘            ▼
//!                                 └──────────── Busy
//! ```
//!
//! Whoever changes an entry to Busy owns the page until it publishes another state: the one
//! compare-exchange that succeeds makes the one [`Claim`].
//!
//! Orderings. Publishing is a *release*: what the owner wrote before, the frame's contents or the
//! object in the pool, is seen by whoever finds the new state. Claiming is an *acquire*: what the
//! publisher wrote is seen by the new owner. For a page that becomes Present the readers are
//! other cores' table walks; an access translated through a descriptor is ordered after the walk
//! that read it, so the release covers them too. Clearing or setting the Access flag hands no
//! data over and is relaxed. A release sequence is not broken by the flag: the hardware's update
//! and ours are read-modify-writes.

use crate::sync::{AtomicU64, Ordering};
use crate::{Attributes, Entry, Error, Page, Reference};

const ACCESSED: u64 = Attributes::ACCESSED.bits();

/// A page-table entry at level 3 that software and hardware share.
#[repr(transparent)]
#[derive(Debug)]
pub struct PageEntry(AtomicU64);

impl PageEntry {
    /// An entry outside of any table, for models and tests.
    #[must_use]
    pub fn new(entry: Entry) -> Self {
        Self(AtomicU64::new(entry.bits()))
    }

    /// What it says now.
    ///
    /// # Errors
    /// [`Error::Corrupt`].
    #[inline]
    pub fn load(&self) -> Result<Entry, Error> {
        Entry::from_bits(self.0.load(Ordering::Acquire))
    }

    /// The bits, for code that knows better than the transitions.
    pub fn word(&self) -> &AtomicU64 {
        &self.0
    }

    /// Takes the page for the caller if its state is still `expected`. The Access flag of a
    /// present page may differ from what is expected. At most two compare-exchanges.
    ///
    /// A page that was present is unmapped from now on: invalidate its translation before its
    /// frame is read for keeping or given away ([`PageEntry::evict`] sees to that).
    ///
    /// # Errors
    /// The state found instead; [`Entry::Busy`] when `expected` is that.
    pub fn claim(&self, expected: Entry) -> Result<Claim<'_>, Entry> {
        if expected == Entry::Busy {
            return Err(Entry::Busy);
        }
        let found = match self.exchange(expected.bits(), Entry::Busy.bits(), Ordering::Acquire) {
            Ok(()) => return Ok(Claim { entry: self, before: expected }),
            Err(found) => found,
        };
        if let (Entry::Present(_), Ok(before @ Entry::Present(_))) =
            (expected, Entry::from_bits(found))
            && found ^ expected.bits() == ACCESSED
        {
            // Only the flag moved. Should it move again, someone else is at it: let him have it.
            return match self.exchange(found, Entry::Busy.bits(), Ordering::Acquire) {
                Ok(()) => Ok(Claim { entry: self, before }),
                Err(found) => Err(Entry::from_bits(found).unwrap_or(Entry::Busy)),
            };
        }
        Err(Entry::from_bits(found).unwrap_or(Entry::Busy))
    }

    /// What a fault on this page has to do. One load and at most one compare-exchange.
    ///
    /// A present page whose Access flag is clear gets it set: where hardware does not do that,
    /// this is the fault it raises.
    ///
    /// # Errors
    /// [`Error::Corrupt`].
    #[inline]
    pub fn fault(&self) -> Result<Fault<'_>, Error> {
        let bits = self.0.load(Ordering::Acquire);
        Ok(match Entry::from_bits(bits)? {
            Entry::Busy => Fault::Wait,
            Entry::Present(page) if page.accessed() => Fault::Present(page),
            Entry::Present(page) => match self.set_accessed(page) {
                Ok(page) => Fault::Present(page),
                Err(_) => Fault::Wait,
            },
            // Two encodings of one state there are not, so the word is exchanged as it was found.
            before => match self.exchange(bits, Entry::Busy.bits(), Ordering::Acquire) {
                Ok(()) => Fault::Claimed(Claim { entry: self, before }),
                Err(_) => Fault::Wait,
            },
        })
    }

    /// Unmaps `page` for eviction if it was not used since its Access flag was cleared. One
    /// compare-exchange.
    ///
    /// # Errors
    /// The state found instead, among them `page` with the flag set again.
    #[inline]
    pub fn evict(&self, page: Page) -> Result<Victim<'_>, Entry> {
        let page = page.with_accessed(false);
        let expected = Entry::Present(page);
        match self.exchange(expected.bits(), Entry::Busy.bits(), Ordering::Acquire) {
            Ok(()) => Ok(Victim { page, claim: Claim { entry: self, before: expected } }),
            Err(found) => Err(Entry::from_bits(found).unwrap_or(Entry::Busy)),
        }
    }

    /// Clears the Access flag of `page`: its second chance. Translations that a core still caches
    /// do not set it again until they are invalidated or displaced.
    ///
    /// # Errors
    /// The state found instead.
    #[inline]
    pub fn clear_accessed(&self, page: Page) -> Result<Page, Entry> {
        self.change_accessed(page, false)
    }

    /// Sets the Access flag of `page`, in the hardware's place.
    ///
    /// # Errors
    /// The state found instead.
    pub fn set_accessed(&self, page: Page) -> Result<Page, Entry> {
        self.change_accessed(page, true)
    }

    /// Follows an object that was copied from `from` to `to`. One load and one compare-exchange;
    /// it only tries. After success the old place is nobody's and the new one is named here;
    /// after failure it is the other way round.
    ///
    /// # Errors
    /// The state found instead: the page is being loaded, or holds another object.
    pub fn relocate(&self, from: Reference, to: Reference) -> Result<(), Entry> {
        let bits = self.0.load(Ordering::Relaxed);
        let found = Entry::from_bits(bits).unwrap_or(Entry::Busy);
        let moved = match found {
            Entry::Object { handle, length } if handle == from => {
                Entry::Object { handle: to, length }
            }
            Entry::SameObject { handle } if handle == from => Entry::SameObject { handle: to },
            other => return Err(other),
        };
        // Release: whoever claims the page next sees the copy. Acquire: an owner that read the old
        // place and restored its claim is done with it before the place is used again.
        self.exchange(bits, moved.bits(), Ordering::AcqRel)
            .map_err(|found| Entry::from_bits(found).unwrap_or(Entry::Busy))
    }

    #[inline]
    fn change_accessed(&self, page: Page, accessed: bool) -> Result<Page, Entry> {
        let old = page.with_accessed(!accessed);
        let new = page.with_accessed(accessed);
        let (old_bits, new_bits) = (Entry::Present(old).bits(), Entry::Present(new).bits());
        match self.exchange(old_bits, new_bits, Ordering::Relaxed) {
            Ok(()) => Ok(new),
            Err(found) if found == new_bits => Ok(new),
            Err(found) => Err(Entry::from_bits(found).unwrap_or(Entry::Busy)),
        }
    }

    #[inline]
    fn exchange(&self, old: u64, new: u64, success: Ordering) -> Result<(), u64> {
        self.0.compare_exchange(old, new, success, Ordering::Relaxed).map(|_| ())
    }
}

/// The sole right to work on a page, from Busy until another state is published.
///
/// It has no destructor: a claim that is forgotten leaves the page busy for ever, because only
/// its owner knows which state is true.
#[must_use = "the page stays busy until a state is published"]
#[derive(Debug)]
pub struct Claim<'a> {
    entry: &'a PageEntry,
    before: Entry,
}

impl Claim<'_> {
    /// The state that was claimed.
    #[must_use]
    pub fn before(&self) -> Entry {
        self.before
    }

    /// Ends the claim: the page is in this state from now on. A page that becomes present is seen
    /// by table walks after `dsb ishst`.
    pub fn publish(self, entry: Entry) {
        // Nobody else writes to a busy entry, so a store is enough; see the module for Release.
        self.entry.0.store(entry.bits(), Ordering::Release);
    }

    /// Ends the claim as if it had not been, except that a page that was present counts as used,
    /// so that the next victim is another one.
    pub fn restore(self) {
        let entry = match self.before {
            Entry::Present(page) => Entry::Present(page.with_accessed(true)),
            other => other,
        };
        self.publish(entry);
    }
}

/// What a fault has to do.
#[must_use = "a claim in it must be published"]
#[derive(Debug)]
pub enum Fault<'a> {
    /// The page is the caller's: supply it as [`Claim::before`] says, then publish.
    Claimed(Claim<'a>),
    /// It is mapped already, by someone who faulted before: return to the instruction.
    Present(Page),
    /// Someone else works on it, or just changed it: pause and return to the instruction.
    Wait,
}

/// A page that was unmapped to be evicted, and which cores may still reach by translations they
/// have cached.
#[must_use = "the page stays busy until a state is published"]
#[derive(Debug)]
pub struct Victim<'a> {
    page: Page,
    claim: Claim<'a>,
}

impl<'a> Victim<'a> {
    /// Runs `invalidate`, which makes every core forget the translation (`dsb ishst`, `tlbi`,
    /// `dsb ish`) and waits until it has; afterwards nobody but the caller reaches the frame.
    pub fn invalidate(self, invalidate: impl FnOnce()) -> (Page, Claim<'a>) {
        invalidate();
        (self.page, self.claim)
    }
}
