//! Job files, checked before a machine boots for nothing.

use std::path::Path;

use anyhow::Result;
use stress::{Options, job_file};

use crate::status::usage;

/// Whether the kernel will understand the job file with these boot arguments; gives the number of
/// its runs.
///
/// # Errors
/// A usage error that names the file and the line.
pub fn check(path: &Path, boot: &Options) -> Result<usize> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| usage(format!("cannot read {}: {error}", path.display())))?;
    let runs = job_file::parse(&text, boot)
        .map_err(|error| usage(format!("{}, {error}", path.display())))?;
    Ok(runs.len())
}
