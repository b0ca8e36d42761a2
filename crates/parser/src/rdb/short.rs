//! Runs of short strings: the fast way through a snapshot of many small keys.
//!
//! The commonest entry of all is a string of less than 16 KiB under a name of less than 64 bytes, with or without an
//! expiry. It is read here from a handful of bytes with no more than its two lengths looked at. Whatever else comes
//! ends the run, and [`super::Framer`], which this must agree with, takes that record.

use super::entry::DUMP_FRAME_BYTES;
use super::opcode;

/// A key that holds a short string, which lies in the file as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShortString<'a> {
    /// Bytes of the file that end with the key; where they begin means nothing.
    pub ends_with_key: &'a [u8],
    /// Bytes of the key, 1 to [`ShortString::KEY_BYTES_MAX`].
    pub key_bytes: u8,
    /// Bytes of the value.
    pub value_bytes: u16,
    /// Absolute expiry, Unix milliseconds.
    pub expires_at_ms: Option<i64>,
}

impl ShortString<'_> {
    /// Longest key whose length takes one byte in the file.
    pub const KEY_BYTES_MAX: usize = 63;
    /// Longest value whose length takes two bytes in the file.
    pub const VALUE_BYTES_MAX: u16 = 16_383;
    /// Bytes that DUMP puts around a value.
    pub const PAYLOAD_BYTES_AROUND: u64 = DUMP_FRAME_BYTES;
    /// Bytes that an expiry takes in the file, its opcode included.
    pub const EXPIRY_BYTES: u64 = 9;

    /// Bytes that a value of this length takes in the file, see [`super::Value::stored_bytes`].
    pub fn stored_bytes_of(value_bytes: u16) -> u64 {
        let header = if value_bytes < 64 { 1 } else { 2 };
        header + u64::from(value_bytes)
    }

    /// The length of what DUMP returns of a value of this length, see [`super::Entry::payload_bytes`].
    pub fn payload_bytes_of(value_bytes: u16) -> u64 {
        ShortString::stored_bytes_of(value_bytes) + DUMP_FRAME_BYTES
    }
}

const TYPE_STRING: u8 = 0;
/// Expiry, type, length and bytes of the key, and the length of the value, rounded up.
const BLOCK_BYTES: usize = 80;

/// Reads the short strings in front, as long as they begin before `until` and no value is longer than
/// `value_bytes_max`; how many bytes they take.
#[inline(always)]
pub(super) fn read<'a>(
    bytes: &'a [u8],
    until: usize,
    value_bytes_max: u16,
    mut each: impl FnMut(ShortString<'a>),
) -> usize {
    let mut at = 0;
    while at < until {
        let Some(block) = bytes.get(at..).and_then(<[u8]>::first_chunk::<BLOCK_BYTES>) else {
            break;
        };
        let (expires_at_ms, before) = match *block {
            [opcode::EXPIRETIME_MS, a, b, c, d, e, f, g, h, ..] => {
                (Some(i64::from_le_bytes([a, b, c, d, e, f, g, h])), 9)
            }
            _ => (None, 0),
        };
        let Some(&[TYPE_STRING, key_len]) = block.get(before..before + 2) else {
            break;
        };
        let key_end = before + 2 + usize::from(key_len);
        let Some(&[first, second]) = block.get(key_end..key_end + 2) else {
            break;
        };
        // A mask in place of a branch, which would often be foretold wrongly where lengths lie around 64.
        let two_bytes = first >> 6;
        let high = u16::from(first & 0x3f);
        let value_bytes = match two_bytes {
            0 => high,
            _ => high << 8 | u16::from(second),
        };
        let next = at + key_end + 1 + usize::from(two_bytes) + usize::from(value_bytes);
        let is_plain = usize::from(key_len).wrapping_sub(1) < ShortString::KEY_BYTES_MAX
            && two_bytes < 2
            && value_bytes <= value_bytes_max
            && next <= bytes.len();
        let Some(ends_with_key) = bytes.get(..at + key_end).filter(|_| is_plain) else {
            break;
        };
        each(ShortString {
            ends_with_key,
            key_bytes: key_len,
            value_bytes,
            expires_at_ms,
        });
        at = next;
    }
    at
}
