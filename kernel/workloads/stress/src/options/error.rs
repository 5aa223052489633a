//! What is wrong with the boot arguments.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// Why the boot arguments were refused. The run ends with status 1.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum OptionError {
    /// No option is written like this.
    Unknown {
        /// The word.
        word: String,
        /// Accepted words that are spelt much like it, nearest first; may be empty.
        nearest: Vec<String>,
    },
    /// The option needs a value and the arguments end.
    MissingValue {
        /// The option.
        word: String,
        /// What it accepts.
        accepted: String,
    },
    /// The option takes no value but was given one after `=`.
    UnexpectedValue {
        /// The option.
        word: String,
        /// The value.
        value: String,
    },
    /// The option's value is not understood.
    BadValue {
        /// The option.
        word: String,
        /// The value.
        value: String,
        /// What is wrong with it.
        problem: String,
        /// What is accepted.
        accepted: String,
    },
    /// The tool whose options these are has it, and it makes no sense here.
    Unsupported {
        /// The option.
        word: String,
        /// What does, or why it does not.
        instead: &'static str,
    },
}

impl fmt::Display for OptionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { word, nearest } => {
                write!(f, "unknown option {word}")?;
                match nearest.split_first() {
                    None => f.write_str("; --help lists what is accepted"),
                    Some((first, others)) => {
                        write!(f, "; did you mean {first}")?;
                        others.iter().try_for_each(|other| write!(f, " or {other}"))?;
                        f.write_str("?")
                    }
                }
            }
            Self::MissingValue { word, accepted } => {
                write!(f, "{word} needs a value: {accepted}")
            }
            Self::UnexpectedValue { word, value } => {
                write!(f, "{word} takes no value, but was given {value}")
            }
            Self::BadValue { word, value, problem, accepted } => {
                write!(f, "{word} {value}: {problem}; accepted: {accepted}")
            }
            Self::Unsupported { word, instead } => {
                write!(f, "{word} of cyclictest is not supported: {instead}")
            }
        }
    }
}

impl core::error::Error for OptionError {}
