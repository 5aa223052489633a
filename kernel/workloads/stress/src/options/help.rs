//! The help text.

use alloc::string::String;
use core::fmt::Write;

use super::table::TABLE;
use crate::stressors::STRESSORS;

/// What every option and kernel word does, one line each, for `--help`.
#[must_use]
pub fn help() -> String {
    let mut text = String::from("Options, in the manner of stress-ng:\n");
    let (options, words): (alloc::vec::Vec<_>, alloc::vec::Vec<_>) =
        TABLE.iter().partition(|entry| entry.name.starts_with('-'));
    for entry in options {
        let (short, comma) = match entry.short {
            short if short.starts_with('-') => (short, ','),
            _ => ("", ' '),
        };
        line(&mut text, format_args!("{short:>3}{comma} {}", entry.name), entry.about);
    }
    text.push_str("Words for the kernel:\n");
    for entry in words {
        line(&mut text, format_args!(" {}=", entry.name), entry.about);
        line(&mut text, format_args!(""), entry.accepted);
    }
    text.push_str("Example:\n  --vm 2 --vm-bytes 256M --resident 64M --timeout 5 --metrics\n");
    text
}

/// Name and description of every stressor, one line each, for `--stressors`.
#[must_use]
pub fn stressors() -> String {
    let mut text = String::new();
    for stressor in STRESSORS {
        line(&mut text, format_args!("{}", stressor.name), stressor.about);
    }
    text
}

fn line(text: &mut String, left: core::fmt::Arguments<'_>, right: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{:<24} {right}", alloc::format!("{left}"));
}
