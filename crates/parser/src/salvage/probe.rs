//! Reading one record somewhere, at a price.

use super::ground::Ground;
use crate::rdb::{EntryHead, FrameCursor, Framer, Need, Record, RecordKind, Str, Template};
use crate::rdb::{TemplateSource, Value};
use crate::reader::{Cursor, Reader};
use crate::value::{Skip, ValueFacts, measure, walk_value};
use crate::{Detail, Error};

/// Steps that may still be taken. A step reads a few bytes or passes over any number of them, so `n` steps
/// take time proportional to `n`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Work {
    pub(super) left: u64,
}

impl Work {
    fn spend(&mut self, offset: u64) -> Result<(), Error> {
        match self.left.checked_sub(1) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => Err(Error::truncated(offset, 0)),
        }
    }

    pub(super) fn is_spent(self) -> bool {
        self.left == 0
    }
}

/// A record, and what its value is made of if it is an entry.
pub(super) struct Step<'a> {
    pub(super) record: Record<'a>,
    pub(super) facts: Option<ValueFacts>,
}

/// Reads the record at an offset and measures its value. The framer must stand there.
pub(super) fn step<'a>(
    ground: &Ground<'a>,
    framer: &mut Framer,
    at: u64,
    work: &mut Work,
) -> Result<Option<Step<'a>>, Error> {
    let mut cursor = Measuring {
        reader: ground.reader(at),
        detail: Some(ground.detail),
        work,
        facts: None,
    };
    let record = framer.next_record(&mut cursor)?;
    Ok(record.map(|record| Step {
        record,
        facts: cursor.facts,
    }))
}

/// Where a record ends that can be framed although its value cannot be measured.
pub(super) fn framed_end(
    ground: &Ground<'_>,
    framer: &Framer,
    at: u64,
    work: &mut Work,
) -> Option<u64> {
    let mut cursor = Measuring {
        reader: ground.reader(at),
        detail: None,
        work,
        facts: None,
    };
    framer.peek(&mut cursor).ok()?;
    Some(cursor.offset())
}

/// What stands in front of a value.
pub(super) struct Prefix<'a> {
    pub(super) key: Str<'a>,
    pub(super) expiring: bool,
    pub(super) idle: bool,
    pub(super) freq: bool,
    pub(super) value_offset: u64,
}

/// Reads the entry at an offset as far as its value; `None` when none begins there.
pub(super) fn prefix<'a>(ground: &Ground<'a>, framer: &Framer, at: u64) -> Option<Prefix<'a>> {
    let mut cursor = UpToValue(ground.reader(at));
    let record = framer.clone().next_record(&mut cursor).ok()??;
    match record.kind {
        RecordKind::Entry(entry) => {
            entry.key.bytes().ok()?;
            Some(Prefix {
                key: entry.key,
                expiring: entry.expires_at_ms.is_some(),
                idle: entry.idle_s.is_some(),
                freq: entry.freq.is_some(),
                value_offset: entry.value_offset,
            })
        }
        _ => None,
    }
}

struct Measuring<'a, 'w> {
    reader: Reader<'a>,
    /// `None` to pass over values without looking into them.
    detail: Option<Detail>,
    work: &'w mut Work,
    facts: Option<ValueFacts>,
}

impl Cursor for Measuring<'_, '_> {
    #[inline]
    fn offset(&self) -> u64 {
        self.reader.offset()
    }

    #[inline]
    fn take(&mut self, n: usize) -> Result<&[u8], Error> {
        self.work.spend(self.reader.offset())?;
        self.reader.take(n)
    }

    #[inline]
    fn skip(&mut self, n: u64) -> Result<(), Error> {
        self.work.spend(self.reader.offset())?;
        self.reader.skip(n)
    }
}

impl<'a> FrameCursor<'a> for Measuring<'a, '_> {
    fn stored(&mut self, stored: u64, _need: Need) -> Result<&'a [u8], Error> {
        self.work.spend(self.reader.offset())?;
        self.reader.window(stored)
    }

    fn value(
        &mut self,
        head: &EntryHead<'a>,
        templates: TemplateSource<'_>,
    ) -> Result<(Value<'a>, Option<Template>), Error> {
        let mut start = self.reader.clone();
        let template = match self.detail {
            Some(detail) => {
                let facts = measure(self, head.value_type, templates, detail.into())?;
                self.facts = Some(facts);
                templates.of(&facts)
            }
            None => {
                let mut skip = Skip::default();
                walk_value(self, head.value_type, templates, &mut skip)?;
                skip.template
            }
        };
        let len = self.offset() - start.offset();
        Ok((Value::Window(start.window(len)?), template))
    }
}

/// Passes over nothing where a value begins.
struct UpToValue<'a>(Reader<'a>);

impl Cursor for UpToValue<'_> {
    fn offset(&self) -> u64 {
        self.0.offset()
    }

    fn take(&mut self, n: usize) -> Result<&[u8], Error> {
        self.0.take(n)
    }

    fn skip(&mut self, n: u64) -> Result<(), Error> {
        self.0.skip(n)
    }
}

impl<'a> FrameCursor<'a> for UpToValue<'a> {
    fn stored(&mut self, stored: u64, _need: Need) -> Result<&'a [u8], Error> {
        self.0.window(stored)
    }

    fn value(
        &mut self,
        _head: &EntryHead<'a>,
        _templates: TemplateSource<'_>,
    ) -> Result<(Value<'a>, Option<Template>), Error> {
        Ok((Value::Window(&[]), None))
    }
}
