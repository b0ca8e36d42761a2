//! Cursors: bounds-checked, never panicking, and always aware of their absolute offset.

use crate::Error;

/// A place in the bytes of a snapshot from which a value can be walked.
///
/// The walking code is written against this trait, so that it serves a mapped file, a window of
/// one, the inside of a compressed string, and sources that hold only part of the file at a time.
pub trait Cursor {
    /// Absolute offset of the next byte. Inside a compressed string: where the compressed bytes begin.
    fn offset(&self) -> u64;

    /// Consumes `n` bytes, at most [`crate::limits::TAKE_MAX`].
    ///
    /// # Errors
    /// Truncated, when fewer are left.
    fn take(&mut self, n: usize) -> Result<&[u8], Error>;

    /// Consumes `n` bytes without looking at them.
    ///
    /// # Errors
    /// Truncated, when fewer are left.
    fn skip(&mut self, n: u64) -> Result<(), Error>;

    /// Consumes `N` bytes.
    ///
    /// # Errors
    /// Truncated, when fewer are left.
    #[inline]
    fn take_array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let offset = self.offset();
        let bytes = self.take(N)?;
        bytes
            .try_into()
            .map_err(|_| Error::truncated(offset, N as u64))
    }

    /// Consumes one byte.
    ///
    /// # Errors
    /// Truncated, when none is left.
    #[inline]
    fn u8(&mut self) -> Result<u8, Error> {
        self.take_array::<1>().map(|[byte]| byte)
    }

    /// The next bytes, as many as lie at hand just now and perhaps none: what runs of like structures are read from at
    /// once.
    #[inline]
    fn at_hand(&self) -> &[u8] {
        &[]
    }

    /// Skips `count` structures of `size` bytes.
    ///
    /// # Errors
    /// Truncated, when fewer are left.
    fn skip_many(&mut self, count: u64, size: u64) -> Result<(), Error> {
        match count.checked_mul(size) {
            Some(n) => self.skip(n),
            None => Err(Error::truncated(self.offset(), u64::MAX)),
        }
    }
}

/// A cursor over bytes in memory that hands out windows of their full lifetime.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    rest: &'a [u8],
    offset: u64,
}

impl<'a> Reader<'a> {
    /// A reader of `bytes`, the first of which lies at `offset` of the file.
    pub fn new(bytes: &'a [u8], offset: u64) -> Reader<'a> {
        Reader {
            rest: bytes,
            offset,
        }
    }

    /// Consumes `n` bytes and hands them out.
    ///
    /// # Errors
    /// Truncated, when fewer are left.
    #[inline]
    pub fn window(&mut self, n: u64) -> Result<&'a [u8], Error> {
        let split = usize::try_from(n)
            .ok()
            .and_then(|n| self.rest.split_at_checked(n));
        match split {
            Some((window, rest)) => {
                self.rest = rest;
                self.offset += n;
                Ok(window)
            }
            None => {
                let left = self.rest.len() as u64;
                Err(Error::truncated(self.offset + left, n - left))
            }
        }
    }

    /// The bytes not yet consumed.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }
}

impl Cursor for Reader<'_> {
    #[inline]
    fn offset(&self) -> u64 {
        self.offset
    }

    #[inline]
    fn take(&mut self, n: usize) -> Result<&[u8], Error> {
        self.window(n as u64)
    }

    #[inline]
    fn skip(&mut self, n: u64) -> Result<(), Error> {
        self.window(n).map(|_| ())
    }

    #[inline]
    fn at_hand(&self) -> &[u8] {
        self.rest
    }
}

/// The next `left` bytes of another cursor.
#[derive(Debug)]
pub(crate) struct Bounded<'c, C> {
    inner: &'c mut C,
    left: u64,
}

impl<'c, C: Cursor> Bounded<'c, C> {
    pub(crate) fn new(inner: &'c mut C, left: u64) -> Bounded<'c, C> {
        Bounded { inner, left }
    }

    /// Bytes in front of the bound.
    pub(crate) fn left(&self) -> u64 {
        self.left
    }

    /// Skips what is left, so that the inner cursor stands behind the bound.
    pub(crate) fn finish(self) -> Result<(), Error> {
        self.inner.skip(self.left)
    }

    fn consume(&mut self, n: u64) -> Result<(), Error> {
        match self.left.checked_sub(n) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => {
                let left = std::mem::take(&mut self.left);
                let beyond = n - left;
                let found = format!("one that goes on for {beyond} more");
                // Where the file ends before the string does, that is what is wrong with it.
                self.inner.skip(left)?;
                let end = self.inner.offset();
                Err(Error::corrupt(end, "structure within its string", found))
            }
        }
    }
}

impl<C: Cursor> Cursor for Bounded<'_, C> {
    fn offset(&self) -> u64 {
        self.inner.offset()
    }

    fn take(&mut self, n: usize) -> Result<&[u8], Error> {
        self.consume(n as u64)?;
        // What could not be consumed is still there to be missed.
        self.inner.take(n).inspect_err(|_| self.left += n as u64)
    }

    fn skip(&mut self, n: u64) -> Result<(), Error> {
        self.consume(n)?;
        self.inner.skip(n).inspect_err(|_| self.left += n)
    }
}
