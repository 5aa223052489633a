//! Exit statuses, the same for the launcher and for the kernel's verdict line.

use std::fmt;

/// Everything went well.
pub const SUCCESS: u8 = 0;
/// An option or argument was refused.
pub const USAGE: u8 = 1;
/// The launcher or QEMU failed, or the guest ended without a verdict.
pub const LAUNCHER: u8 = 102;
/// `--host-timeout` passed.
pub const TIMEOUT: u8 = 124;
/// Ctrl-C, or a signal that asks to end.
pub const INTERRUPTED: u8 = 130;

/// An error that is the user's to mend: the launcher ends with [`USAGE`].
#[derive(Debug)]
pub struct Usage(pub String);

impl fmt::Display for Usage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// Shorthand for a [`Usage`] error inside [`anyhow::Error`].
pub fn usage(message: impl Into<String>) -> anyhow::Error {
    Usage(message.into()).into()
}

/// The exit status that belongs to `error`.
pub fn of(error: &anyhow::Error) -> u8 {
    if error.is::<Usage>() { USAGE } else { LAUNCHER }
}
