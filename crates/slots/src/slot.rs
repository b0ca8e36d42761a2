//! The slot of a key.

use std::fmt;
use std::str::FromStr;

use crate::{Error, crc16, hash_tag};

/// Number of slots of a cluster (Redis Cluster specification, "Key distribution model").
pub const SLOT_COUNT: u16 = 16_384;

/// A cluster slot, `0..=16383`; in documents a plain number.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(try_from = "u16", into = "u16")]
pub struct Slot(u16);

impl Slot {
    /// The slot with this number, or `None` above 16383.
    pub fn new(number: u16) -> Option<Slot> {
        (number < SLOT_COUNT).then_some(Slot(number))
    }

    /// The slot of a key: CRC16/XMODEM of its hash tag, or of the whole key, modulo 16384.
    /// [`SlotHasher`](crate::SlotHasher) is faster for many.
    pub fn of_key(key: &[u8]) -> Slot {
        Slot::of_checksum(crc16::checksum(hash_tag(key).unwrap_or(key)))
    }

    /// The slot of a key of whose hash tag, or of which as a whole, this is the checksum.
    #[inline]
    pub(crate) fn of_checksum(crc: u16) -> Slot {
        Slot(crc % SLOT_COUNT)
    }

    /// All slots in ascending order.
    pub fn all() -> impl DoubleEndedIterator<Item = Slot> + ExactSizeIterator {
        (0..SLOT_COUNT).map(Slot)
    }

    /// The slot's number.
    pub fn number(self) -> u16 {
        self.0
    }

    /// The slot's number as an index into a table of [`SLOT_COUNT`] rows.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Slot {
    type Err = Error;

    /// Reads a decimal number without sign or blanks.
    fn from_str(text: &str) -> Result<Slot, Error> {
        // `u16::from_str` takes a leading plus, which no server and no tool writes.
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let number = digits.then(|| text.parse().ok()).flatten();
        number
            .and_then(Slot::new)
            .ok_or_else(|| Error::slot_text(text))
    }
}

impl From<Slot> for u16 {
    fn from(slot: Slot) -> u16 {
        slot.0
    }
}

impl TryFrom<u16> for Slot {
    type Error = Error;

    fn try_from(number: u16) -> Result<Slot, Error> {
        Slot::new(number).ok_or_else(|| Error::slot_text(&number.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `CLUSTER KEYSLOT` of Redis 7.0.15 answered for each of these keys.
    #[test]
    fn slots_that_a_real_server_gave() {
        let answers: &[(&[u8], u16)] = &[
            (b"", 0),
            (b"\x00nul", 6892),
            (b" ", 9314),
            (b"-7", 13838),
            (b"123", 5970),
            (b"2147483648", 15516),
            (b"40000", 8034),
            (b"a b", 9817),
            (b"a{", 14311),
            (b"a}b{c}", 7365),
            (b"foo{}{bar}", 8363),
            (&[b'k'; 63], 2311),
            (&[b'k'; 64], 4776),
            (b"line\nbreak", 11913),
            (&[b'n'; 16384], 10145),
            (b"quote\"'", 2726),
            (&[b'r'; 300], 8828),
            (b"tab\t", 6334),
            (b"x{a}y", 15495),
            (b"{a", 10276),
            (b"{a}", 15495),
            (b"{a}x", 15495),
            (b"{a}{b}", 15495),
            (b"{{a}}", 10276),
            (b"{}", 15257),
            (b"{}tag", 10776),
            (b"\xff\xfe\x80", 11813),
            ("é{ü}".as_bytes(), 9552),
            ("ключ".as_bytes(), 10303),
            ("键".as_bytes(), 16043),
        ];
        for &(key, slot) in answers {
            assert_eq!(
                Slot::of_key(key).number(),
                slot,
                "key {}",
                key.escape_ascii()
            );
        }
    }

    #[test]
    fn reads_numbers_in_range_only() {
        assert_eq!("0".parse::<Slot>().map(Slot::number), Ok(0));
        assert_eq!("16383".parse::<Slot>().map(Slot::number), Ok(16383));
        for text in [
            "",
            "16384",
            "65536",
            "99999999999999999999",
            "-1",
            "+1",
            " 1",
            "1 ",
            "0x1",
            "a",
        ] {
            assert_eq!(
                text.parse::<Slot>(),
                Err(Error::slot_text(text)),
                "{text:?}"
            );
        }
    }

    #[test]
    fn documents_hold_a_number_in_range() {
        let slot: Slot = serde_json::from_str("16383").unwrap();
        assert_eq!(serde_json::to_string(&slot).unwrap(), "16383");
        let error = serde_json::from_str::<Slot>("16384").unwrap_err();
        assert!(error.to_string().contains("0 to 16383"), "{error}");
    }
}
