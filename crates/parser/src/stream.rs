//! Framing a snapshot that passes by and is never held whole.

use std::cell::OnceCell;
use std::io::{self, Read};

use crate::limits::{HELD_BYTES_MAX, WINDOW_BYTES};
use crate::rdb::{EntryHead, FrameCursor, Framer, Need, TemplateSource, first_error};
use crate::reader::{Cursor, Reader};
use crate::value::{measure, members};
use crate::window::Window;
use crate::{
    Error, Header, MeasureOptions, Measured, MeasuringReader, MemberOptions, MembersError, Ready,
    Record, Template, Value, ValueFacts, Watch,
};

/// Most strings in front of a value: a function of a release candidate of Redis 7.0 has four.
const STRINGS_MAX: usize = 4;

/// Yields the records of a snapshot that is read in order, a window at a time.
///
/// Records that lie whole in the window are handed out as windows of it, as [`crate::RdbReader`] does. Of a
/// longer one the key is kept, however long it is, and the value is measured while it passes; so the
/// memory is that of the window and of the longest key. Records, facts and errors are those of
/// [`crate::RdbReader`] over the same bytes, whatever pieces the input comes in.
pub struct RdbStream<'m, R> {
    window: Window<R>,
    framer: Framer,
    measuring: MeasureOptions<'m>,
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

impl<'m, R: Read> RdbStream<'m, R> {
    /// Reads the header of a snapshot. Values longer than the window will be measured by `measuring`.
    ///
    /// # Errors
    /// When the input does not begin like a snapshot, or with a version that is not known.
    pub fn new(
        input: R,
        measuring: impl Into<MeasureOptions<'m>>,
    ) -> Result<RdbStream<'m, R>, Error> {
        RdbStream::with_window(input, measuring, WINDOW_BYTES)
    }

    /// As [`RdbStream::new`], with a window of so many bytes, at least [`crate::limits::WINDOW_BYTES_MIN`].
    ///
    /// # Errors
    /// As [`RdbStream::new`].
    pub fn with_window(
        input: R,
        measuring: impl Into<MeasureOptions<'m>>,
        window_bytes: usize,
    ) -> Result<RdbStream<'m, R>, Error> {
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
        match self.next(None) {
            Next::InWindow => self.frame_window(portion, None, records),
            Next::Passing => {
                let measuring = self.measuring;
                let record = self.frame_passing(&mut |window, head, templates| {
                    measure(window, head.value_type, templates, measuring)
                })?;
                records.extend(record);
                Ok(())
            }
        }
    }

    /// Hands the records that lie whole in the window, at least one, to `read` in a reader that measures them; `None`, and
    /// nothing was read, when the next record does not, and so is one for [`RdbStream::next_records`].
    ///
    /// `read` returns the offset behind the last record that it took. Where bytes are missing from a record because
    /// they have not come into the window yet, its reader fails as if the input ended; [`RdbStream::is_error`] tells the
    /// difference.
    pub fn read_window<T>(
        &mut self,
        read: impl FnOnce(&mut MeasuringReader<'_, 'm, Ready>) -> (u64, T),
    ) -> Option<T> {
        self.window.consume(std::mem::take(&mut self.framed));
        let Next::InWindow = self.next(None) else {
            return None;
        };
        let at_hand = Reader::new(self.window.bytes(), self.window.offset());
        // Lent, not copied: it may know of many templates.
        let without = Framer::new(self.framer.header());
        let framer = std::mem::replace(&mut self.framer, without);
        let mut reader = MeasuringReader::over(&at_hand, framer, self.measuring);
        let (end, read) = read(&mut reader);
        self.framer = reader.into_framer();
        let framed = end.saturating_sub(self.window.offset());
        self.framed = usize::try_from(framed).unwrap_or(usize::MAX);
        Some(read)
    }

    /// What is wrong with the input when a reader of [`RdbStream::read_window`] failed; `None`, and reading goes on, when
    /// nothing is.
    pub fn is_error(&mut self, error: Error) -> Option<Error> {
        if error.is_truncated() && !self.window.is_last() {
            self.framer.go_on();
            return None;
        }
        Some(match self.window.failure() {
            Some(failure) => error.because(failure),
            None => error,
        })
    }

    /// As [`RdbStream::next_records`], with the members of entries that `watch` wants handed to it while they
    /// pass. The portion ends in front of such an entry, which then is a portion by itself, so that whatever is
    /// wrong with the records before it can be told first.
    ///
    /// # Errors
    /// As [`RdbStream::next_records`], and whatever the watch fails with.
    pub fn next_watched<'w>(
        &'w mut self,
        portion: Portion,
        watch: &mut dyn Watch,
        records: &mut Vec<Record<'w>>,
    ) -> Result<(), MembersError> {
        self.window.consume(std::mem::take(&mut self.framed));
        match self.next(Some(&*watch)) {
            Next::InWindow => Ok(self.frame_window(portion, Some(&*watch), records)?),
            Next::Passing => {
                let measuring = self.measuring;
                let mut failure = None;
                let framed = self.frame_passing(&mut |window, head, templates| {
                    if watch.wants(head) {
                        hand_out(window, head, templates, measuring, watch, &mut failure)
                    } else {
                        measure(window, head.value_type, templates, measuring)
                    }
                });
                match failure {
                    Some(failure) => Err(MembersError::Sink(failure)),
                    None => {
                        records.extend(framed?);
                        Ok(())
                    }
                }
            }
        }
    }

    /// Makes the next record lie whole in the window, or finds that it cannot or should not: what is wrong
    /// with it, if anything is, must be told from the window otherwise.
    fn next(&mut self, watch: Option<&dyn Watch>) -> Next {
        let mut refilled = false;
        loop {
            let reader = Reader::new(self.window.bytes(), self.window.offset());
            let mut cursor = Watched::new(reader, watch);
            let peeked = self.framer.peek(&mut cursor);
            if cursor.met {
                return Next::Passing;
            }
            match peeked {
                Err(error) if error.is_truncated() && !self.window.is_last() => {}
                _ => return Next::InWindow,
            }
            if refilled {
                return Next::Passing;
            }
            self.window.refill();
            refilled = true;
        }
    }

    fn frame_window<'w>(
        &'w mut self,
        portion: Portion,
        watch: Option<&dyn Watch>,
        records: &mut Vec<Record<'w>>,
    ) -> Result<(), Error> {
        let reader = Reader::new(self.window.bytes(), self.window.offset());
        let mut cursor = Watched::new(reader, watch);
        let mut bytes = 0;
        for _ in 0..portion.records.max(1) {
            let start = cursor.reader.clone();
            match self.framer.next_record(&mut cursor) {
                Ok(Some(record)) => {
                    self.framed += start.rest().len() - cursor.reader.rest().len();
                    bytes += record.weight();
                    records.push(record);
                }
                Ok(None) => break,
                Err(_) if cursor.met => break,
                // The rest of the record is not in the window yet.
                Err(error) if error.is_truncated() && !self.window.is_last() => break,
                Err(error) => {
                    let first = first_error(&self.framer, &start, self.measuring.detail);
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

    /// Frames a record that is not held; `look` sees its value pass.
    fn frame_passing(&mut self, look: &mut Look<'_, R>) -> Result<Option<Record<'_>>, Error> {
        self.long = Long::default();
        let mut cursor = PassingCursor {
            window: &mut self.window,
            kept: &self.long,
            look,
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

/// Where the next record is.
enum Next {
    /// Whole in the window.
    InWindow,
    /// It is longer than the window, or somebody wants to see its members: it passes.
    Passing,
}

/// Walks the value that is next to its end.
type Look<'l, R> =
    dyn FnMut(&mut Window<R>, &EntryHead<'_>, TemplateSource<'_>) -> Result<ValueFacts, Error> + 'l;

/// Hands the members of a value to whoever wants them; why that failed, if it did, is put into `failure`.
fn hand_out<R: Read>(
    window: &mut Window<R>,
    head: &EntryHead<'_>,
    templates: TemplateSource<'_>,
    measuring: MeasureOptions<'_>,
    watch: &mut dyn Watch,
    failure: &mut Option<io::Error>,
) -> Result<ValueFacts, Error> {
    let options = MemberOptions {
        head_bytes: watch.head_bytes(),
        reference_ms: measuring.reference_ms,
        memory: measuring.memory,
    };
    let handed_out = watch
        .begin(head)
        .map_err(MembersError::Sink)
        .and_then(|()| {
            members(window, head.value_type, templates, options, &mut |member| {
                watch.member(member)
            })
        });
    handed_out.map_err(|error| match error {
        MembersError::Value(error) => error,
        MembersError::Sink(error) => {
            let end = Error::unreadable(head.offset, &error);
            *failure = Some(error);
            end
        }
    })
}

/// A cursor over the window that stops in front of the values that somebody wants to see.
struct Watched<'w, 'a> {
    reader: Reader<'a>,
    watch: Option<&'w dyn Watch>,
    /// It has stopped in front of one.
    met: bool,
}

impl<'w, 'a> Watched<'w, 'a> {
    fn new(reader: Reader<'a>, watch: Option<&'w dyn Watch>) -> Watched<'w, 'a> {
        Watched {
            reader,
            watch,
            met: false,
        }
    }
}

impl Cursor for Watched<'_, '_> {
    #[inline]
    fn offset(&self) -> u64 {
        self.reader.offset()
    }

    #[inline]
    fn take(&mut self, n: usize) -> Result<&[u8], Error> {
        self.reader.take(n)
    }

    #[inline]
    fn skip(&mut self, n: u64) -> Result<(), Error> {
        self.reader.skip(n)
    }

    #[inline]
    fn at_hand(&self) -> &[u8] {
        self.reader.rest()
    }
}

impl<'a> FrameCursor<'a> for Watched<'_, 'a> {
    #[inline]
    fn stored(&mut self, stored: u64, need: Need) -> Result<&'a [u8], Error> {
        self.reader.stored(stored, need)
    }

    #[inline]
    fn value(
        &mut self,
        head: &EntryHead<'a>,
        templates: TemplateSource<'_>,
    ) -> Result<(Value<'a>, Option<Template>), Error> {
        if self.watch.is_some_and(|watch| watch.wants(head)) {
            self.met = true;
            return Err(Error::truncated(head.value_offset, 0));
        }
        self.reader.value(head, templates)
    }
}

/// A cursor over a record that is not held.
struct PassingCursor<'c, 'a, 'l, R> {
    window: &'c mut Window<R>,
    kept: &'a Long,
    look: &'c mut Look<'l, R>,
}

impl<R: Read> Cursor for PassingCursor<'_, '_, '_, R> {
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

impl<'a, R: Read> FrameCursor<'a> for PassingCursor<'_, 'a, '_, R> {
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
        head: &EntryHead<'a>,
        templates: TemplateSource<'_>,
    ) -> Result<(Value<'a>, Option<Template>), Error> {
        let start = self.window.offset();
        let facts = (self.look)(self.window, head, templates)?;
        let measured = Measured {
            bytes: self.window.offset() - start,
            facts,
        };
        let value = Value::Measured(self.kept.value.get_or_init(|| measured));
        Ok((value, templates.of(&facts)))
    }
}
