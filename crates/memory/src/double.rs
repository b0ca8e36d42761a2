//! Texts of doubles, as servers write them.

/// Whole numbers up to here are written as integers (redis `src/util.c`, `double2ll`).
const INTEGER_MAX: f64 = 4_503_599_627_370_496.0;

/// The fewest digits that tell a number, with an exponent where those would stand far from the point (redis since 7.2,
/// `deps/fpconv`).
pub fn shortest(number: f64) -> String {
    let plain = number.to_string();
    let scientific = format!("{number:e}");
    let Some((mantissa, exponent)) = scientific.split_once('e') else {
        return plain;
    };
    let digits = mantissa.trim_start_matches('-').replace('.', "").len();
    let (Ok(digits), Ok(exponent)) = (i64::try_from(digits), exponent.parse::<i64>()) else {
        return plain;
    };
    let decimals = digits - 1 - exponent;
    let is_plain = match decimals {
        ..=0 => exponent < digits + 7 || number.abs() <= INTEGER_MAX,
        _ => decimals < 7 || exponent.abs() < 4,
    };
    if is_plain {
        plain
    } else {
        format!("{mantissa}e{exponent:+}")
    }
}

/// As C's `%.17g`, which servers before 7.2 use.
pub(crate) fn seventeen_digits(number: f64) -> String {
    let scientific = format!("{number:.16e}");
    let Some((mantissa, exponent)) = scientific.split_once('e') else {
        return scientific;
    };
    let Ok(exponent) = exponent.parse::<i32>() else {
        return scientific;
    };
    let trimmed = |text: &str| match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text.to_owned(),
    };
    match usize::try_from(16 - exponent) {
        Ok(decimals) if (-4..17).contains(&exponent) => trimmed(&format!("{number:.decimals$}")),
        _ => {
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{}e{sign}{:02}", trimmed(mantissa), exponent.abs())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a server of Redis 8.6 answered to ZSCORE after ZADD with the first text as the score.
    #[test]
    fn the_shortest_texts_are_those_of_servers() {
        for (score, answer) in [
            ("3.5", "3.5"),
            ("1e300", "1e+300"),
            ("1e-300", "1e-300"),
            ("1234567890123456789012", "1234567890123456800000"),
            ("0.1", "0.1"),
            ("1e21", "1e+21"),
            ("-2.5e-7", "-2.5e-7"),
            ("0.000001", "0.000001"),
            ("0.0001234", "1.234e-4"),
            ("1.5e10", "15000000000"),
            ("-1e25", "-1e+25"),
            ("12345678901234567000000", "12345678901234568000000"),
            ("1.2345678e-5", "1.2345678e-5"),
            ("-0.5", "-0.5"),
            ("5e-324", "5e-324"),
            ("1.7976931348623157e308", "1.7976931348623157e+308"),
            ("0.30000000000000004", "0.30000000000000004"),
        ] {
            let number = score.parse().expect("a double");
            assert_eq!(shortest(number), answer);
        }
    }

    /// What `printf` of a C library answers.
    #[test]
    fn seventeen_digits_are_those_of_c() {
        for (number, text) in [
            (0.1, "0.10000000000000001"),
            (3.0, "3"),
            (1e17, "1e+17"),
            (123_456_789.25, "123456789.25"),
            (1e-5, "1.0000000000000001e-05"),
            (-2.5, "-2.5"),
            (1e16, "10000000000000000"),
            (f64::INFINITY, "inf"),
            (5e-324, "4.9406564584124654e-324"),
        ] {
            assert_eq!(seventeen_digits(number), text);
        }
    }
}
