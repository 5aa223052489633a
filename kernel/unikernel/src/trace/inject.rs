//! A delay on purpose: interrupts masked across a deadline, to see it measured and explained.

use alloc::boxed::Box;
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};

use report::{Cyclictest as Found, InjectedDelay, SectionKind, TracerReport};

use super::cyclictest::{Cyclictest, Sampler};
use crate::arch::{clock, interrupts};
use crate::memory::map::Image;
use crate::sched;
use crate::sched::thread::Thread;

/// Samples before the delay.
const SAMPLES_BEFORE: u64 = 10;

/// A latency may be as long as two delays and this, in nanoseconds. Above, something else was as
/// long as the delay, and it has to be longer to be seen.
const SLACK_NS: u64 = 50_000;

/// Time in front of a deadline in which interrupts are masked, in nanoseconds.
const AHEAD_NS: u64 = 10_000;

struct Delay {
    sampler: *const Sampler,
    ticks: u64,
    /// A wake-up was delayed.
    done: AtomicBool,
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
        let delay = Box::new(Delay { sampler, ticks, done: AtomicBool::new(false) });
        let argument = core::ptr::from_ref(&*delay).expose_provenance() as u64;
        let thread = Thread::spawn(0, sched::PRIORITY_MAIN, run, argument)
            .ok_or("no memory for the thread of --inject-delay")?;
        sched::start(thread);
        Ok(Self { delay, thread })
    }

    /// Waits for the delay; gives its ticks, if there was one.
    pub fn finish(self) -> Option<u64> {
        self.thread.join();
        self.delay.done.load(Relaxed).then_some(self.delay.ticks)
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
        } else if delay_wake_up(sampler, delay.ticks) {
            delay.done.store(true, Relaxed);
            return;
        }
    }
}

/// Masks interrupts until so many ticks after the sampler's deadline, if that is ahead. This
/// section is what the tracer has to find.
#[inline(never)]
fn delay_wake_up(sampler: &Sampler, ticks: u64) -> bool {
    let saved = interrupts::mask();
    // The sampler is on this CPU and sleeps, so its deadline stays.
    let deadline = sampler.deadline();
    let ahead = clock::ticks() < deadline;
    if ahead {
        sampler.watch();
        while clock::ticks() < deadline + ticks {
            zpool::relax();
        }
    }
    interrupts::restore(saved);
    ahead
}

/// Whether a delay of so many ticks was found where it was.
pub fn judge(
    ticks: Option<u64>,
    latency: u64,
    found: &Found,
    tracer: Option<&TracerReport>,
) -> InjectedDelay {
    let ticks = ticks.unwrap_or(0);
    let buckets = found.threads.first().map_or(&[][..], |thread| &thread.woken.buckets);
    let in_bucket = buckets
        .iter()
        .filter(|&&(low, high, _)| (low..=high).contains(&latency))
        .map(|&(_, _, count)| count)
        .sum();
    let sections = tracer.map_or(&[][..], |tracer| &tracer.sections);
    let cause_found = sections.iter().any(|section| {
        section.kind == SectionKind::InterruptsOff
            && is_ours(section.opened[0])
            && is_ours(section.closed[0])
    });
    let expected = ticks..=2 * ticks + clock::ns_to_ticks(SLACK_NS);
    let found = ticks != 0 && expected.contains(&latency) && in_bucket > 0 && cause_found;
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
