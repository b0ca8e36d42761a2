//! Sizes as people paste them from `redis.conf` and `CONFIG GET`.

/// Suffixes and what they stand for: those of `redis.conf` (redis `src/util.c`, `memtoull`), where `k` is a thousand and
/// `kb` is 1024, the binary prefixes that say what they mean, and tera in both of these ways.
const SUFFIXES: [(&str, u64); 14] = [
    ("", 1),
    ("b", 1),
    ("k", 1_000),
    ("kb", 1 << 10),
    ("kib", 1 << 10),
    ("m", 1_000_000),
    ("mb", 1 << 20),
    ("mib", 1 << 20),
    ("g", 1_000_000_000),
    ("gb", 1 << 30),
    ("gib", 1 << 30),
    ("t", 1_000_000_000_000),
    ("tb", 1 << 40),
    ("tib", 1 << 40),
];

/// No server that holds anything runs on less: a smaller `maxmemory` is a number whose unit was forgotten.
const MAXMEMORY_MIN_BYTES: u64 = 1 << 20;

/// A size, `0` included: `64mb`, `1GiB`, `4096`.
///
/// # Errors
/// A sentence for the user when the text is no size.
pub fn parse_size(text: &str) -> Result<u64, String> {
    let expected = || {
        "expected a whole number with a unit as in redis.conf, such as 64mb (k = 1000, kb or KiB = 1024; likewise m, g \
         and t), or a number of bytes"
            .to_owned()
    };
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, suffix) = text.split_at(digits);
    let suffix = suffix.trim().to_ascii_lowercase();
    let unit = SUFFIXES.iter().find(|(known, _)| *known == suffix);
    match (number.parse::<u64>(), unit) {
        (Ok(number), Some((_, unit))) => number
            .checked_mul(*unit)
            .ok_or_else(|| "is more than any machine holds".to_owned()),
        _ => Err(expected()),
    }
}

/// A size that is a limit, so that nothing would pass if it were zero.
///
/// # Errors
/// As [`parse_size`], and for zero.
pub fn parse_size_limit(text: &str) -> Result<u64, String> {
    match parse_size(text)? {
        0 => Err("must be more than 0: nothing could be moved".to_owned()),
        bytes => Ok(bytes),
    }
}

/// A size that a snapshot must not exceed, so that none could be read if it were zero.
///
/// # Errors
/// As [`parse_size`], and for zero.
pub fn parse_decompressed(text: &str) -> Result<u64, String> {
    match parse_size(text)? {
        0 => Err("must be more than 0: nothing could be read".to_owned()),
        bytes => Ok(bytes),
    }
}

/// A `maxmemory`: `8gb`; `0` is no limit, as it is for the servers.
///
/// # Errors
/// As [`parse_size`], and for less than a megabyte.
pub fn parse_maxmemory(text: &str) -> Result<u64, String> {
    let bytes = parse_size(text)?;
    if (1..MAXMEMORY_MIN_BYTES).contains(&bytes) {
        let number: String = text.chars().take_while(char::is_ascii_digit).collect();
        return Err(format!(
            "{bytes} bytes are less than any server needs; did you mean {number}mb or {number}gb?"
        ));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `CONFIG SET maxmemory` of Redis 7.0.15 made of the same words and refused; besides, binary prefixes, tera
    /// and a space before the unit, which it does not know.
    #[test]
    fn sizes_mean_what_redis_conf_means() {
        for (text, bytes) in [
            ("0", 0),
            ("4096", 4_096),
            ("100b", 100),
            ("1k", 1_000),
            ("1kb", 1_024),
            ("1KB", 1_024),
            ("10m", 10_000_000),
            ("64mb", 67_108_864),
            ("64MB", 67_108_864),
            ("2g", 2_000_000_000),
            ("1gb", 1_073_741_824),
            ("1Gb", 1_073_741_824),
            ("1KiB", 1_024),
            ("64MiB", 67_108_864),
            ("3GiB", 3_221_225_472),
            ("10 MB", 10_485_760),
            ("1t", 1_000_000_000_000),
            ("1tb", 1_099_511_627_776),
            ("1TiB", 1_099_511_627_776),
            ("1 TiB", 1_099_511_627_776),
            ("16777215tb", 18_446_742_974_197_923_840),
        ] {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
        for text in [
            "",
            "mb",
            "-1",
            "-1mb",
            "1 pound",
            "1.5gb",
            "1e9",
            "0x10",
            "18446744073709551615gb",
            "16777216tb",
            "1 t b",
            "1bb",
        ] {
            assert!(parse_size(text).is_err(), "{text:?} passed");
        }
    }

    #[test]
    fn limits_are_above_zero_and_maxmemory_has_a_unit() {
        assert!(parse_size_limit("0").is_err());
        assert!(parse_decompressed("0").is_err());
        assert_eq!(parse_size_limit("1"), Ok(1));
        for (text, bytes) in [("0", 0), ("1mb", 1 << 20), ("8gb", 8 << 30)] {
            assert_eq!(parse_maxmemory(text), Ok(bytes), "{text}");
        }
        for (text, meant) in [("8", "8gb"), ("512k", "512mb"), ("1023kb", "1023mb")] {
            let refused = parse_maxmemory(text).expect_err("less than a megabyte");
            assert!(
                refused.contains("did you mean") && refused.contains(meant),
                "{refused}"
            );
        }
    }
}
