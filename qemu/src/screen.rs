//! Shows what a machine says: text on standard output, log and progress on standard error.

use std::io::{IsTerminal, Write, stderr, stdout};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::console::Event;

/// Between two progress messages where they are printed as lines.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(5);

/// The user's screen during a run.
#[derive(Default)]
pub struct Screen {
    /// The live progress line; only on a terminal.
    bar: Option<ProgressBar>,
    last_progress: Option<Instant>,
    /// What stands on the last line while somebody types there.
    prompt: String,
    /// The last report document that has come whole.
    pub report: Option<String>,
    /// Why a report document was damaged.
    pub damaged_report: Option<String>,
}

impl Screen {
    /// A screen with nothing on it.
    pub fn new() -> Self {
        Self::default()
    }

    /// Shows or keeps an event.
    pub fn show(&mut self, event: Event) {
        match event {
            Event::Line(line) => self.print(&line),
            Event::Verdict(verdict) => self.print(&verdict.to_string()),
            Event::Log(record) => self.note(&record.to_string()),
            Event::DamagedLog(bytes) => {
                self.note(&format!("zlab: a log frame of {bytes} bytes is damaged"));
            }
            Event::Progress(text) => self.progress(text),
            Event::Report(document) => self.report = Some(document),
            Event::Prompt(piece) => self.prompt(&piece),
            Event::DamagedReport(reason) => {
                self.note(&format!("zlab: the report document is damaged: {reason}"));
                self.damaged_report = Some(reason);
            }
        }
    }

    /// Removes the progress line, and ends the last one if it has no end.
    pub fn finish(&mut self) {
        self.remove_bar();
        if !std::mem::take(&mut self.prompt).is_empty() {
            put("\n");
        }
    }

    fn print(&self, line: &str) {
        self.above(|| put(&format!("{line}\n")));
    }

    fn note(&self, line: &str) {
        self.above(|| {
            let _ = writeln!(stderr(), "{line}");
        });
    }

    /// A piece of a line that somebody types into. Nothing may move there meanwhile.
    fn prompt(&mut self, piece: &str) {
        self.remove_bar();
        put(piece);
        if piece.ends_with('\n') {
            self.prompt.clear();
        } else {
            self.prompt.push_str(piece);
        }
    }

    fn progress(&mut self, text: String) {
        // Only if both are terminals is the progress a line that changes; otherwise no control
        // characters are written.
        if self.bar.is_none() && stdout().is_terminal() && stderr().is_terminal() {
            self.bar = new_bar();
        }
        if let Some(bar) = &self.bar {
            bar.set_message(text);
        } else if self.last_progress.is_none_or(|last| last.elapsed() >= PROGRESS_INTERVAL) {
            self.last_progress = Some(Instant::now());
            self.note(&format!("zlab: progress: {text}"));
        }
    }

    fn remove_bar(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    /// Writes something above the line that is being changed or typed into.
    fn above(&self, write: impl FnOnce()) {
        match &self.bar {
            Some(bar) => bar.suspend(write),
            None if self.prompt.is_empty() => write(),
            None => {
                put("\r\x1b[K");
                write();
                put(&self.prompt);
            }
        }
    }
}

fn new_bar() -> Option<ProgressBar> {
    let style = ProgressStyle::with_template("{spinner} {msg}").ok()?;
    let bar = ProgressBar::new_spinner().with_style(style);
    bar.enable_steady_tick(Duration::from_millis(200));
    Some(bar)
}

/// Writes to standard output. A reader that went away (`| head`) is no reason to fail.
fn put(text: &str) {
    let mut out = stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.finish();
    }
}
