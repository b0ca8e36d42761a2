//! What may be looked at in a value.

use super::blob::{Blob, Names};
use super::inside;
use super::member::ModuleNumber;
use super::run::Compressed;
use crate::rdb::StringHeader;
use crate::reader::Cursor;
use crate::{Error, ModuleId, Template};

/// What a string is to its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// The string itself, a list item, a member of a set or sorted set.
    Element,
    /// A hash field's name.
    Field,
    /// A hash field's value.
    FieldValue,
    /// A path of a path hash, whose fields follow.
    Path,
    /// A sorted set's score as text or as an integer.
    Score,
    /// A field name that entries of a stream node share.
    SharedField,
    /// A stream's consumer group.
    Group,
    /// A consumer of the group that was named last.
    Consumer,
    /// A producer whose messages a stream remembers.
    Producer,
    /// A message of the producer that was named last.
    Message,
    /// An item of a module's value.
    ModuleString,
}

/// The id of a stream entry: milliseconds, and a number within them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct StreamId {
    /// Milliseconds; by default the time of the entry.
    pub ms: u64,
    /// Number among the entries of the same millisecond.
    pub seq: u64,
}

impl std::fmt::Display for StreamId {
    /// As commands take it: `1526919030474-55`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.ms, self.seq)
    }
}

/// What a stream says of itself behind its nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamInfo {
    /// Entries that are not deleted (XLEN).
    pub length: u64,
    /// The last id given out.
    pub last_id: StreamId,
    /// The first id that is there; `None` before Redis 7.0.
    pub first_id: Option<StreamId>,
    /// The greatest id that was deleted; `None` before Redis 7.0.
    pub max_deleted_id: Option<StreamId>,
    /// Entries ever added; `None` before Redis 7.0.
    pub entries_added: Option<u64>,
}

/// An entry of a stream, as the node says it before the entry's fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StreamEntryHead {
    pub(crate) id: StreamId,
    pub(crate) deleted: bool,
    /// Fields of the entry.
    pub(crate) fields: u64,
    /// Whether the fields' names are those of the node, and only values follow.
    pub(crate) shares_fields: bool,
}

/// What a stream says of a consumer group behind its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct GroupHead {
    pub(crate) last_id: StreamId,
    /// `None` where the server did not know it, and before Redis 7.0.
    pub(crate) entries_read: Option<u64>,
    pub(crate) pending: u64,
}

/// An entry that was delivered and not acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PendingEntry {
    pub(crate) id: StreamId,
    pub(crate) delivered_at_ms: i64,
    pub(crate) deliveries: u64,
}

/// What a stream says of a consumer behind its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ConsumerHead {
    pub(crate) seen_at_ms: i64,
    /// `None` where it never was, and before Redis 7.2.
    pub(crate) active_at_ms: Option<i64>,
    pub(crate) pending: u64,
}

/// Sees the parts of a value in the order of the file. By default nothing is looked at.
///
/// What is one element to the server may be several parts (field, value, expiry); [`Visitor::element_ends`]
/// stands behind the last of them. The parts inside blobs are seen only by visitors that ask for them, see
/// [`super::inside::walk`].
pub(crate) trait Visitor {
    /// Whether runs of elements may be told by the lengths of their strings alone, see [`Visitor::run`], and which
    /// strings may be among them. No [`Visitor::score`] and [`Visitor::element_ends`] is told of these.
    fn takes_runs(&self) -> Option<Compressed> {
        None
    }

    /// Elements that the value's own counters announce.
    fn elements(&mut self, _n: u64) {}

    /// Nodes of a list that are said to follow.
    fn nodes(&mut self, _n: u64) {}

    /// A string of the format; its stored bytes are next on the cursor, and the visitor consumes exactly
    /// those.
    fn string<C: Cursor>(
        &mut self,
        _role: Role,
        header: StringHeader,
        c: &mut C,
    ) -> Result<(), Error> {
        c.skip(header.stored)
    }

    /// Several elements, by the lengths of their strings, each string as [`Visitor::string`] would have told it.
    fn run<const STRINGS: usize>(&mut self, _roles: [Role; STRINGS], _lengths: &[[u32; STRINGS]]) {}

    /// An entry inside a blob; as [`Visitor::string`].
    fn entry<C: Cursor>(
        &mut self,
        _role: Role,
        header: StringHeader,
        c: &mut C,
    ) -> Result<(), Error> {
        c.skip(header.stored)
    }

    /// A blob that holds elements; its stored bytes are next on the cursor, and the visitor consumes
    /// exactly those.
    fn blob<C: Cursor>(
        &mut self,
        _blob: Blob<'_>,
        header: StringHeader,
        c: &mut C,
    ) -> Result<(), Error> {
        c.skip(header.stored)
    }

    /// The content of a blob of `len` bytes, decompressed as far as it is read; see [`super::inside::open`].
    fn content<C: Cursor>(&mut self, _blob: Blob<'_>, _len: u64, _c: &mut C) -> Result<(), Error> {
        Ok(())
    }

    /// All of a blob's content was read, and the stored bytes that it decompressed from go on.
    fn compressed_left(&mut self, _error: Error) -> Result<(), Error> {
        Ok(())
    }

    /// The score of a sorted set's member, where it is no string.
    fn score(&mut self, _score: f64) {}

    /// Where the element of an array that follows lies.
    fn array_index(&mut self, _index: u64) {}

    /// An element of an array, where it is no string.
    fn float(&mut self, _number: f64) {}

    /// The template whose fields a hash has. The names are not told; a value for each follows.
    fn template(&mut self, _template: &Template) -> Result<(), Error> {
        Ok(())
    }

    /// A blob of the field names that a hash has in front of its values. They are told one by one, whatever
    /// the visitor looks at.
    fn field_names(&mut self, _header: StringHeader) {}

    /// When a hash field expires, Unix milliseconds; of hashes that keep it. It stands before or behind
    /// the field.
    fn field_expiry(&mut self, _expires_at_ms: Option<i64>) {}

    /// All parts of an element have gone by.
    fn element_ends(&mut self) -> Result<(), Error> {
        Ok(())
    }

    /// An entry of a stream, whose fields follow.
    fn stream_entry(&mut self, _head: StreamEntryHead) {}

    /// What a stream says of itself.
    fn stream_info(&mut self, _info: &StreamInfo) -> Result<(), Error> {
        Ok(())
    }

    /// A consumer group, named before.
    fn group(&mut self, _head: GroupHead) -> Result<(), Error> {
        Ok(())
    }

    /// A pending entry of the group.
    fn pending(&mut self, _entry: PendingEntry) -> Result<(), Error> {
        Ok(())
    }

    /// A consumer of the group, named before.
    fn consumer(&mut self, _head: ConsumerHead) -> Result<(), Error> {
        Ok(())
    }

    /// A pending entry that the consumer owns.
    fn owned(&mut self, _id: StreamId) -> Result<(), Error> {
        Ok(())
    }

    /// A pending entry of the group that no consumer owns.
    fn unowned(&mut self, _id: StreamId) -> Result<(), Error> {
        Ok(())
    }

    /// A producer, named before.
    fn producer(&mut self) -> Result<(), Error> {
        Ok(())
    }

    /// A message, named before, and the entry that it became.
    fn message(&mut self, _id: StreamId) -> Result<(), Error> {
        Ok(())
    }

    /// The module whose items follow.
    fn module(&mut self, _module: ModuleId) -> Result<(), Error> {
        Ok(())
    }

    /// A number among a module's items.
    fn module_number(&mut self, _number: ModuleNumber) -> Result<(), Error> {
        Ok(())
    }
}

/// Looks at nothing: finds where a value ends, and the template that it refers to.
#[derive(Default)]
pub(crate) struct Skip {
    pub(crate) template: Option<Template>,
}

impl Visitor for Skip {
    fn takes_runs(&self) -> Option<Compressed> {
        Some(Compressed::PassedOver)
    }

    #[inline]
    fn blob<C: Cursor>(
        &mut self,
        blob: Blob<'_>,
        header: StringHeader,
        c: &mut C,
    ) -> Result<(), Error> {
        match blob {
            Blob::Values(Names::Template(_)) => {
                inside::open(blob, header, c, &mut Vec::new(), self)
            }
            _ => c.skip(header.stored),
        }
    }

    fn content<C: Cursor>(&mut self, blob: Blob<'_>, len: u64, c: &mut C) -> Result<(), Error> {
        inside::read_header(blob, len, c, self).map(|_| ())
    }

    fn template(&mut self, template: &Template) -> Result<(), Error> {
        self.template = Some(*template);
        Ok(())
    }
}
