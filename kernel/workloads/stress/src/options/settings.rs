//! Options of stressors: `--vm-bytes` is the setting `bytes` of the stressor `vm`.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::value::{amount, number, small_number};
use super::{Amount, OptionError, Options, Request, nearest};
use crate::stressors::{self, INSTANCE_LIMIT, STRESSORS, Stressor};

/// An option of one stressor.
pub struct Setting {
    /// What follows the stressor's name and a hyphen.
    pub name: &'static str,
    /// What it accepts, and what it is when it was not given.
    pub kind: Kind,
    /// What it does, in one line.
    pub about: &'static str,
}

/// What a [`Setting`] accepts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A size; this many bytes when it was not given.
    Size(u64),
    /// A whole number.
    Number {
        /// When it was not given.
        default: u64,
        /// Smallest.
        least: u64,
        /// Largest.
        most: u64,
    },
    /// One of these names; the first when it was not given.
    Choice(&'static [&'static str]),
    /// No value; off when it was not given.
    Flag,
}

/// The value of a [`Setting`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Value {
    /// Of [`Kind::Size`].
    Size(Amount),
    /// Of [`Kind::Number`].
    Number(u64),
    /// Of [`Kind::Choice`].
    Choice(&'static str),
    /// Of [`Kind::Flag`].
    Flag(bool),
}

/// A value that was given: stressor, setting, value.
pub(crate) type Given = (&'static str, &'static str, Value);

/// The setting that every stressor has.
pub(super) const OPS: Setting = Setting {
    name: "ops",
    kind: Kind::Number { default: 0, least: 1, most: u64::MAX },
    about: "stop after N bogo operations of all workers",
};

pub(crate) const INSTANCES: &str = "a number of instances, 0 for one on each CPU";
pub(super) const SIZE: &str = "a size such as 64k, 256M, 1G, or a percentage such as 300%";

impl Kind {
    const fn default(self) -> Value {
        match self {
            Self::Size(bytes) => Value::Size(Amount::Bytes(bytes)),
            Self::Number { default, .. } => Value::Number(default),
            Self::Choice(names) => Value::Choice(names[0]),
            Self::Flag => Value::Flag(false),
        }
    }

    /// What is accepted, in words.
    pub(super) fn accepted(self) -> String {
        match self {
            Self::Size(_) => SIZE.to_string(),
            Self::Number { least, most: u64::MAX, .. } => {
                alloc::format!("a number, at least {least}")
            }
            Self::Number { least, most, .. } => alloc::format!("a number from {least} to {most}"),
            Self::Choice(names) => names.join(", "),
            Self::Flag => String::new(),
        }
    }

    fn parse(self, text: &str) -> Result<Value, String> {
        match self {
            Self::Size(_) => amount(text).map(Value::Size),
            Self::Number { least, most, .. } => match number(text)? {
                value if value < least || value > most => Err("out of range".to_string()),
                value => Ok(Value::Number(value)),
            },
            Self::Choice(names) => {
                let known = names.iter().find(|&&name| name == text);
                known.map(|name| Value::Choice(name)).ok_or_else(|| not_among(text, names))
            }
            Self::Flag => Ok(Value::Flag(true)),
        }
    }
}

fn not_among(text: &str, names: &[&'static str]) -> String {
    match nearest(text, names.iter().copied()).first() {
        Some(near) => alloc::format!("not one of the choices, did you mean {near}?"),
        None => "not one of the choices".to_string(),
    }
}

/// What a word that belongs to a stressor stands for.
pub(super) enum Target {
    /// `--NAME`: instances.
    Instances(&'static Stressor),
    /// `--NAME-SETTING`.
    Setting(&'static Stressor, &'static Setting),
}

/// What `word` stands for, if it is the option of a stressor.
pub(super) fn find(word: &str) -> Option<Target> {
    let word = word.strip_prefix("--")?;
    STRESSORS.iter().find_map(|stressor| {
        let rest = word.strip_prefix(stressor.name)?;
        if rest.is_empty() {
            return Some(Target::Instances(stressor));
        }
        let name = rest.strip_prefix('-')?;
        let setting = settings(stressor).find(|setting| setting.name == name)?;
        Some(Target::Setting(stressor, setting))
    })
}

/// Every setting of a stressor, those that all have first.
pub(super) fn settings(stressor: &'static Stressor) -> impl Iterator<Item = &'static Setting> {
    core::iter::once(&OPS).chain(stressor.settings)
}

/// Every option of every stressor.
pub(super) fn words() -> Vec<String> {
    let mut words = Vec::new();
    for stressor in STRESSORS {
        words.push(alloc::format!("--{}", stressor.name));
        let settings = settings(stressor);
        words
            .extend(settings.map(|setting| alloc::format!("--{}-{}", stressor.name, setting.name)));
    }
    words
}

impl Target {
    pub fn takes_value(&self) -> bool {
        !matches!(self, Self::Setting(_, setting) if setting.kind == Kind::Flag)
    }

    pub fn accepted(&self) -> String {
        match self {
            Self::Instances(_) => INSTANCES.to_string(),
            Self::Setting(_, setting) => setting.kind.accepted(),
        }
    }

    pub fn set(&self, options: &mut Options, text: &str) -> Result<(), String> {
        match *self {
            Self::Instances(stressor) => {
                let instances = instances(text)?;
                options.request(Request { name: stressor.name, instances });
            }
            Self::Setting(stressor, setting) => {
                let value = setting.kind.parse(text)?;
                options.given.retain(|given| (given.0, given.1) != (stressor.name, setting.name));
                options.given.push((stressor.name, setting.name, value));
            }
        }
        Ok(())
    }
}

/// A number of instances.
pub(super) fn instances(text: &str) -> Result<u32, String> {
    match small_number(text)? {
        instances if instances > INSTANCE_LIMIT => {
            Err(alloc::format!("at most {INSTANCE_LIMIT} instances"))
        }
        instances => Ok(instances),
    }
}

impl Options {
    /// The value of a stressor's setting, given or not; `None` when there is no such setting.
    #[must_use]
    pub fn setting(&self, stressor: &str, name: &str) -> Option<Value> {
        let given = self.given.iter().find(|given| (given.0, given.1) == (stressor, name));
        given.map(|given| given.2).or_else(|| {
            let stressor = stressors::find(stressor)?;
            settings(stressor).find(|setting| setting.name == name).map(|it| it.kind.default())
        })
    }

    /// Bytes of a size; a percentage is of `memory`. Zero when there is no such setting.
    #[must_use]
    pub fn bytes(&self, stressor: &str, name: &str, memory: u64) -> u64 {
        match self.setting(stressor, name) {
            Some(Value::Size(amount)) => amount.bytes_of(memory),
            _ => 0,
        }
    }

    /// A number; zero when there is no such setting.
    #[must_use]
    pub fn number(&self, stressor: &str, name: &str) -> u64 {
        match self.setting(stressor, name) {
            Some(Value::Number(number)) => number,
            _ => 0,
        }
    }

    /// A choice; empty when there is no such setting.
    #[must_use]
    pub fn choice(&self, stressor: &str, name: &str) -> &'static str {
        match self.setting(stressor, name) {
            Some(Value::Choice(choice)) => choice,
            _ => "",
        }
    }

    /// Whether a flag was given.
    #[must_use]
    pub fn flag(&self, stressor: &str, name: &str) -> bool {
        self.setting(stressor, name) == Some(Value::Flag(true))
    }

    /// `--NAME-ops`, if it was given.
    #[must_use]
    pub fn ops(&self, stressor: &str) -> Option<u64> {
        Some(self.number(stressor, OPS.name)).filter(|&ops| ops > 0)
    }

    /// Adds a stressor, or changes how often one is wanted.
    pub(super) fn request(&mut self, request: Request) {
        match self.requests.iter_mut().find(|known| known.name == request.name) {
            Some(known) => *known = request,
            None => self.requests.push(request),
        }
    }

    /// Refuses an option whose value makes no sense with the others.
    pub(super) fn refuse(word: &str, value: &str, problem: &str, accepted: &str) -> OptionError {
        OptionError::BadValue {
            word: word.to_string(),
            value: value.to_string(),
            problem: problem.to_string(),
            accepted: accepted.to_string(),
        }
    }
}
