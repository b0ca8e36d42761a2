//! Runs of short strings: the fast way through a snapshot of many small keys.
//!
//! The commonest entry of all is a string of less than 16 KiB under a name of less than 64 bytes, with or without an
//! expiry. It is read here from a handful of bytes with no more than its two lengths looked at. Whatever else comes
//! ends the run, and [`super::Framer`], which this must agree with, takes that record.

use std::ops::Range;

use preshard_memory::{Text, integer};

use super::entry::DUMP_FRAME_BYTES;
use super::opcode;

/// A key that holds a short string, which lies in the file as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ShortString {
    /// Where the key ends, counted from the first byte of the run that it is part of.
    key_end: usize,
    /// Bytes of the value.
    pub value_bytes: u16,
    /// Bytes of the key, 1 to [`ShortString::KEY_BYTES_MAX`].
    pub key_bytes: u8,
    /// Whether it has an expiry, see [`ShortString::expires_at_ms`].
    pub expires: bool,
    /// Whether the value is a 64-bit integer, of at least ten digits: servers write shorter ones in another form.
    pub is_integer: bool,
}

impl ShortString {
    /// Longest key whose length takes one byte in the file.
    pub const KEY_BYTES_MAX: u8 = 63;
    /// Longest value whose length takes two bytes in the file.
    pub const VALUE_BYTES_MAX: u16 = 16_383;
    /// Shortest value whose length takes two bytes.
    const TWO_BYTES_FROM: u16 = 64;
    /// Bytes that DUMP puts around a value.
    pub const PAYLOAD_BYTES_AROUND: u64 = DUMP_FRAME_BYTES;
    /// Bytes that an expiry takes in the file, its opcode included.
    pub const EXPIRY_BYTES: u64 = 9;

    /// Where in the bytes of its run the key lies.
    #[inline]
    pub fn key(&self) -> Range<usize> {
        self.key_end.saturating_sub(usize::from(self.key_bytes))..self.key_end
    }

    /// The absolute expiry, Unix milliseconds, from the bytes of its run.
    pub fn expires_at_ms(&self, bytes: &[u8]) -> Option<i64> {
        // Between expiry and key stand the type and the length.
        let end = self.key().start.checked_sub(2).filter(|_| self.expires)?;
        let expiry = bytes.get(..end)?.last_chunk()?;
        Some(i64::from_le_bytes(*expiry))
    }

    /// Bytes that a value of this length takes in the file, see [`super::Value::stored_bytes`].
    pub fn stored_bytes_of(value_bytes: u16) -> u64 {
        let header = if value_bytes < ShortString::TWO_BYTES_FROM {
            1
        } else {
            2
        };
        header + u64::from(value_bytes)
    }

    /// The length of what DUMP returns of a value of this length, see [`super::Entry::payload_bytes`].
    pub fn payload_bytes_of(value_bytes: u16) -> u64 {
        ShortString::stored_bytes_of(value_bytes) + DUMP_FRAME_BYTES
    }
}

/// Shortest text of an integer that needs more than 32 bits; smaller ones lie in the file as integers, and a file of
/// another writer takes the plain way.
const INTEGER_DIGITS_MIN: u16 = 10;
/// As [`ShortString::EXPIRY_BYTES`].
const EXPIRY_BYTES: usize = 9;
const TYPE_STRING: u8 = 0;
/// Expiry, type, length and bytes of the key, and the length of the value, rounded up.
const BLOCK_BYTES: usize = 80;

/// Reads the short strings in front, as long as they begin before `until` and no value is longer than
/// `value_bytes_max`; how many bytes they take. `each` is told of each with the bytes of the run.
#[inline(always)]
pub(super) fn read<'a>(
    bytes: &'a [u8],
    until: usize,
    value_bytes_max: u16,
    mut each: impl FnMut(ShortString, &'a [u8]),
) -> usize {
    let mut at = 0;
    while at < until {
        let Some(block) = bytes.get(at..).and_then(<[u8]>::first_chunk::<BLOCK_BYTES>) else {
            break;
        };
        // Two ways instead of an offset that hangs on a byte: the processor goes ahead on the one that it expects.
        let entry = match *block {
            [TYPE_STRING, ..] => Entry::read::<0>(block),
            [opcode::EXPIRETIME_MS, ..] => Entry::read::<EXPIRY_BYTES>(block),
            _ => break,
        };
        let Some(entry) = entry else {
            break;
        };
        let value = at + entry.value;
        let next = value + usize::from(entry.value_bytes);
        if entry.value_bytes > value_bytes_max || next > bytes.len() {
            break;
        }
        let is_integer = u64::from(entry.value_bytes) <= Text::INTEGER_BYTES_MAX
            && matches!(bytes.get(value), Some(b'0'..=b'9' | b'-'))
            && bytes.get(value..next).and_then(integer).is_some();
        if is_integer && entry.value_bytes < INTEGER_DIGITS_MIN {
            break;
        }
        let short = ShortString {
            key_end: at + entry.key_end,
            value_bytes: entry.value_bytes,
            key_bytes: entry.key_bytes,
            expires: entry.expires,
            is_integer,
        };
        each(short, bytes);
        at = next;
    }
    at
}

/// An entry, counted from its first byte.
struct Entry {
    key_end: usize,
    key_bytes: u8,
    value: usize,
    value_bytes: u16,
    expires: bool,
}

impl Entry {
    /// Reads one that has so many bytes in front of its type, if it is a short string.
    #[inline(always)]
    fn read<const BEFORE: usize>(block: &[u8; BLOCK_BYTES]) -> Option<Entry> {
        let [value_type, key_bytes] = *block.get(BEFORE..)?.first_chunk()?;
        if value_type != TYPE_STRING || key_bytes.wrapping_sub(1) >= ShortString::KEY_BYTES_MAX {
            return None;
        }
        let key_end = BEFORE + 2 + usize::from(key_bytes);
        let [first, second] = *block.get(key_end..)?.first_chunk()?;
        if first >= 0x80 {
            return None;
        }
        // A mask in place of a branch, which would often be foretold wrongly where lengths lie around 64.
        let two_bytes = first >> 6;
        let long = u16::from(two_bytes).wrapping_neg();
        let high = u16::from(first & 0x3f);
        let value_bytes = (high & !long) | ((high << 8 | u16::from(second)) & long);
        // Servers write no length longer than it must be, and so the value tells the bytes of its own; others may. Such a
        // one is made longer than any that is wanted, which takes no branch.
        let is_padded = (two_bytes == 1) & (value_bytes < ShortString::TWO_BYTES_FROM);
        let value_bytes = value_bytes | u16::from(is_padded) << 15;
        Some(Entry {
            key_end,
            key_bytes,
            value: key_end + 1 + usize::from(two_bytes),
            value_bytes,
            expires: BEFORE > 0,
        })
    }
}
