//! The command line: which command, and what happens when it fails.

mod compare;
mod corpus;
mod image;
mod monitor;
mod report;
mod run;

use std::ffi::OsString;

use anyhow::Result;
use clap::{Command, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::status::{self, usage};
use crate::tour;

/// Runs the command in `arguments` (without the program's name); gives the exit status.
pub fn main(arguments: impl Iterator<Item = OsString>) -> u8 {
    let result = arguments
        .map(|argument| argument.into_string())
        .collect::<Result<Vec<String>, _>>()
        .map_err(|argument| usage(format!("`{}` is not valid UTF-8", argument.display())))
        .and_then(dispatch);
    result.unwrap_or_else(|error| {
        eprintln!("zlab: error: {error:#}");
        status::of(&error)
    })
}

/// What `--help` says first.
const ABOUT: &str = "\
zlab is an instrument for compressed memory: a small kernel for 64-bit Arm that runs stress-ng-style
workloads on memory larger than its RAM, with the cold pages compressed in an allocator of your
choice, and reports throughput, density and latency.";

/// What `--help` says last.
const EXAMPLES: &str = "\
Without a command it is `run`; without any option it is a tour of at most a minute.

Examples:
  cargo run
  cargo run -- run --vm 2 --vm-bytes 256M --resident 64M --timeout 5 --verify --metrics
  cargo run -- run --granule 16k --yaml out.yaml --vm 2 --timeout 5
  cargo run -- image --board rpi5
  cargo run -- monitor /dev/ttyACM0
  cargo run -- replay trace.txt --zpool all
  cargo run -- compare --html compare.html
  cargo run -- report before.json after.json
  cargo run -- help run";

#[derive(Parser)]
#[command(name = "zlab", version, about = ABOUT, after_help = EXAMPLES)]
struct Zlab {
    #[command(subcommand)]
    command: Commands,
}

#[derive(Subcommand)]
enum Commands {
    /// Write the kernel image, or a whole SD card for a board
    Image(image::Arguments),
    /// Show a board's console as `run` shows QEMU's
    Monitor(monitor::Arguments),
    /// Replay an allocation trace on the host: what it costs in each allocator
    Replay(crate::replay::Args),
    /// Take every allocator through the same pages and operations
    Compare(compare::Arguments),
    /// Make a page from saved results, or show how several differ
    Report(report::Arguments),
    /// Write the pages that workloads put into memory to a file
    Corpus(corpus::Arguments),
}

fn dispatch(arguments: Vec<String>) -> Result<u8> {
    let command = Zlab::augmented();
    match arguments.first().map(String::as_str) {
        None => return tour::run(),
        Some("run") => return run::main(&arguments[1..]),
        Some("-h" | "--help" | "-V" | "--version" | "help") => {}
        Some(word) if command.get_subcommands().any(|known| known.get_name() == word) => {}
        Some(word) if word.starts_with('-') => return run::main(&arguments),
        Some(word) => {
            return Err(usage(format!("there is no command `{word}`; see `cargo run -- --help`")));
        }
    }
    let words = std::iter::once("zlab").chain(arguments.iter().map(String::as_str));
    let matches = match command.try_get_matches_from(words) {
        Ok(matches) => matches,
        Err(error) => return refused(&error),
    };
    match Zlab::from_arg_matches(&matches)?.command {
        Commands::Image(arguments) => image::main(&arguments),
        Commands::Monitor(arguments) => monitor::main(&arguments),
        Commands::Replay(arguments) => crate::replay::run(arguments),
        Commands::Compare(arguments) => compare::main(&arguments),
        Commands::Report(arguments) => report::main(&arguments),
        Commands::Corpus(arguments) => corpus::main(&arguments),
    }
}

impl Zlab {
    /// The parser, with `run` in it for the help; `run` is parsed apart because most of its options
    /// are the kernel's.
    fn augmented() -> Command {
        Self::command().subcommand(run::command().display_order(0))
    }
}

/// Prints what clap has to say: help and version are no errors, the rest is a usage error.
fn refused(error: &clap::Error) -> Result<u8> {
    // Where it cannot be printed nobody reads.
    let _ = error.print();
    Ok(if error.use_stderr() { status::USAGE } else { status::SUCCESS })
}
