//! How figures are written for people: sizes, times, counts.

use bytesize::ByteSize;

/// Microseconds in a second.
const SECOND_US: u64 = 1_000_000;

/// A size in binary units: `512 B`, `1.1 MiB`.
pub(crate) fn size(bytes: u64) -> String {
    ByteSize::b(bytes).display().iec().to_string()
}

/// A size with the exact bytes beside it: `1.1 MiB (1,153,434 bytes)`.
pub(crate) fn size_exact(bytes: u64) -> String {
    if bytes < 1_024 {
        return format!("{bytes} bytes");
    }
    format!("{} ({} bytes)", size(bytes), count(bytes))
}

/// A size that may be missing.
pub(crate) fn size_or_dash(bytes: Option<u64>) -> String {
    bytes.map_or_else(|| "-".to_owned(), size)
}

/// A number with its thousands set apart: `1,153,434`.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A number that may be missing.
pub(crate) fn count_or_dash(number: Option<u64>) -> String {
    number.map_or_else(|| "-".to_owned(), count)
}

/// A count with its noun: `1 key`, `12,345 keys`.
pub(crate) fn counted(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(number), if number == 1 { one } else { many })
}

/// A duration. Rounded up, so that a time over a limit never reads as if it were under it.
pub(crate) fn duration_us(us: u64) -> String {
    if us < 10_000 {
        let hundredths = us.div_ceil(10);
        format!("{}.{:02} ms", hundredths / 100, hundredths % 100)
    } else if us < SECOND_US {
        let tenths = us.div_ceil(100);
        format!("{}.{} ms", tenths / 10, tenths % 10)
    } else if us < 60 * SECOND_US {
        let hundredths = us.div_ceil(10_000);
        format!("{}.{:02} s", hundredths / 100, hundredths % 100)
    } else {
        let seconds = us.div_ceil(SECOND_US);
        let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
        if hours > 0 {
            format!("{} h {minutes:02} min {seconds:02} s", count(hours))
        } else {
            format!("{minutes} min {seconds:02} s")
        }
    }
}

/// A share of a whole: `33.4 %`.
pub(crate) fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// An instant in ISO 8601, UTC; the raw milliseconds where the calendar ends (beyond the year 9999).
pub(crate) fn instant(unix_ms: i64) -> String {
    jiff::Timestamp::from_millisecond(unix_ms)
        .map_or_else(|_| unix_ms.to_string(), |instant| instant.to_string())
}

/// Inclusive ranges of slots: `0-5460 10923`, or `none`.
pub(crate) fn ranges(ranges: &[(u16, u16)]) -> String {
    if ranges.is_empty() {
        return "none".to_owned();
    }
    let range = |&(first, last): &(u16, u16)| {
        if first == last {
            first.to_string()
        } else {
            format!("{first}-{last}")
        }
    };
    ranges.iter().map(range).collect::<Vec<_>>().join(" ")
}

/// Text cut to at most `width` characters, the cut marked.
pub(crate) fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let mut out: String = text.chars().take(width.saturating_sub(1)).collect();
    out.push('…');
    out
}

/// Units, which stay on the line of their number.
const UNITS: [&str; 11] = [
    "%", "B", "KiB", "MiB", "GiB", "TiB", "us", "ms", "s", "min", "h",
];

/// Text broken into lines of at most `width` characters, where it has spaces; not between a number and its unit.
pub(crate) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for word in text.split(' ') {
        let is_unit = UNITS.contains(&word.trim_end_matches([',', ';', '.', ':', ')']));
        match words.last_mut() {
            Some(number) if is_unit && number.ends_with(|c: char| c.is_ascii_digit()) => {
                number.push(' ');
                number.push_str(word);
            }
            _ => words.push(word.to_owned()),
        }
    }
    let mut lines = vec![String::new()];
    let mut column = 0;
    for word in &words {
        let length = word.chars().count();
        if column > 0 && column + 1 + length > width {
            lines.push(String::new());
            column = 0;
        }
        if let Some(line) = lines.last_mut() {
            if column > 0 {
                line.push(' ');
                column += 1;
            }
            line.push_str(word);
            column += length;
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_round_up_and_keep_three_figures() {
        for (us, text) in [
            (0, "0.00 ms"),
            (1, "0.01 ms"),
            (850, "0.85 ms"),
            (9_999, "10.00 ms"),
            (99_999, "100.0 ms"),
            (100_001, "100.1 ms"),
            (999_999, "1000.0 ms"),
            (1_250_000, "1.25 s"),
            (200_000_000, "3 min 20 s"),
            (3_600_000_001, "1 h 00 min 01 s"),
        ] {
            assert_eq!(duration_us(us), text, "{us} us");
        }
    }

    #[test]
    fn counts_are_grouped_by_thousands() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (12_345_678, "12,345,678"),
        ] {
            assert_eq!(count(number), text);
        }
    }

    #[test]
    fn instants_are_iso_8601_where_the_calendar_reaches() {
        assert_eq!(instant(1_893_456_000_000), "2030-01-01T00:00:00Z");
        assert_eq!(instant(1_893_456_000_123), "2030-01-01T00:00:00.123Z");
        assert_eq!(instant(i64::MAX), i64::MAX.to_string());
    }

    #[test]
    fn wrapped_text_keeps_its_words_and_its_width() {
        assert_eq!(wrap("a bc def", 4), ["a bc", "def"]);
        assert_eq!(wrap("longer than that", 4), ["longer", "than", "that"]);
        assert_eq!(wrap("", 4), [""]);
        assert_eq!(wrap("of 15.7 %; or", 8), ["of", "15.7 %;", "or"]);
    }
}
