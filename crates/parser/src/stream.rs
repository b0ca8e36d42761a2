//! Framing a snapshot that passes by and is never held whole.

use std::cell::OnceCell;
use std::io::{self, Read};

use crate::limits::{HELD_BYTES_MAX, WINDOW_BYTES};
use crate::rdb::{FrameCursor, Framer, Need, TemplateSource, first_error};
use crate::reader::{Cursor, Reader};
use crate::value::measure;
use crate::window::Window;
use crate::{Error, Header, MeasureOptions, Measured, Record, Template, Value, ValueType};

/// Most strings in front of a value: a function of a release candidate of Redis 7.0 has four.
const STRINGS_MAX: usize = 4;

/// Yields the records of a snapshot that is read in order, a window at a time.
///
/// Records that lie whole in the window are handed out as windows of it, as [`crate::RdbReader`] does. Of a
/// longer one the key is kept, however long it is, and the value is measured while it passes; so the
/// memory is that of the window and of the longest key. Records, facts and errors are those of
/// [`crate::RdbReader`] over the same bytes, whatever pieces the input comes in.
pub struct RdbStream<R> {
    window: Window<R>,
    framer: Framer,
    measuring: MeasureOptions,
    /// Bytes of the window that the last records lie in: theirs until the next are asked for.
    framed: usize,
    long: Long,
}

/// What is kept of a record that is longer than the window.
#[derive(Default)]
struct Long {
    strings: [OnceCell<Vec<u8>>; STRINGS_MAX],
    value: OnceCell<Measured>,
}

/// How much is framed at once.
#[derive(Debug, Clone, Copy)]
pub struct Portion {
    /// Most records.
    pub records: usize,
    /// Bytes after which no further record is begun, counted by [`Record::weight`].
    pub bytes: u64,
}

/// What stands behind a snapshot.
#[derive(Debug)]
pub struct Behind {
    /// Bytes up to the end of the input.
    pub bytes: u64,
    /// The first of them, as many as are looked at.
    pub first: Vec<u8>,
    /// Why there are no more, unless the input simply ended.
    pub failure: Option<io::Error>,
}

impl<R: Read> RdbStream<R> {
    /// Reads the header of a snapshot. Values longer than the window will be measured by `measuring`.
    ///
    /// # Errors
    /// When the input does not begin like a snapshot, or with a version that is not known.
    pub fn new(input: R, measuring: impl Into<MeasureOptions>) -> Result<RdbStream<R>, Error> {
        RdbStream::with_window(input, measuring, WINDOW_BYTES)
    }

    /// As [`RdbStream::new`], with a window of so many bytes, at least [`crate::limits::TAKE_MAX`].
    ///
    /// # Errors
    /// As [`RdbStream::new`].
    pub fn with_window(
        input: R,
        measuring: impl Into<MeasureOptions>,
        window_bytes: usize,
    ) -> Result<RdbStream<R>, Error> {
        let mut window = Window::new(input, window_bytes);
        let mut reader = Reader::new(window.bytes(), 0);
        let header = Header::read(&mut reader).map_err(|error| match window.failure() {
            Some(failure) if window.bytes().is_empty() => Error::unreadable(0, failure),
            Some(failure) => error.because(failure),
            None => error,
        })?;
        let consumed = window.bytes().len() - reader.rest().len();
        window.consume(consumed);
        Ok(RdbStream {
            window,
            framer: Framer::new(header),
            measuring: measuring.into(),
            framed: 0,
            long: Long::default(),
        })
    }

    /// Family and version.
    pub fn header(&self) -> Header {
        self.framer.header()
    }

    /// Absolute offset of the next byte to be framed.
    pub fn offset(&self) -> u64 {
        self.window.offset() + self.framed as u64
    }

    /// Frames the next records, at least one, into `records`; none behind [`crate::RecordKind::End`].
    ///
    /// # Errors
    /// At the first byte that contradicts the format, is not known, or is missing; `records` then holds
    /// the records in front of it.
    pub fn next_records<'w>(
        &'w mut self,
        portion: Portion,
        records: &mut Vec<Record<'w>>,
    ) -> Result<(), Error> {
        self.window.consume(std::mem::take(&mut self.framed));
        if self.next_fits() {
            self.frame_window(portion, records)
        } else {
            records.extend(self.frame_long()?);
            Ok(())
        }
    }

    /// Makes the next record lie whole in the window, or finds that it cannot: what is wrong with it, if
    /// anything is, must be told from the window then.
    fn next_fits(&mut self) -> bool {
        let mut refilled = false;
        loop {
            let mut reader = Reader::new(self.window.bytes(), self.window.offset());
            match self.framer.peek(&mut reader) {
                Err(error) if error.is_truncated() && !self.window.is_last() => {}
                _ => return true,
            }
            if refilled {
                return false;
            }
            self.window.refill();
            refilled = true;
        }
    }

    fn frame_window<'w>(
        &'w mut self,
        portion: Portion,
        records: &mut Vec<Record<'w>>,
    ) -> Result<(), Error> {
        let mut reader = Reader::new(self.window.bytes(), self.window.offset());
        let mut bytes = 0;
        for _ in 0..portion.records.max(1) {
            let start = reader.clone();
            match self.framer.next_record(&mut reader) {
                Ok(Some(record)) => {
                    self.framed += start.rest().len() - reader.rest().len();
                    bytes += record.weight();
                    records.push(record);
                }
                Ok(None) => break,
                // The rest of the record is not in the window yet.
                Err(error) if error.is_truncated() && !self.window.is_last() => break,
                Err(error) => {
                    let first = first_error(&self.framer, start, self.measuring.detail);
                    self.framer.end();
                    let error = first.unwrap_or(error);
                    return Err(match self.window.failure() {
                        Some(failure) => error.because(failure),
                        None => error,
                    });
                }
            }
            if bytes >= portion.bytes {
                break;
            }
        }
        Ok(())
    }

    fn frame_long(&mut self) -> Result<Option<Record<'_>>, Error> {
        self.long = Long::default();
        let mut cursor = LongCursor {
            window: &mut self.window,
            kept: &self.long,
            measuring: self.measuring,
        };
        let framed = self.framer.next_record(&mut cursor);
        framed.inspect_err(|_| self.framer.end())
    }

    /// Reads what stands behind the snapshot, up to the end of the input, and keeps the first `keep` bytes.
    pub fn behind(mut self, keep: usize) -> Behind {
        let mut behind = Behind {
            bytes: 0,
            first: Vec::new(),
            failure: None,
        };
        self.window.consume(self.framed);
        loop {
            let at_hand = self.window.bytes();
            let room = keep - behind.first.len();
            behind
                .first
                .extend_from_slice(at_hand.get(..room).unwrap_or(at_hand));
            behind.bytes += at_hand.len() as u64;
            let consumed = at_hand.len();
            self.window.consume(consumed);
            if self.window.is_last() {
                break;
            }
            self.window.refill();
        }
        behind.failure = self.window.into_failure();
        behind
    }

    /// The checksum of everything framed but the last `behind` bytes, which must have been framed last: after
    /// the end mark, those of the checksum itself.
    pub fn checksum(&mut self, behind: u64) -> u64 {
        self.window.consume(std::mem::take(&mut self.framed));
        self.window.checksum(behind)
    }
}

/// A cursor over a record that is longer than the window.
struct LongCursor<'c, 'a, R> {
    window: &'c mut Window<R>,
    kept: &'a Long,
    measuring: MeasureOptions,
}

impl<R: Read> Cursor for LongCursor<'_, '_, R> {
    fn offset(&self) -> u64 {
        self.window.offset()
    }

    fn take(&mut self, n: usize) -> Result<&[u8], Error> {
        self.window.take(n)
    }

    fn skip(&mut self, n: u64) -> Result<(), Error> {
        self.window.skip(n)
    }
}

impl<'a, R: Read> FrameCursor<'a> for LongCursor<'_, 'a, R> {
    fn stored(&mut self, stored: u64, need: Need) -> Result<&'a [u8], Error> {
        let kept = match need {
            Need::Whole => stored,
            Need::WhenShort => stored.min(HELD_BYTES_MAX as u64),
        };
        let mut bytes = Vec::new();
        self.window.take_into(kept, stored, &mut bytes)?;
        self.window.skip(stored - kept)?;
        let free = self.kept.strings.iter().find(|cell| cell.get().is_none());
        Ok(free.map_or(&[], |cell| cell.get_or_init(|| bytes)))
    }

    fn value(
        &mut self,
        value_type: ValueType,
        templates: TemplateSource<'_>,
    ) -> Result<(Value<'a>, Option<Template>), Error> {
        let start = self.window.offset();
        let facts = measure(self.window, value_type, templates, self.measuring)?;
        let measured = Measured {
            bytes: self.window.offset() - start,
            facts,
        };
        let value = Value::Measured(self.kept.value.get_or_init(|| measured));
        Ok((value, templates.of(&facts)))
    }
}
