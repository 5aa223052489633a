//! Background work: looking at what was freed, sliding, relocating, giving frames back.

mod book;
mod effort;
mod look;
mod relocate;
mod slide;

use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicBool, Ordering};

use zpool::{Budget, Env, Granule, Owners, Work};

use super::block::Pass;
use super::depot::Reserve;
use super::lists::{Heads, Kind};
use super::pool::Slotted;
use effort::Step;

/// Blocks that one step looks at for what was freed in them; of pages of their own twice as many, so
/// that one step for every four frees keeps up with them.
const LOOKED_AT: usize = 2;
/// Objects of which the owner may refuse to let go before their block is left alone.
const REFUSALS: usize = 4;
/// Free 1/1024 of the blocks' bytes that relocation leaves alone, at least and at most.
const TOLERANCE: (usize, usize) = (8, 256);

/// Steps after which a larger order of frames than there was is tried again.
const OPTIMISM: u32 = 128;

/// Steps after which frames that were refused are asked for again, to have them ready.
const PATIENCE: u32 = 64;

/// Frames come last in a step, but first in one of so many.
const FRAMES_FIRST: u32 = 2;

/// Whoever does background work; one at a time.
pub(super) struct Worker {
    busy: AtomicBool,
    state: UnsafeCell<Progress>,
}

// SAFETY: `busy` lets one thread at a time reach the state.
unsafe impl Sync for Worker {}

/// Where background work has got to, and what it knows of the blocks.
struct Progress {
    /// Blocks by what is free in them, one kind each.
    heads: [Heads; 2],
    /// What is left of the queue of blocks to look at that was taken last.
    pending: u32,
    /// The block being slid, and how far that is.
    pass: Option<(u32, Pass)>,
    /// The block being emptied; zero if none is.
    source: u32,
    /// Objects of it that stayed.
    refusals: usize,
    /// Free 1/1024 of the blocks' bytes that relocation leaves alone.
    tolerance: usize,
    /// Blocks emptied by relocation since a block was last opened.
    emptied: usize,
    /// Steps done.
    steps: u32,
    /// Steps to come in which nothing is made ready.
    patience: u32,
}

/// The right to do background work.
struct Shift<'a> {
    worker: &'a Worker,
}

impl Drop for Shift<'_> {
    fn drop(&mut self) {
        self.worker.busy.store(false, Ordering::Release);
    }
}

impl Shift<'_> {
    fn progress(&mut self) -> &mut Progress {
        // SAFETY: the shift is the only one while `busy` is set, and it is borrowed.
        unsafe { &mut *self.worker.state.get() }
    }
}

impl Worker {
    pub(super) const fn new() -> Self {
        Self {
            busy: AtomicBool::new(false),
            state: UnsafeCell::new(Progress {
                heads: [Heads::new(Kind::Scattered), Heads::new(Kind::Free)],
                pending: 0,
                pass: None,
                source: 0,
                refusals: 0,
                tolerance: TOLERANCE.0,
                emptied: 0,
                steps: 0,
                patience: 0,
            }),
        }
    }

    fn begin(&self) -> Option<Shift<'_>> {
        // Not `then_some`: a shift that is dropped ends the one in progress.
        (!self.busy.swap(true, Ordering::Acquire)).then(|| Shift { worker: self })
    }
}

impl Progress {
    /// Learns from new blocks that were needed: where more is free than is tolerated although
    /// blocks were emptied just before, they were emptied in vain, unless there were many.
    fn learn(&mut self, opened: u32, free: usize, block_bytes: usize) {
        let (least, most) = TOLERANCE;
        for _ in 0..opened.min(4) {
            let scarce = free <= block_bytes / 1024 * self.tolerance;
            self.tolerance = match self.emptied {
                1..4 if !scarce => (self.tolerance + 8).min(most),
                0..4 => self.tolerance.saturating_sub(1).max(least),
                _ => least,
            };
            self.emptied = 0;
        }
    }
}

impl<E: Env> Slotted<E> {
    /// One bounded step.
    pub(super) fn step(&self, budget: Budget, owners: &dyn Owners) -> Work {
        let Some(mut shift) = self.worker.begin() else {
            return Work { more: true, ..Work::default() };
        };
        self.step_of(shift.progress(), budget, owners, false)
    }

    /// Steps until nothing is left to do.
    pub(super) fn run(&self, owners: &dyn Owners) -> Work {
        let mut total = Work::default();
        let Some(mut shift) = self.worker.begin() else { return total };
        let progress = shift.progress();
        self.reconsider(progress);
        loop {
            let budget = Budget { bytes: 2 * E::Granule::SIZE, objects: 1 };
            let work = self.step_of(progress, budget, owners, true);
            total += work;
            if !work.more {
                return total;
            }
        }
    }

    fn step_of(
        &self,
        progress: &mut Progress,
        budget: Budget,
        owners: &dyn Owners,
        thorough: bool,
    ) -> Work {
        let mut work = Work::default();
        if self.opened.load(Ordering::Relaxed) != 0 {
            let opened = self.opened.swap(0, Ordering::Relaxed);
            progress.learn(opened, self.free_bytes(), self.block_bytes.load(Ordering::Relaxed));
        }
        progress.steps = progress.steps.wrapping_add(1);
        if progress.steps.is_multiple_of(OPTIMISM) {
            self.hope();
        }
        let mut step = Step { budget, owners, thorough, effort: effort::EFFORT };
        self.look(progress, &mut step, LOOKED_AT);
        work.more = self.unseen(progress);
        if thorough {
            self.balance_frames(&mut step, &mut work, None);
            // Objects move to other blocks when all the room that there is has been gathered.
            if !self.slide(progress, &mut step, &mut work) {
                self.relocate_some(progress, &mut step, &mut work);
            }
            return work;
        }
        // What comes last is left out where there was much to do.
        progress.patience = progress.patience.saturating_sub(1);
        let lacking = if progress.patience == 0 { self.lacking() } else { None };
        let first = progress.steps.is_multiple_of(FRAMES_FIRST) || lacking.is_some();
        if first && !self.balance_frames(&mut step, &mut work, lacking) {
            progress.patience = PATIENCE;
        }
        self.relocate_some(progress, &mut step, &mut work);
        self.slide(progress, &mut step, &mut work);
        if !first {
            self.balance_frames(&mut step, &mut work, None);
        }
        if !work.more && step.effort >= effort::SURRENDER {
            work.more = self.surrender(progress);
        }
        work
    }

    /// Has something ready that is lacking, or gives frames back that are not needed; whether there
    /// were frames for it.
    fn balance_frames(
        &self,
        step: &mut Step<'_>,
        work: &mut Work,
        lacking: Option<Reserve>,
    ) -> bool {
        if let Some(lacking) = lacking
            && step.effort >= effort::RESERVE
        {
            step.spend(effort::RESERVE);
            return self.reserve(lacking);
        }
        if step.effort >= effort::GIVING {
            work.pages = self.give_back(step.thorough);
        }
        if work.pages != 0 {
            step.spend(effort::GIVING);
            work.more = true;
        }
        true
    }
}
