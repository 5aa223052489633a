//! Values of options: numbers, sizes, percentages, durations.

use alloc::string::{String, ToString};

use super::FailPoint;

/// An amount of memory, absolute or relative.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Amount {
    /// Bytes.
    Bytes(u64),
    /// Percent of something that the option names. May exceed 100.
    Percent(u32),
}

impl Amount {
    /// The amount in bytes, where a percentage is of `whole` bytes.
    #[must_use]
    pub fn bytes_of(self, whole: u64) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Percent(percent) => {
                let bytes = u128::from(whole) * u128::from(percent) / 100;
                u64::try_from(bytes).unwrap_or(u64::MAX)
            }
        }
    }
}

/// A whole number without sign, decimal, or hexadecimal after `0x`.
pub(super) fn number(text: &str) -> Result<u64, String> {
    let parsed = match text.strip_prefix("0x") {
        Some(digits) if !digits.starts_with('+') => u64::from_str_radix(digits, 16),
        _ if text.starts_with('+') => return Err("not a whole number".to_string()),
        _ => text.parse(),
    };
    parsed.map_err(|error| match error.kind() {
        core::num::IntErrorKind::PosOverflow => "the number is too large".to_string(),
        _ => "not a whole number".to_string(),
    })
}

/// A number that fits 32 bits.
pub(super) fn small_number(text: &str) -> Result<u32, String> {
    u32::try_from(number(text)?).map_err(|_| "the number is too large".to_string())
}

/// A number above zero.
pub(super) fn positive(text: &str) -> Result<u64, String> {
    match number(text)? {
        0 => Err("must be more than zero".to_string()),
        number => Ok(number),
    }
}

/// A percentage, of which `%` may be left out, in `1..=limit`.
pub(super) fn percent(text: &str, limit: u32) -> Result<u32, String> {
    let percent = small_number(text.strip_suffix('%').unwrap_or(text))?;
    if percent == 0 || percent > limit {
        return Err(alloc::format!("must be between 1 and {limit} percent"));
    }
    Ok(percent)
}

/// A size with one of the suffixes b k m g t, or a percentage; above zero.
pub(super) fn amount(text: &str) -> Result<Amount, String> {
    if let Some(percent) = text.strip_suffix('%') {
        let percent = small_number(percent)?;
        return if percent == 0 {
            Err("must be more than zero".to_string())
        } else {
            Ok(Amount::Percent(percent))
        };
    }
    let (digits, unit) = split_unit(text);
    let shift = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" => 10,
        "m" => 20,
        "g" => 30,
        "t" => 40,
        _ => return Err(alloc::format!("unknown unit {unit}")),
    };
    let count = positive(digits)?;
    let bytes = count.checked_shl(shift).filter(|bytes| bytes >> shift == count);
    bytes.map(Amount::Bytes).ok_or_else(|| "the size is too large".to_string())
}

/// A duration with one of the suffixes ms s m h d y, in nanoseconds; seconds without a suffix.
pub(super) fn duration_ns(text: &str) -> Result<u64, String> {
    let (digits, unit) = split_unit(text);
    let milliseconds: u64 = match unit.to_ascii_lowercase().as_str() {
        "ms" => 1,
        "" | "s" => 1000,
        "m" => 60 * 1000,
        "h" => 3600 * 1000,
        "d" => 86_400 * 1000,
        "y" => 365 * 86_400 * 1000,
        _ => return Err(alloc::format!("unknown unit {unit}")),
    };
    let nanoseconds = number(digits)?.checked_mul(milliseconds * 1_000_000);
    nanoseconds.ok_or_else(|| "the time is too long".to_string())
}

/// `N` for one call, `N+` for that and all later ones.
pub(super) fn fail_point(text: &str) -> Result<FailPoint, String> {
    let (number, lasting) = match text.strip_suffix('+') {
        Some(number) => (number, true),
        None => (text, false),
    };
    Ok(FailPoint { first: positive(number)?, lasting })
}

/// The leading digits, and what follows them.
fn split_unit(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text.split_at(end)
}
