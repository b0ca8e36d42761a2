//! What goes by of a key becomes lines.

use preshard_analyzer::{KeyHead, KeyName, Member, MemberSizes, ModuleNumber, Sample, StreamId};
use preshard_slots::hash_tag;

use super::{FieldLine, MemberLine, Number, PairLine, Real, SizeRow, SizesLine};
use crate::document::KeyRecord;

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
