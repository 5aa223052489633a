//! A running kernel's console: bytes in, events out, what is typed back.
//!
//! QEMU's console and a board's are the same to a [`Session`]; where the bytes come from is the
//! [`Stream`]'s business, and what is typed that of the [`Keyboard`].

mod keyboard;
mod source;

use std::io::{self, ErrorKind, Write};
use std::path::Path;
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::console::{Console, Event, LogDecoder, Verdict};
use crate::interrupt;
use crate::symbols::Symbols;
pub use keyboard::{Keyboard, restore_terminal};
pub use source::{Source, Stream};

/// How often the session looks whether it was interrupted.
const POLL: Duration = Duration::from_millis(50);

/// How a session ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Ending {
    /// The other side has closed, the file has been read, or the verdict has come.
    Closed,
    /// The user asked to stop.
    Interrupted,
    /// The deadline passed before the verdict.
    Timeout,
    /// The line failed, such as by an adapter that was pulled out.
    Failed(String),
}

/// How long a session lasts if the other side does not end it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Limits {
    /// When it ends at the latest.
    pub deadline: Option<Instant>,
    /// How long it goes on after a verdict; `None` for as long as there is something to show.
    pub after_verdict: Option<Duration>,
    /// Whether the verdict of a run at the prompt is one.
    pub answers: bool,
}

/// A console and what it has shown.
pub struct Session {
    console: Console,
    symbols: Option<Symbols>,
    /// The last verdict.
    pub verdict: Option<Verdict>,
    answers: bool,
}

impl Session {
    /// A session that has not begun. `elf` is the image's ELF file, for log records and for names in
    /// backtraces.
    ///
    /// # Errors
    /// The file cannot be read, or is none of ours.
    pub fn new(elf: Option<&Path>) -> Result<Self> {
        let Some(path) = elf else {
            let console = Console::new(None);
            return Ok(Self { console, symbols: None, verdict: None, answers: false });
        };
        let context = || format!("cannot read {}", path.display());
        let bytes = std::fs::read(path).with_context(context)?;
        let decoder = LogDecoder::new(&bytes).with_context(context)?;
        let symbols = Symbols::new(&bytes).with_context(context)?;
        let console = Console::new(decoder);
        Ok(Self { console, symbols: Some(symbols), verdict: None, answers: false })
    }

    /// Shows what comes from `stream` and sends what comes from `keyboard`, until the stream ends, a
    /// limit passes, or the user asks to stop.
    pub fn run(
        &mut self,
        stream: Stream,
        mut keyboard: Keyboard,
        limits: Limits,
        show: &mut dyn FnMut(Event),
    ) -> Ending {
        let Stream { pieces, mut writer } = stream;
        let mut deadline = limits.deadline;
        self.answers = limits.answers;
        self.console.show_prompts(keyboard.is_live());
        loop {
            if interrupt::requested() {
                return Ending::Interrupted;
            }
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                self.finish(show);
                return if self.verdict.is_some() { Ending::Closed } else { Ending::Timeout };
            }
            if let Err(error) = send(&mut writer, keyboard.due(&self.console)) {
                self.finish(show);
                return Ending::Failed(error.to_string());
            }
            match pieces.recv_timeout(POLL) {
                Ok(Ok(bytes)) => {
                    let judged = self.verdict.is_some();
                    let events = self.console.push(&bytes);
                    self.show(events, show);
                    if let (false, Some(_), Some(grace)) =
                        (judged, &self.verdict, limits.after_verdict)
                    {
                        let end = Instant::now() + grace;
                        deadline = Some(deadline.map_or(end, |deadline| deadline.min(end)));
                    }
                }
                Ok(Err(problem)) => {
                    self.finish(show);
                    return Ending::Failed(problem);
                }
                Err(RecvTimeoutError::Timeout) => {
                    // Nothing more is coming just now: what waits for its end may be a prompt.
                    let events = self.console.idle();
                    self.show(events, show);
                }
                Err(RecvTimeoutError::Disconnected) => {
                    self.finish(show);
                    return Ending::Closed;
                }
            }
        }
    }
    /// The stream has ended: shows what was incomplete.
    fn finish(&mut self, show: &mut dyn FnMut(Event)) {
        let events = self.console.finish();
        self.show(events, show);
    }

    fn show(&mut self, events: Vec<Event>, show: &mut dyn FnMut(Event)) {
        for event in events {
            if let (true, Event::Line(line)) = (self.answers, &event) {
                self.verdict = Verdict::parse_answer(line).or(self.verdict.take());
            }
            show(match (event, &self.symbols) {
                (Event::Line(line), Some(symbols)) => Event::Line(symbols.annotate(line)),
                (Event::Verdict(verdict), _) => {
                    self.verdict = Some(verdict.clone());
                    Event::Verdict(verdict)
                }
                (event, _) => event,
            });
        }
    }
}

/// Sends what was typed. A pipe whose reader is gone is no failure: that the other side has ended is
/// what the end of its output says.
fn send(writer: &mut Option<Box<dyn Write + Send>>, bytes: Vec<u8>) -> io::Result<()> {
    let Some(open) = writer.as_mut().filter(|_| !bytes.is_empty()) else { return Ok(()) };
    match open.write_all(&bytes).and_then(|()| open.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => {
            *writer = None;
            Ok(())
        }
        result => result,
    }
}

#[cfg(test)]
mod tests;
