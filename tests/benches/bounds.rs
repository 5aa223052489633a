//! Boots the image, measures worst cases in instructions, and fails where a bound is exceeded.
//!
//! `cargo bench -p zlab-tests` makes 200 000 random operations beside the directed ones,
//! `cargo bench -p zlab-tests -- 10000000` as many as it is told.

mod limits;

use std::process::ExitCode;
use std::time::Duration;

use limits::{RUNS, Run};
use zlab::image::Image;
use zlab::qemu_install::{self, Qemu};
use zlab::vm::Machine;

/// Random operations of a run.
const OPERATIONS: u64 = 200_000;

/// Longest time a run may take; 10^7 operations take a minute on an idle PC.
const LIMIT: Duration = Duration::from_secs(1800);

fn main() -> ExitCode {
    let number = std::env::args().skip(1).find_map(|argument| argument.parse().ok());
    let prepared = qemu_install::ensure().and_then(|qemu| Ok((qemu, Image::build()?)));
    let (qemu, image) = match prepared {
        Ok(prepared) => prepared,
        Err(error) => {
            eprintln!("the benchmark boots the image under QEMU: {error:#}");
            return ExitCode::FAILURE;
        }
    };
    println!("{:<34} {:>9} {:>9} {:>9}", "instructions", "measured", "target", "limit");
    let mut kept = true;
    for run in RUNS {
        println!("{}", run.name);
        match measure(run, &qemu, &image, number.unwrap_or(OPERATIONS)) {
            Ok(within) => kept &= within,
            Err(problem) => {
                println!("{problem}");
                kept = false;
            }
        }
    }
    if kept { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Prints the figures of a run; whether all are within their limits.
fn measure(run: &Run, qemu: &Qemu, image: &Image, operations: u64) -> Result<bool, String> {
    let machine = Machine::new(qemu.clone(), image.clone()).smp(1).icount(true);
    let operations = operations.to_string();
    let mut words: Vec<&str> = run.words.split_ascii_whitespace().collect();
    if words.last() == Some(&"--bounds") {
        words.push(&operations);
    }
    let machine = machine.words(words);
    let outcome = machine.run(LIMIT).map_err(|error| format!("{error:#}"))?;
    let document = outcome.document().map_err(|error| format!("{error:#}\n{outcome}"))?;
    for line in outcome.lines.iter().filter_map(|line| line.strip_prefix("zlab: bound: [0] ")) {
        println!("    {line}");
    }
    let mut kept = true;
    for figure in run.figures {
        let measured = (figure.read)(&document);
        let shown = |figure: Option<u64>| figure.map_or("-".into(), |figure| figure.to_string());
        let verdict = match measured {
            None => "not measured",
            Some(measured) if measured > figure.limit => "EXCEEDS THE LIMIT",
            Some(measured) if figure.target.is_some_and(|target| measured > target) => {
                "above the target"
            }
            Some(_) => "",
        };
        kept &= measured.is_some_and(|measured| measured <= figure.limit);
        let (measured, target): (String, String) = (shown(measured), shown(figure.target));
        println!("  {:<32} {measured:>9} {target:>9} {:>9}  {verdict}", figure.name, figure.limit);
    }
    Ok(kept)
}
