//! The options of cyclictest that make sense here.

use core::str::SplitAsciiWhitespace;

/// What cyclictest is asked to do. The defaults are cyclictest's, but for the threads, of which
/// there is one on each CPU, and the priority.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cyclictest {
    /// `-t`: threads, on CPU 0, 1 and so on; `None` for one on each CPU.
    pub threads: Option<u32>,
    /// `-i`: time from one deadline to the next, in microseconds.
    pub interval_us: u32,
    /// `-l`: samples of each thread after which to stop; zero for no limit.
    pub loops: u64,
    /// `-h`: buckets of the histogram, each of one unit; zero for no histogram.
    pub histogram: u32,
    /// `-p`: priority, 0 (that of the stressors) to 99.
    pub priority: u8,
    /// `-D`: time after which to stop, in nanoseconds; zero for no limit.
    pub duration_ns: u64,
    /// `-q`: figures only at the end.
    pub quiet: bool,
    /// `-N`: the unit is the nanosecond instead of the microsecond.
    pub nanoseconds: bool,
}

/// Why an option of cyclictest was refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Refused<'a> {
    /// The value, if there was one.
    pub value: Option<&'a str>,
    /// What is accepted.
    pub accepted: &'static str,
}

/// Most buckets of a histogram; two threads with that many fit the smallest heap.
pub const MOST_BUCKETS: u32 = 100_000;

const NUMBER: &str = "a whole number";

impl Default for Cyclictest {
    fn default() -> Self {
        Self {
            threads: None,
            interval_us: 1000,
            loops: 0,
            histogram: 0,
            priority: 80,
            duration_ns: 0,
            quiet: false,
            nanoseconds: false,
        }
    }
}

impl Cyclictest {
    /// Takes `word` as an option of cyclictest, with its value from `words` if one follows there.
    /// False, and nothing is taken, when it is none.
    ///
    /// # Errors
    /// [`Refused`] when the value is missing or not understood.
    pub fn take<'a>(
        &mut self,
        word: &'a str,
        words: &mut SplitAsciiWhitespace<'a>,
    ) -> Result<bool, Refused<'a>> {
        if let Some(name) = word.strip_prefix("--") {
            let (name, value) = match name.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (name, None),
            };
            let Some(option) = OPTIONS.iter().find(|option| option.long == name) else {
                return Ok(false);
            };
            self.apply(option, value, words)?;
            return Ok(true);
        }
        // Letters stand together as far as they have no value: `-mSp90`.
        let Some(mut letters) = word.strip_prefix('-') else { return Ok(false) };
        let mut taken = false;
        while let Some(letter) = letters.chars().next() {
            let Some(option) = OPTIONS.iter().find(|option| option.short == letter) else {
                let refused = Refused { value: Some(letters), accepted: "-t -i -l -h -p -D -q -N" };
                return if taken { Err(refused) } else { Ok(false) };
            };
            letters = &letters[letter.len_utf8()..];
            taken = true;
            if option.value != Value::No {
                let value = Some(letters).filter(|value| !value.is_empty());
                self.apply(option, value, words)?;
                break;
            }
            self.apply(option, None, words)?;
        }
        Ok(taken)
    }

    /// Applies an option with the value that was part of its word, or else of the next one.
    fn apply<'a>(
        &mut self,
        option: &CyclictestOption,
        value: Option<&'a str>,
        words: &mut SplitAsciiWhitespace<'a>,
    ) -> Result<(), Refused<'a>> {
        let value = value.or_else(|| {
            let next = words.clone().next().filter(|next| option.value.takes(next))?;
            words.next();
            Some(next)
        });
        let refused = || Refused { value, accepted: option.accepted };
        match (option.value, value) {
            (Value::No, Some(_)) => return Err(Refused { value, accepted: "no value" }),
            (Value::Needed, None) => return Err(refused()),
            _ => {}
        }
        (option.set)(self, value.unwrap_or_default()).ok_or_else(refused)
    }

    /// How long it will run at least, in nanoseconds; `None` without a limit.
    #[must_use]
    pub fn limit_ns(&self) -> Option<u64> {
        let loops_ns = self.loops.saturating_mul(u64::from(self.interval_us) * 1000);
        let limits = [self.duration_ns, loops_ns];
        limits.into_iter().filter(|&limit| limit > 0).min()
    }

    /// Nanoseconds of the unit of results.
    #[must_use]
    pub const fn unit_ns(&self) -> u64 {
        if self.nanoseconds { 1 } else { 1000 }
    }
}

/// Whether an option has a value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Value {
    No,
    Needed,
    /// The next word if it is a number.
    Number,
}

impl Value {
    fn takes(self, word: &str) -> bool {
        match self {
            Self::No => false,
            Self::Needed => true,
            Self::Number => word.bytes().all(|byte| byte.is_ascii_digit()),
        }
    }
}

struct CyclictestOption {
    short: char,
    long: &'static str,
    value: Value,
    accepted: &'static str,
    /// `None` when the value is not understood.
    set: fn(&mut Cyclictest, &str) -> Option<()>,
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

/// `-S`, `-m` and `-n` ask for what is always so: one pinned thread on each CPU, memory that does
/// not fault, absolute deadlines.
static OPTIONS: &[CyclictestOption] = &[
    option('t', "threads", Value::Number, "nothing, or 1 to 64 threads", |settings, value| {
        settings.threads = if value.is_empty() { None } else { Some(within(value, 1, 64)?) };
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
];

fn within(text: &str, low: u32, high: u32) -> Option<u32> {
    text.parse().ok().filter(|number| (low..=high).contains(number))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(line: &str) -> (Cyclictest, Vec<&str>) {
        let mut settings = Cyclictest::default();
        let mut words = line.split_ascii_whitespace();
        let mut rest = Vec::new();
        while let Some(word) = words.next() {
            match settings.take(word, &mut words) {
                Ok(true) => {}
                Ok(false) => rest.push(word),
                Err(refused) => panic!("{word}: {refused:?}"),
            }
        }
        (settings, rest)
    }

    #[test]
    fn options_as_cyclictest_has_them() {
        let line = "-t 4 -i 100 -l1000000 -h 400 -p95 -D 5m -q -N -m -n";
        let (settings, rest) = taken(line);
        assert!(rest.is_empty(), "{rest:?}");
        let expected = Cyclictest {
            threads: Some(4),
            interval_us: 100,
            loops: 1_000_000,
            histogram: 400,
            priority: 95,
            duration_ns: 300_000_000_000,
            quiet: true,
            nanoseconds: true,
        };
        assert_eq!(settings, expected);
        assert_eq!(settings.limit_ns(), Some(100_000_000_000), "loops end before the duration");
        let long = "--threads=4 --interval 100 --loops=1000000 --histogram=400 --priority 95 \
                    --duration=5m --quiet --nsecs";
        assert_eq!(taken(long).0, expected);
    }

    #[test]
    fn the_number_of_threads_may_be_left_out() {
        assert_eq!(taken("-t 3 -t -i 200").0.threads, None);
        assert_eq!(taken("-t -i 200").0.interval_us, 200);
        assert_eq!(taken("-t zpool=zbud").1, ["zpool=zbud"]);
        assert_eq!(taken("-t5").0.threads, Some(5));
        assert_eq!(taken("-t5 -S").0.threads, None);
        assert_eq!(Cyclictest::default().limit_ns(), None);
    }

    #[test]
    fn letters_stand_together() {
        let (settings, _) = taken("-l100000000 -mSp90 -i200 -h400 -qN");
        assert_eq!((settings.priority, settings.interval_us), (90, 200));
        assert_eq!((settings.loops, settings.histogram), (100_000_000, 400));
        assert!(settings.quiet && settings.nanoseconds);
    }

    #[test]
    fn what_is_not_cyclictests_stays() {
        let (settings, rest) = taken("--vm 2 -v zpool=zbud --verify");
        assert_eq!(rest, ["--vm", "2", "-v", "zpool=zbud", "--verify"]);
        assert_eq!(settings, Cyclictest::default());
    }

    #[test]
    fn wrong_values_are_refused_with_what_is_accepted() {
        for (line, value) in [
            ("-i 0", Some("0")),
            ("-i", None),
            ("-l x", Some("x")),
            ("-p 100", Some("100")),
            ("-D 5w", Some("5w")),
            ("-h 100001", Some("100001")),
            ("-t 65", Some("65")),
            ("--quiet=1", Some("1")),
            ("-qx", Some("x")),
        ] {
            let mut words = line.split_ascii_whitespace();
            let word = words.next().unwrap_or_default();
            let refused = Cyclictest::default().take(word, &mut words).unwrap_err();
            assert_eq!(refused.value, value, "{line}");
            assert!(!refused.accepted.is_empty(), "{line}");
        }
    }
}
