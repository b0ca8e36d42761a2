//! A reader that can be looked into before it is read.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes that can be looked at ahead; also what is asked of the reader below at a time.
const AHEAD_BYTES: usize = 128 * 1_024;

/// Bytes of one layer: the file as it lies there, or what a container holds.
///
/// A failure of the reader below is kept until all bytes in front of it were taken, so that nothing readable is lost
/// to it.
pub(super) struct Ahead {
    inner: Box<dyn Read + Send>,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    offset: u64,
    /// Is told the offset, where somebody watches it.
    consumed: Arc<AtomicU64>,
    ended: bool,
    failure: Option<io::Error>,
}

impl Ahead {
    pub(super) fn new(inner: Box<dyn Read + Send>) -> Ahead {
        Ahead::counting(inner, Arc::default())
    }

    /// As [`Ahead::new`]; the offset is told to a counter as well.
    pub(super) fn counting(inner: Box<dyn Read + Send>, consumed: Arc<AtomicU64>) -> Ahead {
        Ahead {
            inner,
            consumed,
            buffer: Vec::new(),
            start: 0,
            end: 0,
            offset: 0,
            ended: false,
            failure: None,
        }
    }

    /// Where the next byte lies in this layer.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// The next bytes, at least `n` of them unless the layer ends or fails before. `n` is at most 64 KiB.
    pub(super) fn ahead(&mut self, n: usize) -> &[u8] {
        debug_assert!(n <= AHEAD_BYTES / 2, "{n} bytes ahead");
        while self.end - self.start < n && !self.ended && self.failure.is_none() {
            self.make_room(n);
            let Some(room) = self.buffer.get_mut(self.end..) else {
                break;
            };
            match self.inner.read(room) {
                Ok(0) => self.ended = true,
                Ok(got) => self.end += got,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => self.failure = Some(error),
            }
        }
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    fn make_room(&mut self, n: usize) {
        if self.buffer.is_empty() {
            self.buffer = vec![0; AHEAD_BYTES];
        }
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        } else if self.start + n > self.buffer.len() {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
    }

    /// What is there to be read, more being fetched when nothing is; empty at the end only.
    pub(super) fn fill(&mut self) -> io::Result<&[u8]> {
        if self.ahead(1).is_empty()
            && let Some(error) = self.failure.take()
        {
            // Whoever reads on after this is told of an end, not of the same failure once more.
            self.ended = true;
            return Err(error);
        }
        Ok(self.buffer.get(self.start..self.end).unwrap_or_default())
    }

    /// Takes `n` of the bytes that were looked at.
    pub(super) fn consume(&mut self, n: usize) {
        let n = n.min(self.end - self.start);
        self.start += n;
        self.advance(n);
    }

    fn advance(&mut self, n: usize) {
        self.offset += n as u64;
        self.consumed.store(self.offset, Ordering::Relaxed);
    }

    /// Why there were fewer bytes than wanted: the failure of the reader below, or `None` at the end.
    pub(super) fn take_failure(&mut self) -> Option<io::Error> {
        self.failure.take()
    }
}

impl Read for Ahead {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let idle = self.start == self.end && !self.ended && self.failure.is_none();
        let got = if idle && into.len() >= AHEAD_BYTES {
            self.inner.read(into)?
        } else {
            let got = self.fill()?.read(into)?;
            self.start += got;
            got
        };
        self.advance(got);
        Ok(got)
    }
}
