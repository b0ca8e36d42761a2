//! Framing and measuring in one walk.

use super::framer::{Begins, FrameCursor, Framer, Need};
use super::short::{self, ShortString};
use super::{EntryHead, Header, Record, Template, TemplateSource, Value};
use crate::Error;
use crate::reader::{Cursor, Reader};
use crate::value::{MeasureOptions, ValueFacts, measure};

/// Makes the bytes of a snapshot ready, in their order and a stretch at a time, before they are looked at.
pub trait Prepare {
    /// Makes bytes ready from this one of the reader's bytes on, and tells the one behind those. When there are none,
    /// reading ends there, as if they were missing.
    fn prepare(&mut self, from: usize) -> usize;
}

/// Bytes that need no preparation.
#[derive(Debug, Clone, Copy, Default)]
pub struct Ready;

impl Prepare for Ready {
    fn prepare(&mut self, _from: usize) -> usize {
        usize::MAX
    }
}

/// Yields the records of a snapshot that lies in memory, and of each entry what its value is made of: as
/// [`super::RdbReader`] and [`super::Entry::measure`] do, but each byte is passed over once.
#[derive(Debug, Clone)]
pub struct MeasuringReader<'a, 'm, P> {
    cursor: Measuring<'a, 'm, P>,
    framer: Framer,
}

impl<'a, 'm> MeasuringReader<'a, 'm, Ready> {
    /// Reads on where another reader stands.
    pub(crate) fn over(
        reader: &Reader<'a>,
        framer: Framer,
        options: MeasureOptions<'m>,
    ) -> MeasuringReader<'a, 'm, Ready> {
        MeasuringReader {
            cursor: Measuring::over(reader, options),
            framer,
        }
    }

    /// What is carried from one record to the next.
    pub(crate) fn into_framer(self) -> Framer {
        self.framer
    }
}

impl<'a, 'm, P: Prepare> MeasuringReader<'a, 'm, P> {
    /// Reads the header of a snapshot.
    ///
    /// # Errors
    /// When the bytes do not begin like a snapshot, or with a version that is not known.
    pub fn new(
        bytes: &'a [u8],
        options: MeasureOptions<'m>,
        prepare: P,
    ) -> Result<MeasuringReader<'a, 'm, P>, Error> {
        let mut reader = Reader::new(bytes, 0);
        let header = Header::read(&mut reader)?;
        let at = bytes.len() - reader.rest().len();
        Ok(MeasuringReader {
            cursor: Measuring::new(bytes, at, options, prepare),
            framer: Framer::new(header),
        })
    }

    /// A reader of the same snapshot that takes it that a record begins at this offset, in database 0.
    pub fn elsewhere<Q: Prepare>(&self, offset: u64, prepare: Q) -> MeasuringReader<'a, 'm, Q> {
        let Measuring { bytes, options, .. } = self.cursor;
        let at = usize::try_from(offset.saturating_sub(self.cursor.base)).unwrap_or(bytes.len());
        MeasuringReader {
            cursor: Measuring {
                base: self.cursor.base,
                ..Measuring::new(bytes, at.min(bytes.len()), options, prepare)
            },
            framer: self.framer.elsewhere(0),
        }
    }

    /// Reads on at another offset, where a record begins in this database.
    pub fn go_to(&mut self, offset: u64, db: u64) {
        let at = usize::try_from(offset.saturating_sub(self.cursor.base)).unwrap_or(usize::MAX);
        self.cursor.at = at.min(self.cursor.bytes.len());
        self.cursor.ready = self.cursor.at;
        self.framer.select_db(db);
    }

    /// Whether a record may begin with this byte.
    pub fn may_begin_with(&self, byte: u8) -> bool {
        Begins::with(byte, self.framer.header()) != Begins::Nothing
    }

    /// Family and version.
    pub fn header(&self) -> Header {
        self.framer.header()
    }

    /// The database that was selected last.
    pub fn db(&self) -> u64 {
        self.framer.db()
    }

    /// Whether a record ends here to which nothing belongs that follows, and something does follow.
    pub fn is_at_rest(&self) -> bool {
        self.framer.is_at_rest()
    }

    /// What makes its bytes ready.
    pub fn prepare_mut(&mut self) -> &mut P {
        &mut self.cursor.prepare
    }

    /// Absolute offset of the next byte to be framed.
    pub fn offset(&self) -> u64 {
        self.cursor.offset()
    }

    /// The next record, or `None` behind [`crate::RecordKind::End`].
    ///
    /// # Errors
    /// At the first byte that contradicts the format, is not known, or is missing, be it in the record or, as
    /// deep as that is measured, in its value.
    #[inline]
    pub fn next_record(&mut self) -> Result<Option<Record<'a>>, Error> {
        self.cursor.measured = None;
        let next = self.framer.next_record(&mut self.cursor);
        next.inspect_err(|_| self.framer.end())
    }

    /// What the value of the entry that was read last is made of; `None` when the last record was no entry.
    #[inline]
    pub fn value_facts(&self) -> Option<&ValueFacts> {
        self.cursor.measured.as_ref()
    }

    /// Reads the entries in front that are short strings, as long as they begin before the offset `until` and
    /// no value is longer than `value_bytes_max`; at most to the end of what is ready. Each is handed out with the bytes of
    /// the run that it is part of.
    #[inline(always)]
    pub fn short_strings(
        &mut self,
        until: u64,
        value_bytes_max: u16,
        each: impl FnMut(ShortString, &'a [u8]),
    ) {
        if !self.framer.is_at_rest() {
            return;
        }
        let cursor = &mut self.cursor;
        let ready = cursor.bytes.get(cursor.at..cursor.ready);
        let until = usize::try_from(until.saturating_sub(cursor.offset())).unwrap_or(usize::MAX);
        cursor.at += short::read(ready.unwrap_or_default(), until, value_bytes_max, each);
    }
}

/// A cursor that measures the values that it passes.
#[derive(Debug, Clone)]
pub(super) struct Measuring<'a, 'm, P> {
    bytes: &'a [u8],
    /// Absolute offset of the first of them.
    base: u64,
    at: usize,
    /// Up to where bytes may be looked at.
    ready: usize,
    prepare: P,
    options: MeasureOptions<'m>,
    /// Of the value that was passed last.
    measured: Option<ValueFacts>,
}

impl<'a, 'm, P: Prepare> Measuring<'a, 'm, P> {
    pub(super) fn new(
        bytes: &'a [u8],
        at: usize,
        options: MeasureOptions<'m>,
        prepare: P,
    ) -> Measuring<'a, 'm, P> {
        Measuring {
            bytes,
            base: 0,
            at,
            ready: at,
            prepare,
            options,
            measured: None,
        }
    }

    #[inline]
    fn window(&mut self, n: u64) -> Result<&'a [u8], Error> {
        let left = (self.ready - self.at) as u64;
        if n > left {
            self.get_ready(n)?;
        }
        let start = self.at;
        let end = start.saturating_add(usize::try_from(n).unwrap_or(usize::MAX));
        match self.bytes.get(start..end) {
            Some(window) => {
                self.at = end;
                Ok(window)
            }
            None => Err(self.truncated(n)),
        }
    }

    /// Makes the next `n` bytes ready.
    #[cold]
    #[inline(never)]
    fn get_ready(&mut self, n: u64) -> Result<(), Error> {
        if n > (self.bytes.len() - self.at) as u64 {
            return Err(self.truncated(n));
        }
        while n > (self.ready - self.at) as u64 {
            let ready = self.prepare.prepare(self.ready).min(self.bytes.len());
            if ready <= self.ready {
                return Err(self.truncated(n));
            }
            self.ready = ready;
        }
        Ok(())
    }

    #[cold]
    fn truncated(&self, n: u64) -> Error {
        let left = (self.bytes.len() - self.at) as u64;
        Error::truncated(self.offset() + left, n.saturating_sub(left))
    }
}

impl<'a, 'm> Measuring<'a, 'm, Ready> {
    /// Reads on where a reader stands.
    pub(super) fn over(
        reader: &Reader<'a>,
        options: MeasureOptions<'m>,
    ) -> Measuring<'a, 'm, Ready> {
        Measuring {
            base: reader.offset(),
            ..Measuring::new(reader.rest(), 0, options, Ready)
        }
    }
}

impl<P: Prepare> Cursor for Measuring<'_, '_, P> {
    #[inline]
    fn offset(&self) -> u64 {
        self.base + self.at as u64
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
        self.bytes.get(self.at..self.ready).unwrap_or_default()
    }
}

impl<'a, P: Prepare> FrameCursor<'a> for Measuring<'a, '_, P> {
    #[inline]
    fn stored(&mut self, stored: u64, _need: Need) -> Result<&'a [u8], Error> {
        self.window(stored)
    }

    #[inline]
    fn value(
        &mut self,
        head: &EntryHead<'a>,
        templates: TemplateSource<'_>,
    ) -> Result<(Value<'a>, Option<Template>), Error> {
        let start = self.at;
        let options = self.options;
        let facts = measure(self, head.value_type, templates, options)?;
        let template = templates.of(&facts);
        self.measured = Some(facts);
        let window = self.bytes.get(start..self.at).unwrap_or_default();
        Ok((Value::Window(window), template))
    }
}
