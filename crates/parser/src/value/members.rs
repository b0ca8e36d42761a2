//! Members: a walk that hands out what a value holds while it goes by, and measures it on the way.

use std::io;

use preshard_memory::{Model, double};

use super::blob::Blob;
use super::facts::{MeasureOptions, ValueFacts};
use super::measure::Measure;
use super::member::{FieldSamples, Member, ModuleNumber, Samples, StreamEntry};
use super::visitor::{
    ConsumerHead, GroupHead, PendingEntry, Role, StreamEntryHead, StreamId, StreamInfo, Visitor,
};
use super::weigh::Kept;
use super::{inside, walk_value};
use crate::limits::{MEMBER_HEAD_BYTES_MAX, TAKE_MAX};
use crate::lzf::LzfCursor;
use crate::rdb::{Form, StringHeader, TemplateSource};
use crate::reader::{Bounded, Cursor};
use crate::{DataType, Detail, Encoding, Error, ModuleId, Template, ValueType};

/// Longest text of a score: `%.17g` takes 24 bytes, and nobody writes more than twice that.
const SCORE_TEXT_MAX: u64 = 48;

/// How members are looked at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MemberOptions<'m> {
    /// Bytes that are shown of each string, and at a time of a string value: 1 to
    /// [`crate::limits::MEMBER_HEAD_BYTES_MAX`].
    pub head_bytes: usize,
    /// See [`MeasureOptions::reference_ms`].
    pub reference_ms: Option<i64>,
    /// See [`MeasureOptions::memory`].
    pub memory: Option<&'m Model>,
}

/// Why members were not all handed out.
#[derive(Debug, thiserror::Error)]
pub enum MembersError {
    /// The value cannot be read any further.
    #[error(transparent)]
    Value(#[from] Error),
    /// Whoever takes the members failed.
    #[error(transparent)]
    Sink(io::Error),
}

/// Takes members.
pub type MemberSink<'s> = dyn FnMut(Member<'_>) -> io::Result<()> + 's;

/// Walks a value to its end, hands out its members in the order of the file, and tells what it is made of.
///
/// Of no member more is held than its beginning, and of no blob more than a window of what it decompresses to.
pub(crate) fn members<C: Cursor>(
    c: &mut C,
    value_type: ValueType,
    templates: TemplateSource<'_>,
    options: MemberOptions<'_>,
    sink: &mut MemberSink<'_>,
) -> Result<ValueFacts, MembersError> {
    let measuring = MeasureOptions {
        detail: Detail::SoundElements,
        reference_ms: options.reference_ms,
        memory: options.memory,
    };
    let mut members = Members {
        data_type: value_type.data_type(),
        names_apart: matches!(
            value_type.encoding(),
            Encoding::TemplateListpack | Encoding::TemplateArray
        ),
        head_bytes: options.head_bytes.clamp(1, MEMBER_HEAD_BYTES_MAX),
        measure: Measure::new(value_type, measuring),
        sink,
        failure: None,
        index: 0,
        names: 0,
        first: Samples::default(),
        second: Samples::default(),
        shared: Samples::default(),
        shared_bytes: 0,
        score: 0.0,
        expires_at_ms: None,
        entry: None,
        decompressed: Vec::new(),
        decompressed_string: Vec::new(),
        piece: Vec::new(),
    };
    let walked = walk_value(c, value_type, templates, &mut members);
    match members.failure {
        Some(failure) => Err(MembersError::Sink(failure)),
        None => {
            walked?;
            Ok(members.measure.finish())
        }
    }
}

/// Puts the parts of elements together and hands them out.
struct Members<'s, 'f, 'm> {
    data_type: DataType,
    /// The field names of the hash do not stand with their values.
    names_apart: bool,
    head_bytes: usize,
    measure: Measure<'m>,
    sink: &'s mut MemberSink<'f>,
    /// Why the sink failed. The walk then ends with an error that nobody sees.
    failure: Option<io::Error>,
    /// Items handed out; of an array, where the element lies.
    index: u64,
    /// Names handed out that stand apart.
    names: u64,
    /// The item, member, field name or name of the element in progress; field names of a stream entry.
    first: Samples,
    /// The value of the field in progress; the values of a stream entry.
    second: Samples,
    /// Field names that the entries of a stream node share.
    shared: Samples,
    /// Bytes of all of these.
    shared_bytes: u64,
    score: f64,
    expires_at_ms: Option<i64>,
    /// The stream entry in progress, and the bytes of its names and values so far.
    entry: Option<(StreamEntryHead, u64)>,
    decompressed: Vec<u8>,
    decompressed_string: Vec<u8>,
    /// The piece of a string in progress.
    piece: Vec<u8>,
}

impl Members<'_, '_, '_> {
    fn emit(&mut self, member: Member<'_>) -> Result<(), Error> {
        emit(self.sink, &mut self.failure, member)
    }

    /// Consumes a string by `consume`, and has it weighed.
    fn weighed<C: Cursor>(
        &mut self,
        role: Role,
        header: StringHeader,
        c: &mut C,
        consume: impl FnOnce(&mut Self, &mut Kept<'_, C>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let wanted = self.measure.bytes_wanted(role, header);
        let mut kept = Kept::new(c, wanted);
        consume(self, &mut kept)?;
        self.measure.weigh_string(role, header, &kept.bytes);
        Ok(())
    }

    /// Consumes a string and keeps its beginning.
    fn sample<C: Cursor>(
        &mut self,
        role: Role,
        header: StringHeader,
        c: &mut C,
    ) -> Result<(), Error> {
        let samples = match role {
            Role::FieldValue => &mut self.second,
            Role::SharedField => &mut self.shared,
            _ => &mut self.first,
        };
        let is_of_stream = self.data_type == DataType::Stream
            && matches!(role, Role::Field | Role::FieldValue | Role::SharedField);
        if !is_of_stream {
            samples.clear();
        } else if samples.len() == StreamEntry::SHOWN_MAX {
            return c.skip(header.stored);
        }
        let out = samples.bytes();
        match header.form {
            Form::Raw => append_head(c, header.len, self.head_bytes, out)?,
            Form::Integer(n) => {
                let text = n.to_string();
                out.extend(text.bytes().take(self.head_bytes));
            }
            Form::Lzf => {
                let mut stored = Bounded::new(c, header.stored);
                let mut content =
                    LzfCursor::new(&mut stored, header.len, &mut self.decompressed_string);
                let head = header.len.min(self.head_bytes as u64);
                append_head(&mut content, head, self.head_bytes, out)?;
                stored.finish()?;
            }
        }
        samples.end(header.len);
        Ok(())
    }

    /// Hands out a field name that stands apart from its value.
    fn name_apart(&mut self, role: Role) -> Result<(), Error> {
        if !self.names_apart || role != Role::Field {
            return Ok(());
        }
        let name = Member::FieldName {
            index: self.names,
            name: self.first.first(),
        };
        emit(self.sink, &mut self.failure, name)?;
        self.names += 1;
        Ok(())
    }

    /// Hands out the string value itself.
    fn pieces<C: Cursor>(&mut self, header: StringHeader, c: &mut C) -> Result<(), Error> {
        match header.form {
            Form::Raw => self.pieces_of(header.len, c),
            Form::Integer(n) => {
                let text = n.to_string().into_bytes();
                self.pieces_of(header.len, &mut crate::Reader::new(&text, c.offset()))
            }
            Form::Lzf => {
                let mut decompressed = std::mem::take(&mut self.decompressed_string);
                let mut stored = Bounded::new(c, header.stored);
                let mut content = LzfCursor::new(&mut stored, header.len, &mut decompressed);
                self.pieces_of(header.len, &mut content)?;
                stored.finish()
            }
        }
    }

    fn pieces_of<C: Cursor>(&mut self, len: u64, c: &mut C) -> Result<(), Error> {
        let mut at = 0;
        while at < len {
            self.piece.clear();
            let n = (len - at).min(self.head_bytes as u64);
            append_head(c, n, self.head_bytes, &mut self.piece)?;
            let bytes = &self.piece;
            emit(self.sink, &mut self.failure, Member::Piece { at, bytes })?;
            at += n;
        }
        Ok(())
    }

    fn read_score<C: Cursor>(&mut self, header: StringHeader, c: &mut C) -> Result<(), Error> {
        let offset = c.offset();
        self.score = match header.form {
            // As the server does: the nearest double.
            #[expect(clippy::cast_precision_loss, reason = "a score is a double")]
            Form::Integer(n) => n as f64,
            Form::Raw if header.len <= SCORE_TEXT_MAX => {
                #[expect(clippy::cast_possible_truncation, reason = "at most 48")]
                let text = c.take(header.len as usize)?;
                let score = std::str::from_utf8(text)
                    .ok()
                    .and_then(|text| text.parse().ok());
                score.ok_or_else(|| {
                    Error::corrupt(offset, "score", format!("\"{}\"", text.escape_ascii()))
                })?
            }
            Form::Raw | Form::Lzf => {
                let found = format!("a string of {} bytes", header.len);
                return Err(Error::corrupt(offset, "score", found));
            }
        };
        Ok(())
    }
}

fn emit(
    sink: &mut MemberSink<'_>,
    failure: &mut Option<io::Error>,
    member: Member<'_>,
) -> Result<(), Error> {
    sink(member).map_err(|error| {
        let end = Error::unreadable(0, &error);
        *failure = Some(error);
        end
    })
}

/// Consumes a string of `len` bytes and appends the first of them to `out`.
fn append_head<C: Cursor>(
    c: &mut C,
    len: u64,
    head_bytes: usize,
    out: &mut Vec<u8>,
) -> Result<(), Error> {
    let mut head = usize::try_from(len).map_or(head_bytes, |len| len.min(head_bytes));
    let left = len - head as u64;
    while head > 0 {
        let step = head.min(TAKE_MAX);
        out.extend_from_slice(c.take(step)?);
        head -= step;
    }
    c.skip(left)
}

impl Visitor for Members<'_, '_, '_> {
    fn elements(&mut self, n: u64) {
        self.measure.elements(n);
    }

    fn nodes(&mut self, n: u64) {
        self.measure.nodes(n);
    }

    fn string<C: Cursor>(
        &mut self,
        role: Role,
        header: StringHeader,
        c: &mut C,
    ) -> Result<(), Error> {
        self.measure.note_string(role, header);
        if self.data_type == DataType::String {
            return self.weighed(role, header, c, |members, c| members.pieces(header, c));
        }
        self.weighed(role, header, c, |members, c| {
            members.sample(role, header, c)
        })?;
        let first = self.first.first();
        let member = match role {
            Role::ModuleString => Member::ModuleString(first),
            Role::Path => Member::Path { path: first },
            _ => return self.name_apart(role),
        };
        emit(self.sink, &mut self.failure, member)
    }

    fn entry<C: Cursor>(
        &mut self,
        role: Role,
        header: StringHeader,
        c: &mut C,
    ) -> Result<(), Error> {
        self.measure.note_entry(role, header);
        if role == Role::Score {
            return self.weighed(role, header, c, |members, c| members.read_score(header, c));
        }
        if role == Role::SharedField {
            self.shared_bytes = self.shared_bytes.saturating_add(header.len);
        } else if let Some((_, bytes)) = &mut self.entry {
            *bytes = bytes.saturating_add(header.len);
        }
        self.weighed(role, header, c, |members, c| {
            members.sample(role, header, c)
        })?;
        self.name_apart(role)
    }

    fn blob<C: Cursor>(
        &mut self,
        blob: Blob<'_>,
        header: StringHeader,
        c: &mut C,
    ) -> Result<(), Error> {
        self.measure.note_blob(header);
        let mut decompressed = std::mem::take(&mut self.decompressed);
        inside::open(blob, header, c, &mut decompressed, self)?;
        self.decompressed = decompressed;
        Ok(())
    }

    fn content<C: Cursor>(&mut self, blob: Blob<'_>, len: u64, c: &mut C) -> Result<(), Error> {
        self.shared.clear();
        self.shared_bytes = 0;
        let header = inside::read_header(blob, len, c, self)?;
        let look = self.measure.begin_blob(blob, header, c)?;
        let walked = inside::walk(blob, look.header, c, self).map(Some);
        if let Some(broken) = self.measure.end_blob(blob, look, walked)? {
            self.entry = None;
            self.index = self.measure.counted();
            let broken = broken.reading("blob");
            self.emit(Member::Broken(&broken))?;
        }
        Ok(())
    }

    fn score(&mut self, score: f64) {
        self.measure.score(score);
        self.score = score;
    }

    fn array_index(&mut self, index: u64) {
        self.index = index;
    }

    fn float(&mut self, number: f64) {
        self.measure.float(number);
        let text = double::shortest(number);
        self.first.clear();
        self.first
            .bytes()
            .extend(text.bytes().take(self.head_bytes));
        self.first.end(text.len() as u64);
    }

    fn template(&mut self, template: &Template) -> Result<(), Error> {
        self.measure.template(template)?;
        self.emit(Member::Template {
            id: template.id,
            fields: u64::from(template.fields.get()),
        })
    }

    fn field_names(&mut self, header: StringHeader) {
        self.measure.field_names(header);
    }

    fn field_expiry(&mut self, expires_at_ms: Option<i64>) {
        self.measure.field_expiry(expires_at_ms);
        self.expires_at_ms = expires_at_ms;
    }

    fn element_ends(&mut self) -> Result<(), Error> {
        self.measure.element_ends()?;
        let (first, second) = (self.first.first(), self.second.first());
        let member = match self.data_type {
            DataType::List => Member::Item {
                index: self.index,
                item: first,
            },
            DataType::Set => Member::SetMember { member: first },
            DataType::Zset => Member::ZsetMember {
                member: first,
                score: self.score,
            },
            DataType::Hash if self.names_apart => Member::FieldValue {
                index: self.index,
                value: second,
            },
            DataType::Array => Member::ArrayElement {
                index: self.index,
                element: first,
            },
            DataType::Hash | DataType::PathHash => Member::Field {
                field: first,
                value: second,
                expires_at_ms: self.expires_at_ms,
            },
            DataType::Stream => {
                let Some((head, bytes)) = self.entry.take() else {
                    return Ok(());
                };
                let names = if head.shares_fields {
                    &self.shared
                } else {
                    &self.first
                };
                Member::StreamEntry(StreamEntry {
                    id: head.id,
                    deleted: head.deleted,
                    fields: head.fields,
                    bytes,
                    shown: FieldSamples {
                        names,
                        values: &self.second,
                    },
                })
            }
            DataType::String | DataType::Module => return Ok(()),
        };
        emit(self.sink, &mut self.failure, member)?;
        self.index = self.index.wrapping_add(1);
        self.expires_at_ms = None;
        Ok(())
    }

    fn stream_entry(&mut self, head: StreamEntryHead) {
        self.measure.stream_entry(head);
        self.first.clear();
        self.second.clear();
        let names = if head.shares_fields {
            self.shared_bytes
        } else {
            0
        };
        self.entry = Some((head, names));
    }

    fn stream_info(&mut self, info: &StreamInfo) -> Result<(), Error> {
        self.emit(Member::Stream(*info))
    }

    fn group(&mut self, head: GroupHead) -> Result<(), Error> {
        self.measure.group(head)?;
        let group = Member::Group {
            name: self.first.first(),
            last_id: head.last_id,
            entries_read: head.entries_read,
            pending: head.pending,
        };
        emit(self.sink, &mut self.failure, group)
    }

    fn pending(&mut self, entry: PendingEntry) -> Result<(), Error> {
        self.measure.pending(entry)?;
        self.emit(Member::Pending {
            id: entry.id,
            delivered_at_ms: entry.delivered_at_ms,
            deliveries: entry.deliveries,
        })
    }

    fn consumer(&mut self, head: ConsumerHead) -> Result<(), Error> {
        self.measure.consumer(head)?;
        let consumer = Member::Consumer {
            name: self.first.first(),
            seen_at_ms: head.seen_at_ms,
            active_at_ms: head.active_at_ms,
            pending: head.pending,
        };
        emit(self.sink, &mut self.failure, consumer)
    }

    fn owned(&mut self, id: StreamId) -> Result<(), Error> {
        self.measure.owned(id)?;
        self.emit(Member::Owned { id })
    }

    fn unowned(&mut self, id: StreamId) -> Result<(), Error> {
        self.measure.unowned(id)?;
        self.emit(Member::Unowned { id })
    }

    fn producer(&mut self) -> Result<(), Error> {
        let producer = Member::Producer {
            producer: self.first.first(),
        };
        emit(self.sink, &mut self.failure, producer)
    }

    fn message(&mut self, id: StreamId) -> Result<(), Error> {
        let message = Member::Message {
            message: self.first.first(),
            id,
        };
        emit(self.sink, &mut self.failure, message)
    }

    fn module(&mut self, module: ModuleId) -> Result<(), Error> {
        self.measure.module(module)?;
        self.emit(Member::Module(module))
    }

    fn module_number(&mut self, number: ModuleNumber) -> Result<(), Error> {
        self.measure.module_number(number)?;
        self.emit(Member::ModuleNumber(number))
    }
}
