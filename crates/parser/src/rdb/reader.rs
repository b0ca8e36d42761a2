//! Framing a snapshot that lies in memory.

use super::framer::{FrameCursor, Framer, Need};
use super::measuring::{Measuring, MeasuringReader, Ready};
use super::{EntryHead, Header, Record, Template, TemplateSource, Value};
use crate::Error;
use crate::reader::{Cursor, Reader};
use crate::value::{Detail, MeasureOptions, Skip, walk_value};

/// Yields the records of a snapshot in file order.
///
/// Opcodes are taken in any order, as servers do. After an error or the end it yields nothing more.
#[derive(Debug, Clone)]
pub struct RdbReader<'a> {
    reader: Reader<'a>,
    framer: Framer,
    detail: Detail,
}

impl<'a> RdbReader<'a> {
    /// Reads the header of a snapshot.
    ///
    /// # Errors
    /// When the bytes do not begin like a snapshot, or with a version that is not known.
    pub fn new(bytes: &'a [u8]) -> Result<RdbReader<'a>, Error> {
        let mut reader = Reader::new(bytes, 0);
        let header = Header::read(&mut reader)?;
        Ok(RdbReader {
            reader,
            framer: Framer::new(header),
            detail: Detail::Counts,
        })
    }

    /// Reads on where a reader stands, from whatever a framer carries there.
    pub(crate) fn within(reader: Reader<'a>, framer: Framer, detail: Detail) -> RdbReader<'a> {
        RdbReader {
            reader,
            framer,
            detail,
        }
    }

    /// States how deep the entries will be measured. It decides nothing but which error of a broken value
    /// is told: the first that such a measurement meets.
    pub fn with_detail(self, detail: Detail) -> RdbReader<'a> {
        RdbReader { detail, ..self }
    }

    /// Reads on where this reader stands, and measures the values.
    pub(crate) fn measuring<'m>(
        self,
        options: MeasureOptions<'m>,
    ) -> MeasuringReader<'a, 'm, Ready> {
        MeasuringReader::over(&self.reader, self.framer, options)
    }

    /// Family and version.
    pub fn header(&self) -> Header {
        self.framer.header()
    }

    /// Absolute offset of the next byte to be framed.
    pub fn offset(&self) -> u64 {
        self.reader.offset()
    }

    /// The bytes behind what was framed; after the end, what stands behind the snapshot.
    pub fn rest(&self) -> &'a [u8] {
        self.reader.rest()
    }

    /// The next record, or `None` after [`crate::RecordKind::End`].
    ///
    /// # Errors
    /// At the first byte that contradicts the format, is not known, or is missing.
    #[inline]
    pub fn next_record(&mut self) -> Result<Option<Record<'a>>, Error> {
        let start = self.reader.clone();
        let next = self.framer.next_record(&mut self.reader);
        next.map_err(|error| {
            let first = first_error(&self.framer, &start, self.detail);
            self.framer.end();
            first.unwrap_or(error)
        })
    }
}

/// The first error, in the order of bytes, of a record that cannot be framed.
///
/// Passing over a value looks at less than measuring it does, and so may stumble only further on. A value
/// that is measured while it streams by must fail at the same byte as one that was framed first.
#[cold]
pub(crate) fn first_error(framer: &Framer, start: &Reader<'_>, detail: Detail) -> Option<Error> {
    framer
        .peek(&mut Measuring::over(start, detail.into()))
        .err()
}

impl<'a> FrameCursor<'a> for Reader<'a> {
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
        let mut start = self.clone();
        let mut skip = Skip::default();
        walk_value(self, head.value_type, templates, &mut skip)?;
        let len = self.offset() - start.offset();
        Ok((Value::Window(start.window(len)?), skip.template))
    }
}
