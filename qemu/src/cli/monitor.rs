//! `zlab monitor`: a board's console on this terminal.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, bail};

use crate::console::Event;
use crate::image::TARGET;
use crate::outputs::Outputs;
use crate::screen::Screen;
use crate::session::{Ending, Keyboard, Limits, Session, Source};
use crate::{interrupt, status};

const AFTER_HELP: &str = "\
Shows what `run` shows of QEMU: text, decoded log records, live progress, tables, and the results as
files. What you type goes to the board, whose prompt understands `help`. Ctrl-C leaves.

A recording (a file) is shown to its end; then, and with --once after the first verdict, the exit
status is the verdict's.

Examples:
  cargo run -- monitor /dev/ttyACM0
  cargo run -- monitor /dev/ttyUSB0 --yaml results.yaml
  echo \"--vm 4 --timeout 60\" | cargo run -- monitor /dev/ttyACM0 --once --html results.html
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

    /// Leave after the first verdict, also of a run at the prompt, with its status
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
    let mut session = Session::new(elf.as_deref())?;
    interrupt::install()?;
    let stream = source.open()?;
    let keyboard = if stream.takes_input() {
        eprintln!("zlab: watching {source}; Ctrl-C leaves");
        Keyboard::for_board()?
    } else {
        Keyboard::none()
    };
    let limits = Limits {
        after_verdict: arguments.once.then_some(Duration::ZERO),
        answers: arguments.once,
        ..Limits::default()
    };
    let mut view = View::new(&arguments.outputs);
    let ending = session.run(stream, keyboard, limits, &mut |event| view.show(event));
    view.finish(&ending, session.verdict.map(|verdict| verdict.status))
}

/// The ELF file that `run` or `image` has built last, if it is where this program is.
fn last_image() -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?;
    let target = program.parent()?.parent()?;
    let elf = target.join(TARGET).join("image/zlab.elf");
    elf.is_file().then_some(elf)
}

/// The terminal, and the files that are wanted.
struct View<'a> {
    screen: Screen,
    outputs: &'a Outputs,
    reports: usize,
    failure: Option<anyhow::Error>,
}

impl<'a> View<'a> {
    fn new(outputs: &'a Outputs) -> Self {
        Self { screen: Screen::new(), outputs, reports: 0, failure: None }
    }

    fn show(&mut self, event: Event) {
        // Each result is written as it comes: nobody knows whether there will be another.
        if let Event::Report(document) = &event {
            self.reports += 1;
            self.failure = self.outputs.write(Some(document), false).err();
        }
        self.screen.show(event);
    }

    fn finish(mut self, ending: &Ending, verdict: Option<u8>) -> Result<u8> {
        self.screen.finish();
        let problem = match self.failure.take() {
            Some(failure) => Some(failure),
            None if self.reports == 0 => self.outputs.write(None, false).err(),
            None => None,
        };
        if let Some(problem) = &problem {
            eprintln!("zlab: error: {problem:#}");
        }
        Ok(match (ending, verdict) {
            (Ending::Interrupted, _) => status::INTERRUPTED,
            (Ending::Failed(reason), _) => bail!("the line failed: {reason}"),
            (Ending::Closed | Ending::Timeout, None) => {
                bail!("the console ended without a verdict")
            }
            (Ending::Closed | Ending::Timeout, Some(status::SUCCESS)) if problem.is_some() => {
                status::LAUNCHER
            }
            (Ending::Closed | Ending::Timeout, Some(verdict)) => verdict,
        })
    }
}
