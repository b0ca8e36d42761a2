//! A bounded window that moves over a stream of bytes.

use std::io::{self, Read};

use crate::Error;
use crate::crc64::Running;
use crate::limits::WINDOW_BYTES_MIN;
use crate::reader::Cursor;

/// The bytes of a stream that are at hand, and how to get more.
pub(crate) struct Window<R> {
    input: R,
    buffer: Vec<u8>,
    /// The part of `buffer` that is filled and not yet consumed.
    start: usize,
    end: usize,
    /// Absolute offset of the first byte of `buffer`.
    base: u64,
    /// The input has no more bytes.
    ended: bool,
    /// Why it has none, unless it simply ended.
    failure: Option<io::Error>,
    checksum: Running,
    /// How much of `buffer` is in `checksum`.
    summed: usize,
}

impl<R: Read> Window<R> {
    /// A window of `capacity` bytes, at least [`WINDOW_BYTES_MIN`], filled from the beginning of the input.
    pub(crate) fn new(input: R, capacity: usize) -> Window<R> {
        let mut window = Window {
            input,
            buffer: vec![0; capacity.max(WINDOW_BYTES_MIN)],
            start: 0,
            end: 0,
            base: 0,
            ended: false,
            failure: None,
            checksum: Running::new(),
            summed: 0,
        };
        window.refill();
        window
    }

    /// What is at hand.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    /// Absolute offset of the next byte.
    pub(crate) fn offset(&self) -> u64 {
        self.base + self.start as u64
    }

    /// Whether nothing follows what is at hand.
    pub(crate) fn is_last(&self) -> bool {
        self.ended
    }

    /// Why nothing follows, unless the input simply ended.
    pub(crate) fn failure(&self) -> Option<&io::Error> {
        self.failure.as_ref()
    }

    /// Why nothing followed.
    pub(crate) fn into_failure(self) -> Option<io::Error> {
        self.failure
    }

    /// Consumes `n` of the bytes at hand.
    pub(crate) fn consume(&mut self, n: usize) {
        self.start = self.start.saturating_add(n).min(self.end);
    }

    /// Drops what was consumed and fills the window up.
    pub(crate) fn refill(&mut self) {
        let consumed = self.start;
        self.sum_to(consumed);
        self.buffer.copy_within(self.start..self.end, 0);
        self.base += consumed as u64;
        self.end -= consumed;
        self.summed -= consumed;
        self.start = 0;
        while let Some(room) = self.buffer.get_mut(self.end..) {
            if self.ended || room.is_empty() {
                break;
            }
            match self.input.read(room) {
                Ok(0) => self.ended = true,
                Ok(n) => self.end = (self.end + n).min(self.buffer.len()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.ended = true;
                    self.failure = Some(error);
                }
            }
        }
    }

    /// Consumes the first `n` of `of` bytes that are needed and appends them to `out`, which grows only as
    /// bytes really arrive.
    ///
    /// # Errors
    /// Truncated, when fewer are left.
    pub(crate) fn take_into(
        &mut self,
        mut n: u64,
        mut of: u64,
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        while n > 0 {
            let at_hand = self.bytes();
            let step = usize::try_from(n).map_or(at_hand.len(), |n| n.min(at_hand.len()));
            out.extend_from_slice(at_hand.get(..step).unwrap_or_default());
            self.consume(step);
            n -= step as u64;
            of -= step as u64;
            if n > 0 && self.ended {
                return Err(self.missing(of));
            }
            if n > 0 {
                self.refill();
            }
        }
        Ok(())
    }

    /// The checksum of everything before the next byte but `behind` bytes.
    pub(crate) fn checksum(&mut self, behind: u64) -> u64 {
        let behind = usize::try_from(behind).unwrap_or(self.start);
        self.sum_to(self.start.saturating_sub(behind));
        self.checksum.value()
    }

    fn sum_to(&mut self, until: usize) {
        if let Some(bytes) = self.buffer.get(self.summed..until) {
            self.checksum.update(bytes);
            self.summed = until;
        }
    }

    /// What is missing, `needed` bytes from the next byte on.
    #[cold]
    fn missing(&self, needed: u64) -> Error {
        let offset = self.base + self.end as u64;
        let error = Error::truncated(offset, needed);
        match &self.failure {
            Some(failure) => error.because(failure),
            None => error,
        }
    }
}

impl<R: Read> Cursor for Window<R> {
    fn offset(&self) -> u64 {
        Window::offset(self)
    }

    fn take(&mut self, n: usize) -> Result<&[u8], Error> {
        if self.end - self.start < n {
            self.refill();
        }
        let left = self.end - self.start;
        let start = self.start;
        if left < n {
            self.consume(left);
            return Err(self.missing((n - left) as u64));
        }
        self.consume(n);
        self.buffer
            .get(start..start + n)
            .ok_or_else(|| Error::truncated(self.base + start as u64, n as u64))
    }

    fn skip(&mut self, mut n: u64) -> Result<(), Error> {
        loop {
            let at_hand = self.end - self.start;
            let step = usize::try_from(n).map_or(at_hand, |n| n.min(at_hand));
            self.consume(step);
            n -= step as u64;
            if n == 0 {
                return Ok(());
            }
            if self.ended {
                return Err(self.missing(n));
            }
            self.refill();
        }
    }

    fn at_hand(&self) -> &[u8] {
        self.bytes()
    }
}
