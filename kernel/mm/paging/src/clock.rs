//! Second chance: which page to evict.

use crate::sync::{AtomicUsize, Ordering};
use crate::{Entry, PageEntry, Victim};

/// The entries that a [`Clock`] goes round, numbered in any way that leaves gaps if need be.
pub trait Entries {
    /// The first entry at or after number `from`, and its number; `None` behind the last. Entries
    /// without a frame may be passed over ([`PageSet`](crate::PageSet) finds the
    /// others), or else the clock does.
    fn next(&self, from: usize) -> Option<(usize, &PageEntry)>;

    /// The Access flag of that entry was cleared. Invalidating its translation here makes the
    /// next use set the flag at once; not doing so makes the choice of victims less exact.
    fn cleared(&self, number: usize) {
        let _ = number;
    }
}

/// The hand of the clock. Several cores may turn it at once.
#[derive(Debug, Default)]
pub struct Clock {
    hand: AtomicUsize,
}

/// What one step of the clock found.
#[must_use = "a victim in it is unmapped and must be published"]
#[derive(Debug)]
pub struct Scan<'a> {
    /// Number and entry of a page that was not used for a whole turn, unmapped.
    pub victim: Option<(usize, Victim<'a>)>,
    /// Entries looked at.
    pub visited: usize,
    /// Access flags cleared.
    pub cleared: usize,
}

impl Clock {
    /// A clock whose hand is before the first entry.
    #[must_use]
    pub fn new() -> Self {
        Self { hand: AtomicUsize::new(0) }
    }

    /// Looks at no more than `visits` entries from the hand on: those used since the last turn
    /// get their flag cleared, the first one that was not is unmapped and returned. Pages that
    /// are busy or not present are passed over, and so are corrupt entries.
    ///
    /// With N entries, two turns (2 N visits) without a victim mean that every page is busy, not
    /// present, or in constant use.
    pub fn step<'a>(&self, entries: &'a impl Entries, visits: usize) -> Scan<'a> {
        let mut scan = Scan { victim: None, visited: 0, cleared: 0 };
        while scan.visited < visits {
            let Some((number, entry)) = self.advance(entries) else { break };
            scan.visited += 1;
            let Ok(Entry::Present(page)) = entry.load() else { continue };
            if page.accessed() {
                if entry.clear_accessed(page).is_ok() {
                    entries.cleared(number);
                    scan.cleared += 1;
                }
            } else if let Ok(victim) = entry.evict(page) {
                scan.victim = Some((number, victim));
                break;
            }
        }
        scan
    }

    /// Moves the hand past the next entry and returns that; `None` when there is no entry at all.
    fn advance<'a>(&self, entries: &'a impl Entries) -> Option<(usize, &'a PageEntry)> {
        // Relaxed: the hand hands no data over. The core that loses a race for it looks at the
        // same entry, whose transitions are safe for both, and never sets the hand back.
        let from = self.hand.load(Ordering::Relaxed);
        let (number, entry) = entries.next(from).or_else(|| entries.next(0))?;
        let _ = self.hand.compare_exchange(from, number + 1, Ordering::Relaxed, Ordering::Relaxed);
        Some((number, entry))
    }
}
