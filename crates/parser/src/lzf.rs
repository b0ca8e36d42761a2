//! LZF decompression: whole strings, and cursors that decompress only as far as they are read.
//!
//! The format (redis `src/lzf_d.c`): a control byte below 32 announces that many literals plus one.
//! Any other carries a length in its three high bits (7: one more length byte follows) and, with the
//! byte after, a 13-bit distance; length + 2 bytes are copied from distance + 1 back, overlapping
//! byte by byte.

use crate::Error;
use crate::limits::{LZF_EXPANSION_MAX, LZF_INITIAL_BYTES, LZF_STEP_BYTES};
use crate::reader::{Cursor, Reader};

/// Farthest that a reference reaches back.
const WINDOW_BYTES: usize = 1 << 13;

/// Decompresses a whole string of `len` bytes; `offset` is where `compressed` lies in the file.
///
/// # Errors
/// Corrupt, when the input does not yield exactly `len` bytes.
pub fn decompress(compressed: &[u8], len: u64, offset: u64) -> Result<Vec<u8>, Error> {
    let mut out = Vec::with_capacity(
        usize::try_from(len)
            .unwrap_or(LZF_INITIAL_BYTES)
            .min(LZF_INITIAL_BYTES),
    );
    let mut input = Reader::new(compressed, offset);
    while (out.len() as u64) < len {
        step(&mut input, &mut out, offset)?;
    }
    if out.len() as u64 != len || !input.rest().is_empty() {
        let found = format!(
            "{} bytes with {} compressed bytes left",
            out.len(),
            input.rest().len()
        );
        return Err(Error::corrupt(
            offset,
            "compressed string of its stated length",
            found,
        ));
    }
    Ok(out)
}

/// Refuses a claimed length that no input of `stored` bytes can decompress to.
pub(crate) fn check_claim(stored: u64, len: u64, offset: u64) -> Result<(), Error> {
    if len > stored.saturating_mul(LZF_EXPANSION_MAX) {
        let found = format!("{len} bytes out of {stored}");
        return Err(Error::corrupt(
            offset,
            "at most 88 bytes out of each compressed byte",
            found,
        ));
    }
    Ok(())
}

/// Carries out one instruction.
fn step<C: Cursor>(input: &mut C, out: &mut Vec<u8>, offset: u64) -> Result<(), Error> {
    let control = usize::from(input.u8()?);
    if control < 32 {
        out.extend_from_slice(input.take(control + 1)?);
        return Ok(());
    }
    let mut length = control >> 5;
    if length == 7 {
        length += usize::from(input.u8()?);
    }
    let distance = ((control & 31) << 8 | usize::from(input.u8()?)) + 1;
    let Some(mut from) = out.len().checked_sub(distance) else {
        return Err(Error::corrupt(
            offset,
            "reference into the string",
            format!("{distance} bytes before byte {}", out.len()),
        ));
    };
    // An overlapping copy repeats its own output, so it is made in pieces that exist already.
    let mut left = length + 2;
    while left > 0 {
        let piece = left.min(out.len() - from);
        out.extend_from_within(from..from + piece);
        from += piece;
        left -= piece;
    }
    Ok(())
}

/// A cursor inside a compressed string.
///
/// It decompresses no further than it is asked for, keeps a bounded window of output in a buffer
/// that can be used again, and so reads the header of a compressed listpack of any size for the
/// price of a few bytes.
#[derive(Debug)]
pub struct LzfCursor<'c, C> {
    input: &'c mut C,
    out: &'c mut Vec<u8>,
    /// Consumed part of `out`.
    position: usize,
    /// Output bytes dropped from the front of `out`.
    dropped: u64,
    len: u64,
    offset: u64,
}

impl<'c, C: Cursor> LzfCursor<'c, C> {
    /// A cursor over the `len` bytes that `input` decompresses to; `out` is scratch space.
    pub fn new(input: &'c mut C, len: u64, out: &'c mut Vec<u8>) -> LzfCursor<'c, C> {
        out.clear();
        let offset = input.offset();
        LzfCursor {
            input,
            out,
            position: 0,
            dropped: 0,
            len,
            offset,
        }
    }

    /// Whether all of the string was consumed.
    pub fn is_at_end(&self) -> bool {
        self.dropped + self.position as u64 == self.len
    }

    fn fill(&mut self, n: usize) -> Result<(), Error> {
        if self.position > WINDOW_BYTES + LZF_STEP_BYTES {
            let surplus = self.position - WINDOW_BYTES;
            self.out.drain(..surplus);
            self.position -= surplus;
            self.dropped += surplus as u64;
        }
        while self.out.len() - self.position < n {
            let produced = self.dropped + self.out.len() as u64;
            if produced >= self.len {
                let missing = n - (self.out.len() - self.position);
                let found = format!("one that goes on for {missing} more");
                return Err(Error::corrupt(
                    self.offset,
                    "structure within its string",
                    found,
                ));
            }
            step(self.input, self.out, self.offset)?;
            let produced = self.dropped + self.out.len() as u64;
            if produced > self.len {
                return Err(Error::corrupt(
                    self.offset,
                    "compressed string of its stated length",
                    format!("{} bytes too many", produced - self.len),
                ));
            }
        }
        Ok(())
    }
}

impl<C: Cursor> Cursor for LzfCursor<'_, C> {
    fn offset(&self) -> u64 {
        self.offset
    }

    fn take(&mut self, n: usize) -> Result<&[u8], Error> {
        self.fill(n)?;
        let start = self.position;
        self.position += n;
        self.out
            .get(start..self.position)
            .ok_or_else(|| Error::truncated(self.offset, n as u64))
    }

    fn skip(&mut self, mut n: u64) -> Result<(), Error> {
        while n > 0 {
            let piece = usize::try_from(n)
                .unwrap_or(LZF_STEP_BYTES)
                .min(LZF_STEP_BYTES);
            self.fill(piece)?;
            self.position += piece;
            n -= piece as u64;
        }
        Ok(())
    }
}
