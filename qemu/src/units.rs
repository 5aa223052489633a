//! Sizes and durations in stress-ng's spelling.

use std::time::Duration;

use anyhow::{Result, anyhow};

/// A size in bytes: a number with an optional suffix `b`, `k`, `m`, `g` or `t` (powers of 1024).
///
/// # Errors
/// Says what was expected when `text` is not such a size or does not fit 64 bits.
pub fn parse_size(text: &str) -> Result<u64> {
    let (number, unit) = split(text);
    let shift = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" => 10,
        "m" => 20,
        "g" => 30,
        "t" => 40,
        _ => return Err(anyhow!("`{text}` is not a size: expected a number and K, M or G")),
    };
    let number: u64 = number
        .parse()
        .map_err(|_| anyhow!("`{text}` is not a size: expected a number and K, M or G"))?;
    number.checked_mul(1 << shift).ok_or_else(|| anyhow!("`{text}` is too large"))
}

/// A duration: a number of seconds, or a number with `s`, `m`, `h` or `d`.
///
/// # Errors
/// Says what was expected when `text` is not such a duration.
pub fn parse_duration(text: &str) -> Result<Duration> {
    let (number, unit) = split(text);
    let seconds_per_unit = match unit.to_ascii_lowercase().as_str() {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return Err(anyhow!("`{text}` is not a duration: expected seconds, or e.g. 5m")),
    };
    let number: u64 = number
        .parse()
        .map_err(|_| anyhow!("`{text}` is not a duration: expected seconds, or e.g. 5m"))?;
    let seconds = number.checked_mul(seconds_per_unit);
    seconds.map(Duration::from_secs).ok_or_else(|| anyhow!("`{text}` is too long"))
}

/// `bytes` as text for people: MiB, or KiB below one MiB.
pub fn display_size(bytes: u64) -> String {
    if bytes >= 1 << 20 {
        format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
    } else {
        format!("{:.1} KiB", bytes as f64 / 1024.0)
    }
}

fn split(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        assert_eq!(parse_size("512M").unwrap(), 512 << 20);
        assert_eq!(parse_size("2g").unwrap(), 2 << 30);
        assert_eq!(parse_size("4096").unwrap(), 4096);
        for wrong in ["", "M", "12Q", "1.5G", "-1", "99999999999999999999", "17179869184g"] {
            assert!(parse_size(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn durations() {
        assert_eq!(parse_duration("90").unwrap(), Duration::from_secs(90));
        assert_eq!(parse_duration("2m").unwrap(), Duration::from_secs(120));
        for wrong in ["", "s", "5x", "1.5", "-1"] {
            assert!(parse_duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn sizes_for_people() {
        assert_eq!(display_size(1536), "1.5 KiB");
        assert_eq!(display_size(3 << 20), "3.0 MiB");
    }
}
