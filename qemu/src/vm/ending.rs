//! How a machine ended.

use std::fmt;

use anyhow::{Context, Result};
use report::Document;

use crate::console::{Event, LogRecord, Verdict};
use crate::status;

/// Why a machine is no longer running.
#[derive(Clone, Debug, PartialEq)]
pub enum Ending {
    /// The guest said how it ended, and QEMU said nothing else.
    Verdict(Verdict),
    /// The guest said how it ended, QEMU's exit status is another one.
    Disagreement {
        /// What the guest said on the console.
        verdict: Verdict,
        /// QEMU's exit status (`None`: killed by a signal).
        qemu: Option<i32>,
    },
    /// The guest ended, or QEMU failed, without a verdict.
    NoVerdict {
        /// QEMU's exit status (`None`: killed by a signal).
        qemu: Option<i32>,
        /// What QEMU wrote to its standard error.
        stderr: String,
    },
    /// The time limit passed.
    Timeout,
    /// The user asked to stop.
    Interrupted,
}

impl Ending {
    /// Judges a QEMU process that has ended. `semihosting` says whether the guest leaves with its
    /// status; otherwise QEMU's is 0.
    pub fn judge(
        verdict: Option<Verdict>,
        qemu: Option<i32>,
        stderr: String,
        semihosting: bool,
    ) -> Self {
        match verdict {
            None => Self::NoVerdict { qemu, stderr },
            Some(verdict) => {
                let expected = if semihosting { i32::from(verdict.status) } else { 0 };
                if qemu == Some(expected) {
                    Self::Verdict(verdict)
                } else {
                    Self::Disagreement { verdict, qemu }
                }
            }
        }
    }

    /// The launcher's exit status.
    pub fn status(&self) -> u8 {
        match self {
            Self::Verdict(verdict) => verdict.status,
            Self::Disagreement { .. } | Self::NoVerdict { .. } => status::LAUNCHER,
            Self::Timeout => status::TIMEOUT,
            Self::Interrupted => status::INTERRUPTED,
        }
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let code = |qemu: &Option<i32>| match qemu {
            Some(code) => format!("exit status {code}"),
            None => "a signal".to_owned(),
        };
        match self {
            Self::Verdict(verdict) => verdict.fmt(formatter),
            Self::Disagreement { verdict, qemu } => {
                write!(formatter, "QEMU ended with {}, but `{verdict}`", code(qemu))
            }
            Self::NoVerdict { qemu, stderr } => {
                write!(formatter, "no verdict line; QEMU ended with {}", code(qemu))?;
                if stderr.trim().is_empty() { Ok(()) } else { write!(formatter, ":\n{stderr}") }
            }
            Self::Timeout => formatter.write_str("the host timeout passed; QEMU was stopped"),
            Self::Interrupted => formatter.write_str("interrupted; QEMU was stopped"),
        }
    }
}

/// Everything a machine said, and how it ended.
#[derive(Debug)]
pub struct Outcome {
    /// How it ended.
    pub ending: Ending,
    /// Its text lines in order, the verdict line included, progress and report left out.
    pub lines: Vec<String>,
    /// Its log.
    pub log: Vec<LogRecord>,
    /// Progress messages.
    pub progress: Vec<String>,
    /// The report document (JSON) as it came; the last one if there are several.
    pub report: Option<String>,
    /// What was damaged on the way.
    pub damage: Vec<String>,
}

impl Default for Outcome {
    fn default() -> Self {
        Self {
            ending: Ending::NoVerdict { qemu: None, stderr: String::new() },
            lines: Vec::new(),
            log: Vec::new(),
            progress: Vec::new(),
            report: None,
            damage: Vec::new(),
        }
    }
}

impl Outcome {
    /// The exit status.
    pub fn status(&self) -> u8 {
        self.ending.status()
    }

    /// The text lines as one text.
    pub fn text(&self) -> String {
        self.lines.join("\n")
    }

    /// The report document.
    ///
    /// # Errors
    /// There is none, or it is not one that this version understands.
    pub fn document(&self) -> Result<Document> {
        let report = self.report.as_deref().context("the guest sent no report document")?;
        Ok(Document::from_json(report)?)
    }

    pub(super) fn add(&mut self, event: Event) {
        match event {
            Event::Line(line) => self.lines.push(line),
            Event::Log(record) => self.log.push(record),
            Event::Progress(text) => self.progress.push(text),
            Event::Report(document) => self.report = Some(document),
            Event::DamagedLog(bytes) => self.damage.push(format!("log frame of {bytes} bytes")),
            Event::DamagedReport(reason) => self.damage.push(format!("report: {reason}")),
            Event::Verdict(verdict) => self.lines.push(verdict.to_string()),
            // Only with a terminal.
            Event::Prompt(_) => {}
        }
    }
}

/// For failure messages of tests: the console, the log, what was damaged, the ending.
impl fmt::Display for Outcome {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.lines {
            writeln!(formatter, "| {line}")?;
        }
        for record in &self.log {
            writeln!(formatter, "log: {record}")?;
        }
        for damage in &self.damage {
            writeln!(formatter, "damaged: {damage}")?;
        }
        self.ending.fmt(formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(verdict: Option<u8>, qemu: Option<i32>, semihosting: bool) -> u8 {
        let verdict = verdict.map(|status| Verdict { status, text: "text".into() });
        Ending::judge(verdict, qemu, "qemu: no such machine\n".into(), semihosting).status()
    }

    #[test]
    fn verdict_and_exit_status_must_agree() {
        assert_eq!(judge(Some(3), Some(3), true), 3);
        assert_eq!(judge(Some(3), Some(0), true), 102);
        assert_eq!(judge(Some(3), Some(0), false), 3);
        assert_eq!(judge(Some(0), None, true), 102);
    }

    #[test]
    fn no_verdict_is_a_failure_whatever_qemu_says() {
        assert_eq!(judge(None, Some(0), true), 102);
        assert_eq!(judge(None, Some(1), false), 102);
        let ending = Ending::judge(None, Some(1), "no such machine\n".into(), true);
        assert!(ending.to_string().contains("no such machine"));
    }
}
