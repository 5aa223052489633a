//! Finds QEMU, and installs it where that can be done without harm.
//!
//! Only on machines with apt, only as root or with `sudo` that asks no password, only after saying
//! why and what, and never at the cost of an installed package: see [`apt`].

pub mod apt;
pub mod sources;

use std::io::ErrorKind;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

/// The program.
pub const PROGRAM: &str = "qemu-system-aarch64";

/// The oldest version that zlab is tested with.
pub const OLDEST: (u32, u32) = (7, 2);

/// A QEMU that is new enough.
#[derive(Clone, Debug)]
pub struct Qemu {
    /// The program's name or path.
    pub path: PathBuf,
    /// Major and minor version.
    pub version: (u32, u32),
}

/// QEMU on this machine, installed if need be.
///
/// # Errors
/// It is missing or too old and cannot be installed; the message has the command to type.
pub fn ensure() -> Result<Qemu> {
    let reason = match find()? {
        Found::Usable(qemu) => return Ok(qemu),
        Found::TooOld((major, minor)) => format!(
            "{PROGRAM} here is version {major}.{minor}, zlab needs {}.{}",
            OLDEST.0, OLDEST.1
        ),
        Found::Missing => format!("zlab runs under {PROGRAM}, which is not installed"),
    };
    eprintln!("zlab: {reason}.");
    apt::install()?;
    match find()? {
        Found::Usable(qemu) => Ok(qemu),
        Found::TooOld(_) | Found::Missing => {
            bail!("the installation succeeded, but {PROGRAM} in PATH is not the new one")
        }
    }
}

enum Found {
    Usable(Qemu),
    TooOld((u32, u32)),
    Missing,
}

fn find() -> Result<Found> {
    let output = match Command::new(PROGRAM).arg("--version").output() {
        Ok(output) => output,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Found::Missing),
        Err(error) => return Err(error).context(format!("cannot start {PROGRAM}")),
    };
    let text = String::from_utf8_lossy(&output.stdout);
    let version = text
        .split_once("version ")
        .and_then(|(_, version)| parse_version(version))
        .with_context(|| format!("`{PROGRAM} --version` does not say its version: {text}"))?;
    Ok(if version >= OLDEST {
        Found::Usable(Qemu { path: PROGRAM.into(), version })
    } else {
        Found::TooOld(version)
    })
}

/// Major and minor at the start of an upstream version, a Debian epoch (`1:`) skipped.
pub fn parse_version(text: &str) -> Option<(u32, u32)> {
    let text = match text.split_once(':') {
        Some((epoch, rest)) if epoch.bytes().all(|byte| byte.is_ascii_digit()) => rest,
        _ => text,
    };
    let mut numbers = text.split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions() {
        assert_eq!(parse_version("7.2.9 (Debian 1:7.2+dfsg-7+deb12u5)"), Some((7, 2)));
        assert_eq!(parse_version("1:10.0.2+ds-2+deb13u1~bpo12+1"), Some((10, 0)));
        assert_eq!(parse_version("9.0.0-rc1"), Some((9, 0)));
        assert_eq!(parse_version("unknown"), None);
        assert!((10, 0) > OLDEST && (7, 1) < OLDEST);
    }
}
