//! The serial stream of a running kernel, taken apart.
//!
//! One UART carries everything: text lines for people, defmt log frames between them, and among the
//! lines the progress, the report and the verdict. [`Console`] takes the bytes as they come, in
//! pieces of any size, and gives [`Event`]s. Damaged bytes never make it fail or lose what follows.

mod frames;
mod log;
mod report_block;

use std::fmt;

pub use log::{LogDecoder, LogRecord};
use report_block::{Block, ReportBlock};

/// What the guest said.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A line of text, without its end of line.
    Line(String),
    /// A decoded log record.
    Log(LogRecord),
    /// A log frame of so many bytes that cannot be decoded.
    DamagedLog(usize),
    /// How far the guest is, in its words; replaces the progress before it.
    Progress(String),
    /// The report document (JSON), complete and with the right checksum.
    Report(String),
    /// A report document arrived damaged; says how.
    DamagedReport(String),
    /// The kernel's last line.
    Verdict(Verdict),
    /// Another piece of a line that stands on the terminal while it comes, such as a prompt with what
    /// is typed there; its last piece ends in a line feed.
    Prompt(String),
}

/// The verdict: exit status and its reason.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// An exit status as the launcher returns it.
    pub status: u8,
    /// The reason in words.
    pub text: String,
}

impl Verdict {
    const PREFIX: &str = "zlab: verdict: ";

    /// The verdict in `line`, if `line` is a verdict line.
    pub fn parse(line: &str) -> Option<Self> {
        Self::read(line.strip_prefix(Self::PREFIX)?)
    }

    /// The verdict of a run at the prompt, after which the prompt comes back, if `line` has one.
    pub fn parse_answer(line: &str) -> Option<Self> {
        Self::read(line.strip_prefix(report::ANSWER)?)
    }

    fn read(rest: &str) -> Option<Self> {
        let (status, text) = rest.split_once(' ').unwrap_or((rest, ""));
        Some(Self { status: status.parse().ok()?, text: text.to_owned() })
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = format!("{}{} {}", Self::PREFIX, self.status, self.text);
        formatter.write_str(line.trim_end())
    }
}

/// Takes the serial stream apart.
pub struct Console {
    frames: frames::Splitter,
    log_decoder: Option<LogDecoder>,
    report: ReportBlock,
    /// Whether prompts are shown as they come.
    prompts: bool,
    /// So many bytes of the line whose end has not come are shown.
    shown: usize,
    lines: u64,
}

impl Console {
    /// A console at the start of a stream. Without a decoder log frames count as damaged.
    pub fn new(log_decoder: Option<LogDecoder>) -> Self {
        Self {
            frames: frames::Splitter::default(),
            log_decoder,
            report: ReportBlock::default(),
            prompts: false,
            shown: 0,
            lines: 0,
        }
    }

    /// Whether lines that somebody types into are shown as they come ([`Event::Prompt`]) instead of
    /// when they are complete: for a terminal.
    pub fn show_prompts(&mut self, prompts: bool) {
        self.prompts = prompts;
    }

    /// How many lines have come to their end.
    pub fn lines(&self) -> u64 {
        self.lines
    }

    /// Whether the last thing that came is the kernel's prompt.
    pub fn at_prompt(&self) -> bool {
        self.frames.partial_line() == report::PROMPT.as_bytes()
    }

    /// Takes the next bytes and gives what they complete.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<Event> {
        let mut events = Vec::new();
        for &byte in bytes {
            match self.frames.push(byte) {
                None => {}
                Some(frames::Item::Line(line)) => self.line(&line, &mut events),
                Some(frames::Item::Frame(frame)) => self.frame(frame, &mut events),
            }
        }
        let partial = self.frames.partial_line();
        if self.shown > 0 || self.prompts && partial.starts_with(report::PROMPT.as_bytes()) {
            self.show_partial(&mut events);
        }
        events
    }

    /// Nothing more comes just now: gives a line whose end has not come, if it is to be shown.
    pub fn idle(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        let partial = self.frames.partial_line();
        // What programs read is understood when it is complete.
        let reserved = |word: &[u8]| partial.starts_with(word) || word.starts_with(partial);
        if self.prompts && !self.report.is_open() && !reserved(b"@") && !reserved(b"zlab: ") {
            self.show_partial(&mut events);
        }
        events
    }

    fn show_partial(&mut self, events: &mut Vec<Event>) {
        let partial = self.frames.partial_line();
        if let Some(piece) = partial.get(self.shown..).filter(|piece| !piece.is_empty()) {
            events.push(Event::Prompt(piece_of(partial, piece)));
            self.shown = partial.len();
        }
    }

    /// The stream has ended: gives what was incomplete.
    pub fn finish(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        match self.frames.finish() {
            None => {}
            Some(frames::Item::Line(line)) => self.line(&line, &mut events),
            Some(frames::Item::Frame(frame)) => self.frame(frame, &mut events),
        }
        if let Some(block) = self.report.abandon("the stream ended inside it") {
            self.block(block, &mut events);
        }
        events
    }

    fn frame(&mut self, frame: Vec<u8>, events: &mut Vec<Event>) {
        match self.log_decoder.as_ref().and_then(|decoder| decoder.decode(&frame)) {
            Some(record) => events.push(Event::Log(record)),
            None => {
                events.push(Event::DamagedLog(frame.len()));
                for line in self.frames.recover(&frame) {
                    self.line(&line, events);
                }
            }
        }
    }

    fn line(&mut self, line: &[u8], events: &mut Vec<Event>) {
        self.lines += 1;
        if self.shown > 0 {
            let rest = line.get(self.shown..).unwrap_or_default();
            events
                .push(Event::Prompt(piece_of(line, rest).trim_end_matches('\r').to_owned() + "\n"));
            self.shown = 0;
            return;
        }
        let line = frames::displayable(line);
        if let Some(verdict) = Verdict::parse(&line) {
            if let Some(block) = self.report.abandon("the verdict came before its end") {
                self.block(block, events);
            }
            events.push(Event::Verdict(verdict));
            return;
        }
        match self.report.line(line) {
            Block::Outside(line) => events.push(match line.strip_prefix("@progress ") {
                Some(text) => Event::Progress(text.to_owned()),
                None => Event::Line(line),
            }),
            block => self.block(block, events),
        }
    }

    fn block(&mut self, block: Block, events: &mut Vec<Event>) {
        match block {
            Block::Outside(line) => events.push(Event::Line(line)),
            Block::Inside => {}
            Block::Complete(document) => events.push(Event::Report(document)),
            Block::Damaged { reason, lines } => {
                // Nothing is lost: what was taken for the document may be a panic message.
                events.push(Event::DamagedReport(reason));
                events.extend(lines.into_iter().map(Event::Line));
            }
        }
    }
}

/// A piece of a line as it goes to the terminal: untouched behind the kernel's prompt, whose editor
/// moves the cursor, and without control characters elsewhere.
fn piece_of(line: &[u8], piece: &[u8]) -> String {
    if line.starts_with(report::PROMPT.as_bytes()) {
        String::from_utf8_lossy(piece).into_owned()
    } else {
        frames::displayable(piece)
    }
}

#[cfg(test)]
mod tests;
