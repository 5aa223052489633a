//! How a run ended.

use serde::{Deserialize, Serialize};

/// Exit status of a run, with the numbers of stress-ng where it has one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(into = "u8", try_from = "u8")]
pub enum Status {
    /// Everything asked for was done and checked.
    Success = 0,
    /// An option could not be understood.
    Usage = 1,
    /// A stressor failed, or what it read back was wrong.
    Failed = 2,
    /// There was not enough memory.
    NoResource = 3,
    /// Not implemented on this machine.
    NotImplemented = 4,
    /// Nothing was completed, so there is nothing to report.
    NoData = 7,
    /// The kernel panicked or took a fault that nobody asked for.
    Panic = 101,
}

impl Status {
    /// The number.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The status of that number; `None` when there is none.
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            0 => Self::Success,
            1 => Self::Usage,
            2 => Self::Failed,
            3 => Self::NoResource,
            4 => Self::NotImplemented,
            7 => Self::NoData,
            101 => Self::Panic,
            _ => return None,
        })
    }

    /// The graver of the two: what ends everything, then failed, no memory, no data, success.
    #[must_use]
    pub fn graver(self, other: Self) -> Self {
        let gravity = |status| match status {
            Self::Success => 0,
            Self::NoData => 1,
            Self::NoResource => 2,
            Self::Failed => 3,
            Self::Usage | Self::NotImplemented | Self::Panic => 4,
        };
        if gravity(other) > gravity(self) { other } else { self }
    }

    /// What the verdict line says when there is nothing more particular to say.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Usage => "usage error",
            Self::Failed => "a stressor failed",
            Self::NoResource => "not enough memory",
            Self::NotImplemented => "not implemented here",
            Self::NoData => "no data: nothing was completed",
            Self::Panic => "panic",
        }
    }
}

impl From<Status> for u8 {
    fn from(status: Status) -> Self {
        status.code()
    }
}

impl TryFrom<u8> for Status {
    type Error = &'static str;

    fn try_from(code: u8) -> Result<Self, Self::Error> {
        Self::from_code(code).ok_or("no exit status has this number")
    }
}

/// How one instance of a stressor ended.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Did work, checked it, found nothing wrong.
    Passed,
    /// Failed, or read back something else than it wrote.
    Failed,
    /// Could not start or go on for lack of memory.
    NoResource,
    /// There is no such stressor here.
    NotImplemented,
    /// Completed no check.
    NoData,
}

impl Outcome {
    /// The exit status that a run with only this outcome has.
    #[must_use]
    pub const fn status(self) -> Status {
        match self {
            Self::Passed => Status::Success,
            Self::Failed => Status::Failed,
            Self::NoResource => Status::NoResource,
            Self::NotImplemented => Status::NotImplemented,
            Self::NoData => Status::NoData,
        }
    }

    /// The graver of the two: failed, no memory, not implemented, no data, passed.
    #[must_use]
    pub fn worse(self, other: Self) -> Self {
        let gravity = |outcome| match outcome {
            Self::Failed => 4,
            Self::NoResource => 3,
            Self::NotImplemented => 2,
            Self::NoData => 1,
            Self::Passed => 0,
        };
        if gravity(other) > gravity(self) { other } else { self }
    }
}
