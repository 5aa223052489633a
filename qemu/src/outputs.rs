//! The report document as files: `--yaml`, `--json`, `--html` and cyclictest's.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use report::Document;
use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::{cyclictest, results};

/// Which files are wanted.
#[derive(clap::Args, Debug, Default)]
pub struct Outputs {
    /// Write the results to this file as YAML, in stress-ng's manner
    #[arg(long, value_name = "FILE")]
    yaml: Option<PathBuf>,

    /// Write the results to this file as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,

    /// Write the results to this file as a page for a browser, with plots
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,

    /// Write the wake-up latencies of --cyclictest to this file, as cyclictest's --json does
    #[arg(long, value_name = "FILE")]
    cyclictest_json: Option<PathBuf>,

    /// Write the histogram of --cyclictest -h to this file, as cyclictest does
    #[arg(long, value_name = "FILE")]
    histfile: Option<PathBuf>,
}

/// What the launcher adds to a document: where and when.
#[derive(Clone, Debug, Serialize)]
pub struct Host {
    /// The moment the document was written, in UTC (RFC 3339).
    pub date: String,
    /// The host's name.
    pub name: String,
}

/// A document with what the launcher adds.
#[derive(Serialize)]
struct Complete<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<&'a Host>,
    #[serde(flatten)]
    document: &'a Document,
    /// What readers of cyclictest's files look for; its keys are others.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    cyclictest: Option<cyclictest::File<'a>>,
}

impl Outputs {
    /// Checks before a run that the files can be written after it.
    ///
    /// # Errors
    /// A usage error if the folder does not exist.
    pub fn check(&self) -> Result<()> {
        for path in self.paths() {
            results::check(path)?;
        }
        Ok(())
    }

    /// Writes the files that are wanted from `report`, the JSON the kernel sent. Under `icount`
    /// nothing about the host goes in, so that equal runs give equal files.
    ///
    /// # Errors
    /// Files are wanted and there is no report, or it is not understood, or cannot be written.
    pub fn write(&self, report: Option<&str>, icount: bool) -> Result<()> {
        if self.paths().next().is_none() {
            return Ok(());
        }
        let report = report.context("the guest sent no report document, so none is written")?;
        let document = Document::from_json(report)?;
        let host = if icount { None } else { Some(Host::read()?) };
        if let Some(path) = &self.yaml {
            write(path, &yaml(&document, host.as_ref())?)?;
        }
        if let Some(path) = &self.json {
            write(path, &json(&document, host.as_ref())?)?;
        }
        if let Some(path) = &self.html {
            write(path, &crate::html::page_of(&document)?)?;
        }
        if let Some(path) = &self.cyclictest_json {
            write(path, &cyclictest::json(&document, host.as_ref())?)?;
        }
        if let Some(path) = &self.histfile {
            write(path, &cyclictest::histogram(&document)?)?;
        }
        Ok(())
    }

    fn paths(&self) -> impl Iterator<Item = &PathBuf> {
        [&self.yaml, &self.json, &self.html, &self.cyclictest_json, &self.histfile]
            .into_iter()
            .flatten()
    }
}

impl Host {
    fn read() -> Result<Self> {
        let date = OffsetDateTime::now_utc().replace_nanosecond(0)?.format(&Rfc3339)?;
        let name = Command::new("uname").arg("-n").output().context("cannot start uname")?;
        Ok(Self { date, name: String::from_utf8_lossy(&name.stdout).trim().to_owned() })
    }
}

/// `document` as YAML in stress-ng's conventions.
///
/// # Errors
/// None that the text itself can cause.
pub fn yaml(document: &Document, host: Option<&Host>) -> Result<String> {
    let (date, time) = host.map_or(("", ""), |host| {
        let date = host.date.trim_end_matches('Z');
        date.split_once('T').unwrap_or((date, ""))
    });
    let date = date.replace('-', ":");
    let fields = host.map(|host| {
        [("date-yyyy-mm-dd", date.as_str()), ("time-hh-mm-ss", time), ("hostname", &host.name)]
    });
    let mut text = String::new();
    report::yaml::write(document, fields.as_ref().map_or(&[], |fields| fields), &mut text)?;
    Ok(text)
}

/// `document` as indented JSON, in the order of the kernel's document; after a run with cyclictest
/// also with the keys of its `--json`, as people type that.
///
/// # Errors
/// A figure that JSON cannot express (an infinity).
pub fn json(document: &Document, host: Option<&Host>) -> Result<String> {
    let cyclictest = cyclictest::file(document, host).ok();
    let mut text = serde_json::to_string_pretty(&Complete { host, document, cyclictest })?;
    text.push('\n');
    Ok(text)
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests;
