//! The options one by one.

use super::{Cyclictest, MOST_BUCKETS};

/// Whether an option has a value.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Value {
    No,
    Needed,
    /// The next word if it is a number.
    Number,
    /// The next word if it begins with a digit.
    List,
}

impl Value {
    pub(super) fn takes(self, word: &str) -> bool {
        match self {
            Self::No => false,
            Self::Needed => true,
            Self::Number => word.bytes().all(|byte| byte.is_ascii_digit()),
            Self::List => word.starts_with(|first: char| first.is_ascii_digit()),
        }
    }
}

/// An option that is understood.
pub(super) struct CyclictestOption {
    pub(super) short: char,
    pub(super) long: &'static str,
    pub(super) value: Value,
    pub(super) accepted: &'static str,
    /// `None` when the value is not understood.
    pub(super) set: fn(&mut Cyclictest, &str) -> Option<()>,
}

const fn option(
    short: char,
    long: &'static str,
    value: Value,
    accepted: &'static str,
    set: fn(&mut Cyclictest, &str) -> Option<()>,
) -> CyclictestOption {
    CyclictestOption { short, long, value, accepted, set }
}

/// Letters that have a meaning, for messages.
pub(super) const LETTERS: &str = "-t -a -i -d -l -h -p -D -q -N";

const NUMBER: &str = "a whole number";
const FIFO: &str = "fifo or rr: fixed priorities";

/// From `-S` on what is always so is asked for: one pinned thread on each CPU, memory that does not
/// fault, absolute deadlines which are the same on all CPUs, fixed priorities, no deep sleep.
pub(super) static OPTIONS: &[CyclictestOption] = &[
    option('t', "threads", Value::Number, "nothing, or 1 to 64 threads", |settings, value| {
        settings.threads = if value.is_empty() { None } else { Some(within(value, 1, 64)?) };
        Some(())
    }),
    option('a', "affinity", Value::List, "nothing, or CPUs such as 0,2-3", |settings, value| {
        settings.cpus = cpus(value)?;
        Some(())
    }),
    option('d', "distance", Value::Needed, "0 to 100000000 microseconds", |settings, value| {
        settings.distance_us = within(value, 0, 100_000_000)?;
        Some(())
    }),
    option('i', "interval", Value::Needed, "1 to 100000000 microseconds", |settings, value| {
        settings.interval_us = within(value, 1, 100_000_000)?;
        Some(())
    }),
    option('l', "loops", Value::Needed, NUMBER, |settings, value| {
        settings.loops = value.parse().ok()?;
        Some(())
    }),
    option('h', "histogram", Value::Needed, "1 to 100000 buckets", |settings, value| {
        settings.histogram = within(value, 1, MOST_BUCKETS)?;
        Some(())
    }),
    option('p', "priority", Value::Needed, "0 to 99", |settings, value| {
        settings.priority = within(value, 0, 99)? as u8;
        Some(())
    }),
    option('D', "duration", Value::Needed, "a time such as 10, 5m, 1h, 1d", |settings, value| {
        settings.duration_ns = duration_ns(value)?;
        Some(())
    }),
    option('q', "quiet", Value::No, "", |settings, _| {
        settings.quiet = true;
        Some(())
    }),
    option('N', "nsecs", Value::No, "", |settings, _| {
        settings.nanoseconds = true;
        Some(())
    }),
    option('S', "smp", Value::No, "", |settings, _| {
        settings.threads = None;
        Some(())
    }),
    option('m', "mlockall", Value::No, "", |_, _| Some(())),
    option('n', "nanosleep", Value::No, "", |_, _| Some(())),
    option('u', "unbuffered", Value::No, "", |_, _| Some(())),
    option('M', "refresh_on_max", Value::No, "", |_, _| Some(())),
    option('R', "resolution", Value::No, "", |_, _| Some(())),
    option('A', "aligned", Value::Number, "nothing, or 0", |_, value| {
        matches!(value, "" | "0").then_some(())
    }),
    option('c', "clock", Value::Needed, "0 (monotonic)", |_, value| (value == "0").then_some(())),
    option('y', "policy", Value::Needed, FIFO, |_, value| {
        matches!(value, "fifo" | "rr" | "FIFO" | "RR").then_some(())
    }),
    option('e', "latency", Value::Needed, NUMBER, |_, value| value.parse::<u32>().ok().map(drop)),
    option(NO_LETTER, "laptop", Value::No, "", |_, _| Some(())),
    option(NO_LETTER, "default-system", Value::No, "", |_, _| Some(())),
];

/// A long option without a short form.
const NO_LETTER: char = '\0';

const TRACE: &str = "--latency-trace US keeps what happened before a latency above that";
const OWN: &str = "wake-ups are waited for in one way, the kernel's own";

/// Options of cyclictest that make no sense here, and what does.
pub(super) static REFUSED: &[(char, &str, &str)] = &[
    ('b', "breaktrace", TRACE),
    (NO_LETTER, "tracemark", TRACE),
    (NO_LETTER, "spike", TRACE),
    (NO_LETTER, "spike-nodes", TRACE),
    ('H', "histofall", "-h N has a column for each thread, --latency merges what CPUs have"),
    ('r', "relative", "deadlines are absolute"),
    ('s', "system", OWN),
    ('x', "posix_timers", OWN),
    ('o', "oscope", "-h N, or the JSON, which has every bucket in ticks"),
    ('F', "fifo", "--cyclictest-json FILE"),
    (NO_LETTER, "priospread", "all threads have the priority of -p"),
    (NO_LETTER, "secaligned", "the first deadlines of all threads are the same tick"),
    (NO_LETTER, "mainaffinity", "threads are pinned, -a CPUS says where"),
];

fn within(text: &str, low: u32, high: u32) -> Option<u32> {
    text.parse().ok().filter(|number| (low..=high).contains(number))
}

/// CPUs such as `0,2-3`, bit by bit; none for an empty text.
fn cpus(text: &str) -> Option<u64> {
    let mut cpus = 0;
    for part in text.split(',').filter(|_| !text.is_empty()) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let last = within(last, 0, 63)?;
        (within(first, 0, last)?..=last).for_each(|cpu| cpus |= 1 << cpu);
    }
    Some(cpus)
}

fn duration_ns(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(|last: char| !last.is_ascii_digit());
    let unit_s: u64 = match &text[digits.len()..] {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(unit_s * 1_000_000_000)
}
