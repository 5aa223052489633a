//! How large the pool may grow, and when storing resumes.

use core::sync::atomic::{AtomicBool, Ordering};

/// Limit on the page frames of a pool, with hysteresis: once the limit was met, stores are
/// refused until the pool has shrunk to the acceptance threshold.
///
/// Nothing is reserved, so each CPU that is storing at the same moment may carry the pool past
/// the limit by one growth step.
#[derive(Debug)]
pub struct Limits {
    max_pages: usize,
    accept_pages: usize,
    full: AtomicBool,
}

/// What the limits say to one attempt to store.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Admission {
    /// Go on.
    Accept,
    /// Refused: the pool is at its limit.
    LimitHit,
    /// Refused: the pool was at its limit and is still above the acceptance threshold.
    Hysteresis,
}

impl Limits {
    /// Limits of `floor(ram_pages * max_pool_percent / 100)` frames, and of
    /// `accept_threshold_percent` of that for resuming; 100 means no hysteresis.
    #[must_use]
    pub const fn new(
        ram_pages: usize,
        max_pool_percent: u32,
        accept_threshold_percent: u32,
    ) -> Self {
        let max_pages = percent_of(ram_pages, max_pool_percent);
        let accept_pages = percent_of(max_pages, accept_threshold_percent);
        Self { max_pages, accept_pages, full: AtomicBool::new(false) }
    }

    /// Frames at which storing stops.
    #[must_use]
    pub const fn max_pages(&self) -> usize {
        self.max_pages
    }

    /// Frames at or below which storing resumes.
    #[must_use]
    pub const fn accept_pages(&self) -> usize {
        self.accept_pages
    }

    /// The limit was met and storing has not resumed. Changes only by [`Limits::check`].
    #[must_use]
    pub fn full(&self) -> bool {
        self.full.load(Ordering::Relaxed)
    }

    /// Decides on one attempt to store while the pool holds `total_pages` frames.
    pub fn check(&self, total_pages: usize) -> Admission {
        if total_pages >= self.max_pages {
            self.full.store(true, Ordering::Relaxed);
            return Admission::LimitHit;
        }
        if !self.full() {
            return Admission::Accept;
        }
        if total_pages > self.accept_pages {
            return Admission::Hysteresis;
        }
        self.full.store(false, Ordering::Relaxed);
        Admission::Accept
    }
}

/// `floor(pages * percent / 100)`, for any number of pages that an address space has.
const fn percent_of(pages: usize, percent: u32) -> usize {
    (pages as u128 * percent as u128 / 100) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use Admission::{Accept, Hysteresis, LimitHit};

    #[test]
    fn limits_of_common_machines() {
        for (ram_pages, max, accept) in
            [(262_144, 52_428, 47_185), (65_536, 13_107, 11_796), (1000, 200, 180)]
        {
            let limits = Limits::new(ram_pages, 20, 90);
            assert_eq!((limits.max_pages(), limits.accept_pages()), (max, accept));
        }
    }

    #[test]
    fn decisions_follow_the_kernel() {
        let limits = Limits::new(1000, 20, 90);
        for (step, (total, decision, full)) in [
            (199, Accept, false),
            (200, LimitHit, true),
            (190, Hysteresis, true),
            (181, Hysteresis, true),
            (180, Accept, false),
            (199, Accept, false),
            (205, LimitHit, true),
            (180, Accept, false),
            (179, Accept, false),
        ]
        .into_iter()
        .enumerate()
        {
            assert_eq!((limits.check(total), limits.full()), (decision, full), "step {step}");
        }
    }

    #[test]
    fn threshold_of_100_percent_has_no_hysteresis() {
        let limits = Limits::new(1000, 20, 100);
        assert_eq!(limits.check(200), LimitHit);
        assert_eq!(limits.check(199), Accept);
    }

    #[test]
    fn a_limit_of_zero_stores_nothing() {
        assert_eq!(Limits::new(1000, 0, 90).check(0), LimitHit);
    }
}
