//! The members of one key, a line each.

use std::borrow::Cow;

use preshard_analyzer::{KeyHead, KeyName, Member, MemberSizes, ModuleNumber, Sample, StreamId};
use preshard_slots::hash_tag;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

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

/// A number of a module.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Number {
    /// An unsigned integer.
    Unsigned(u64),
    /// A signed integer.
    Signed(i64),
    /// Any other number.
    Real(Real),
}

/// A real number: a JSON number, or one of the strings `inf`, `-inf` and `nan` that stand for what is none.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Real(pub f64);

impl Real {
    /// The word for what is no JSON number.
    fn word(self) -> Option<&'static str> {
        match self.0 {
            f64::INFINITY => Some("inf"),
            f64::NEG_INFINITY => Some("-inf"),
            number if number.is_nan() => Some("nan"),
            _ => None,
        }
    }
}

impl std::fmt::Display for Real {
    /// The shortest decimal that reads back as the number.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.word() {
            Some(word) => f.write_str(word),
            // Beyond that many digits in front of the point, an exponent reads better.
            None if self.0.abs() >= 1e17 || (self.0 != 0.0 && self.0.abs() < 1e-5) => {
                write!(f, "{:e}", self.0)
            }
            None => write!(f, "{}", self.0),
        }
    }
}

impl Serialize for Real {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.word() {
            Some(word) => serializer.serialize_str(word),
            None => serializer.serialize_f64(self.0),
        }
    }
}

impl<'de> Deserialize<'de> for Real {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Real, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            Number(f64),
            Word(String),
        }
        let number = match Form::deserialize(deserializer)? {
            Form::Number(number) => number,
            Form::Word(word) => match word.as_str() {
                "inf" => f64::INFINITY,
                "-inf" => f64::NEG_INFINITY,
                "nan" => f64::NAN,
                other => return Err(D::Error::custom(format!("no number: {other}"))),
            },
        };
        Ok(Real(number))
    }
}

impl JsonSchema for Real {
    fn schema_name() -> Cow<'static, str> {
        "Real".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A number, or a word for what is none in JSON.",
            "oneOf": [{ "type": "number" }, { "enum": ["inf", "-inf", "nan"] }]
        })
    }
}

/// Makes lines of what goes by.
#[derive(Debug, Default)]
pub struct MemberLines {
    reference_ms: Option<i64>,
    /// The beginning of a character at the end of the last piece of a string, and where it is.
    carried: Option<(u64, Vec<u8>)>,
}

impl MemberLines {
    /// Expiries before `reference_ms` count as past.
    pub fn new(reference_ms: Option<i64>) -> MemberLines {
        MemberLines {
            reference_ms,
            carried: None,
        }
    }

    /// The line that a key begins with.
    pub fn key<'a>(&self, key: &KeyHead<'_>, file: &'a str) -> MemberLine<'a> {
        MemberLine::Key {
            file: file.into(),
            db: key.db,
            key: KeyName(key.key.as_ref().into()),
            data_type: key.data_type.name().into(),
            slot: key.slot.number(),
            hash_tag: hash_tag(&key.key).map(|tag| KeyName(tag.into())),
            expires_at_ms: key.expires_at_ms,
            expired: self.is_past(key.expires_at_ms),
            idle_s: key.idle_s,
            lfu: key.lfu,
            offset: key.offset,
        }
    }

    /// The line of a member; `None` for a piece of a string that is shorter than a character.
    pub fn member(&mut self, member: &Member<'_>) -> Option<MemberLine<'static>> {
        Some(match *member {
            Member::Piece { at, bytes } => return self.piece(at, bytes),
            Member::Item { index, item } => MemberLine::Item {
                index,
                value: shown(item),
                bytes: item.len,
            },
            Member::SetMember { member } => MemberLine::Member {
                value: shown(member),
                bytes: member.len,
                score: None,
            },
            Member::ZsetMember { member, score } => MemberLine::Member {
                value: shown(member),
                bytes: member.len,
                score: Some(Real(score)),
            },
            Member::Field {
                field,
                value,
                expires_at_ms,
            } => MemberLine::Field(FieldLine {
                field: shown(field),
                field_bytes: field.len,
                value: shown(value),
                value_bytes: value.len,
                expires_at_ms,
                expired: self.is_past(expires_at_ms),
            }),
            Member::Template { id, fields } => MemberLine::Template { id, fields },
            Member::FieldName { index, name } => MemberLine::FieldName {
                index,
                field: shown(name),
                bytes: name.len,
            },
            Member::FieldValue { index, value } => MemberLine::FieldValue {
                index,
                value: shown(value),
                bytes: value.len,
            },
            Member::ArrayElement { index, element } => MemberLine::Element {
                index,
                value: shown(element),
                bytes: element.len,
            },
            Member::Path { path } => MemberLine::Path {
                value: shown(path),
                bytes: path.len,
            },
            Member::StreamEntry(entry) => MemberLine::Entry {
                id: entry.id.to_string(),
                deleted: entry.deleted,
                fields: entry.fields,
                bytes: entry.bytes,
                shown: entry
                    .shown
                    .iter()
                    .map(|(field, value)| PairLine {
                        field: shown(field),
                        field_bytes: field.len,
                        value: shown(value),
                        value_bytes: value.len,
                    })
                    .collect(),
            },
            Member::Stream(info) => MemberLine::Stream {
                length: info.length,
                last_id: info.last_id.to_string(),
                first_id: info.first_id.as_ref().map(StreamId::to_string),
                max_deleted_id: info.max_deleted_id.as_ref().map(StreamId::to_string),
                entries_added: info.entries_added,
            },
            Member::Group {
                name,
                last_id,
                entries_read,
                pending,
            } => MemberLine::Group {
                name: shown(name),
                bytes: name.len,
                last_id: last_id.to_string(),
                entries_read,
                pending,
            },
            Member::Pending {
                id,
                delivered_at_ms,
                deliveries,
            } => MemberLine::Pending {
                id: id.to_string(),
                delivered_at_ms,
                deliveries,
            },
            Member::Consumer {
                name,
                seen_at_ms,
                active_at_ms,
                pending,
            } => MemberLine::Consumer {
                name: shown(name),
                bytes: name.len,
                seen_at_ms,
                active_at_ms,
                pending,
            },
            Member::Owned { id } => MemberLine::Owned { id: id.to_string() },
            Member::Unowned { id } => MemberLine::Unowned { id: id.to_string() },
            Member::Producer { producer } => MemberLine::Producer {
                name: shown(producer),
                bytes: producer.len,
            },
            Member::Message { message, id } => MemberLine::Message {
                name: shown(message),
                bytes: message.len,
                id: id.to_string(),
            },
            Member::Module(module) => MemberLine::Module {
                name: module.name(),
                version: module.version(),
            },
            Member::ModuleNumber(number) => {
                let (form, value) = match number {
                    ModuleNumber::Signed(n) => ("signed", Number::Signed(n)),
                    ModuleNumber::Unsigned(n) => ("unsigned", Number::Unsigned(n)),
                    ModuleNumber::Float(n) => ("float", Number::Real(Real(f64::from(n)))),
                    ModuleNumber::Double(n) => ("double", Number::Real(Real(n))),
                };
                MemberLine::Number {
                    form: form.into(),
                    value,
                }
            }
            Member::ModuleString(string) => MemberLine::String {
                value: shown(string),
                bytes: string.len,
            },
            Member::Broken(error) => MemberLine::Broken {
                offset: error.offset(),
                message: error.to_string(),
            },
            _ => return None,
        })
    }

    /// What is left of a string when it has ended.
    pub fn rest(&mut self) -> Option<MemberLine<'static>> {
        let (at, bytes) = self.carried.take()?;
        Some(piece(at, &bytes))
    }

    /// The line that a key ends with.
    pub fn summary<'a>(&self, record: KeyRecord<'a>, sizes: &MemberSizes) -> MemberLine<'a> {
        let sizes = sizes.histograms().iter().map(|(of, histogram)| SizesLine {
            of: of.name().to_owned(),
            buckets: histogram
                .buckets()
                .map(|bucket| SizeRow {
                    min_bytes: bucket.min_bytes,
                    max_bytes: bucket.max_bytes,
                    count: bucket.count,
                    bytes: bucket.bytes,
                })
                .collect(),
        });
        MemberLine::Summary {
            record: Box::new(record),
            reference_ms: self.reference_ms,
            sizes: sizes.collect(),
        }
    }

    /// A piece up to its last whole character; what follows goes with the next.
    fn piece(&mut self, at: u64, bytes: &[u8]) -> Option<MemberLine<'static>> {
        let (at, mut bytes) = match self.carried.take() {
            Some((from, carried)) => (from, [&carried, bytes].concat()),
            None => (at, bytes.to_vec()),
        };
        let whole = whole_characters(&bytes);
        if whole < bytes.len() {
            let tail = bytes.split_off(whole);
            self.carried = Some((at + whole as u64, tail));
        }
        (!bytes.is_empty()).then(|| piece(at, &bytes))
    }

    fn is_past(&self, expires_at_ms: Option<i64>) -> Option<bool> {
        Some(expires_at_ms? < self.reference_ms?)
    }
}

fn piece(at: u64, bytes: &[u8]) -> MemberLine<'static> {
    MemberLine::Piece {
        at,
        value: KeyName(bytes.into()),
        bytes: bytes.len() as u64,
    }
}

/// The beginning of a string; of one that is cut, up to its last whole character.
fn shown(sample: Sample<'_>) -> KeyName {
    let end = match sample.is_cut() {
        true => whole_characters(sample.head),
        false => sample.head.len(),
    };
    KeyName(sample.head.get(..end).unwrap_or(sample.head).into())
}

/// Where text ends that is cut inside a character; the whole length for anything else.
fn whole_characters(bytes: &[u8]) -> usize {
    match std::str::from_utf8(bytes) {
        Err(error) if error.error_len().is_none() => error.valid_up_to(),
        _ => bytes.len(),
    }
}
