//! What a value holds, one member at a time.

use super::visitor::{StreamId, StreamInfo};
use crate::{Error, ModuleId};

/// One thing that a value holds, as it goes by. What is longer than asked for is cut, and its length told.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Member<'m> {
    /// The next bytes of a string.
    Piece {
        /// How many bytes of the string went before.
        at: u64,
        /// The bytes, no more than asked for at a time.
        bytes: &'m [u8],
    },
    /// An item of a list.
    Item {
        /// Its place in the list, from 0 on.
        index: u64,
        /// The item.
        item: Sample<'m>,
    },
    /// A member of a set.
    SetMember {
        /// The member.
        member: Sample<'m>,
    },
    /// A member of a sorted set.
    ZsetMember {
        /// The member.
        member: Sample<'m>,
        /// Its score; NaN is possible in files of Redis before 4.0 alone.
        score: f64,
    },
    /// A field of a hash.
    Field {
        /// Its name.
        field: Sample<'m>,
        /// Its value.
        value: Sample<'m>,
        /// When it expires, Unix milliseconds.
        expires_at_ms: Option<i64>,
    },
    /// The template that has the names of a hash's fields, whose values follow (Redis 8.10). Its record stands in
    /// front of all hashes that refer to it.
    Template {
        /// What the file calls it by.
        id: u64,
        /// How many fields.
        fields: u64,
    },
    /// The name of a field of a hash whose names stand in front of all values.
    FieldName {
        /// Which field, from 0 on.
        index: u64,
        /// Its name.
        name: Sample<'m>,
    },
    /// The value of a field of a hash whose names stand apart.
    FieldValue {
        /// Which field of the template, or of the names in front, from 0 on.
        index: u64,
        /// Its value.
        value: Sample<'m>,
    },
    /// An element of an array (Redis 8.8).
    ArrayElement {
        /// Where it lies; there may be gaps.
        index: u64,
        /// The element, a number as its text.
        element: Sample<'m>,
    },
    /// A path of a path hash, whose fields follow (Valkey 9.2).
    Path {
        /// The path.
        path: Sample<'m>,
    },
    /// An entry of a stream, or one that is deleted and still takes room.
    StreamEntry(StreamEntry<'m>),
    /// What a stream says of itself, behind its entries.
    Stream(StreamInfo),
    /// A consumer group of a stream; its pending entries and consumers follow.
    Group {
        /// Its name.
        name: Sample<'m>,
        /// The last id delivered.
        last_id: StreamId,
        /// Entries that it has read, where the server knew.
        entries_read: Option<u64>,
        /// Its pending entries.
        pending: u64,
    },
    /// An entry that the group delivered and nobody acknowledged.
    Pending {
        /// Which.
        id: StreamId,
        /// When it was delivered last, Unix milliseconds.
        delivered_at_ms: i64,
        /// How often.
        deliveries: u64,
    },
    /// A consumer of the group; the ids that it owns follow.
    Consumer {
        /// Its name.
        name: Sample<'m>,
        /// When it was there last, Unix milliseconds.
        seen_at_ms: i64,
        /// When it got an entry last, where the format tells and it ever did.
        active_at_ms: Option<i64>,
        /// Its pending entries.
        pending: u64,
    },
    /// A pending entry of the group that the consumer owns.
    Owned {
        /// Which.
        id: StreamId,
    },
    /// A pending entry of the group that no consumer owns, because one gave it back (Redis 8.8).
    Unowned {
        /// Which.
        id: StreamId,
    },
    /// A producer whose messages a stream remembers (Redis 8.6).
    Producer {
        /// Its id.
        producer: Sample<'m>,
    },
    /// A message of the producer.
    Message {
        /// Its id.
        message: Sample<'m>,
        /// The entry that it became.
        id: StreamId,
    },
    /// The module whose items follow; what they mean, it alone knows.
    Module(ModuleId),
    /// A number among a module's items.
    ModuleNumber(ModuleNumber),
    /// A string among a module's items.
    ModuleString(Sample<'m>),
    /// A blob is broken from here on: the rest of its elements cannot be told, those of the next can.
    Broken(&'m Error),
}

/// A number in a module's value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ModuleNumber {
    /// A signed integer.
    Signed(i64),
    /// An unsigned integer.
    Unsigned(u64),
    /// A number of four bytes.
    Float(f32),
    /// A number of eight bytes.
    Double(f64),
}

/// The beginning of a string, and its length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample<'m> {
    /// As many of its first bytes as were asked for.
    pub head: &'m [u8],
    /// All its bytes.
    pub len: u64,
}

impl Sample<'_> {
    /// Whether there is more of the string than its head.
    pub fn is_cut(&self) -> bool {
        self.len > self.head.len() as u64
    }
}

/// An entry of a stream.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StreamEntry<'m> {
    /// Its id.
    pub id: StreamId,
    /// It is deleted, and still takes room.
    pub deleted: bool,
    /// Number of its fields.
    pub fields: u64,
    /// Bytes of all their names and values.
    pub bytes: u64,
    /// Its first fields, no more than [`StreamEntry::SHOWN_MAX`].
    pub shown: FieldSamples<'m>,
}

impl StreamEntry<'_> {
    /// Most fields of an entry that are shown: an entry may have millions.
    pub const SHOWN_MAX: usize = 64;
}

/// Names and values of some fields.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FieldSamples<'m> {
    pub(super) names: &'m Samples,
    pub(super) values: &'m Samples,
}

impl<'m> FieldSamples<'m> {
    /// Name and value of each.
    pub fn iter(&self) -> impl Iterator<Item = (Sample<'m>, Sample<'m>)> + use<'m> {
        self.names.iter().zip(self.values.iter())
    }
}

/// Samples one behind the other in one buffer, which is used again and again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Samples {
    bytes: Vec<u8>,
    /// Where each head ends, and the length of its string.
    ends: Vec<(usize, u64)>,
}

impl Samples {
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Room for the head of the next sample, to be appended; [`Samples::end`] completes it.
    pub(super) fn bytes(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Completes a sample of a string of `len` bytes.
    pub(super) fn end(&mut self, len: u64) {
        self.ends.push((self.bytes.len(), len));
    }

    /// The first sample; empty when there is none.
    pub(super) fn first(&self) -> Sample<'_> {
        self.iter().next().unwrap_or(Sample { head: &[], len: 0 })
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Sample<'_>> {
        let mut start = 0;
        self.ends.iter().map(move |&(end, len)| {
            let head = self.bytes.get(start..end).unwrap_or_default();
            start = end;
            Sample { head, len }
        })
    }
}
