//! The members of one key, a line each.

mod lines;
mod number;

use std::borrow::Cow;

use preshard_analyzer::KeyName;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use lines::MemberLines;
pub use number::{Number, Real};

use super::KeyRecord;
use super::key_record::KeyNameSchema;

/// One line of `preshard keys --key KEY --members --format ndjson`; `kind` says which.
///
/// A `key` comes first, then its members in the order of the file, then its `summary`; a key that is there several
/// times (in several files or databases) begins again with a `key`. Strings are cut to what `--member-bytes` says,
/// at the end of a character where they are text; `bytes` is always the length of the whole string.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum MemberLine<'a> {
    /// What is known of the key in front of its value.
    Key {
        /// The file, as it was named on the command line or found in a directory named there.
        file: Cow<'a, str>,
        /// Database number.
        db: u64,
        /// The key's name.
        #[schemars(with = "KeyNameSchema")]
        key: KeyName,
        /// Data type, the server's word.
        #[serde(rename = "type")]
        data_type: Cow<'a, str>,
        /// The cluster slot that the name hashes to.
        #[schemars(range(max = 16_383))]
        slot: u16,
        /// The part of the name that decides the slot, where it is only a part.
        #[schemars(with = "Option<KeyNameSchema>")]
        hash_tag: Option<KeyName>,
        /// Absolute expiry, Unix milliseconds; `null` when the key does not expire.
        expires_at_ms: Option<i64>,
        /// Whether that was past when the file was written, or at the time that `--now` states; `null` where
        /// neither is known, and without expiry.
        expired: Option<bool>,
        /// Seconds since last use, where the file tells.
        idle_s: Option<u64>,
        /// LFU counter, where the file tells.
        lfu: Option<u8>,
        /// Absolute offset of the value's type byte in the file.
        offset: u64,
    },
    /// The next bytes of a string.
    Piece {
        /// How many bytes of the string went before.
        at: u64,
        /// The bytes.
        #[schemars(with = "KeyNameSchema")]
        value: KeyName,
        /// How many.
        bytes: u64,
    },
    /// An item of a list.
    Item {
        /// Its place in the list, from 0 on.
        index: u64,
        /// The item.
        #[schemars(with = "KeyNameSchema")]
        value: KeyName,
        /// Its length.
        bytes: u64,
    },
    /// A member of a set or sorted set.
    Member {
        /// The member.
        #[schemars(with = "KeyNameSchema")]
        value: KeyName,
        /// Its length.
        bytes: u64,
        /// Its score; `null` in a set.
        score: Option<Real>,
    },
    /// A field of a hash, or of the path that was named last.
    Field(FieldLine),
    /// The template that has the names of a hash's fields, whose values follow.
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
        /// The name.
        #[schemars(with = "KeyNameSchema")]
        field: KeyName,
        /// Its length.
        bytes: u64,
    },
    /// The value of a field of a hash whose names stand in a template, or in front.
    FieldValue {
        /// Which field, from 0 on.
        index: u64,
        /// The value.
        #[schemars(with = "KeyNameSchema")]
        value: KeyName,
        /// Its length.
        bytes: u64,
    },
    /// An element of an array.
    Element {
        /// Where it lies; there may be gaps.
        index: u64,
        /// The element, a number as its text.
        #[schemars(with = "KeyNameSchema")]
        value: KeyName,
        /// Its length.
        bytes: u64,
    },
    /// A path of a path hash; its fields follow.
    Path {
        /// The path.
        #[schemars(with = "KeyNameSchema")]
        value: KeyName,
        /// Its length.
        bytes: u64,
    },
    /// An entry of a stream.
    Entry {
        /// Its id.
        id: String,
        /// It is deleted, and still takes room.
        deleted: bool,
        /// Number of its fields.
        fields: u64,
        /// Length of all their names and values.
        bytes: u64,
        /// Its first fields, at most 64.
        shown: Vec<PairLine>,
    },
    /// What a stream says of itself.
    Stream {
        /// Entries that are not deleted.
        length: u64,
        /// The last id given out.
        last_id: String,
        /// The first id that is there; `null` before Redis 7.0.
        first_id: Option<String>,
        /// The greatest id that was deleted; `null` before Redis 7.0.
        max_deleted_id: Option<String>,
        /// Entries ever added; `null` before Redis 7.0.
        entries_added: Option<u64>,
    },
    /// A consumer group of a stream; its pending entries and consumers follow.
    Group {
        /// Its name.
        #[schemars(with = "KeyNameSchema")]
        name: KeyName,
        /// Length of the name.
        bytes: u64,
        /// The last id delivered.
        last_id: String,
        /// Entries that it has read; `null` where the server did not know.
        entries_read: Option<u64>,
        /// Its pending entries.
        pending: u64,
    },
    /// An entry that the group delivered and nobody acknowledged.
    Pending {
        /// Which.
        id: String,
        /// When it was delivered last, Unix milliseconds.
        delivered_at_ms: i64,
        /// How often.
        deliveries: u64,
    },
    /// A consumer of the group; the ids that it owns follow.
    Consumer {
        /// Its name.
        #[schemars(with = "KeyNameSchema")]
        name: KeyName,
        /// Length of the name.
        bytes: u64,
        /// When it was there last, Unix milliseconds.
        seen_at_ms: i64,
        /// When it got an entry last, Unix milliseconds; `null` where it never did, and before Redis 7.2.
        active_at_ms: Option<i64>,
        /// Its pending entries.
        pending: u64,
    },
    /// A pending entry of the group that the consumer owns.
    Owned {
        /// Which.
        id: String,
    },
    /// A pending entry of the group that no consumer owns, because one gave it back.
    Unowned {
        /// Which.
        id: String,
    },
    /// A producer whose messages a stream remembers.
    Producer {
        /// Its id.
        #[schemars(with = "KeyNameSchema")]
        name: KeyName,
        /// Length of the id.
        bytes: u64,
    },
    /// A message of the producer.
    Message {
        /// Its id.
        #[schemars(with = "KeyNameSchema")]
        name: KeyName,
        /// Length of the id.
        bytes: u64,
        /// The entry that it became.
        id: String,
    },
    /// The module whose items follow; what they mean, it alone knows.
    Module {
        /// Name of its data type, nine characters.
        name: String,
        /// Version of its encoding.
        version: u64,
    },
    /// A number among a module's items.
    Number {
        /// `signed`, `unsigned`, `float` (four bytes) or `double`.
        form: Cow<'a, str>,
        /// The number.
        value: Number,
    },
    /// A string among a module's items.
    String {
        /// The string.
        #[schemars(with = "KeyNameSchema")]
        value: KeyName,
        /// Its length.
        bytes: u64,
    },
    /// A blob is broken from here on: the rest of its elements cannot be told, those of the next can.
    Broken {
        /// Absolute offset of the first bad byte.
        offset: u64,
        /// What was expected and found.
        message: String,
    },
    /// The key is a collection without elements: servers drop it when they load the file.
    Dropped {},
    /// The file is damaged inside the key: what more it has cannot be read, and no `summary` follows.
    Incomplete {
        /// Absolute offset of the first bad byte.
        offset: u64,
        /// What was expected and found.
        message: String,
    },
    /// All that is known of the key, and how long its members are.
    Summary {
        /// As `preshard keys --format ndjson` tells it.
        record: Box<KeyRecord<'a>>,
        /// The time before which expiries count as past, Unix milliseconds.
        reference_ms: Option<i64>,
        /// How long its members are.
        sizes: Vec<SizesLine>,
    },
}

/// A field of a hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FieldLine {
    /// Its name.
    #[schemars(with = "KeyNameSchema")]
    pub field: KeyName,
    /// Length of the name.
    pub field_bytes: u64,
    /// Its value.
    #[schemars(with = "KeyNameSchema")]
    pub value: KeyName,
    /// Length of the value.
    pub value_bytes: u64,
    /// Absolute expiry, Unix milliseconds; `null` when the field does not expire.
    pub expires_at_ms: Option<i64>,
    /// Whether that is past; `null` where no time is known to compare it with, and without expiry.
    pub expired: Option<bool>,
}

/// A field of a stream entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PairLine {
    /// Its name.
    #[schemars(with = "KeyNameSchema")]
    pub field: KeyName,
    /// Length of the name.
    pub field_bytes: u64,
    /// Its value.
    #[schemars(with = "KeyNameSchema")]
    pub value: KeyName,
    /// Length of the value.
    pub value_bytes: u64,
}

/// Lengths by powers of two.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SizesLine {
    /// Whose: `item`, `element`, `member`, `path`, `field`, `value`, `entry`, `deleted-entry`, `module-string`.
    pub of: String,
    /// The buckets that are not empty, shortest lengths first.
    pub buckets: Vec<SizeRow>,
}

/// Lengths between two powers of two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SizeRow {
    /// The least length.
    pub min_bytes: u64,
    /// The greatest.
    pub max_bytes: u64,
    /// How many there are.
    pub count: u64,
    /// Their sum.
    pub bytes: u64,
}
