//! The options of cyclictest that make sense here.

mod table;
#[cfg(test)]
mod tests;

use core::str::SplitAsciiWhitespace;

use table::{CyclictestOption, LETTERS, OPTIONS, REFUSED, Value};

/// What cyclictest is asked to do. The defaults are cyclictest's, but for the threads, of which
/// there is one on each CPU, their priority, and their intervals, which are equal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cyclictest {
    /// `-t`: threads, on CPU 0, 1 and so on; `None` for one on each CPU.
    pub threads: Option<u32>,
    /// `-a`: the CPUs of the threads, bit by bit, which they take in turn; zero for all.
    pub cpus: u64,
    /// `-i`: time from one deadline of the first thread to the next, in microseconds.
    pub interval_us: u32,
    /// `-d`: by how much each thread's interval is longer than that of the one before, in
    /// microseconds.
    pub distance_us: u32,
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
pub enum Refused<'a> {
    /// The value is missing or not understood.
    Value {
        /// The value, if there was one.
        value: Option<&'a str>,
        /// What is accepted.
        accepted: &'static str,
    },
    /// The option makes no sense here.
    Option {
        /// What does, or why it does not.
        instead: &'static str,
    },
}

/// Most buckets of a histogram; two threads with that many fit the smallest heap.
pub const MOST_BUCKETS: u32 = 100_000;

impl Default for Cyclictest {
    fn default() -> Self {
        Self {
            threads: None,
            cpus: 0,
            interval_us: 1000,
            distance_us: 0,
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
                let refused = REFUSED.iter().find(|(_, long, _)| *long == name);
                return refused
                    .map_or(Ok(false), |&(_, _, instead)| Err(Refused::Option { instead }));
            };
            self.apply(option, value, words)?;
            return Ok(true);
        }
        // Letters stand together as far as they have no value: `-mSp90`.
        let Some(mut letters) = word.strip_prefix('-') else { return Ok(false) };
        let mut taken = false;
        while let Some(letter) = letters.chars().next() {
            let Some(option) = OPTIONS.iter().find(|option| option.short == letter) else {
                return match REFUSED.iter().find(|&&(short, ..)| short == letter) {
                    Some(&(_, _, instead)) => Err(Refused::Option { instead }),
                    None if taken => {
                        Err(Refused::Value { value: Some(letters), accepted: LETTERS })
                    }
                    None => Ok(false),
                };
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
        let refused = || Refused::Value { value, accepted: option.accepted };
        match (option.value, value) {
            (Value::No, Some(_)) => return Err(Refused::Value { value, accepted: "no value" }),
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

    /// Interval of one of the threads, in microseconds.
    #[must_use]
    pub fn interval_of(&self, thread: u32) -> u32 {
        self.interval_us.saturating_add(self.distance_us.saturating_mul(thread))
    }

    /// Nanoseconds of the unit of results.
    #[must_use]
    pub const fn unit_ns(&self) -> u64 {
        if self.nanoseconds { 1 } else { 1000 }
    }
}
