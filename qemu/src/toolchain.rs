//! Cargo and the Rust target of the image.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use crate::image::TARGET;

/// The root of the workspace this launcher was built from.
pub fn workspace() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package).to_owned()
}

/// Cargo, to be run in the workspace. Flags for rustc from the environment are left out: they would
/// replace those of `.cargo/config.toml`, without which the image does not link.
pub fn cargo() -> Command {
    let mut command = Command::new(variable("CARGO", "cargo"));
    command.current_dir(workspace()).env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
    command
}

/// Makes sure that the image's target is installed; says what it does before it does it.
///
/// # Errors
/// The target is missing and cannot be installed; the message has the command to type.
pub fn ensure_target() -> Result<()> {
    let sysroot = Command::new(variable("RUSTC", "rustc"))
        .args(["--print", "sysroot"])
        .current_dir(workspace())
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start rustc")?;
    ensure!(sysroot.status.success(), "`rustc --print sysroot` failed");
    let sysroot = String::from_utf8_lossy(&sysroot.stdout).trim().to_owned();
    if has_target(Path::new(&sysroot)) {
        return Ok(());
    }
    eprintln!("zlab: the image is compiled for {TARGET}, which this Rust toolchain lacks.");
    eprintln!("zlab: running: rustup target add {TARGET}");
    let added = Command::new("rustup")
        .args(["target", "add", TARGET])
        .current_dir(workspace())
        .stdin(Stdio::null())
        .status();
    match added {
        Ok(status) if status.success() && has_target(Path::new(&sysroot)) => Ok(()),
        Ok(_) => bail!("`rustup target add {TARGET}` did not install it into {sysroot}"),
        Err(error) => bail!(
            "cannot start rustup ({error}). Install the standard library of {TARGET} for the \
             toolchain in {sysroot}; with rustup (https://rustup.rs): rustup target add {TARGET}"
        ),
    }
}

fn has_target(sysroot: &Path) -> bool {
    sysroot.join("lib/rustlib").join(TARGET).join("lib").is_dir()
}

fn variable(name: &str, default: &str) -> OsString {
    std::env::var_os(name).unwrap_or_else(|| default.into())
}
