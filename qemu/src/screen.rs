//! Shows what a machine says: text on standard output, log and progress on standard error.

use std::io::{IsTerminal, Write, stderr, stdout};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::console::Event;

/// Between two progress messages where they are printed as lines.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(5);

/// The user's screen during a run.
pub struct Screen {
    /// The live progress line; only on a terminal.
    live: Option<ProgressBar>,
    last_progress: Option<Instant>,
    /// The report document, once it has come whole.
    pub report: Option<String>,
    /// Why a report document was damaged.
    pub damaged_report: Option<String>,
}

impl Screen {
    /// A screen with nothing on it. Only if standard output and standard error are terminals is the
    /// progress a line that changes; otherwise no control characters are written.
    pub fn new() -> Self {
        let terminal = stdout().is_terminal() && stderr().is_terminal();
        let style = ProgressStyle::with_template("{spinner} {elapsed} {msg}");
        let live = style.ok().filter(|_| terminal).map(|style| {
            let bar = ProgressBar::new_spinner().with_style(style);
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        });
        Self { live, last_progress: None, report: None, damaged_report: None }
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
            Event::DamagedReport(reason) => {
                self.note(&format!("zlab: the report document is damaged: {reason}"));
                self.damaged_report = Some(reason);
            }
        }
    }

    /// Removes the progress line.
    pub fn finish(&mut self) {
        if let Some(bar) = self.live.take() {
            bar.finish_and_clear();
        }
    }

    fn print(&self, line: &str) {
        // A reader that went away (`| head`) is no reason to fail.
        self.above(|| {
            let mut out = stdout().lock();
            let _ = writeln!(out, "{line}").and_then(|()| out.flush());
        });
    }

    fn note(&self, line: &str) {
        self.above(|| {
            let _ = writeln!(stderr(), "{line}");
        });
    }

    fn progress(&mut self, text: String) {
        if let Some(bar) = &self.live {
            bar.set_message(text);
        } else if self.last_progress.is_none_or(|last| last.elapsed() >= PROGRESS_INTERVAL) {
            self.last_progress = Some(Instant::now());
            self.note(&format!("zlab: progress: {text}"));
        }
    }

    fn above(&self, write: impl FnOnce()) {
        match &self.live {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }
}

impl Default for Screen {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.finish();
    }
}
