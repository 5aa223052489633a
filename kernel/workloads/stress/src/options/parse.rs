//! From boot arguments to settings.

use alloc::string::{String, ToString};

use super::settings::{self, Target};
use super::table::{OptionEntry, TABLE};
use super::{OptionError, Options, Request, nearest};
use crate::stressors::{MISSING, NOT_BUILT};

pub(super) fn parse(arguments: &str) -> Result<Options, OptionError> {
    let mut options = Options::default();
    extend(&mut options, arguments)?;
    options.complete()?;
    Ok(options)
}

/// Puts what `arguments` say on top of what `options` say.
pub(crate) fn extend(options: &mut Options, arguments: &str) -> Result<(), OptionError> {
    let mut words = arguments.split_ascii_whitespace();
    // After `--cyclictest`, until the next long option that is not cyclictest's.
    let mut cyclictest = false;
    while let Some(word) = words.next() {
        if cyclictest && options.latency.take_cyclictest(word, &mut words)? {
            continue;
        }
        if word.starts_with("--") {
            cyclictest = word == "--cyclictest";
        }
        match lookup(word) {
            Some(found) => apply(options, word, &found, &mut words)?,
            None if word.starts_with('-') => {
                let name = missing(word).ok_or_else(|| unknown(word))?;
                let value = match word.split_once('=') {
                    Some((_, value)) => Some(value),
                    None => next_unless_option(&mut words),
                };
                let instances = value.and_then(|value| value.parse().ok()).unwrap_or(1);
                if !options.missing.iter().any(|known| known.name == name) {
                    options.missing.push(Request { name, instances });
                }
            }
            None => ignore(options, word),
        }
    }
    Ok(())
}

/// An option and the value that is part of the word, if any.
struct Match<'a> {
    target: Word,
    value: Option<&'a str>,
}

/// What a word can be.
enum Word {
    General(&'static OptionEntry),
    Stressor(Target),
}

fn lookup(word: &str) -> Option<Match<'_>> {
    let (name, value) = match word.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (word, None),
    };
    if let Some(entry) = TABLE.iter().find(|entry| entry.name == name || entry.short == name) {
        // A kernel word without `=` is some other word that happens to be spelt like it.
        let complete = name.starts_with('-') || value.is_some() || !entry.takes_value();
        return complete.then_some(Match { target: Word::General(entry), value });
    }
    if let Some(target) = settings::find(name) {
        return Some(Match { target: Word::Stressor(target), value });
    }
    // `-t5`
    let short = word.get(..2).filter(|short| short.starts_with('-') && *short != "--")?;
    let entry = TABLE.iter().find(|entry| entry.short == short && entry.takes_value())?;
    Some(Match { target: Word::General(entry), value: word.get(2..) })
}

fn apply<'a>(
    options: &mut Options,
    word: &str,
    found: &Match<'_>,
    words: &mut impl Iterator<Item = &'a str>,
) -> Result<(), OptionError> {
    let (name, takes_value) = match &found.target {
        Word::General(entry) => (entry.name, entry.takes_value()),
        Word::Stressor(target) => (spelling(word), target.takes_value()),
    };
    let accepted = || match &found.target {
        Word::General(entry) => entry.accepted.to_string(),
        Word::Stressor(target) => target.accepted(),
    };
    let value = match (takes_value, found.value) {
        (true, Some(value)) => value,
        (true, None) => words.next().ok_or_else(|| OptionError::MissingValue {
            word: word.to_string(),
            accepted: accepted(),
        })?,
        (false, None) => "",
        (false, Some(value)) => {
            return Err(OptionError::UnexpectedValue {
                word: name.to_string(),
                value: value.to_string(),
            });
        }
    };
    let set = match &found.target {
        Word::General(entry) => (entry.set)(options, value),
        Word::Stressor(target) => target.set(options, value),
    };
    set.map_err(|problem| Options::refuse(name, value, &problem, &accepted()))
}

/// The option without a value that is part of the word.
fn spelling(word: &str) -> &str {
    word.split_once('=').map_or(word, |(name, _)| name)
}

/// The stressor of stress-ng that the word is about, if it is one that is not here.
fn missing(word: &str) -> Option<&'static str> {
    let name = spelling(word).strip_prefix("--")?;
    let about = |known: &&str| {
        name.strip_prefix(known).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    };
    MISSING.split_ascii_whitespace().chain(NOT_BUILT.split_ascii_whitespace()).find(about)
}

/// The next word, unless it is an option.
fn next_unless_option<'a>(words: &mut (impl Iterator<Item = &'a str> + Clone)) -> Option<&'a str> {
    let next = words.clone().next().filter(|next| !next.starts_with('-'));
    next.and_then(|_| words.next())
}

fn unknown(word: &str) -> OptionError {
    let of_stressors = settings::words();
    let general = TABLE.iter().map(|entry| entry.name).filter(|name| name.starts_with('-'));
    let candidates = of_stressors.iter().map(String::as_str).chain(general);
    let nearest = nearest(spelling(word), candidates).into_iter().map(String::from).collect();
    OptionError::Unknown { word: word.to_string(), nearest }
}

fn ignore(options: &mut Options, word: &str) {
    if !options.ignored.iter().any(|known| known == word) {
        options.ignored.push(String::from(word));
    }
}
