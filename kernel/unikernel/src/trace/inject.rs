//! A delay on purpose: interrupts masked across a deadline, to see it measured and explained.

use alloc::boxed::Box;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

use report::{Cyclictest as Found, InjectedDelay, SectionKind, TracerReport};

use super::cyclictest::{Cyclictest, Sampler};
use crate::arch::{clock, interrupts};
use crate::memory::map::Image;
use crate::sched;
use crate::sched::thread::Thread;

/// Samples before the delay.
const SAMPLES_BEFORE: u64 = 10;

/// Most by which a latency may exceed the delay, in nanoseconds: what a wake-up takes, generously.
const SLACK_NS: u64 = 50_000;

/// Time in front of a deadline in which interrupts are masked, in nanoseconds.
const AHEAD_NS: u64 = 10_000;

struct Delay {
    sampler: *const Sampler,
    ticks: u64,
    /// Number of the sample that was delayed, plus one; zero when none was.
    sample: AtomicU64,
}

/// The thread that will delay the first CPU's sampler, once.
pub struct Injector {
    delay: Box<Delay>,
    thread: &'static Thread,
}

impl Injector {
    /// Starts it. The sampler lives until `cyclictest` is finished, which is after this is.
    pub fn start(delay_us: u64, cyclictest: &Cyclictest) -> Result<Self, &'static str> {
        let sampler = cyclictest.first().ok_or("no thread of --cyclictest to delay")?;
        let ticks = clock::ns_to_ticks(delay_us.saturating_mul(1000));
        let delay = Box::new(Delay { sampler, ticks, sample: AtomicU64::new(0) });
        let argument = core::ptr::from_ref(&*delay).expose_provenance() as u64;
        let thread = Thread::spawn(0, sched::PRIORITY_MAIN, run, argument)
            .ok_or("no memory for the thread of --inject-delay")?;
        sched::start(thread);
        Ok(Self { delay, thread })
    }

    /// Waits for the delay; gives its ticks and the sample, if one was delayed.
    pub fn finish(self) -> (u64, Option<u64>) {
        self.thread.join();
        (self.delay.ticks, self.delay.sample.load(Relaxed).checked_sub(1))
    }
}

fn run(argument: u64) {
    let delay = core::ptr::with_exposed_provenance::<Delay>(argument as usize);
    // SAFETY: `Injector` keeps the boxed value, and the sampler it refers to lives longer; see
    // `start`.
    let (delay, sampler) = unsafe { (&*delay, &*(*delay).sampler) };
    let ahead = clock::ns_to_ticks(AHEAD_NS);
    loop {
        let deadline = sampler.deadline();
        if sampler.is_done() {
            return;
        }
        sched::sleep_until_tick(deadline - ahead);
        if sampler.samples() < SAMPLES_BEFORE {
            sched::sleep_until_tick(deadline + 1);
        } else if let Some(sample) = delay_wake_up(sampler, delay.ticks) {
            delay.sample.store(sample + 1, Relaxed);
            return;
        }
    }
}

/// Masks interrupts until so many ticks after the sampler's deadline, if that is ahead. This
/// section is what the tracer has to find.
#[inline(never)]
fn delay_wake_up(sampler: &Sampler, ticks: u64) -> Option<u64> {
    let saved = interrupts::mask();
    // The sampler is on this CPU and sleeps, so its deadline and its count stay.
    let (deadline, sample) = (sampler.deadline(), sampler.samples());
    let ahead = clock::ticks() < deadline;
    if ahead {
        while clock::ticks() < deadline + ticks {
            zpool::relax();
        }
    }
    interrupts::restore(saved);
    ahead.then_some(sample)
}

/// Whether the delay was found where it was.
pub fn judge(
    &(ticks, sample): &(u64, Option<u64>),
    found: &Found,
    tracer: Option<&TracerReport>,
) -> InjectedDelay {
    let slack = clock::ns_to_ticks(SLACK_NS);
    let Some(thread) = found.threads.first() else { return InjectedDelay::default() };
    let latency = thread.woken.max;
    let buckets = thread.woken.buckets.iter();
    let in_bucket = buckets
        .filter(|&&(low, high, _)| (low..=high).contains(&latency))
        .map(|&(_, _, count)| count)
        .sum();
    let cause_found = tracer.is_some_and(|tracer| {
        let masked = |section: &&report::Section| section.kind == SectionKind::InterruptsOff;
        let longest = tracer.sections.iter().filter(masked).max_by_key(|section| section.net);
        longest.is_some_and(|longest| is_ours(longest.opened[0]) && is_ours(longest.closed[0]))
    });
    let expected = ticks..=ticks + slack;
    let found = sample == Some(thread.max_at)
        && expected.contains(&latency)
        && in_bucket > 0
        && cause_found;
    InjectedDelay { ticks, latency, in_bucket, cause_found, found }
}

/// Whether an address of the image is in [`delay_wake_up`].
fn is_ours(offset: u64) -> bool {
    /// More than it has.
    const BYTES: usize = 512;
    let address = Image::running().text.start + offset as usize;
    let start = delay_wake_up as *const () as usize;
    (start..start + BYTES).contains(&address)
}
