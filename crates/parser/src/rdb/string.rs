//! Strings: raw, integer or compressed (redis `src/rdb.c`, `rdbGenericLoadStringObject`).

use std::borrow::Cow;

use super::length::{Length, read_any_length, read_length};
use crate::limits::BEGINNING_BYTES;
use crate::reader::{Cursor, Reader};
use crate::{Error, lzf};

pub(crate) const ENCODING_INT8: u8 = 0;
pub(crate) const ENCODING_INT16: u8 = 1;
pub(crate) const ENCODING_INT32: u8 = 2;
pub(crate) const ENCODING_LZF: u8 = 3;

/// How a string lies in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Raw,
    Integer(i64),
    Lzf,
}

/// What stands in front of a string's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StringHeader {
    pub(crate) form: Form,
    /// Bytes that follow in the file; none for integers, whose digits are read already.
    pub(crate) stored: u64,
    /// Bytes of the decoded string.
    pub(crate) len: u64,
}

impl StringHeader {
    /// So many bytes, as they are.
    #[inline]
    pub(crate) fn raw(len: u64) -> StringHeader {
        StringHeader {
            form: Form::Raw,
            stored: len,
            len,
        }
    }

    /// An integer that stands for its text.
    #[inline]
    pub(crate) fn integer(n: i64) -> StringHeader {
        StringHeader {
            form: Form::Integer(n),
            stored: 0,
            len: integer_text_len(n),
        }
    }
}

#[inline]
pub(crate) fn read_string_header<C: Cursor>(c: &mut C) -> Result<StringHeader, Error> {
    let offset = c.offset();
    let integer = |n: i32| StringHeader::integer(i64::from(n));
    Ok(match read_any_length(c)? {
        Length::Plain(len) => StringHeader::raw(len),
        Length::Special(ENCODING_INT8) => integer(i32::from(i8::from_le_bytes(c.take_array()?))),
        Length::Special(ENCODING_INT16) => integer(i32::from(i16::from_le_bytes(c.take_array()?))),
        Length::Special(ENCODING_INT32) => integer(i32::from_le_bytes(c.take_array()?)),
        Length::Special(ENCODING_LZF) => {
            let stored = read_length(c)?;
            let len = read_length(c)?;
            lzf::check_claim(stored, len, offset)?;
            StringHeader {
                form: Form::Lzf,
                stored,
                len,
            }
        }
        Length::Special(code) => {
            return Err(Error::corrupt(
                offset,
                "string encoding 0 to 3",
                format!("{code}"),
            ));
        }
    })
}

/// Length of an integer's decimal text.
pub(crate) fn integer_text_len(n: i64) -> u64 {
    u64::from(n < 0) + u64::from(n.unsigned_abs().checked_ilog10().unwrap_or(0)) + 1
}

/// A string of the file, decoded only when asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Str<'a> {
    header: StringHeader,
    stored: &'a [u8],
    offset: u64,
}

impl<'a> Str<'a> {
    /// A string whose header has been read; `stored` begins at `offset` and may be cut short.
    #[inline]
    pub(super) fn new(header: StringHeader, stored: &'a [u8], offset: u64) -> Str<'a> {
        Str {
            header,
            stored,
            offset,
        }
    }

    /// Whether all of the string is at hand. Always so in memory; of a string that streamed by and that is
    /// no key, only the beginning is kept when it is longer than [`crate::limits::HELD_BYTES_MAX`].
    pub fn is_held(&self) -> bool {
        self.stored.len() as u64 == self.header.stored
    }

    /// Length of the decoded string in bytes.
    pub fn len(&self) -> u64 {
        self.header.len
    }

    /// Whether the decoded string is empty.
    pub fn is_empty(&self) -> bool {
        self.header.len == 0
    }

    /// The decoded string; borrowed where it lies in the file as it is.
    ///
    /// # Errors
    /// Corrupt, when a compressed string does not decompress to its stated length; unsupported, when the
    /// string is not held.
    pub fn bytes(&self) -> Result<Cow<'a, [u8]>, Error> {
        if !self.is_held() {
            return Err(self.not_held());
        }
        Ok(match self.header.form {
            Form::Raw => Cow::Borrowed(self.stored),
            Form::Integer(n) => Cow::Owned(n.to_string().into_bytes()),
            Form::Lzf => Cow::Owned(lzf::decompress(self.stored, self.header.len, self.offset)?),
        })
    }

    /// The first [`crate::limits::BEGINNING_BYTES`] of the decoded string, or all of it when it is shorter. They are
    /// told also of a string that is not held.
    ///
    /// # Errors
    /// Corrupt, when a compressed string does not decompress so far.
    pub fn beginning(&self) -> Result<Cow<'a, [u8]>, Error> {
        let len = usize::try_from(self.header.len).unwrap_or(BEGINNING_BYTES);
        let wanted = len.min(BEGINNING_BYTES);
        Ok(match self.header.form {
            Form::Raw => Cow::Borrowed(self.stored.get(..wanted).unwrap_or(self.stored)),
            Form::Integer(n) => Cow::Owned(n.to_string().into_bytes()),
            Form::Lzf => {
                let mut compressed = Reader::new(self.stored, self.offset);
                let mut decompressed = Vec::new();
                let mut content =
                    lzf::LzfCursor::new(&mut compressed, self.header.len, &mut decompressed);
                Cow::Owned(content.take(wanted)?.to_vec())
            }
        })
    }

    #[cold]
    fn not_held(&self) -> Error {
        let what = format!("a streamed string of {} bytes", self.header.stored);
        Error::unsupported(self.offset, what)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The beginning is told of the first bytes in the file alone: at worst two of them stand for one.
    #[test]
    fn the_beginning_of_a_compressed_string_needs_the_first_bytes_only() {
        let literals: Vec<u8> = (0..3_000u32)
            .flat_map(|n| [0, b'a' + (n % 26) as u8])
            .collect();
        let string = Str::new(
            StringHeader {
                form: Form::Lzf,
                stored: literals.len() as u64,
                len: 3_000,
            },
            &literals[..crate::limits::HELD_BYTES_MAX],
            0,
        );
        assert!(string.bytes().is_err());
        let expected: Vec<u8> = (0..1_024u32).map(|n| b'a' + (n % 26) as u8).collect();
        assert_eq!(string.beginning().expect("held"), expected);
    }

    #[test]
    fn integers_are_as_long_as_their_text() {
        for n in [
            0,
            1,
            9,
            10,
            -1,
            -10,
            99,
            100,
            12_345,
            i64::from(i32::MIN),
            i64::from(i32::MAX),
            i64::MIN,
            i64::MAX,
        ] {
            assert_eq!(integer_text_len(n), n.to_string().len() as u64, "{n}");
        }
    }
}
