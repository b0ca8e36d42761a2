//! Arrays: elements at indexes, with gaps (redis 8.8 `src/sparsearray.h` and `tests/unit/type/array.tcl`; librdb 2.3
//! reads the same).

use super::string;
use super::visitor::{Role, Visitor};
use crate::Error;
use crate::rdb::{StringHeader, read_length};
use crate::reader::Cursor;

/// What an element is (redis `src/sparsearray.h`, `AR_RDB_TAG_*`).
const TAG_STRING: u64 = 0;
const TAG_INTEGER: u64 = 1;
const TAG_FLOAT: u64 = 2;
/// A string of so few bytes that a server keeps it in place of a pointer.
const TAG_SHORT_STRING: u64 = 3;

/// How many elements, whether and where ARINSERT was last, then each element behind its index.
pub(super) fn walk<C: Cursor, V: Visitor>(c: &mut C, v: &mut V) -> Result<(), Error> {
    let n = read_length(c)?;
    v.elements(n);
    let offset = c.offset();
    match read_length(c)? {
        0 => {}
        1 => {
            read_length(c)?;
        }
        other => {
            return Err(Error::corrupt(
                offset,
                "1 where an insert index follows, or 0",
                format!("{other}"),
            ));
        }
    }
    for _ in 0..n {
        let index = read_length(c)?;
        v.array_index(index);
        let offset = c.offset();
        match read_length(c)? {
            TAG_STRING | TAG_SHORT_STRING => string(c, Role::Element, v)?,
            TAG_INTEGER => {
                let integer = i64::from_le_bytes(c.take_array()?);
                v.string(Role::Element, StringHeader::integer(integer), c)?;
            }
            TAG_FLOAT => v.float(f64::from_le_bytes(c.take_array()?)),
            other => {
                return Err(Error::corrupt(
                    offset,
                    "array element of kind 0 to 3",
                    format!("{other}"),
                ));
            }
        }
        v.element_ends()?;
    }
    Ok(())
}

/// Whole numbers up to here are written as integers (redis `src/util.c`, `double2ll`).
const INTEGER_MAX: f64 = 4_503_599_627_370_496.0;

/// The text that a server returns for a number: the fewest digits that tell it, with an exponent where those
/// would stand far from the point (redis `deps/fpconv`).
pub(super) fn float_text(number: f64) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

    /// What a server of Redis 8.6 answered to ZSCORE after ZADD with the first text as the score.
    #[test]
    fn floats_are_written_as_servers_write_them() {
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
            assert_eq!(float_text(number), answer);
        }
    }
}
