//! What a CPU misses that does nothing but look at the clock: firmware, an emulator, the memory.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::iter;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

use latency::Recorder;
use report::{Noise, NoiseOfCpu};

use super::cyclictest::PRIORITY_HIGHEST;
use super::{distribution, hook};
use crate::arch::{clock, interrupts, pmu};
use crate::sched::thread::Thread;
use crate::{cpu, sched};

/// How long interrupts are masked at once, in nanoseconds.
const WINDOW_NS: u64 = 1_000_000;

struct Looker {
    /// How long it looks, from its first look on.
    ticks: u64,
    gaps: Recorder,
    max: AtomicU64,
    max_tick: AtomicU64,
}

/// Lets every CPU look for so long. Nothing else runs meanwhile.
pub fn measure(duration_ns: u64) -> Result<Noise, &'static str> {
    let ticks = clock::ns_to_ticks(duration_ns);
    let lookers: Vec<Box<Looker>> = (0..cpu::online())
        .map(|_| {
            Box::new(Looker {
                ticks,
                gaps: Recorder::new(),
                max: AtomicU64::new(0),
                max_tick: AtomicU64::new(0),
            })
        })
        .collect();
    // The last CPU first: this thread has to start them all.
    let threads: Vec<_> = lookers
        .iter()
        .enumerate()
        .rev()
        .map(|(cpu, looker)| {
            let argument = core::ptr::from_ref(&**looker).expose_provenance() as u64;
            let thread = Thread::spawn(cpu, PRIORITY_HIGHEST, look, argument);
            thread.inspect(|thread| sched::start(thread))
        })
        .collect();
    let started = threads.iter().all(Option::is_some);
    threads.into_iter().flatten().for_each(|thread| {
        thread.join();
    });
    if !started {
        return Err("no memory for the threads of --noise");
    }
    Ok(Noise {
        duration_ns,
        unit_hz: if pmu::available() { super::facts::cycle_hz() } else { clock::frequency() },
        cpus: lookers
            .iter()
            .map(|looker| NoiseOfCpu {
                gaps: distribution(&mut iter::once(&looker.gaps)),
                max_tick: looker.max_tick.load(Relaxed),
            })
            .collect(),
    })
}

fn look(argument: u64) {
    let looker = core::ptr::with_exposed_provenance::<Looker>(argument as usize);
    // SAFETY: `measure` passes the address of a boxed value that it keeps until the thread ended.
    let looker = unsafe { &*looker };
    let end = clock::ticks() + looker.ticks;
    while clock::ticks() < end {
        let saved = interrupts::mask();
        looker.window(clock::ticks() + clock::ns_to_ticks(WINDOW_NS));
        interrupts::restore(saved);
    }
}

impl Looker {
    fn window(&self, end: u64) {
        let mut before = hook::now();
        loop {
            let now = hook::now();
            let gap = now - before;
            self.gaps.record(gap);
            if gap > self.max.load(Relaxed) {
                self.max.store(gap, Relaxed);
                self.max_tick.store(clock::ticks(), Relaxed);
            }
            if clock::ticks() >= end {
                break;
            }
            // Recording is no gap.
            before = hook::now();
        }
    }
}
