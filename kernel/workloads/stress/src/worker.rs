//! One instance of a stressor: its counters and when it stops.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::cell::Cell;
use core::fmt;
use core::sync::atomic::Ordering::{Acquire, Release};
use core::sync::atomic::{AtomicU8, AtomicU64, Ordering::Relaxed};

use once_cell::race::OnceBox;
use report::Snapshot;

use crate::corpus::Corpus;
use crate::options::{Injection, Options};
use crate::stressors::Stressor;
use crate::{Machine, ThreadTimes};

/// How often a worker writes down its CPU time, in pages.
const TIMES_INTERVAL: u64 = 64;

/// Messages about pages that did not verify, per worker.
const COMPLAINT_LIMIT: u64 = 10;

/// Numbers a stressor counts besides operations and checks.
pub(crate) const EXTRAS: usize = 4;

/// What one worker counts. It belongs to the supervisor, so that it outlives a killed worker;
/// each has cache lines of its own.
#[derive(Default)]
#[repr(align(128))]
pub(crate) struct Counters {
    state: AtomicU8,
    pub ticks: AtomicU64,
    pub checks: AtomicU64,
    pub errors: AtomicU64,
    pub start_ns: AtomicU64,
    pub end_ns: AtomicU64,
    pub user_ns: AtomicU64,
    pub system_ns: AtomicU64,
    pub resident_max_bytes: AtomicU64,
    pub extra: [AtomicU64; EXTRAS],
}

/// Where a worker is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum State {
    /// Not begun, or not ended.
    Running,
    /// Ended by itself.
    Finished,
    /// Ended because memory or a facility was not there.
    NoResource,
    /// Ended because something failed that is neither memory nor a comparison.
    Failed,
}

impl Counters {
    pub fn state(&self) -> State {
        match self.state.load(Acquire) {
            1 => State::Finished,
            2 => State::NoResource,
            3 => State::Failed,
            _ => State::Running,
        }
    }

    fn set_state(&self, state: State) {
        let value = match state {
            State::Running => 0,
            State::Finished => 1,
            State::NoResource => 2,
            State::Failed => 3,
        };
        self.state.store(value, Release);
    }
}

/// What all workers of a run share.
pub(crate) struct Shared<'a> {
    pub machine: &'a dyn Machine,
    pub options: &'a Options,
    pub corpus: &'a Corpus<'a>,
    pub counters: Vec<Counters>,
    pub start_ns: u64,
    pub deadline_ns: Option<u64>,
    pub next_progress_ns: AtomicU64,
    pub sampling: AtomicU8,
    pub sample: OnceBox<Snapshot>,
}

impl Shared<'_> {
    /// Takes the memory figures of the run, once: at the end of the first worker that ends.
    /// Others that end meanwhile wait, so that nothing is given back before.
    pub fn sample(&self) {
        const TAKING: u8 = 1;
        const TAKEN: u8 = 2;
        match self.sampling.compare_exchange(0, TAKING, Acquire, Acquire) {
            Ok(_) => {
                // Set by nobody else: the exchange succeeds once.
                let _ = self.sample.set(Box::new(self.machine.snapshot()));
                self.sampling.store(TAKEN, Release);
            }
            Err(_) => {
                while self.sampling.load(Acquire) == TAKING {
                    self.machine.yield_now();
                }
            }
        }
    }
}

/// One instance, seen from its own thread.
pub(crate) struct Worker<'a> {
    pub shared: &'a Shared<'a>,
    pub machine: &'a dyn Machine,
    pub options: &'a Options,
    pub corpus: &'a Corpus<'a>,
    pub counters: &'a Counters,
    pub stressor: &'static Stressor,
    /// Number among the instances of its stressor.
    pub instance: usize,
    /// Instances of its stressor.
    pub instances: usize,
    /// Ticks after which it stops.
    pub tick_limit: u64,
    times_at_start: ThreadTimes,
    /// How often it asked whether to go on.
    asked: Cell<u64>,
}

impl<'a> Worker<'a> {
    /// The worker, from its first instruction on.
    pub fn begin(
        shared: &'a Shared<'a>,
        counters: &'a Counters,
        stressor: &'static Stressor,
        instance: usize,
        instances: usize,
    ) -> Self {
        let share = (stressor.ops)(shared.options).map(|ops| {
            let (instance, instances) = (instance as u64, instances as u64);
            ops / instances + u64::from(instance < ops % instances)
        });
        let tick_limit = share.map_or(u64::MAX, |ops| ops << stressor.tick_shift);
        let times_at_start = shared.machine.thread_times();
        counters.start_ns.store(shared.machine.now_ns(), Relaxed);
        Self {
            shared,
            machine: shared.machine,
            options: shared.options,
            corpus: shared.corpus,
            counters,
            stressor,
            instance,
            instances,
            tick_limit,
            times_at_start,
            asked: Cell::new(0),
        }
    }

    /// Counts work done.
    pub fn tick(&self, ticks: u64) {
        let counted = self.counters.ticks.load(Relaxed);
        self.counters.ticks.store(counted + ticks, Relaxed);
    }

    /// Counts a check and the bits it found wrong; complains about them under `--verify`.
    pub fn checked(&self, errors: u64, what: fmt::Arguments<'_>) {
        let checks = self.counters.checks.load(Relaxed);
        self.counters.checks.store(checks + 1, Relaxed);
        self.wrong(errors, what);
    }

    /// Counts bits that were found wrong; complains about them under `--verify`.
    pub fn wrong(&self, errors: u64, what: fmt::Arguments<'_>) {
        if errors == 0 {
            return;
        }
        let before = self.counters.errors.load(Relaxed);
        self.counters.errors.store(before + errors, Relaxed);
        let [.., complaints] = &self.counters.extra;
        let complained = complaints.load(Relaxed);
        if self.options.verify && complained < COMPLAINT_LIMIT {
            complaints.store(complained + 1, Relaxed);
            self.machine.print(format_args!(
                "zlab: fail:  [0] {}: instance {}: {errors} bits wrong in {what}",
                self.stressor.name, self.instance
            ));
        }
    }

    /// Adds to a number of the stressor's own.
    pub fn count(&self, extra: usize, amount: u64) {
        if let Some(counter) = self.counters.extra.get(extra) {
            counter.store(counter.load(Relaxed) + amount, Relaxed);
        }
    }

    /// Whether there is time and work left. Asked after each page.
    pub fn go_on(&self) -> bool {
        let now_ns = self.machine.now_ns();
        self.counters.end_ns.store(now_ns, Relaxed);
        let ticks = self.counters.ticks.load(Relaxed);
        self.asked.set(self.asked.get() + 1);
        if self.asked.get().is_multiple_of(TIMES_INTERVAL) {
            self.note_times();
        }
        self.show_progress(now_ns);
        ticks < self.tick_limit && self.shared.deadline_ns.is_none_or(|deadline| now_ns < deadline)
    }

    /// Whether a fault is to be injected into this worker's checks.
    pub fn injects(&self) -> bool {
        self.instance == 0 && self.options.boot.injection == Some(Injection::Verify)
    }

    /// Notes how much memory the worker has mapped.
    pub fn note_resident(&self, bytes: u64) {
        self.counters.resident_max_bytes.fetch_max(bytes, Relaxed);
    }

    /// The end of a worker that did its work, called before it gives anything back.
    pub fn finish(&self) {
        self.end(State::Finished);
        self.shared.sample();
    }

    /// The end of a worker that cannot do its work for lack of memory or of a facility.
    pub fn no_resource(&self, why: fmt::Arguments<'_>) {
        self.end(State::NoResource);
        self.complain(why);
    }

    /// The end of a worker in which something failed.
    pub fn failed(&self, why: fmt::Arguments<'_>) {
        self.end(State::Failed);
        self.complain(why);
    }

    fn complain(&self, why: fmt::Arguments<'_>) {
        self.machine.print(format_args!(
            "zlab: fail:  [0] {}: instance {}: {why}",
            self.stressor.name, self.instance
        ));
    }

    fn end(&self, state: State) {
        self.note_times();
        self.counters.end_ns.store(self.machine.now_ns(), Relaxed);
        self.counters.set_state(state);
    }

    fn note_times(&self) {
        let times = self.machine.thread_times();
        let start = self.times_at_start;
        self.counters.user_ns.store(times.user_ns.saturating_sub(start.user_ns), Relaxed);
        self.counters.system_ns.store(times.system_ns.saturating_sub(start.system_ns), Relaxed);
    }

    /// Shows the progress of all workers when it is time; whoever comes first does it.
    fn show_progress(&self, now_ns: u64) {
        let due_ns = self.shared.next_progress_ns.load(Relaxed);
        let interval_ns = self.options.progress_ns;
        if interval_ns == 0 || now_ns < due_ns {
            return;
        }
        let next_ns = now_ns + interval_ns;
        let next = &self.shared.next_progress_ns;
        if next.compare_exchange(due_ns, next_ns, Relaxed, Relaxed).is_err() {
            return;
        }
        let (ticks, checks, errors) = self.shared.counters.iter().fold((0, 0, 0), |sum, one| {
            (
                sum.0 + one.ticks.load(Relaxed),
                sum.1 + one.checks.load(Relaxed),
                sum.2 + one.errors.load(Relaxed),
            )
        });
        let milliseconds = now_ns.saturating_sub(self.shared.start_ns) / 1_000_000;
        self.machine.progress(format_args!(
            "{}.{:03} s: {ticks} ticks, {checks} checks, {errors} errors",
            milliseconds / 1000,
            milliseconds % 1000
        ));
    }
}
