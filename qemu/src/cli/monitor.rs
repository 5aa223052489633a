//! `zlab monitor`: a board's console on this terminal.

use std::io::{BufRead, IsTerminal, Write, stderr, stdin, stdout};
use std::path::PathBuf;
use std::sync::mpsc::sync_channel;

use anyhow::{Result, bail};

use crate::console::Event;
use crate::image::TARGET;
use crate::monitor::{Ending, Monitor, Output, Source, Typed};
use crate::outputs::Outputs;
use crate::screen::Screen;
use crate::{interrupt, status};

const AFTER_HELP: &str = "\
Shows what `run` shows of QEMU: text, decoded log records, live progress, tables, and the results as
files. Lines that you type go to the board, whose prompt understands `help`. Ctrl-C leaves.

A recording (a file) is shown to its end; then, and with --once after the first verdict, the exit
status is the verdict's.

Examples:
  cargo run -- monitor /dev/ttyACM0
  cargo run -- monitor /dev/ttyUSB0 --yaml results.yaml
  cargo run -- monitor --tcp lab-bench:4001
  cargo run -- monitor recording.txt --json results.json";

/// Options of `monitor`.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Arguments {
    /// Serial port, or a file with what one has sent
    #[arg(value_name = "DEVICE", required_unless_present = "tcp", conflicts_with = "tcp")]
    device: Option<PathBuf>,

    /// Serial port that a TCP server passes on
    #[arg(long, value_name = "HOST:PORT")]
    tcp: Option<String>,

    /// Bits per second
    #[arg(long, value_name = "RATE", default_value_t = 115_200,
          value_parser = clap::value_parser!(u32).range(1..))]
    baud: u32,

    #[command(flatten)]
    outputs: Outputs,

    /// ELF file of the image that runs there, for log records and the names in backtraces; the one
    /// that was built last if there is one
    #[arg(long, value_name = "FILE")]
    elf: Option<PathBuf>,

    /// Leave after the first verdict, with its status
    #[arg(long)]
    once: bool,
}

pub fn main(arguments: &Arguments) -> Result<u8> {
    arguments.outputs.check()?;
    let source = match (&arguments.device, &arguments.tcp) {
        (Some(path), _) => Source::of_path(path, arguments.baud),
        (None, Some(address)) => Source::Tcp(address.clone()),
        (None, None) => bail!("nothing to watch"),
    };
    let elf = arguments.elf.clone().or_else(last_image);
    let mut monitor = Monitor::new(elf.as_deref())?;
    interrupt::install()?;
    let stream = source.open()?;
    if stream.writer.is_some() {
        eprintln!("zlab: watching {source}; Ctrl-C leaves");
    }
    let typed = typed_lines();
    let mut view = View::new(&arguments.outputs);
    let ending = monitor.run(stream, &typed, arguments.once, &mut |output| view.show(output));
    view.finish(&ending, monitor.verdict.map(|verdict| verdict.status))
}

/// The ELF file that `run` or `image` has built last, if it is where this program is.
fn last_image() -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?;
    let target = program.parent()?.parent()?;
    let elf = target.join(TARGET).join("image/unikernel");
    elf.is_file().then_some(elf)
}

/// Reads lines on a thread of its own, which a stream without a way back leaves waiting.
fn typed_lines() -> Typed {
    let (sender, lines) = sync_channel(0);
    std::thread::spawn(move || {
        for line in stdin().lock().lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    Typed { lines, terminal: stdin().is_terminal() && stdout().is_terminal() }
}

/// The terminal, and the files that are wanted.
struct View<'a> {
    /// None while a prompt stands on the last line: nothing may move there.
    screen: Option<Screen>,
    prompt: bool,
    outputs: &'a Outputs,
    reports: usize,
    failure: Option<anyhow::Error>,
}

impl<'a> View<'a> {
    fn new(outputs: &'a Outputs) -> Self {
        Self { screen: None, prompt: false, outputs, reports: 0, failure: None }
    }

    fn show(&mut self, output: Output) {
        let clear = if self.prompt { "\r\x1b[K" } else { "" };
        match output {
            Output::Partial(text) => {
                self.screen = None;
                self.prompt = true;
                put(&format!("{clear}{text}"));
            }
            Output::Typed => self.prompt = false,
            Output::Event(event) => {
                put(clear);
                self.prompt = false;
                // Each result is written as it comes: nobody knows whether there will be another.
                if let Event::Report(document) = &event {
                    self.reports += 1;
                    self.failure = self.outputs.write(Some(document), false).err();
                }
                self.screen.get_or_insert_default().show(event);
            }
        }
    }

    fn finish(mut self, ending: &Ending, verdict: Option<u8>) -> Result<u8> {
        self.screen = None;
        if self.prompt {
            put("\n");
        }
        let problem = match self.failure.take() {
            Some(failure) => Some(failure),
            None if self.reports == 0 => self.outputs.write(None, false).err(),
            None => None,
        };
        if let Some(problem) = &problem {
            let _ = writeln!(stderr(), "zlab: error: {problem:#}");
        }
        Ok(match (ending, verdict) {
            (Ending::Interrupted, _) => status::INTERRUPTED,
            (Ending::Failed(reason), _) => bail!("the line failed: {reason}"),
            (Ending::Closed, None) => bail!("the console ended without a verdict"),
            (Ending::Closed, Some(status::SUCCESS)) if problem.is_some() => status::LAUNCHER,
            (Ending::Closed, Some(verdict)) => verdict,
        })
    }
}

/// A terminal that went away is no reason to fail.
fn put(text: &str) {
    let mut out = stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
