//! How many frames may be mapped at once.

use crate::sync::{AtomicUsize, Ordering};

/// Counts resident pages against a limit, from all cores.
///
/// The numbers guard no data, so every access is relaxed; the count itself is exact because it
/// only changes by read-modify-writes.
#[derive(Debug)]
pub struct Residency {
    resident_pages: AtomicUsize,
    limit_pages: AtomicUsize,
}

impl Residency {
    /// Nothing resident, `limit_pages` allowed.
    #[must_use]
    pub fn new(limit_pages: usize) -> Self {
        Self { resident_pages: AtomicUsize::new(0), limit_pages: AtomicUsize::new(limit_pages) }
    }

    /// Counts one more page, if the limit allows it. Retries only when another core counted at
    /// the same time.
    #[must_use = "a page that was not counted must not be mapped"]
    pub fn try_reserve(&self) -> bool {
        let limit = self.limit_pages();
        self.resident_pages
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |resident| {
                (resident < limit).then_some(resident + 1)
            })
            .is_ok()
    }

    /// Counts one page less. Never goes below zero; `false` when it would have, which means that
    /// a page was released twice.
    pub fn release(&self) -> bool {
        self.resident_pages
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |resident| resident.checked_sub(1))
            .is_ok()
    }

    /// Pages counted now.
    #[must_use]
    pub fn resident_pages(&self) -> usize {
        self.resident_pages.load(Ordering::Relaxed)
    }

    /// Pages allowed.
    #[must_use]
    pub fn limit_pages(&self) -> usize {
        self.limit_pages.load(Ordering::Relaxed)
    }

    /// Allows another number of pages. Pages that are resident already stay counted.
    pub fn set_limit_pages(&self, limit_pages: usize) {
        self.limit_pages.store(limit_pages, Ordering::Relaxed);
    }

    /// Pages above the limit, after it was lowered.
    #[must_use]
    pub fn excess_pages(&self) -> usize {
        self.resident_pages().saturating_sub(self.limit_pages())
    }
}
