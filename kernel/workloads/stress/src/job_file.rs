//! Job files: sets of runs in one boot, in stress-ng's format.
//!
//! One option a line, without its leading `--` (which may stand there); `#` begins a comment. A line
//! `run sequential` or `run parallel` says how stressors run: one after the other, or together, which
//! is also what happens without such a line. Unlike in stress-ng there may be several such lines:
//! each begins a set of runs, which has the settings of the sets before but none of their stressors.
//!
//! Boot arguments hold for all sets; stressors among them belong to the first.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use crate::options::{Action, OptionError, Options, extend};

/// The most runs of a job file; their results are kept until the last has ended.
pub const RUN_LIMIT: usize = 64;

/// One run of a job file.
#[derive(Clone, PartialEq, Debug)]
pub struct JobRun {
    /// What to run and how.
    pub options: Options,
    /// The same in words, without the boot arguments.
    pub command: String,
}

/// What is wrong with a job file, and in which line, the first being 1.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct JobError {
    /// The number of the line; the last one for what is missing.
    pub line: usize,
    /// What is wrong there.
    pub problem: JobProblem,
}

/// What is wrong with a line of a job file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum JobProblem {
    /// An option is not understood.
    Option(OptionError),
    /// A word that is neither option nor value.
    Stray(String),
    /// `run` is followed by neither `sequential` nor `parallel`.
    Run(String),
    /// Settled at boot, or nothing to run at all, such as `help`.
    NotHere(String),
    /// A set without a stressor, which ends here.
    NothingToRun,
    /// More than [`RUN_LIMIT`] runs.
    TooMany,
}

/// How the stressors of a set run.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Parallel,
    Sequential,
}

/// The set that is being read.
struct Set {
    way: Way,
    options: Options,
    /// Settings in words, and stressors in words with what they are.
    settings: Vec<String>,
    stressors: Vec<String>,
}

/// The runs of a job file, in order. `boot` has the boot arguments.
///
/// # Errors
/// The first line that is wrong.
pub fn parse(text: &str, boot: &Options) -> Result<Vec<JobRun>, JobError> {
    let mut runs = Vec::new();
    let mut set = Set {
        way: Way::Parallel,
        options: boot.clone(),
        settings: Vec::new(),
        stressors: Vec::new(),
    };
    let mut begun = false;
    let mut last = 1;
    for (index, text) in text.lines().enumerate() {
        let line = index + 1;
        let at = |problem| JobError { line, problem };
        let words = text.split('#').next().unwrap_or_default().trim();
        if words.is_empty() {
            continue;
        }
        last = line;
        match words
            .strip_prefix("run")
            .filter(|rest| rest.starts_with([' ', '\t']) || rest.is_empty())
        {
            Some(way) => {
                let way = match way.trim() {
                    "parallel" => Way::Parallel,
                    "sequential" | "seq" => Way::Sequential,
                    other => return Err(at(JobProblem::Run(other.to_string()))),
                };
                // The first such line may follow settings, but no stressor.
                if begun || !set.stressors.is_empty() {
                    set.end(&mut runs).map_err(at)?;
                    set.options.requests.clear();
                    set.options.missing.clear();
                    set.options.latency = boot.latency.clone();
                    set.options.sequential = boot.sequential;
                    set.stressors.clear();
                }
                set.way = way;
                begun = true;
            }
            None => set.line(words, boot).map_err(at)?,
        }
    }
    set.end(&mut runs).map_err(|problem| JobError { line: last, problem })?;
    Ok(runs)
}

impl Set {
    /// Takes an option with its value.
    fn line(&mut self, words: &str, boot: &Options) -> Result<(), JobProblem> {
        let dashes = if words.starts_with('-') { "" } else { "--" };
        let words = alloc::format!("{dashes}{words}");
        let before = self.options.clone();
        extend(&mut self.options, &words).map_err(JobProblem::Option)?;
        if let Some(word) = self.options.ignored.get(before.ignored.len()) {
            return Err(JobProblem::Stray(word.clone()));
        }
        let settled = self.options.boot != boot.boot
            || self.options.max_pool_percent != boot.max_pool_percent
            || self.options.accept_threshold_percent != boot.accept_threshold_percent
            || self.options.action != Action::Run;
        if settled {
            return Err(JobProblem::NotHere(words));
        }
        let work = self.options.requests != before.requests
            || self.options.missing != before.missing
            || self.options.selection != before.selection
            || self.options.latency != before.latency;
        if work { &mut self.stressors } else { &mut self.settings }.push(words);
        Ok(())
    }

    /// Adds the runs of this set.
    fn end(&mut self, runs: &mut Vec<JobRun>) -> Result<(), JobProblem> {
        self.options.complete().map_err(JobProblem::Option)?;
        if !self.options.has_work() {
            return Err(JobProblem::NothingToRun);
        }
        match self.way {
            Way::Sequential if self.options.requests.len() > 1 => {
                let mut missing = core::mem::take(&mut self.options.missing);
                for &request in &self.options.requests {
                    let requests = [request].into();
                    // Those that are not here are skipped once.
                    let missing = core::mem::take(&mut missing);
                    let options = Options { requests, missing, ..self.options.clone() };
                    let stressor = alloc::format!("--{} {}", request.name, request.instances);
                    runs.push(JobRun { options, command: self.command(&[stressor]) });
                }
            }
            _ => {
                let command = self.command(&self.stressors);
                runs.push(JobRun { options: self.options.clone(), command });
            }
        }
        if runs.len() > RUN_LIMIT { Err(JobProblem::TooMany) } else { Ok(()) }
    }

    fn command(&self, stressors: &[String]) -> String {
        let words: Vec<&str> = stressors.iter().chain(&self.settings).map(String::as_str).collect();
        words.join(" ")
    }
}

impl fmt::Display for JobError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: ", self.line)?;
        match &self.problem {
            JobProblem::Option(error) => error.fmt(f),
            JobProblem::Stray(word) => write!(f, "`{word}` is no option and no value of one"),
            JobProblem::Run(way) => {
                write!(f, "`run {way}`: accepted are `run sequential` and `run parallel`")
            }
            JobProblem::NotHere(words) => {
                write!(f, "`{words}` is not for a job file: it belongs into the boot arguments")
            }
            JobProblem::NothingToRun => f.write_str("no stressor up to here, such as `vm 1`"),
            JobProblem::TooMany => write!(f, "more than {RUN_LIMIT} runs"),
        }
    }
}

impl core::error::Error for JobError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn commands(text: &str) -> Vec<String> {
        let runs = parse(text, &Options::default()).unwrap();
        runs.into_iter().map(|run| run.command).collect()
    }

    fn refusal(text: &str) -> String {
        parse(text, &Options::default()).unwrap_err().to_string()
    }

    #[test]
    fn options_one_a_line_with_comments() {
        let text = "# all of it\n\nvm 2   # workers\n--vm-bytes 64M\ntimeout=5s\r\n verify\n";
        let boot = Options::parse("--seed 7 --metrics exit=psci").unwrap();
        let runs = parse(text, &boot).unwrap();
        assert_eq!(runs.len(), 1);
        assert_eq!(runs[0].command, "--vm 2 --vm-bytes 64M --timeout=5s --verify");
        let command = runs[0].command.clone() + " --seed 7 --metrics exit=psci";
        assert_eq!(runs[0].options, Options::parse(&command).unwrap());
    }

    #[test]
    fn stressors_run_together_or_in_turn() {
        assert_eq!(commands("vm 1\nzpool 2\ntimeout 1"), ["--vm 1 --zpool 2 --timeout 1"]);
        assert_eq!(commands("run parallel\nvm 1\nzpool 2"), ["--vm 1 --zpool 2"]);
        let expected = ["--vm 1 --timeout 1", "--zpool 2 --timeout 1"];
        assert_eq!(commands("run sequential\nvm 1\nzpool 2\ntimeout 1"), expected);
        assert_eq!(commands("timeout 1\nrun sequential\nvm 1\nzpool 2"), expected);
        // What is selected counts like what is named.
        let text = "run sequential\nall 1\nwith vm,zpool\nrun parallel\nzswap 1";
        assert_eq!(commands(text).len(), 3);
    }

    #[test]
    fn sets_keep_settings_and_drop_stressors() {
        let text = "timeout 1\nvm 1\nvm-method flip\nrun parallel\nvm 1\nvm-method gray\n\
                    run sequential\nzswap 1\nzpool 1\n";
        let runs = parse(text, &Options::default()).unwrap();
        let stressors = |run: &JobRun| {
            run.options.requests.iter().map(|request| request.name).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(runs.iter().map(stressors).collect::<Vec<_>>(), ["vm", "vm", "zswap", "zpool"]);
        let methods: Vec<_> = runs.iter().map(|run| run.options.choice("vm", "method")).collect();
        assert_eq!(methods, ["flip", "gray", "gray", "gray"]);
        assert_eq!(runs[2].command, "--zswap 1 --timeout 1 --vm-method flip --vm-method gray");
        assert_eq!(Options::parse(&runs[2].command).unwrap(), runs[2].options);
    }

    #[test]
    fn stressors_of_the_boot_arguments_are_in_the_first_set() {
        let boot = Options::parse("--vm 3").unwrap();
        let runs = parse("run parallel\nzpool 1\nrun sequential\nzswap 1", &boot).unwrap();
        let names = |run: &JobRun| {
            run.options.requests.iter().map(|request| request.name).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(runs.iter().map(names).collect::<Vec<_>>(), ["vm zpool", "zswap"]);
    }

    #[test]
    fn mistakes_name_their_line() {
        for (text, expected) in [
            ("vm 1\nvm-bites 4\n", "line 2: unknown option --vm-bites; did you mean --vm-bytes?"),
            ("\n\nvm-bytes much", "line 3: --vm-bytes much: "),
            ("vm 1 2", "line 1: `2` is no option"),
            ("run both\nvm 1", "line 1: `run both`: accepted are"),
            ("vm 1\nmax-pool-percent 3", "line 2: `--max-pool-percent 3` is not for a job file"),
            ("help", "line 1: `--help` is not for a job file"),
            ("# nothing\ntimeout 5\n", "line 2: no stressor up to here"),
            ("vm 1\nrun parallel\ntimeout 1\nrun parallel\nvm 1", "line 4: no stressor up to here"),
            ("", "line 1: no stressor"),
        ] {
            let refusal = refusal(text);
            assert!(refusal.starts_with(expected), "{refusal}");
        }
        let many = "vm 1\n".to_string() + &"run parallel\nvm 1\n".repeat(RUN_LIMIT);
        assert_eq!(refusal(&many), "line 129: more than 64 runs");
        assert_eq!(commands(&many.replacen("vm 1\nrun parallel\n", "", 1)).len(), RUN_LIMIT);
    }
}
