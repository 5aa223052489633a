//! One instance of a stressor: its counters and when it stops.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::cell::Cell;
use core::fmt;
use core::sync::atomic::Ordering::{Acquire, Release};
use core::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering::Relaxed};

use once_cell::race::OnceBox;
use report::Snapshot;

use crate::corpus::Corpus;
use crate::counters::{Counters, State};
use crate::options::{Injection, Options};
use crate::random::{Random, mix};
use crate::stressors::Stressor;
use crate::{Arena, Machine, ThreadTimes, WorkerEnd};

/// How often a worker writes down its CPU time, in pages.
const TIMES_INTERVAL: u64 = 64;

/// How long a worker may go on for its first operation when time is up.
const GRACE_NS: u64 = 30_000_000_000;

/// Messages about pages that did not verify, per worker.
const COMPLAINT_LIMIT: u64 = 10;

/// What all workers of a run share.
pub(crate) struct Shared<'a> {
    pub machine: &'a dyn Machine,
    pub options: &'a Options,
    pub corpus: &'a Corpus<'a>,
    pub counters: Vec<Counters>,
    pub start_ns: u64,
    pub deadline_ns: Option<u64>,
    pub next_progress_ns: AtomicU64,
    /// Workers that have ended.
    pub ended: AtomicUsize,
    /// Threads that never come to an end and are no workers ([`Machine::lost_threads`]): those lost
    /// before, and those that workers started themselves.
    pub not_workers: AtomicUsize,
    pub sampling: AtomicU8,
    pub sample: OnceBox<Snapshot>,
}

/// Nobody, somebody takes the memory figures, they are taken.
const TAKING: u8 = 1;
const TAKEN: u8 = 2;

impl Shared<'_> {
    /// Waits until every worker has ended, with all that they have in memory still there, so that
    /// what is counted and what is held belong together; takes the memory figures then.
    fn sample_at_rest(&self) {
        while !self.is_at_rest() && self.sampling.load(Acquire) == 0 {
            self.machine.pause();
        }
        self.sample();
    }

    fn is_at_rest(&self) -> bool {
        let lost = self.machine.lost_threads().saturating_sub(self.not_workers.load(Acquire));
        self.ended.load(Acquire) + lost >= self.counters.len()
    }

    /// Takes the memory figures of the run, once. Others that want them meanwhile wait, so that
    /// nothing is given back before.
    pub fn sample(&self) {
        match self.sampling.compare_exchange(0, TAKING, Acquire, Acquire) {
            Ok(_) => {
                let mut snapshot = self.machine.snapshot();
                if let Some(pool) = &mut snapshot.pool {
                    let live = self.counters.iter().map(|one| one.live_bytes.load(Relaxed));
                    pool.live_bytes += live.sum::<u64>();
                }
                // Set by nobody else: the exchange succeeds once.
                let _ = self.sample.set(Box::new(snapshot));
                self.sampling.store(TAKEN, Release);
            }
            Err(_) => {
                while self.sampling.load(Acquire) == TAKING {
                    self.machine.pause();
                }
            }
        }
    }
}

/// One instance, seen from its own thread, or from one of those that it starts.
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
    /// CPU time of the thread when it was last noted.
    noted: Cell<ThreadTimes>,
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
        let share = shared.options.ops(stressor.name).map(|ops| {
            let (instance, instances) = (instance as u64, instances as u64);
            ops / instances + u64::from(instance < ops % instances)
        });
        let tick_limit = share.map_or(u64::MAX, |ops| ops << stressor.tick_shift);
        counters.start_ns.store(shared.machine.now_ns(), Relaxed);
        Self::on_this_thread(shared, counters, stressor, instance, instances, tick_limit)
    }

    fn on_this_thread(
        shared: &'a Shared<'a>,
        counters: &'a Counters,
        stressor: &'static Stressor,
        instance: usize,
        instances: usize,
        tick_limit: u64,
    ) -> Self {
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
            noted: Cell::new(shared.machine.thread_times()),
            asked: Cell::new(0),
        }
    }

    /// Runs `body` on that many threads of the instance and waits for them. They count together;
    /// between two of them asking for it, `--NAME-ops` may be exceeded by an operation each.
    ///
    /// Answers whether all returned; if not, the instance has ended for lack of memory.
    pub fn threads(&self, count: usize, body: &(dyn Fn(&Worker<'_>, usize) + Sync)) -> bool {
        let (shared, counters, stressor) = (self.shared, self.counters, self.stressor);
        let (instance, instances, limit) = (self.instance, self.instances, self.tick_limit);
        let ends = self.machine.run_workers(count, &|number| {
            let worker =
                Self::on_this_thread(shared, counters, stressor, instance, instances, limit);
            body(&worker, number);
            worker.note_times();
        });
        let lost = ends.iter().filter(|&&end| end != WorkerEnd::Returned).count();
        if lost > 0 {
            shared.not_workers.fetch_add(lost, Release);
            if ends.contains(&WorkerEnd::PageLost) {
                self.failed(format_args!("a page of one of its {count} threads is lost"));
            } else {
                self.no_resource(format_args!("no memory for one of its {count} threads"));
            }
        }
        lost == 0
    }

    /// Counts work done.
    pub fn tick(&self, ticks: u64) {
        self.counters.ticks.fetch_add(ticks, Relaxed);
    }

    /// Counts work done; answers whether there is time and work left.
    pub fn step(&self, ticks: u64) -> bool {
        self.tick(ticks);
        self.go_on()
    }

    /// Counts a check and the bits it found wrong; complains about them under `--verify`.
    pub fn checked(&self, errors: u64, what: fmt::Arguments<'_>) {
        self.counters.checks.fetch_add(1, Relaxed);
        self.wrong(errors, what);
    }

    /// Checks that a word is as expected.
    pub fn expect(&self, found: u64, expected: u64, what: &str) {
        self.checked(u64::from((found ^ expected).count_ones()), format_args!("{what}"));
    }

    /// Counts bits that were found wrong; complains about them under `--verify`.
    pub fn wrong(&self, errors: u64, what: fmt::Arguments<'_>) {
        if errors == 0 {
            return;
        }
        self.counters.errors.fetch_add(errors, Relaxed);
        if self.options.verify && self.counters.complaints.fetch_add(1, Relaxed) < COMPLAINT_LIMIT {
            self.machine.print(format_args!(
                "zlab: fail:  [0] {}: instance {}: {errors} bits wrong in {what}",
                self.stressor.name, self.instance
            ));
        }
    }

    /// Adds to a number of the stressor's own.
    pub fn count(&self, extra: usize, amount: u64) {
        if let Some(counter) = self.counters.extra.get(extra) {
            counter.fetch_add(amount, Relaxed);
        }
    }

    /// Whether what is optional is checked.
    pub fn verifies(&self) -> bool {
        self.options.verify
    }

    /// A number among the settings of the stressor.
    pub fn number(&self, setting: &str) -> u64 {
        self.options.number(self.stressor.name, setting)
    }

    /// A choice among the settings of the stressor.
    pub fn choice(&self, setting: &str) -> &'static str {
        self.options.choice(self.stressor.name, setting)
    }

    /// Whether a setting of the stressor was given that is on or off.
    pub fn flag(&self, setting: &str) -> bool {
        self.options.flag(self.stressor.name, setting)
    }

    /// The instance's share of what the stressor works on, in whole pages, at least one; `None`
    /// when that cannot be addressed.
    pub fn share(&self) -> Option<usize> {
        let memory = self.machine.memory_bytes();
        let total = self.stressor.bytes(self.options, memory, self.instances);
        let share = usize::try_from(total / self.instances as u64).ok()?;
        let page_size = self.machine.page_size();
        share.max(page_size).checked_next_multiple_of(page_size)
    }

    /// Maps the instance's share; without memory for it the instance has ended.
    pub fn map_share(&self) -> Option<Box<dyn Arena + 'a>> {
        self.map(self.share().unwrap_or(usize::MAX))
    }

    /// Maps so many bytes; without memory for it the instance has ended.
    pub fn map(&self, bytes: usize) -> Option<Box<dyn Arena + 'a>> {
        match self.machine.map(bytes) {
            Ok(arena) => Some(arena),
            Err(error) => {
                self.no_resource(format_args!("mapping {bytes} bytes: {error}"));
                None
            }
        }
    }

    /// Words of a page.
    pub fn page_words(&self) -> usize {
        self.machine.page_size() / size_of::<u64>()
    }

    /// Random numbers of the instance, a sequence of its own for each `purpose`.
    pub fn random(&self, purpose: u64) -> Random {
        Random::of(mix(self.options.seed ^ purpose), !(self.instance as u64))
    }

    /// Whether there is time and work left. Asked after each page. What has not completed an
    /// operation yet gets [`GRACE_NS`] more.
    pub fn go_on(&self) -> bool {
        self.go_on_with(GRACE_NS)
    }

    /// As [`Worker::go_on`], without grace: for a preparation that may end early, since whatever was
    /// prepared is enough for an operation.
    pub fn go_on_preparing(&self) -> bool {
        self.go_on_with(0)
    }

    fn go_on_with(&self, grace_ns: u64) -> bool {
        let now_ns = self.machine.now_ns();
        self.counters.end_ns.fetch_max(now_ns, Relaxed);
        let ticks = self.counters.ticks.load(Relaxed);
        self.asked.set(self.asked.get() + 1);
        if self.asked.get().is_multiple_of(TIMES_INTERVAL) {
            self.note_times();
        }
        self.show_progress(now_ns);
        ticks < self.tick_limit
            && self.shared.deadline_ns.is_none_or(|deadline_ns| {
                now_ns < deadline_ns
                    || (now_ns < deadline_ns.saturating_add(grace_ns)
                        && ticks >> self.stressor.tick_shift == 0)
            })
    }

    /// Whether a fault is to be injected into this worker's checks.
    pub fn injects(&self) -> bool {
        self.instance == 0 && self.options.boot.injection == Some(Injection::Verify)
    }

    /// A bit that a test wants flipped in what this instance checks: 1 once, otherwise 0.
    pub fn injection(&self) -> u64 {
        u64::from(self.injects() && !self.counters.injected.swap(true, Relaxed))
    }

    /// Notes how much memory the worker has mapped.
    pub fn note_resident(&self, arena: &dyn Arena) {
        let bytes = (arena.resident_pages() * self.machine.page_size()) as u64;
        self.counters.resident_max_bytes.fetch_max(bytes, Relaxed);
    }

    /// The end of a worker that did its work, called before it gives anything back. Waits for the
    /// others.
    pub fn finish(&self) {
        self.end(State::Finished);
        self.shared.sample_at_rest();
    }

    /// The end of a worker whose function has returned.
    pub fn returned(&self) {
        if self.counters.state() == State::Running {
            self.shared.ended.fetch_add(1, Release);
        }
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
        self.counters.end_ns.fetch_max(self.machine.now_ns(), Relaxed);
        if self.counters.set_state(state) {
            self.shared.ended.fetch_add(1, Release);
        }
    }

    fn note_times(&self) {
        let times = self.machine.thread_times();
        let noted = self.noted.replace(times);
        let (user_ns, system_ns) = (
            times.user_ns.saturating_sub(noted.user_ns),
            times.system_ns.saturating_sub(noted.system_ns),
        );
        self.counters.user_ns.fetch_add(user_ns, Relaxed);
        self.counters.system_ns.fetch_add(system_ns, Relaxed);
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
