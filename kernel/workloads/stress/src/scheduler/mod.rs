//! Stressors of threads, locks, clocks and timers.

pub(crate) mod clock;
pub(crate) mod mutex;
pub(crate) mod sem;
pub(crate) mod switch;
pub(crate) mod timer;
