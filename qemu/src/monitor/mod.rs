//! A board's console: shown as the launcher shows QEMU's, with lines typed here sent to the board.

mod line;
mod source;

use std::io::Write;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use anyhow::Result;

use crate::console::{Console, Event, LogDecoder, Verdict};
use crate::interrupt;
use crate::symbols::Symbols;
use line::Echo;
pub use source::{Source, Stream};

/// How often the monitor looks whether it was interrupted.
const POLL: Duration = Duration::from_millis(50);

/// How a session ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Ending {
    /// The file has been read, the other side has closed, or the verdict has come.
    Closed,
    /// The user asked to stop.
    Interrupted,
    /// The device failed, such as an adapter that was pulled out.
    Failed(String),
}

/// A monitor: what it knows about the image, and what it has seen.
pub struct Monitor {
    console: Console,
    symbols: Option<Symbols>,
    /// The last verdict.
    pub verdict: Option<Verdict>,
}

/// What the user types.
pub struct Typed {
    /// Lines, without their ends.
    pub lines: Receiver<String>,
    /// Whether they are typed at the terminal that shows the console.
    pub terminal: bool,
}

/// What is shown.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// An event of the console.
    Event(Event),
    /// The beginning of a line whose end has not come, such as a prompt; replaces the one before.
    Partial(String),
    /// The line that was begun is complete on the terminal: the rest of it was typed there.
    Typed,
}

impl Monitor {
    /// A monitor. `elf` is the image's ELF file, for log records and for names in backtraces.
    ///
    /// # Errors
    /// The file cannot be read, or is none of ours.
    pub fn new(elf: Option<&Path>) -> Result<Self> {
        let Some(path) = elf else {
            return Ok(Self { console: Console::new(None), symbols: None, verdict: None });
        };
        let bytes = std::fs::read(path)?;
        let console = Console::new(LogDecoder::new(&bytes)?);
        Ok(Self { console, symbols: Some(Symbols::new(&bytes)?), verdict: None })
    }

    /// Takes what comes from `stream`, and sends the lines that come from `typed`, until the stream
    /// ends or the user asks to stop; with `once` a verdict ends it, too.
    pub fn run(
        &mut self,
        stream: Stream,
        typed: &Typed,
        once: bool,
        show: &mut dyn FnMut(Output),
    ) -> Ending {
        let Stream { pieces, mut writer } = stream;
        let mut echo = Echo::new(typed.terminal);
        loop {
            if interrupt::requested() {
                return Ending::Interrupted;
            }
            while let Ok(text) = typed.lines.try_recv() {
                if let Some(writer) = &mut writer {
                    let sent = writer.write_all(text.as_bytes());
                    let sent = sent.and_then(|()| writer.write_all(b"\r"));
                    if let Err(error) = sent.and_then(|()| writer.flush()) {
                        return Ending::Failed(error.to_string());
                    }
                    echo.sent(text);
                }
            }
            match pieces.recv_timeout(POLL) {
                Ok(Ok(bytes)) => {
                    let events = self.console.push(&bytes);
                    self.show(events, &mut echo, show);
                    if once && self.verdict.is_some() {
                        return Ending::Closed;
                    }
                }
                Ok(Err(problem)) => return self.end(Ending::Failed(problem), &mut echo, show),
                Err(RecvTimeoutError::Timeout) => {
                    // Nothing more is coming just now: what waits for its end is a prompt.
                    let partial = self.console.partial_line();
                    if echo.show_partial(&partial) {
                        show(Output::Partial(partial));
                    }
                }
                Err(RecvTimeoutError::Disconnected) => {
                    return self.end(Ending::Closed, &mut echo, show);
                }
            }
        }
    }

    fn end(&mut self, ending: Ending, echo: &mut Echo, show: &mut dyn FnMut(Output)) -> Ending {
        let events = self.console.finish();
        self.show(events, echo, show);
        ending
    }

    fn show(&mut self, events: Vec<Event>, echo: &mut Echo, show: &mut dyn FnMut(Output)) {
        for event in events {
            let event = match (event, &self.symbols) {
                (Event::Line(line), _) if echo.is_echo(&line) => {
                    show(Output::Typed);
                    continue;
                }
                (Event::Line(line), Some(symbols)) => Event::Line(symbols.annotate(line)),
                (Event::Verdict(verdict), _) => {
                    self.verdict = Some(verdict.clone());
                    Event::Verdict(verdict)
                }
                (event, _) => event,
            };
            show(Output::Event(event));
        }
    }
}

#[cfg(test)]
mod tests;
