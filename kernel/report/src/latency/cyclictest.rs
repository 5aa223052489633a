//! Wake-up latency as cyclictest reports it, and in ticks.

use alloc::vec::Vec;
use core::fmt::{self, Write};

use serde::{Deserialize, Serialize};

use super::{ClockFacts, TickHistogram};

/// What the cyclictest-compatible measurement found.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Cyclictest {
    /// Time from one deadline of the first thread to the next, in microseconds.
    pub interval_us: u32,
    /// By how much each thread's is longer than that of the thread before, in microseconds.
    #[serde(default)]
    pub distance_us: u32,
    /// Buckets of the threads' histograms, each of one unit; zero for none.
    pub buckets: u32,
    /// The unit of results in nanoseconds: 1000, or 1.
    pub unit_ns: u64,
    /// No figures but the histogram, if there is one, on the console.
    pub quiet: bool,
    /// One entry a thread.
    pub threads: Vec<CyclictestThread>,
}

/// What one thread of it found. Latency is the counter at a point minus the deadline.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct CyclictestThread {
    /// CPU that it was pinned to.
    pub cpu: u32,
    /// Number of the thread.
    pub thread: u32,
    /// Priority as asked for, 0 to 99.
    pub priority: u32,
    /// Deadlines that had passed when the thread was about to wait for them. They are no samples.
    pub lost: u64,
    /// Samples without the first two points: no interrupt was needed to wake the thread.
    pub without_interrupt: u64,
    /// The last sample in ticks.
    pub last: u64,
    /// Number of the largest sample.
    pub max_at: u64,
    /// Deadline to the first instructions of the interrupt's vector.
    pub vector: TickHistogram,
    /// Deadline to the timer's handler.
    pub handler: TickHistogram,
    /// Deadline to the first instruction of the woken thread.
    pub woken: TickHistogram,
    /// Unit of the histogram below and how many samples fell into it, ascending.
    pub histogram: Vec<(u32, u64)>,
    /// Samples above the last bucket.
    pub overflows: u64,
    /// Numbers of the first of those samples.
    pub overflow_samples: Vec<u64>,
}

/// Names of the points, in the order of time.
pub const POINTS: [&str; 3] = ["vector", "handler", "thread"];

impl CyclictestThread {
    /// The distributions at the [`POINTS`].
    #[must_use]
    pub fn points(&self) -> [&TickHistogram; 3] {
        [&self.vector, &self.handler, &self.woken]
    }
}

impl Cyclictest {
    /// Ticks in units of the result, rounded down as cyclictest does.
    #[must_use]
    pub fn units(&self, clock: &ClockFacts, ticks: u64) -> u64 {
        clock.nanoseconds(ticks) / self.unit_ns.max(1)
    }

    /// Mean of the woken thread's samples in units.
    #[must_use]
    pub fn mean_units(&self, clock: &ClockFacts, thread: &CyclictestThread) -> f64 {
        let units_per_tick = 1e9 / clock.counter_hz.max(1) as f64 / self.unit_ns.max(1) as f64;
        thread.woken.mean() * units_per_tick
    }

    /// Writes what cyclictest prints, then the distributions in ticks.
    pub(super) fn write(&self, clock: &ClockFacts, out: &mut dyn Write) -> fmt::Result {
        if !self.quiet || self.buckets == 0 {
            self.write_threads(clock, out)?;
        }
        if self.buckets != 0 {
            self.write_histogram(clock, out)?;
        }
        for thread in &self.threads {
            let (cpu, lost, without) = (thread.cpu, thread.lost, thread.without_interrupt);
            TickHistogram::write_heading(&alloc::format!("latency, CPU {cpu}, ticks"), out)?;
            for (name, point) in POINTS.iter().zip(thread.points()) {
                point.write_row(format_args!("{name}"), out)?;
            }
            writeln!(
                out,
                "zlab: metrc: [0]   samples lost: {lost}, without an interrupt: {without}; largest: \
                 sample {} with {} ns",
                thread.max_at,
                thread.woken.max_ns(clock)
            )?;
        }
        Ok(())
    }

    /// Writes a line for each thread, as cyclictest does.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write_threads(&self, clock: &ClockFacts, out: &mut dyn Write) -> fmt::Result {
        let width = if self.unit_ns == 1 { 8 } else { 5 };
        for (number, thread) in self.threads.iter().enumerate() {
            let woken = &thread.woken;
            let units = |ticks| self.units(clock, ticks);
            writeln!(
                out,
                "T:{number:2} ({:5}) P:{:2} I:{} C:{:7} Min:{:7} Act:{:width$} Avg:{:width$} \
                 Max:{:8}",
                thread.thread,
                thread.priority,
                u64::from(self.interval_us) + u64::from(self.distance_us) * number as u64,
                woken.count,
                units(woken.min),
                units(thread.last),
                self.mean_units(clock, thread) as u64,
                units(woken.max)
            )?;
        }
        Ok(())
    }

    /// Writes the histogram, as cyclictest does.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write_histogram(&self, clock: &ClockFacts, out: &mut dyn Write) -> fmt::Result {
        writeln!(out, "# Histogram")?;
        let mut next = alloc::vec![0_usize; self.threads.len()];
        for unit in 0..self.buckets {
            write!(out, "{unit:06} ")?;
            for (number, thread) in self.threads.iter().enumerate() {
                let bucket = thread.histogram.get(next[number]);
                let count = match bucket {
                    Some(&(at, count)) if at == unit => {
                        next[number] += 1;
                        count
                    }
                    _ => 0,
                };
                write!(out, "{}{count:06}", if number == 0 { "" } else { "\t" })?;
            }
            writeln!(out)?;
        }
        let in_buckets =
            |thread: &CyclictestThread| thread.histogram.iter().map(|&(_, count)| count).sum();
        self.line("Total:", 9, in_buckets, out)?;
        self.line("Min Latencies:", 5, |thread| self.units(clock, thread.woken.min), out)?;
        self.line("Avg Latencies:", 5, |thread| self.mean_units(clock, thread) as u64, out)?;
        self.line("Max Latencies:", 5, |thread| self.units(clock, thread.woken.max), out)?;
        self.line("Histogram Overflows:", 5, |thread| thread.overflows, out)?;
        writeln!(out, "# Histogram Overflow at cycle number:")?;
        for (number, thread) in self.threads.iter().enumerate() {
            write!(out, "# Thread {number}:")?;
            for sample in &thread.overflow_samples {
                write!(out, " {sample:05}")?;
            }
            let others = thread.overflows - thread.overflow_samples.len() as u64;
            if others > 0 {
                write!(out, " # {others:05} others")?;
            }
            writeln!(out)?;
        }
        Ok(())
    }

    /// A line with one figure for each thread.
    fn line(
        &self,
        title: &str,
        digits: usize,
        figure: impl Fn(&CyclictestThread) -> u64,
        out: &mut dyn Write,
    ) -> fmt::Result {
        write!(out, "# {title}")?;
        for thread in &self.threads {
            write!(out, " {:0digits$}", figure(thread))?;
        }
        writeln!(out)
    }
}
