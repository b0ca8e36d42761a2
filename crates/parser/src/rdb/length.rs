//! Length encoding (redis `src/rdb.h`, "Defines related to the dump file format").

use crate::Error;
use crate::reader::Cursor;

/// A length, or the number of a special string encoding in its place.
pub(super) enum Length {
    Plain(u64),
    Special(u8),
}

const LEN_32_BIT: u8 = 0x80;
const LEN_64_BIT: u8 = 0x81;

#[inline]
pub(super) fn read_any_length<C: Cursor>(c: &mut C) -> Result<Length, Error> {
    let offset = c.offset();
    let first = c.u8()?;
    Ok(match first >> 6 {
        0 => Length::Plain(u64::from(first)),
        1 => Length::Plain(u64::from(first & 0x3f) << 8 | u64::from(c.u8()?)),
        3 => Length::Special(first & 0x3f),
        _ if first == LEN_32_BIT => Length::Plain(u64::from(u32::from_be_bytes(c.take_array()?))),
        _ if first == LEN_64_BIT => Length::Plain(u64::from_be_bytes(c.take_array()?)),
        _ => {
            return Err(Error::corrupt(
                offset,
                "length",
                format!("byte {first:#04x}"),
            ));
        }
    })
}

/// Reads a plain number.
#[inline]
pub(crate) fn read_length<C: Cursor>(c: &mut C) -> Result<u64, Error> {
    let offset = c.offset();
    match read_any_length(c)? {
        Length::Plain(n) => Ok(n),
        Length::Special(code) => Err(Error::corrupt(
            offset,
            "plain number",
            format!("special string encoding {code}"),
        )),
    }
}
