//! The option grammar: boot arguments in, settings out.
//!
//! Stressor options are stress-ng's; kernel words are `key=value`. Two tables drive the parser, the
//! help text and the search for what an unknown word may have meant: [`TABLE`] for what concerns
//! all, and the settings of each of the [`crate::STRESSORS`].
//!
//! An option's value is the next word, or follows after `=` (`--vm 2`, `--vm=2`), or for a short
//! option directly (`-t5`). A later option overrides an earlier one. A word that starts with `-`
//! and is not in the table, or whose value is not understood, is an error. Any other unknown word
//! is collected in [`Options::ignored`]: firmware adds words of its own. A stressor of stress-ng that
//! is not here is collected in [`Options::missing`].
//!
//! `--zpool N` is the number of instances of the stressor `zpool` and is only accepted with a
//! number. The launcher takes `--zpool NAME`, where NAME is not a number, for itself, and passes
//! it on as `zpool=NAME`, the name of the back end.

mod boot;
mod error;
mod help;
mod latency;
mod nearest;
mod parse;
mod selection;
mod settings;
mod table;
mod value;

pub use boot::{BootOptions, FailPoint, Heap, Injection, Log, SwapRam};
pub use error::OptionError;
pub use help::{help, stressors};
pub use latency::LatencySettings;
pub use nearest::nearest;
pub(crate) use parse::extend;
pub use settings::{Kind, Setting, Value};
pub use table::{OptionEntry, TABLE};
pub use value::Amount;

use alloc::string::String;
use alloc::vec::Vec;

use report::text::Table;

/// What to do instead of, or besides, running stressors.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Action {
    /// Run the stressors.
    #[default]
    Run,
    /// Print [`help`].
    Help,
    /// Print [`stressors`].
    ListStressors,
    /// Take every allocator through the same operations.
    Compare,
    /// Search for what operations of the allocator take at most, by directed operations and so
    /// many random ones.
    Bounds(u64),
    /// Print the stressors of a class, a bit by its place among the classes.
    ListClass(u16),
}

/// Everything the boot arguments say.
#[derive(Clone, PartialEq, Debug)]
pub struct Options {
    /// What the kernel itself must know.
    pub boot: BootOptions,
    /// What to do.
    pub action: Action,
    /// The stressors to run, in the order of the command line, then of the table.
    pub requests: Vec<Request>,
    /// What is measured beside the stressors.
    pub latency: LatencySettings,
    /// Run them one after the other, each for the time of the run; otherwise together.
    pub sequential: bool,
    /// Stressors of stress-ng that were asked for and are not here.
    pub missing: Vec<Request>,
    pub(crate) given: Vec<settings::Given>,
    pub(crate) selection: selection::Selection,
    /// `--timeout` in nanoseconds; zero is no limit, `None` was not given.
    pub timeout_ns: Option<u64>,
    /// Frames that arenas may have mapped at once; a percentage is of the working sets.
    pub resident: Amount,
    /// Most of RAM that the pool may take, in percent.
    pub max_pool_percent: u32,
    /// Where storing resumes after the pool was full, in percent of its limit.
    pub accept_threshold_percent: u32,
    /// Report each page that did not verify, and check where checking is optional.
    pub verify: bool,
    /// Which metrics table to print.
    pub metrics: Table,
    /// Print how much CPU time was used.
    pub times: bool,
    /// Touch and check more.
    pub aggressive: bool,
    /// Seed of everything random.
    pub seed: u64,
    /// Compare by a short sequence.
    pub quick: bool,
    /// Compare these allocators only, names separated by commas; all if empty.
    pub only: String,
    /// Say more.
    pub verbose: bool,
    /// Time between progress lines in nanoseconds; zero for none.
    pub progress_ns: u64,
    /// Words that nobody here knows, in order.
    pub ignored: Vec<String>,
}

/// One stressor to run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Request {
    /// Its name.
    pub name: &'static str,
    /// Instances; zero for one on each CPU.
    pub instances: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            boot: BootOptions::default(),
            action: Action::default(),
            requests: Vec::new(),
            latency: LatencySettings::default(),
            sequential: false,
            missing: Vec::new(),
            given: Vec::new(),
            selection: selection::Selection::default(),
            timeout_ns: None,
            resident: Amount::Percent(25),
            max_pool_percent: 50,
            accept_threshold_percent: 90,
            verify: false,
            metrics: Table::default(),
            times: false,
            aggressive: false,
            seed: 0,
            quick: false,
            only: String::new(),
            verbose: false,
            progress_ns: 1_000_000_000,
            ignored: Vec::new(),
        }
    }
}

impl Options {
    /// Most time a run takes without `--timeout`: a day, as with stress-ng.
    pub const DEFAULT_TIMEOUT_NS: u64 = 86_400 * 1_000_000_000;

    /// Most time of each stressor under `--seq` without `--timeout`, as with stress-ng.
    pub const SEQUENTIAL_TIMEOUT_NS: u64 = 60 * 1_000_000_000;

    /// Understands the boot arguments, words separated by blanks.
    ///
    /// # Errors
    /// The first word that is not understood, see [`OptionError`]; it prints as one line for
    /// people.
    pub fn parse(arguments: &str) -> Result<Self, OptionError> {
        parse::parse(arguments)
    }

    /// Settles what depends on several options, when all have been read.
    pub(crate) fn complete(&mut self) -> Result<(), OptionError> {
        self.latency.complete();
        selection::finish(self)
    }

    /// What the options ask to be printed instead of a run, if that is what they ask for.
    #[must_use]
    pub fn text(&self) -> Option<String> {
        match self.action {
            Action::Run | Action::Compare | Action::Bounds(_) => None,
            Action::Help => Some(help()),
            Action::ListStressors => Some(stressors()),
            Action::ListClass(class) => Some(help::class(class)),
        }
    }

    /// Whether there is anything to run: stressors, even if not here, or a measurement.
    #[must_use]
    pub fn has_work(&self) -> bool {
        let search = matches!(self.action, Action::Compare | Action::Bounds(_));
        let stressors = !self.requests.is_empty() || !self.missing.is_empty();
        stressors || self.latency.measures() || search
    }

    /// Time after which the run ends, in nanoseconds from its start; `None` for no limit. Without
    /// `--timeout`, that of a latency measurement which has one.
    #[must_use]
    pub fn limit_ns(&self) -> Option<u64> {
        match self.timeout_ns {
            None => self.latency.limit_ns().or(Some(match self.sequential {
                true => Self::SEQUENTIAL_TIMEOUT_NS,
                false => Self::DEFAULT_TIMEOUT_NS,
            })),
            Some(0) => None,
            timeout => timeout,
        }
    }
}
