//! Runs of short strings: the fast way through large collections.
//!
//! Most elements of a hash, set or sorted set are strings of less than 16 KiB that lie in the file as they are. A run
//! of such elements is read from the bytes at hand with no more than the lengths looked at, and told to the visitor
//! as a whole. Whatever else comes (an integer, a compressed or longer string, a score that is no number, the end of the
//! bytes) ends the run, and the plain walk in [`super::collection`], which this one must agree with, takes that
//! element.

use super::visitor::{Role, Visitor};
use crate::Error;
use crate::limits::LZF_TRIED_ABOVE_BYTES;
use crate::reader::Cursor;

/// Lengths of strings that lie in the file as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Lengths {
    /// All together.
    pub(crate) sum: u64,
    /// Those together of which each is so long that a server tries to compress it.
    pub(crate) compressible: u64,
    /// The greatest.
    pub(crate) largest: u64,
}

impl Lengths {
    #[inline]
    fn add(&mut self, len: u64) {
        self.sum += len;
        self.compressible += if len > LZF_TRIED_ABOVE_BYTES { len } else { 0 };
        self.largest = self.largest.max(len);
    }
}

/// What stands behind the strings of an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Behind {
    Nothing,
    /// The score of a sorted set's member.
    Score,
}

/// Passes over the elements in front, at most `max` of them, that are made of short strings, one for each role; how
/// many there were.
#[inline]
pub(super) fn pass<const STRINGS: usize, C: Cursor, V: Visitor>(
    c: &mut C,
    roles: [Role; STRINGS],
    behind: Behind,
    max: u64,
    v: &mut V,
) -> Result<u64, Error> {
    if !V::TAKES_RUNS {
        return Ok(0);
    }
    let bytes = c.at_hand();
    let mut lengths = [Lengths::default(); STRINGS];
    let mut elements = 0;
    let mut passed = 0;
    while elements < max {
        let mut at = passed;
        let mut element = [0; STRINGS];
        let is_plain = element.iter_mut().all(|len| {
            let Some((header, string)) = short_string(bytes, at) else {
                return false;
            };
            *len = string;
            at += header + string;
            true
        });
        if !is_plain {
            break;
        }
        if behind == Behind::Score {
            match bytes.get(at..).and_then(<[u8]>::first_chunk) {
                Some(score) if !f64::from_le_bytes(*score).is_nan() => at += size_of::<f64>(),
                _ => break,
            }
        }
        if at > bytes.len() {
            break;
        }
        for (lengths, len) in lengths.iter_mut().zip(element) {
            lengths.add(len as u64);
        }
        passed = at;
        elements += 1;
    }
    c.skip(passed as u64)?;
    if elements > 0 {
        for (role, lengths) in roles.into_iter().zip(lengths) {
            v.run(role, lengths);
        }
    }
    Ok(elements)
}

/// Bytes of the header and of the string behind it, where that is short and lies there as it is.
#[inline]
fn short_string(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    let [first, second] = *bytes.get(at..)?.first_chunk()?;
    match first >> 6 {
        0 => Some((1, usize::from(first))),
        1 => Some((2, usize::from(first & 0x3f) << 8 | usize::from(second))),
        _ => None,
    }
}
