//! Kinds of values that cost differently to move.

use preshard_parser::{DataType, Encoding, ValueFacts};

/// A kind of values whose moves one pair of fits predicts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CostClass {
    /// Strings.
    String,
    /// Strings whose payload is much shorter than they are.
    CompressedString,
    /// Lists.
    List,
    /// Streams, but for what their groups hold.
    Stream,
    /// Sets in a table.
    Set,
    /// Hashes in a table.
    Hash,
    /// Hashes with a TTL on any field.
    HashWithFieldTtl,
    /// Sorted sets in a skip list.
    Zset,
    /// Hashes, sets and sorted sets in one blob.
    Compact,
    /// What is not known inside.
    Module,
}

impl CostClass {
    /// All of them, in the order of their numbers.
    pub const ALL: [CostClass; 10] = [
        CostClass::String,
        CostClass::CompressedString,
        CostClass::List,
        CostClass::Stream,
        CostClass::Set,
        CostClass::Hash,
        CostClass::HashWithFieldTtl,
        CostClass::Zset,
        CostClass::Compact,
        CostClass::Module,
    ];

    /// Its name in profiles and logs.
    pub fn name(self) -> &'static str {
        match self {
            CostClass::String => "string",
            CostClass::CompressedString => "compressed-string",
            CostClass::List => "list",
            CostClass::Stream => "stream",
            CostClass::Set => "set",
            CostClass::Hash => "hash",
            CostClass::HashWithFieldTtl => "hash-with-field-ttl",
            CostClass::Zset => "zset",
            CostClass::Compact => "compact",
            CostClass::Module => "module",
        }
    }

    /// The class of that name.
    pub fn from_name(name: &str) -> Option<CostClass> {
        CostClass::ALL
            .into_iter()
            .find(|class| class.name() == name)
    }

    pub(super) fn index(self) -> usize {
        self as usize
    }
}

/// What of a value its cost hangs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) class: CostClass,
    /// The class besides, where a blob becomes a table when it is loaded.
    pub(super) table: Option<CostClass>,
    pub(super) elements: u64,
    /// The bytes that count for the class.
    pub(super) bytes: u64,
    /// Pending entries, consumers and groups.
    pub(super) marks: u64,
}

impl Shape {
    /// The kind of the value decides which coefficients count, and of which of its bytes:
    /// - a string whose payload is much shorter than its content compresses, which is cheap;
    /// - a blob (listpack, intset...) is predicted by its bytes; where it has more elements than any default
    ///   setting allows, also as the table that it becomes when it is loaded;
    /// - a hash with any field TTL is predicted as if each field had one;
    /// - the type of a module value is unknown, so is its cost: it is predicted as the most expensive
    ///   shape of the same payload; and so are arrays and path hashes, which were not measured.
    #[inline]
    pub(super) fn of(
        data_type: DataType,
        value: &ValueFacts,
        payload_bytes: u64,
        compressed_string_ratio: u64,
        compact_elements_max: u64,
    ) -> Shape {
        let elements = value.elements.unwrap_or(0);
        let plain = |class, elements, bytes| Shape {
            class,
            table: None,
            elements,
            bytes,
            marks: 0,
        };
        let table = match data_type {
            DataType::String => {
                let is_compressed =
                    value.content_bytes >= payload_bytes.saturating_mul(compressed_string_ratio);
                let class = match is_compressed {
                    true => CostClass::CompressedString,
                    false => CostClass::String,
                };
                return plain(class, 0, value.content_bytes);
            }
            DataType::List => return plain(CostClass::List, elements, value.content_bytes),
            DataType::Stream => {
                let marks = value
                    .pending
                    .saturating_add(value.consumers)
                    .saturating_add(value.groups);
                return Shape {
                    marks,
                    ..plain(CostClass::Stream, elements, value.content_bytes)
                };
            }
            DataType::Module | DataType::Array | DataType::PathHash => {
                return plain(CostClass::Module, 0, payload_bytes);
            }
            DataType::Set => CostClass::Set,
            DataType::Zset => CostClass::Zset,
            DataType::Hash
                if value.fields_with_ttl > 0 || value.encoding == Encoding::ListpackEx =>
            {
                CostClass::HashWithFieldTtl
            }
            DataType::Hash => CostClass::Hash,
        };
        match value.encoding.is_compact() {
            false => plain(table, elements, value.compressible_bytes),
            true => Shape {
                table: (elements > compact_elements_max).then_some(table),
                ..plain(CostClass::Compact, elements, value.content_bytes)
            },
        }
    }
}
