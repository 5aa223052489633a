//! The help text.

use alloc::string::String;
use core::fmt::Write;

use super::settings::{Kind, Setting, settings};
use super::table::TABLE;
use crate::stressors::{CLASSES, STRESSORS};

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
    text.push_str("Stressors and their options:\n");
    for stressor in STRESSORS {
        line(&mut text, format_args!("     --{} N", stressor.name), stressor.about);
        for setting in settings(stressor) {
            let value = format_args!("     --{}-{}", stressor.name, setting.name);
            setting_lines(&mut text, value, setting);
        }
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

/// The stressors of a class, as stress-ng lists them.
pub(super) fn class(class: u16) -> String {
    let name = CLASSES.get(class.trailing_zeros() as usize).copied().unwrap_or_default();
    let mut text = alloc::format!("class '{name}' stressors:");
    for stressor in STRESSORS.iter().filter(|stressor| stressor.classes & class != 0) {
        let _ = write!(text, " {}", stressor.name);
    }
    text
}

/// A setting: its value, what it does, and what it is when it is not given.
fn setting_lines(text: &mut String, option: core::fmt::Arguments<'_>, setting: &Setting) {
    let about = setting.about;
    let _ = match setting.kind {
        Kind::Flag => writeln!(text, "{:<28} {about}", alloc::format!("{option}")),
        Kind::Number { default: 0, .. } => {
            writeln!(text, "{:<28} {about}", alloc::format!("{option} N"))
        }
        Kind::Number { default, .. } => {
            writeln!(text, "{:<28} {about} ({default})", alloc::format!("{option} N"))
        }
        Kind::Size(bytes) => {
            let (number, unit) =
                if bytes >= 1 << 20 { (bytes >> 20, 'M') } else { (bytes >> 10, 'K') };
            writeln!(text, "{:<28} {about} ({number}{unit})", alloc::format!("{option} SIZE"))
        }
        Kind::Choice(names) => {
            let _ =
                writeln!(text, "{:<28} {about} ({})", alloc::format!("{option} NAME"), names[0]);
            wrapped(text, names)
        }
    };
}

/// Names in lines of less than 100 characters.
fn wrapped(text: &mut String, names: &[&str]) -> core::fmt::Result {
    const INDENT: usize = 29;
    let mut column = 0;
    for name in names {
        if column + name.len() + 1 > 70 {
            text.push('\n');
            column = 0;
        }
        if column == 0 {
            write!(text, "{:INDENT$}", "")?;
        }
        write!(text, "{name} ")?;
        column += name.len() + 1;
    }
    writeln!(text)
}

fn line(text: &mut String, left: core::fmt::Arguments<'_>, right: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{:<28} {right}", alloc::format!("{left}"));
}
