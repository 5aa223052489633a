//! Threads that sleep until absolute deadlines and note how late they run: `--cyclictest`.
//!
//! They are pinned, have stacks in kernel memory and write to memory of the heap, so they never
//! fault. A sample has three points: the first instructions of the interrupt's vector, the timer's
//! handler, and the first instruction of the thread after its call to sleep.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::iter;
use core::ops::Range;
use core::sync::atomic::Ordering::Relaxed;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64};

use latency::Recorder;
use latency::cyclictest::Cyclictest as Settings;
use report::CyclictestThread;

use super::{distribution, hook, ring};

use crate::arch::clock;
use crate::sched::thread::Thread;
use crate::sched::{self, PRIORITY_MAIN, PRIORITY_WORKER};
use crate::sync::Lock;
use crate::{cpu, println};

/// Overflows of the histogram whose sample numbers are kept.
const OVERFLOWS_KEPT: usize = 32;

/// Highest priority of a thread.
pub const PRIORITY_HIGHEST: u8 = 31;

/// Time until the first deadline, in nanoseconds: for all threads to be there.
const HEAD_START_NS: u64 = 1_000_000;

/// The measurement under way.
pub struct Cyclictest {
    settings: Settings,
    samplers: Vec<(Box<Sampler>, &'static Thread)>,
    /// It ends by itself.
    limited: bool,
}

impl Cyclictest {
    /// Starts the threads. They end at their loops or duration, or else after `alone_ns`.
    /// A latency of more than `trace_us` microseconds freezes what the tracer notes.
    pub fn start(
        settings: &Settings,
        alone_ns: Option<u64>,
        trace_us: Option<u64>,
    ) -> Result<Self, &'static str> {
        let threshold = trace_us.map_or(u64::MAX, |limit| clock::ns_to_ticks(limit * 1000));
        let start = clock::ticks() + clock::ns_to_ticks(HEAD_START_NS);
        let limit_ns = match settings.duration_ns {
            0 if settings.loops == 0 => alone_ns,
            0 => None,
            duration_ns => Some(duration_ns),
        };
        let end =
            limit_ns.map_or(u64::MAX, |limit| start.saturating_add(clock::ns_to_ticks(limit)));
        let mut started = Self {
            settings: *settings,
            samplers: Vec::new(),
            limited: settings.limit_ns().is_some() || limit_ns.is_some(),
        };
        let cpus = cpus(settings);
        let count = settings.threads.map_or(cpus.len(), |threads| threads as usize);
        for (number, &cpu) in (0..count).zip(cpus.iter().cycle()) {
            let interval_us = settings.interval_of(number as u32);
            let settings = &Settings { interval_us, ..*settings };
            let sampler = Box::new(Sampler::new(cpu, settings, start..end, threshold));
            let argument = core::ptr::from_ref(&*sampler).expose_provenance() as u64;
            let priority = kernel_priority(settings.priority);
            let Some(thread) = Thread::spawn(cpu, priority, run_sampler, argument) else {
                started.stop();
                return Err("no memory for the threads of --cyclictest, or too many threads");
            };
            sched::start(thread);
            started.samplers.push((sampler, thread));
        }
        Ok(started)
    }

    /// Ends it, or waits for its end if it has one, and says what was found.
    pub fn finish(self, alone: bool) -> report::Cyclictest {
        if !self.limited && !alone {
            self.stop();
        } else if !alone && self.samplers.iter().any(|(sampler, _)| !sampler.done.load(Relaxed)) {
            println!("zlab: warning: cyclictest goes on without load");
        }
        let threads = self.samplers.iter().map(|(sampler, thread)| {
            thread.join();
            sampler.result(thread.index())
        });
        report::Cyclictest {
            interval_us: self.settings.interval_us,
            distance_us: self.settings.distance_us,
            buckets: self.settings.histogram,
            unit_ns: self.settings.unit_ns(),
            quiet: self.settings.quiet,
            threads: threads.collect(),
        }
    }

    /// The first CPU's.
    pub fn first(&self) -> Option<&Sampler> {
        self.samplers.first().map(|(sampler, _)| &**sampler)
    }

    /// The latency of the sample of the first CPU that was watched, in ticks.
    pub fn watched(&self) -> u64 {
        self.first().map_or(0, |sampler| sampler.watched.load(Relaxed))
    }

    fn stop(&self) {
        for (sampler, _) in &self.samplers {
            sampler.stop.store(true, Relaxed);
        }
    }
}

/// The CPUs that threads are put on.
pub fn cpus(settings: &Settings) -> Vec<usize> {
    let chosen = |cpu: &usize| settings.cpus == 0 || settings.cpus >> cpu & 1 != 0;
    (0..cpu::online()).filter(chosen).collect()
}

/// Priority of the kernel for one of 0 to 99: 0 is that of the stressors, the others are above
/// all else.
pub fn kernel_priority(priority: u8) -> u8 {
    const LOWEST: u8 = PRIORITY_MAIN + 1;
    match priority.checked_sub(1) {
        None => PRIORITY_WORKER,
        Some(above) => {
            LOWEST + (u16::from(above) * u16::from(PRIORITY_HIGHEST - LOWEST) / 98) as u8
        }
    }
}

/// One thread's deadlines and samples. Written by its thread alone, but for `stop`.
pub struct Sampler {
    cpu: usize,
    settings: Settings,
    /// First deadline, and the tick after which there are no more.
    start: u64,
    end: u64,
    /// Latency above which the tracer keeps what happened, in ticks.
    threshold: u64,
    /// What is waited for.
    deadline: AtomicU64,
    /// Latency of the sample to be watched, once it is over.
    watch: AtomicBool,
    watched: AtomicU64,
    stop: AtomicBool,
    done: AtomicBool,
    vector: Recorder,
    handler: Recorder,
    woken: Recorder,
    samples: AtomicU64,
    lost: AtomicU64,
    without_interrupt: AtomicU64,
    last: AtomicU64,
    max: AtomicU64,
    max_at: AtomicU64,
    histogram: Vec<AtomicU32>,
    overflows: AtomicU64,
    overflow_samples: [AtomicU64; OVERFLOWS_KEPT],
}

fn run_sampler(argument: u64) {
    let sampler = core::ptr::with_exposed_provenance::<Sampler>(argument as usize);
    // SAFETY: `start` passes the address of a boxed sampler, which `Cyclictest` keeps until the
    // thread was joined.
    let sampler = unsafe { &*sampler };
    sampler.run();
    sampler.done.store(true, Relaxed);
}

impl Sampler {
    fn new(cpu: usize, settings: &Settings, ticks: Range<u64>, threshold: u64) -> Self {
        Self {
            cpu,
            settings: *settings,
            start: ticks.start,
            end: ticks.end,
            threshold,
            deadline: AtomicU64::new(ticks.start),
            watch: AtomicBool::new(false),
            watched: AtomicU64::new(0),
            stop: AtomicBool::new(false),
            done: AtomicBool::new(false),
            vector: Recorder::new(),
            handler: Recorder::new(),
            woken: Recorder::new(),
            samples: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            without_interrupt: AtomicU64::new(0),
            last: AtomicU64::new(0),
            max: AtomicU64::new(0),
            max_at: AtomicU64::new(0),
            histogram: (0..settings.histogram).map(|_| AtomicU32::new(0)).collect(),
            overflows: AtomicU64::new(0),
            overflow_samples: [const { AtomicU64::new(0) }; OVERFLOWS_KEPT],
        }
    }

    fn run(&self) {
        let cpu = cpu::current();
        let mut deadlines = Deadlines::new(self.start, self.settings.interval_us);
        loop {
            let deadline = deadlines.next();
            if self.is_over(deadline) {
                break;
            }
            let before = clock::ticks();
            if deadline <= before {
                add(&self.lost, 1);
                continue;
            }
            self.deadline.store(deadline, Relaxed);
            sched::sleep_until_tick(deadline);
            let woken = clock::ticks();
            if woken - deadline > self.threshold {
                self.freeze(deadline, woken);
            }
            let vector = cpu.vector_tick.load(Relaxed);
            let handler = cpu.handler_tick.load(Relaxed);
            if handler < deadline || vector < before {
                add(&self.without_interrupt, 1);
            } else {
                // An interrupt that came before the deadline may have been at it when it passed.
                self.vector.record(vector.saturating_sub(deadline));
                self.handler.record(handler - deadline);
            }
            self.count(woken.saturating_sub(deadline));
        }
    }

    /// What is waited for now.
    pub fn deadline(&self) -> u64 {
        self.deadline.load(Relaxed)
    }

    /// Samples so far.
    pub fn samples(&self) -> u64 {
        self.samples.load(Relaxed)
    }

    /// The sample under way is to be watched.
    pub fn watch(&self) {
        self.watch.store(true, Relaxed);
    }

    /// It has ended.
    pub fn is_done(&self) -> bool {
        self.done.load(Relaxed)
    }

    /// Keeps what happened until now, the first time.
    #[cold]
    fn freeze(&self, deadline: u64, woken: u64) {
        let (time, stolen) = (hook::now(), hook::stolen());
        if ring::freeze() {
            let cpu = cpu::current();
            let (vector, handler) = (cpu.vector_tick.load(Relaxed), cpu.handler_tick.load(Relaxed));
            let ticks = [vector, handler, woken].map(|tick| tick.saturating_sub(deadline));
            let sample = self.samples();
            *SPIKE.lock() = Some(Spike { cpu: cpu.id, sample, ticks, deadline, time, stolen });
        }
    }

    fn is_over(&self, deadline: u64) -> bool {
        let loops = self.settings.loops;
        deadline > self.end
            || loops != 0 && self.samples.load(Relaxed) >= loops
            || self.stop.load(Relaxed)
    }

    /// Counts a sample of the woken thread.
    fn count(&self, ticks: u64) {
        let number = self.samples.load(Relaxed);
        self.samples.store(number + 1, Relaxed);
        self.last.store(ticks, Relaxed);
        if self.watch.load(Relaxed) {
            self.watch.store(false, Relaxed);
            self.watched.store(ticks, Relaxed);
        }
        self.woken.record(ticks);
        if number == 0 || ticks > self.max.load(Relaxed) {
            self.max.store(ticks, Relaxed);
            self.max_at.store(number, Relaxed);
        }
        if self.histogram.is_empty() {
            return;
        }
        let unit = clock::ticks_to_ns(ticks) / self.settings.unit_ns();
        match self.histogram.get(unit as usize) {
            Some(bucket) => bucket.store(bucket.load(Relaxed).saturating_add(1), Relaxed),
            None => {
                let kept = self.overflows.load(Relaxed);
                if let Some(place) = self.overflow_samples.get(kept as usize) {
                    place.store(number, Relaxed);
                }
                add(&self.overflows, 1);
            }
        }
    }

    fn result(&self, thread: u16) -> CyclictestThread {
        let buckets = self.histogram.iter().zip(0..);
        let counts = buckets.map(|(bucket, unit)| (unit, u64::from(bucket.load(Relaxed))));
        let overflows = self.overflows.load(Relaxed);
        let kept = self.overflow_samples.iter().take(overflows as usize);
        CyclictestThread {
            cpu: self.cpu as u32,
            thread: u32::from(thread),
            priority: u32::from(self.settings.priority),
            lost: self.lost.load(Relaxed),
            without_interrupt: self.without_interrupt.load(Relaxed),
            last: self.last.load(Relaxed),
            max_at: self.max_at.load(Relaxed),
            vector: distribution(&mut iter::once(&self.vector)),
            handler: distribution(&mut iter::once(&self.handler)),
            woken: distribution(&mut iter::once(&self.woken)),
            histogram: counts.filter(|&(_, count)| count > 0).collect(),
            overflows,
            overflow_samples: kept.map(|sample| sample.load(Relaxed)).collect(),
        }
    }
}

/// Deadlines at equal distances, exact over any time: what a tick cannot express is carried on.
struct Deadlines {
    next: u64,
    ticks: u64,
    /// Millionths of a tick, and how many have added up.
    fraction: u64,
    carried: u64,
}

impl Deadlines {
    fn new(start: u64, interval_us: u32) -> Self {
        let millionths = clock::frequency() * u64::from(interval_us);
        let (ticks, fraction) = (millionths / 1_000_000, millionths % 1_000_000);
        Self { next: start, ticks, fraction, carried: 0 }
    }

    fn next(&mut self) -> u64 {
        let deadline = self.next;
        self.carried += self.fraction;
        self.next += self.ticks + self.carried / 1_000_000;
        self.carried %= 1_000_000;
        deadline
    }
}

/// The first latency above the threshold.
#[derive(Clone, Copy)]
pub struct Spike {
    pub cpu: usize,
    pub sample: u64,
    /// At the vector, the handler and the thread.
    pub ticks: [u64; 3],
    pub deadline: u64,
    /// By the tracer's clock when the thread ran, and the CPU's time in hooks until then.
    pub time: u64,
    pub stolen: u64,
}

static SPIKE: Lock<Option<Spike>> = Lock::new(None);

/// The spike that froze the events, if one did.
pub fn spike() -> Option<Spike> {
    *SPIKE.lock()
}

/// There was none.
pub fn forget_spike() {
    *SPIKE.lock() = None;
}

/// Adds to a counter that only the caller writes.
fn add(counter: &AtomicU64, more: u64) {
    counter.store(counter.load(Relaxed) + more, Relaxed);
}
