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

/// Length of the text that a server returns for a number: the fewest digits that tell it, with an exponent where
/// those would stand far from the point (redis `deps/fpconv`).
pub(super) fn float_text_len(number: f64) -> u64 {
    if !number.is_finite() {
        return number.to_string().len() as u64;
    }
    let scientific = format!("{number:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let digits = mantissa.bytes().filter(u8::is_ascii_digit).count() as i64;
    let exponent: i64 = exponent.parse().unwrap_or(0);
    let sign = i64::from(number.is_sign_negative());
    // Digits behind the point where the number is written plainly; negative for zeros in front of it.
    let decimals = digits - 1 - exponent;
    let text = match decimals {
        ..=0 if exponent.abs() < digits + 7 => digits - decimals,
        1.. if decimals < 7 || exponent.abs() < 4 => match exponent {
            0.. => digits + 1,
            _ => decimals + 2,
        },
        _ => digits + i64::from(digits > 1) + 2 + exponent.abs().to_string().len() as i64,
    };
    (sign + text).unsigned_abs()
}
