//! From boot arguments to settings.

use alloc::string::{String, ToString};

use super::table::{OptionEntry, TABLE};
use super::{OptionError, Options, nearest};

pub(super) fn parse(arguments: &str) -> Result<Options, OptionError> {
    let mut options = Options::default();
    extend(&mut options, arguments)?;
    options.latency.complete();
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
            Some(Match { entry, value }) => apply(options, word, entry, value, &mut words)?,
            None if word.starts_with('-') => return Err(unknown(word)),
            None => ignore(options, word),
        }
    }
    Ok(())
}

/// A table entry and the value that is part of the word, if any.
struct Match<'a> {
    entry: &'static OptionEntry,
    value: Option<&'a str>,
}

fn lookup(word: &str) -> Option<Match<'_>> {
    let (name, value) = match word.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (word, None),
    };
    if let Some(entry) = TABLE.iter().find(|entry| entry.name == name || entry.short == name) {
        // A kernel word without `=` is some other word that happens to be spelt like it.
        let complete = name.starts_with('-') || value.is_some() || !entry.takes_value();
        return complete.then_some(Match { entry, value });
    }
    // `-t5`
    let short = word.get(..2).filter(|short| short.starts_with('-') && *short != "--")?;
    let entry = TABLE.iter().find(|entry| entry.short == short && entry.takes_value())?;
    Some(Match { entry, value: word.get(2..) })
}

fn apply<'a>(
    options: &mut Options,
    word: &str,
    entry: &'static OptionEntry,
    value: Option<&'a str>,
    words: &mut impl Iterator<Item = &'a str>,
) -> Result<(), OptionError> {
    let value = match (entry.takes_value(), value) {
        (true, Some(value)) => value,
        (true, None) => words.next().ok_or_else(|| OptionError::MissingValue {
            word: word.to_string(),
            accepted: entry.accepted,
        })?,
        (false, None) => "",
        (false, Some(value)) => {
            return Err(OptionError::UnexpectedValue {
                word: entry.name.to_string(),
                value: value.to_string(),
            });
        }
    };
    (entry.set)(options, value).map_err(|problem| OptionError::BadValue {
        word: entry.name.to_string(),
        value: value.to_string(),
        problem,
        accepted: entry.accepted,
    })
}

fn unknown(word: &str) -> OptionError {
    let name = word.split_once('=').map_or(word, |(name, _)| name);
    let options = TABLE.iter().map(|entry| entry.name).filter(|name| name.starts_with('-'));
    OptionError::Unknown { word: word.to_string(), nearest: nearest(name, options) }
}

fn ignore(options: &mut Options, word: &str) {
    if !options.ignored.iter().any(|known| known == word) {
        options.ignored.push(String::from(word));
    }
}
