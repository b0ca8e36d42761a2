//! Sizes of compact blobs that a server makes while it loads a value.

use crate::target::Layout;

/// What an element is made of, as far as a blob or an encoding hangs on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Text {
    /// Bytes, of an integer those of its text.
    pub len: u64,
    /// The integer that the text is, if it is one as servers write it.
    pub integer: Option<i64>,
}

impl Text {
    /// Longest text of a 64-bit integer.
    pub const INTEGER_BYTES_MAX: u64 = 20;

    /// An element whose bytes are at hand.
    pub fn of(bytes: &[u8]) -> Text {
        Text {
            len: bytes.len() as u64,
            integer: integer(bytes),
        }
    }
}

/// The 64-bit integer that a text is, if it is written as servers write integers: no sign but a minus, no zero in front
/// (redis `src/util.c`, `string2ll`).
#[inline]
pub fn integer(text: &[u8]) -> Option<i64> {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let is_canonical = match digits {
        [b'0'] => text.len() == 1,
        [b'1'..=b'9', rest @ ..] => rest.len() < 19 && rest.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    if !is_canonical {
        return None;
    }
    str::from_utf8(text).ok()?.parse().ok()
}

/// Bytes of a listpack without entries: header and end mark (redis `src/listpack.c`).
pub(crate) const LISTPACK_BYTES: u64 = 7;
/// Bytes of a ziplist without entries (redis 6.2 `src/ziplist.c`).
const ZIPLIST_BYTES: u64 = 11;

/// A blob that the server makes element by element: a listpack, or a ziplist where it has those.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Packed {
    entry_bytes: u64,
    last_bytes: u64,
}

impl Packed {
    pub(crate) fn add(&mut self, text: Text, layout: &Layout) {
        self.last_bytes = match layout.has_ziplists {
            true => ziplist_entry(text, self.last_bytes),
            false => listpack_entry(text),
        };
        self.entry_bytes = self.entry_bytes.saturating_add(self.last_bytes);
    }

    /// Bytes of the blob.
    pub(crate) fn bytes(&self, layout: &Layout) -> u64 {
        empty_bytes(layout).saturating_add(self.entry_bytes)
    }
}

/// Bytes of such a blob without elements.
pub(crate) fn empty_bytes(layout: &Layout) -> u64 {
    match layout.has_ziplists {
        true => ZIPLIST_BYTES,
        false => LISTPACK_BYTES,
    }
}

/// Bytes that an element takes in a listpack.
pub(crate) fn listpack_entry(text: Text) -> u64 {
    let size = match text.integer {
        Some(0..=127) => 1,
        Some(-4_096..=4_095) => 2,
        Some(-32_768..=32_767) => 3,
        Some(-8_388_608..=8_388_607) => 4,
        Some(-2_147_483_648..=2_147_483_647) => 5,
        Some(_) => 9,
        None => {
            let header = match text.len {
                ..64 => 1,
                64..4_096 => 2,
                _ => 5,
            };
            text.len.saturating_add(header)
        }
    };
    // The back length: one byte for each seven bits, with limits one below the powers but for the first.
    let back = match size {
        ..=127 => 1,
        128..=16_382 => 2,
        16_383..=2_097_150 => 3,
        2_097_151..=268_435_454 => 4,
        _ => 5,
    };
    size.saturating_add(back)
}

/// Bytes that an element takes in a ziplist behind one that takes so many.
pub(crate) fn ziplist_entry(text: Text, previous: u64) -> u64 {
    let size = match text.integer {
        Some(0..=12) => 1,
        Some(-128..=127) => 2,
        Some(-32_768..=32_767) => 3,
        Some(-8_388_608..=8_388_607) => 4,
        Some(-2_147_483_648..=2_147_483_647) => 5,
        Some(_) => 9,
        None => {
            let header = match text.len {
                ..64 => 1,
                64..16_384 => 2,
                _ => 5,
            };
            text.len.saturating_add(header)
        }
    };
    size.saturating_add(if previous < 254 { 1 } else { 5 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_what_servers_write() {
        for (text, number) in [
            ("0", Some(0)),
            ("-1", Some(-1)),
            ("9223372036854775807", Some(i64::MAX)),
            ("-9223372036854775808", Some(i64::MIN)),
            ("9223372036854775808", None),
            ("99999999999999999999", None),
            ("", None),
            ("-", None),
            ("-0", None),
            ("+1", None),
            ("01", None),
            ("1.0", None),
            ("1 ", None),
        ] {
            assert_eq!(integer(text.as_bytes()), number, "{text:?}");
        }
    }
}
