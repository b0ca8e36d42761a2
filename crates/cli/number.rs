//! Times and counts as people type them, and what to say when they are none.

use std::str::FromStr;

use jiff::{SignedDuration, Timestamp};
use preshard_parser::limits::MEMBER_HEAD_BYTES_MAX;
use preshard_planner::PlanLimits;

/// A time of whole milliseconds, more than none: `100ms`, `15s`, `1m 30s`.
///
/// # Errors
/// A sentence for the user when the text is no time, has no unit, is not above zero, or is finer than a millisecond.
pub fn parse_duration_ms(text: &str) -> Result<u64, String> {
    let expected = || "expected a time with its unit, such as 100ms, 15s or 1m30s".to_owned();
    let positive = || "must be more than 0".to_owned();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(format!("a time needs its unit: {text}ms or {text}s?"));
    }
    let duration: SignedDuration = text.parse().map_err(|_| expected())?;
    if duration.subsec_nanos() % 1_000_000 != 0 {
        return Err("expected whole milliseconds".to_owned());
    }
    match u64::try_from(duration.as_millis()) {
        Ok(0) | Err(_) => Err(positive()),
        Ok(ms) => Ok(ms),
    }
}

/// A time of whole microseconds, more than none: `0.5ms`, `250us`.
///
/// # Errors
/// As [`parse_duration_ms`], for what is finer than a microsecond.
pub fn parse_duration_us(text: &str) -> Result<u64, String> {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(format!("a time needs its unit: {text}ms or {text}us?"));
    }
    let duration: SignedDuration = text
        .parse()
        .map_err(|_| "expected a time with its unit, such as 0.5ms or 250us".to_owned())?;
    if duration.subsec_nanos() % 1_000 != 0 {
        return Err("expected whole microseconds".to_owned());
    }
    match u64::try_from(duration.as_micros()) {
        Ok(0) | Err(_) => Err("must be more than 0".to_owned()),
        Ok(us) => Ok(us),
    }
}

/// A count of at least one.
///
/// # Errors
/// A sentence for the user when the text is none.
pub fn parse_count<N: FromStr + Default + PartialEq>(text: &str) -> Result<N, String> {
    match text.parse::<N>() {
        Ok(count) if count != N::default() => Ok(count),
        _ => Err("expected a whole number of at least 1".to_owned()),
    }
}

/// A number of threads.
///
/// # Errors
/// A sentence for the user when the text is none.
pub fn parse_threads(text: &str) -> Result<u16, String> {
    match text.parse() {
        Ok(threads @ 1..=256) => Ok(threads),
        _ => Err("expected a whole number of 1 to 256".to_owned()),
    }
}

/// The one byte between the parts of key names.
///
/// # Errors
/// A sentence for the user when the text is none.
pub fn parse_separator(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        [byte] => Ok(*byte),
        _ => Err("expected one ASCII character, such as : or /".to_owned()),
    }
}

/// The number of a database.
///
/// # Errors
/// A sentence for the user when the text is none.
pub fn parse_db(text: &str) -> Result<u64, String> {
    let expected = |_| "expected the number of a database, from 0 on".to_owned();
    text.parse().map_err(expected)
}

/// A factor that makes nothing smaller.
///
/// # Errors
/// A sentence for the user when the text is none.
pub fn parse_factor(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(factor) if (1.0..=1_000.0).contains(&factor) => Ok(factor),
        _ => Err("expected a factor of 1 to 1000, such as 2 or 2.5".to_owned()),
    }
}

/// Yes or no, as servers write it.
///
/// # Errors
/// A sentence for the user when the text is neither.
pub fn parse_yes(text: &str) -> Result<bool, String> {
    match text {
        "yes" => Ok(true),
        "no" => Ok(false),
        _ => Err("expected yes or no".to_owned()),
    }
}

/// Bits per second: `1gbit`, `2.5gbit`, `500mbit`.
///
/// # Errors
/// A sentence for the user when the text is none, has no unit, or is below a kilobit or above a petabit.
pub fn parse_bandwidth(text: &str) -> Result<u64, String> {
    let expected = || "expected bits per second with a unit, such as 1gbit or 500mbit".to_owned();
    let lower = text.to_ascii_lowercase();
    let digits = lower.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == '/');
    let unit = match &lower[digits.len()..] {
        "kbit" | "kbit/s" => 1e3,
        "mbit" | "mbit/s" => 1e6,
        "gbit" | "gbit/s" => 1e9,
        _ => return Err(expected()),
    };
    let bits = digits.parse::<f64>().map_err(|_| expected())? * unit;
    match (1e3..=1e15).contains(&bits) {
        true => Ok(bits.round() as u64),
        false => Err(expected()),
    }
}

/// A time of whole microseconds, in nanoseconds: `500us`, `2ms`; at most ten seconds.
///
/// # Errors
/// A sentence for the user when the text is no such time.
pub fn parse_round_trip_ns(text: &str) -> Result<u64, String> {
    const NS_MAX: u64 = 10_000_000_000;
    let expected = || "expected a time of up to 10s with its unit, such as 500us or 2ms".to_owned();
    let duration: SignedDuration = text.parse().map_err(|_| expected())?;
    match u64::try_from(duration.as_nanos()) {
        Ok(ns) if ns <= NS_MAX && ns % 1_000 == 0 => Ok(ns),
        _ => Err(expected()),
    }
}

/// A part of a whole, less than all of it.
///
/// # Errors
/// A sentence for the user when the text is none.
pub fn parse_part(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(part) if (0.0..1.0).contains(&part) => Ok(part),
        _ => Err("expected a part of 0 to below 1, such as 0.2 for a fifth".to_owned()),
    }
}

/// The share of time that a node may be blocked.
///
/// # Errors
/// A sentence for the user when the text is none.
pub fn parse_share(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(share) if (PlanLimits::BLOCKED_SHARE_MIN..=1.0).contains(&share) => Ok(share),
        _ => Err(format!(
            "expected a share of {} to 1, such as 0.5 for half of the time",
            PlanLimits::BLOCKED_SHARE_MIN
        )),
    }
}

/// An instant, as Unix milliseconds: ISO 8601 with its offset from UTC, or Unix seconds.
///
/// # Errors
/// A sentence for the user when the text is none.
pub fn parse_instant_ms(text: &str) -> Result<i64, String> {
    if let Ok(seconds) = text.parse::<i64>() {
        return seconds
            .checked_mul(1_000)
            .ok_or_else(|| "too far from 1970".to_owned());
    }
    match text.parse::<Timestamp>() {
        Ok(instant) => Ok(instant.as_millisecond()),
        Err(_) => Err(
            "expected an instant such as 2026-03-01T12:00:00Z or 2026-03-01T13:00:00+01:00, or Unix seconds"
                .to_owned(),
        ),
    }
}

/// A number of bytes to show of a member.
///
/// # Errors
/// A sentence for the user when the text is none.
pub fn parse_member_bytes(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(bytes @ 1..=MEMBER_HEAD_BYTES_MAX) => Ok(bytes),
        _ => Err(format!(
            "expected a whole number of 1 to {MEMBER_HEAD_BYTES_MAX}"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_need_a_unit_and_are_whole_milliseconds_above_zero() {
        for (text, ms) in [
            ("100ms", 100),
            ("15s", 15_000),
            ("0.5s", 500),
            ("1m30s", 90_000),
            ("2 minutes", 120_000),
        ] {
            assert_eq!(parse_duration_ms(text), Ok(ms), "{text}");
        }
        for (text, said) in [
            ("", "unit"),
            ("100", "100ms or 100s?"),
            ("soon", "unit"),
            ("-1s", "more than 0"),
            ("0ms", "more than 0"),
            ("1us", "whole milliseconds"),
        ] {
            let refused = parse_duration_ms(text).expect_err(text);
            assert!(refused.contains(said), "{text:?}: {refused}");
        }
    }

    #[test]
    fn instants_are_iso_8601_or_unix_seconds() {
        for (text, ms) in [
            ("2026-03-01T12:00:00Z", 1_772_366_400_000),
            ("2026-03-01T13:00:00.5+01:00", 1_772_366_400_500),
            ("1772366400", 1_772_366_400_000),
            ("0", 0),
            ("-1", -1_000),
        ] {
            assert_eq!(parse_instant_ms(text), Ok(ms), "{text}");
        }
        for text in [
            "",
            "now",
            "2026-03-01",
            "2026-03-01T12:00:00",
            "9223372036854775807",
        ] {
            assert!(parse_instant_ms(text).is_err(), "{text:?} passed");
        }
        assert_eq!(parse_member_bytes("65536"), Ok(65_536));
        for text in ["", "0", "-1", "65537", "1k"] {
            assert!(parse_member_bytes(text).is_err(), "{text:?} passed");
        }
    }

    #[test]
    fn numbers_stay_within_what_makes_sense() {
        assert_eq!(parse_count::<u32>("7"), Ok(7));
        assert_eq!(parse_threads("256"), Ok(256));
        assert_eq!(parse_db("0"), Ok(0));
        assert_eq!(parse_factor("1"), Ok(1.0));
        assert_eq!(parse_part("0"), Ok(0.0));
        for text in ["", "0", "-1", "x", "5000000000"] {
            assert!(parse_count::<u32>(text).is_err(), "{text:?} passed");
        }
        for text in ["", "0", "-1", "257"] {
            assert!(parse_threads(text).is_err(), "{text:?} passed");
        }
        for text in ["", "0", "-2", "NaN", "inf", "0.99", "1001"] {
            assert!(parse_factor(text).is_err(), "{text:?} passed");
        }
        for text in ["", "1", "-0.1", "NaN", "20%"] {
            assert!(parse_part(text).is_err(), "{text:?} passed");
        }
        assert_eq!(parse_duration_us("0.5ms"), Ok(500));
        for text in ["", "5", "0us", "10ns", "-1ms"] {
            assert!(parse_duration_us(text).is_err(), "{text:?} passed");
        }
        assert_eq!(parse_share("1"), Ok(1.0));
        for text in ["", "0.1", "1.1", "NaN", "50%"] {
            assert!(parse_share(text).is_err(), "{text:?} passed");
        }
        assert!(parse_db("-1").is_err());
    }
}
