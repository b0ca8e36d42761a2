//! What is learnt of a value, and how deep one looks for it.

use preshard_memory::{Model, Text, Weight};

use super::measure::Measure;
use super::visitor::Role;
use crate::rdb::StringHeader;
use crate::{Encoding, ModuleId, ValueType};

/// How deep a measurement looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Detail {
    /// Lengths and counts only: a blob is walked only where its header does not tell the count or where its
    /// fields may expire, and nothing else is decompressed beyond what stands in front.
    #[default]
    Counts,
    /// Also each element inside blobs. All that is compressed is decompressed, so that what does not decompress
    /// is found.
    Elements,
    /// As [`Detail::Elements`] of blobs that are sound inside; other strings are not decompressed. Of others no more than [`Detail::Counts`] tells:
    /// most servers load them, so that their keys are worth listing.
    SoundElements,
}

/// What a measurement is to tell.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct MeasureOptions<'m> {
    /// How deep it looks.
    pub detail: Detail,
    /// The time that hash fields are past when they expired before it, Unix milliseconds.
    pub reference_ms: Option<i64>,
    /// The server whose memory the value is to be weighed for, if any.
    pub memory: Option<&'m Model>,
}

impl From<Detail> for MeasureOptions<'_> {
    /// Without a reference time and without memory.
    fn from(detail: Detail) -> Self {
        MeasureOptions {
            detail,
            reference_ms: None,
            memory: None,
        }
    }
}

/// What was learnt of one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ValueFacts {
    /// How the value lies in the file.
    pub encoding: Encoding,
    /// Elements as the server counts them (STRLEN, LLEN, SCARD, ZCARD, HLEN, XLEN, ARCOUNT,
    /// PHCARD); `None` for modules.
    pub elements: Option<u64>,
    /// Decoded bytes of all strings and blobs of the value; nothing of a module's.
    pub content_bytes: u64,
    /// Decoded bytes of those longer than 20 bytes, which a server tries to compress when it dumps the value.
    pub compressible_bytes: u64,
    /// Decoded bytes of all elements as commands would return them, integers as text: field names and
    /// values, members without their scores, of streams the fields and values of entries that are not
    /// deleted. `None` where it was not looked for, and for modules.
    pub element_bytes: Option<u64>,
    /// The longest among these; a hash's field names and values count apart, and so do those of a stream's
    /// entries. `None` where it was not looked for, and for modules.
    pub largest_element_bytes: Option<u64>,
    /// Blobs: list nodes, stream nodes, 1 for a value that is one blob.
    pub nodes: u64,
    /// Of these, blobs that turned out to be broken inside, see [`Detail::SoundElements`].
    pub broken_nodes: u64,
    /// Hash fields with a TTL, whether past or not.
    pub fields_with_ttl: u64,
    /// Of these, fields whose expiry lies before the reference time; `None` without one.
    pub fields_expired: Option<u64>,
    /// The earliest expiry of a hash field, Unix milliseconds.
    pub first_field_expiry_ms: Option<i64>,
    /// The latest expiry of a hash field, Unix milliseconds.
    pub last_field_expiry_ms: Option<i64>,
    /// Stream entries that are deleted and still take room in their nodes.
    pub deleted_entries: u64,
    /// Stream consumer groups.
    pub groups: u64,
    /// Stream consumers, all groups together.
    pub consumers: u64,
    /// Pending entries, all groups together.
    pub pending: u64,
    /// Of these, entries that consumers gave back and none owns (Redis 8.8, XNACK).
    pub unowned: u64,
    /// The id of the template that has the field names. They count as if they stood in the value, which is where
    /// DUMP puts them.
    pub template: Option<u64>,
    /// The module that wrote the value.
    pub module: Option<ModuleId>,
    /// What the value takes in memory; `None` where it was not asked for, and where it cannot be known (modules but vector sets, arrays,
    /// streams of producers, hashes of templates and of paths, blobs that are broken where their elements decide).
    pub weight: Option<Weight>,
}

impl ValueFacts {
    /// Those of a value with nothing in it.
    pub fn empty(encoding: Encoding) -> ValueFacts {
        ValueFacts {
            encoding,
            elements: Some(0),
            content_bytes: 0,
            compressible_bytes: 0,
            element_bytes: Some(0),
            largest_element_bytes: Some(0),
            nodes: 0,
            broken_nodes: 0,
            fields_with_ttl: 0,
            fields_expired: None,
            first_field_expiry_ms: None,
            last_field_expiry_ms: None,
            deleted_entries: 0,
            groups: 0,
            consumers: 0,
            pending: 0,
            unowned: 0,
            template: None,
            module: None,
            weight: None,
        }
    }

    /// Those of a string of so many bytes that lies in the file as it is, as a measurement by `options` tells them;
    /// `is_integer` says that its bytes are a 64-bit integer of ten digits or more.
    pub fn of_short_string(
        value_bytes: u16,
        is_integer: bool,
        options: MeasureOptions<'_>,
    ) -> ValueFacts {
        let mut measure = Measure::new(ValueType::String, options);
        let header = StringHeader::raw(u64::from(value_bytes));
        measure.note_string(Role::Element, header);
        let text = Text {
            len: header.len,
            integer: is_integer.then_some(i64::MAX),
        };
        ValueFacts {
            weight: options.memory.map(|_| Weight::of_string(text)),
            ..measure.finish()
        }
    }
}
