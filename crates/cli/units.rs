//! Sizes and times as people type them.

use std::str::FromStr as _;

use bytesize::ByteSize;
use jiff::SignedDuration;

/// A size: `64MiB`, `1.5GB`, `4096`.
///
/// # Errors
/// A sentence for the user when the text is no size.
pub fn parse_size(text: &str) -> Result<u64, String> {
    match ByteSize::from_str(text) {
        Ok(size) => Ok(size.as_u64()),
        Err(_) => Err(
            "expected a size such as 64MiB (1024s), 10MB (1000s) or a number of bytes".to_owned(),
        ),
    }
}

/// A time in whole milliseconds: `100ms`, `15s`, `1m 30s`.
///
/// # Errors
/// A sentence for the user when the text is no time, has no unit, or is finer than a millisecond.
pub fn parse_duration_ms(text: &str) -> Result<u64, String> {
    let expected = || "expected a time with its unit, such as 100ms, 15s or 1m30s".to_owned();
    let duration: SignedDuration = text.parse().map_err(|_| expected())?;
    let ms = u64::try_from(duration.as_millis()).map_err(|_| expected())?;
    if duration.subsec_nanos() % 1_000_000 != 0 {
        return Err("expected whole milliseconds".to_owned());
    }
    Ok(ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_follow_the_prefix() {
        for (text, bytes) in [
            ("0", Ok(0)),
            ("4096", Ok(4_096)),
            ("1kB", Ok(1_000)),
            ("1KiB", Ok(1_024)),
            ("64MiB", Ok(64 << 20)),
            ("1.5GiB", Ok(3 << 29)),
            ("10 MB", Ok(10_000_000)),
        ] {
            assert_eq!(parse_size(text), bytes, "{text}");
        }
        for text in ["", "MiB", "-1", "1 pound"] {
            assert!(parse_size(text).is_err(), "{text:?} passed");
        }
    }

    #[test]
    fn times_need_a_unit_and_are_whole_milliseconds() {
        for (text, ms) in [
            ("100ms", 100),
            ("15s", 15_000),
            ("0.5s", 500),
            ("1m30s", 90_000),
            ("2 minutes", 120_000),
        ] {
            assert_eq!(parse_duration_ms(text), Ok(ms), "{text}");
        }
        for text in ["", "100", "-1s", "1us", "soon"] {
            assert!(parse_duration_ms(text).is_err(), "{text:?} passed");
        }
    }
}
