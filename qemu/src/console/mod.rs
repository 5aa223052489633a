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
        let rest = line.strip_prefix(Self::PREFIX)?;
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
}

impl Console {
    /// A console at the start of a stream. Without a decoder log frames count as damaged.
    pub fn new(log_decoder: Option<LogDecoder>) -> Self {
        Self { frames: frames::Splitter::default(), log_decoder, report: ReportBlock::default() }
    }

    /// Takes the next bytes and gives what they complete.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<Event> {
        let mut events = Vec::new();
        for &byte in bytes {
            match self.frames.push(byte) {
                None => {}
                Some(frames::Item::Line(line)) => self.line(line, &mut events),
                Some(frames::Item::Frame(frame)) => self.frame(frame, &mut events),
            }
        }
        events
    }

    /// The text line whose end has not come yet, such as a prompt; empty inside a report.
    pub fn partial_line(&self) -> String {
        if self.report.is_open() { String::new() } else { self.frames.partial_line() }
    }

    /// The stream has ended: gives what was incomplete.
    pub fn finish(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        match self.frames.finish() {
            None => {}
            Some(frames::Item::Line(line)) => self.line(line, &mut events),
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
                    self.line(line, events);
                }
            }
        }
    }

    fn line(&mut self, line: String, events: &mut Vec<Event>) {
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

#[cfg(test)]
mod tests;
