//! The stressor `cyclic`: sleep until deadlines at equal distances, and say how late it runs.
//!
//! One bogo operation is one deadline; it is checked that nobody wakes before it. Deadlines are absolute, so a late one does not move those
//! after it, unless the method is a relative one. All figures are of all samples. Percentiles and the
//! mode are those of a log-linear histogram: at most a 32nd too high.

use alloc::boxed::Box;
use alloc::vec::Vec;

use latency::Histogram;

use crate::options::{Kind, Setting};
use crate::stressors::{Memory, Stressor, always, class};
use crate::worker::Worker;

pub(crate) const STRESSOR: Stressor = Stressor {
    name: "cyclic",
    about: "sleep until deadlines and measure how late it runs",
    classes: class::SCHEDULER | class::OS,
    settings: &[
        Setting {
            name: "dist",
            kind: Kind::Number { default: 0, least: 1, most: 10_000_000 },
            about: "print a distribution, in steps of N nanoseconds",
        },
        Setting {
            name: "method",
            kind: Kind::Choice(&["clock_ns", "posix_ns", "usleep"]),
            about: "clock_ns: absolute deadlines; posix_ns, usleep: a time from now on",
        },
        Setting {
            name: "policy",
            kind: Kind::Choice(&["fifo", "rr", "deadline"]),
            about: "accepted; all run by fixed priority, and equals take turns",
        },
        Setting {
            name: "prio",
            kind: Kind::Number { default: 100, least: 0, most: 100 },
            about: "priority, 0 being that of other workers",
        },
        Setting {
            name: "samples",
            kind: Kind::Number { default: 10_000, least: 1, most: u64::MAX },
            about: "accepted; every sample counts",
        },
        Setting {
            name: "sleep",
            kind: Kind::Number { default: 100_000, least: 1, most: 1_000_000_000 },
            about: "nanoseconds from one deadline to the next",
        },
    ],
    tick_shift: 0,
    memory: Memory::None,
    checks: always,
    run,
    measures: &[],
};

/// Rows of the distribution at most.
const ROWS: usize = 250;

/// Percentiles, in hundredths of a percent, as stress-ng prints them.
const PERCENTILES: [u64; 9] = [2500, 5000, 7500, 9000, 9540, 9900, 9950, 9990, 9999];

fn run(worker: &Worker<'_>) {
    let machine = worker.machine;
    let sleep_ns = worker.number("sleep");
    let absolute = worker.choice("method") == "clock_ns";
    let mut found = Latencies::new(worker.number("dist"));
    machine.set_real_time(worker.number("prio").min(99) as u8);
    let mut deadline = machine.now_ns() + sleep_ns;
    loop {
        machine.sleep_until(deadline);
        let now = machine.now_ns();
        let early = u64::from(now < deadline) ^ worker.injection();
        worker.checked(early, format_args!("a wake-up that was not late enough"));
        found.add(now.saturating_sub(deadline));
        if !worker.step(1) {
            break;
        }
        deadline = if absolute {
            // Deadlines that have passed meanwhile are skipped, not made up for.
            let passed = now.saturating_sub(deadline) / sleep_ns;
            found.skipped += passed;
            deadline + (passed + 1) * sleep_ns
        } else {
            machine.now_ns() + sleep_ns
        };
    }
    machine.set_real_time(0);
    if worker.instance == 0 {
        found.print(worker, sleep_ns);
    }
    worker.finish();
}

/// What one instance found, in nanoseconds.
struct Latencies {
    all: Box<Histogram>,
    squares: u128,
    skipped: u64,
    /// Width of a row of the distribution; zero for none.
    step: u64,
    rows: Vec<u64>,
}

impl Latencies {
    fn new(step: u64) -> Self {
        Self {
            all: Box::new(Histogram::new()),
            squares: 0,
            skipped: 0,
            step,
            rows: alloc::vec![0; if step == 0 { 0 } else { ROWS }],
        }
    }

    /// Counts a sample; allocates nothing.
    fn add(&mut self, latency: u64) {
        self.all.record(latency);
        self.squares += u128::from(latency) * u128::from(latency);
        if let Some(row) = latency.checked_div(self.step)
            && let Some(row) = self.rows.get_mut(row as usize)
        {
            *row += 1;
        }
    }

    fn print(&self, worker: &Worker<'_>, sleep_ns: u64) {
        let count = self.all.count();
        let line = |text: core::fmt::Arguments<'_>| {
            worker.machine.print(format_args!("zlab: info:  [0] cyclic: {text}"));
        };
        let policy = match worker.choice("policy") {
            "rr" => "SCHED_RR",
            "deadline" => "SCHED_DEADLINE",
            _ => "SCHED_FIFO",
        };
        line(format_args!("sched {policy}: {sleep_ns} ns delay, {count} samples"));
        let (mean, deviation) = self.mean_and_deviation(count);
        line(format_args!("  mean: {} ns, mode: {} ns", Hundredths(mean), self.mode()));
        line(format_args!(
            "  min: {} ns, max: {} ns, std.dev. {}",
            self.all.min().unwrap_or(0),
            self.all.max().unwrap_or(0),
            Hundredths(deviation)
        ));
        line(format_args!("latency percentiles:"));
        for hundredths in PERCENTILES {
            line(format_args!(
                "  {}%: {:>10} ns",
                Hundredths(hundredths),
                self.all.quantile(hundredths, 10_000).unwrap_or(0)
            ));
        }
        if self.skipped > 0 {
            line(format_args!(
                "{} deadlines had passed before they could be waited for",
                self.skipped
            ));
        }
        if self.step == 0 {
            return;
        }
        line(format_args!("latency distribution ({} ns intervals):", self.step));
        line(format_args!("latency (ns)  frequency"));
        let counted = self.rows.iter().enumerate().filter(|&(_, &count)| count > 0);
        for (row, count) in counted {
            line(format_args!("{:>12} {count:>10}", row as u64 * self.step));
        }
    }

    /// Mean and standard deviation in hundredths.
    fn mean_and_deviation(&self, count: u64) -> (u64, u64) {
        let (count, sum) = (u128::from(count.max(1)), u128::from(self.all.sum()));
        // The square of the deviation times the square of the count.
        let spread = (self.squares * count).saturating_sub(sum * sum);
        let deviation = (spread.saturating_mul(10_000)).isqrt() / count;
        ((sum * 100 / count) as u64, deviation as u64)
    }

    /// The middle of the fullest bucket.
    fn mode(&self) -> u64 {
        let fullest = self.all.buckets().max_by_key(|bucket| bucket.count);
        fullest.map_or(0, |bucket| bucket.low + (bucket.high - bucket.low) / 2)
    }
}

/// A number of hundredths, with two decimals.
struct Hundredths(u64);

impl core::fmt::Display for Hundredths {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}.{:02}", self.0 / 100, self.0 % 100)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_of_all_samples() {
        let mut found = Latencies::new(10);
        for latency in [2, 4, 4, 4, 5, 5, 7, 9, 1_000_000] {
            found.add(latency);
        }
        assert_eq!(found.all.max(), Some(1_000_000), "a late spike counts");
        assert_eq!(found.rows[0], 8);
        let mut found = Latencies::new(0);
        [2, 4, 4, 4, 5, 5, 7, 9].into_iter().for_each(|latency| found.add(latency));
        assert_eq!(found.mean_and_deviation(8), (500, 200));
        assert_eq!(found.mode(), 4);
        assert_eq!(
            [2500, 5000, 9999].map(|part| found.all.quantile(part, 10_000)),
            [4, 4, 9].map(Some)
        );
    }
}
