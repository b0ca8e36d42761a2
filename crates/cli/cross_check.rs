//! A second, independent reader (the crate `rdb`) over the same bytes, compared key by key.
//!
//! Both readers go through the file side by side, so neither the number of keys nor the size of the
//! file decides how much memory this takes; one value does, because the other reader decodes each whole.
//! What it does not tell is counted and said: streams and module values (it passes over them without
//! a word), field TTLs, LRU and LFU, and it never looks at the checksum.

use std::collections::BTreeMap;

use preshard_analyzer::KeyName;
use preshard_parser::{DataType, Detail, Entry, RdbReader, RecordKind};
use preshard_report::document::{Agreement, CrossCheck, NotCompared};
use rdb::{RdbDecoder, RdbValue, Simple};

/// The other reader, as reports name it; the version is the one that Cargo.toml asks for.
const READER: &str = "crate rdb 0.4";
/// Differences that are listed.
const DIFFERENCES_MAX: usize = 10;

/// What both readers tell of a key.
#[derive(Debug, PartialEq, Eq)]
struct Told {
    db: u64,
    key: Vec<u8>,
    data_type: DataType,
    elements: u64,
    expires_at_ms: Option<i64>,
}

/// Compares two readings of a snapshot that was read to its end before.
///
/// A damaged file is not compared: the other reader allocates what lengths claim, and it was not made for
/// files whose lengths lie.
pub fn cross_check(bytes: Option<&[u8]>, damaged: bool) -> CrossCheck {
    let mut comparison = Comparison::default();
    let Some(bytes) = bytes else {
        comparison.leave_out("the whole file, because it is not mapped");
        return comparison.verdict(true);
    };
    if damaged {
        comparison.leave_out("the whole file, because it is damaged");
        return comparison.verdict(true);
    }
    match RdbDecoder::new(bytes, Simple::new()) {
        Ok(decoder) => {
            let unread = comparison.run(bytes, decoder);
            comparison.leave_out("the checksum");
            comparison.verdict(unread)
        }
        Err(error) => {
            comparison.leave_out(format!("the whole file: {error}"));
            comparison.verdict(true)
        }
    }
}

#[derive(Default)]
struct Comparison {
    keys_compared: u64,
    left_out: BTreeMap<&'static str, u64>,
    also_left_out: Vec<NotCompared>,
    differences: Vec<String>,
    differences_unlisted: u64,
}

impl Comparison {
    /// Goes through both readings; true when the other reader gave up.
    fn run(
        &mut self,
        bytes: &[u8],
        decoder: impl Iterator<Item = Result<RdbValue, rdb::RdbError>>,
    ) -> bool {
        let mut theirs = TheirKeys { decoder, db: 0 };
        let mut ours = match RdbReader::new(bytes) {
            Ok(reader) => reader,
            Err(error) => {
                self.differ(format!("preshard: {error}"));
                return false;
            }
        };
        loop {
            let our_key = self.our_next(&mut ours);
            let their_key = match theirs.next() {
                Ok(key) => key,
                Err(error) => {
                    self.leave_out(format!(
                        "what follows the first {} keys compared: {error}",
                        self.keys_compared
                    ));
                    return true;
                }
            };
            match (our_key, their_key) {
                (None, None) => return false,
                (Some(ours), None) => {
                    self.differ(format!("only preshard finds {}", name(&ours)));
                    return false;
                }
                (None, Some(theirs)) => {
                    self.differ(format!("only the other reader finds {}", name(&theirs)));
                    return false;
                }
                (Some(ours), Some(theirs)) => {
                    self.keys_compared += 1;
                    if (ours.db, &ours.key) != (theirs.db, &theirs.key) {
                        self.differ(format!(
                            "preshard finds {} where the other reader finds {}",
                            name(&ours),
                            name(&theirs)
                        ));
                        // From here on the two are out of step.
                        return false;
                    }
                    if ours != theirs {
                        self.differ(format!(
                            "{}: preshard says {}, the other reader {}",
                            name(&ours),
                            facts(&ours),
                            facts(&theirs)
                        ));
                    }
                }
            }
        }
    }

    /// Our next key that the other reader tells too.
    fn our_next(&mut self, reader: &mut RdbReader<'_>) -> Option<Told> {
        loop {
            let record = match reader.next_record() {
                Ok(Some(record)) => record,
                Ok(None) => return None,
                Err(error) => {
                    self.differ(format!("preshard: {error}"));
                    return None;
                }
            };
            let RecordKind::Entry(entry) = record.kind else {
                continue;
            };
            match self.tell(&entry) {
                Ok(Some(told)) => return Some(told),
                Ok(None) => {}
                Err(error) => {
                    self.differ(format!("preshard: {error}"));
                    return None;
                }
            }
        }
    }

    fn tell(&mut self, entry: &Entry<'_>) -> Result<Option<Told>, preshard_parser::Error> {
        let facts = entry.measure(Detail::Elements)?;
        let data_type = entry.value_type.data_type();
        let mut count = |what| *self.left_out.entry(what).or_insert(0) += 1;
        match data_type {
            DataType::Stream => {
                count("streams");
                return Ok(None);
            }
            DataType::Module => {
                count("module values");
                return Ok(None);
            }
            // The other reader stops at the version of a file that has them.
            DataType::Array | DataType::PathHash => {
                count("arrays and path hashes");
                return Ok(None);
            }
            _ => {}
        }
        if facts.fields_with_ttl > 0 {
            count("TTLs of hash fields");
        }
        if entry.idle_s.is_some() || entry.freq.is_some() {
            count("idle times and LFU counters");
        }
        if entry.key_meta_bytes > 0 {
            count("key metadata");
        }
        Ok(Some(Told {
            db: entry.db,
            key: entry.key.bytes()?.into_owned(),
            data_type,
            elements: facts.elements.unwrap_or(0),
            expires_at_ms: entry.expires_at_ms,
        }))
    }

    fn differ(&mut self, difference: String) {
        if self.differences.len() < DIFFERENCES_MAX {
            self.differences.push(difference);
        } else {
            self.differences_unlisted += 1;
        }
    }

    fn leave_out(&mut self, what: impl Into<String>) {
        self.also_left_out.push(NotCompared {
            what: what.into(),
            keys: None,
        });
    }

    fn verdict(self, unread: bool) -> CrossCheck {
        let counted = self.left_out.into_iter().map(|(what, keys)| NotCompared {
            what: what.to_owned(),
            keys: Some(keys),
        });
        CrossCheck {
            reader: READER.to_owned(),
            result: if !self.differences.is_empty() {
                Agreement::Differs
            } else if unread {
                Agreement::Unreadable
            } else {
                Agreement::Agrees
            },
            keys_compared: self.keys_compared,
            not_compared: counted.chain(self.also_left_out).collect(),
            differences: self.differences,
            differences_unlisted: self.differences_unlisted,
        }
    }
}

/// The keys of the other reader, with the database each is in.
struct TheirKeys<D> {
    decoder: D,
    db: u64,
}

impl<D: Iterator<Item = Result<RdbValue, rdb::RdbError>>> TheirKeys<D> {
    fn next(&mut self) -> Result<Option<Told>, rdb::RdbError> {
        for item in self.decoder.by_ref() {
            let (key, data_type, elements, expiry) = match item? {
                RdbValue::SelectDb(db) => {
                    self.db = u64::from(db);
                    continue;
                }
                RdbValue::ResizeDb { .. } | RdbValue::AuxField { .. } | RdbValue::Checksum(_) => {
                    continue;
                }
                RdbValue::String { key, value, expiry } => {
                    (key, DataType::String, value.len(), expiry)
                }
                RdbValue::List {
                    key,
                    values,
                    expiry,
                } => (key, DataType::List, values.len(), expiry),
                RdbValue::Set {
                    key,
                    members,
                    expiry,
                } => (key, DataType::Set, members.len(), expiry),
                RdbValue::SortedSet {
                    key,
                    values,
                    expiry,
                } => (key, DataType::Zset, values.len(), expiry),
                RdbValue::Hash {
                    key,
                    values,
                    expiry,
                } => (key, DataType::Hash, values.len(), expiry),
            };
            return Ok(Some(Told {
                db: self.db,
                key,
                data_type,
                elements: elements as u64,
                // The other reader takes the file's signed milliseconds for unsigned ones.
                expires_at_ms: expiry.map(|ms| ms as i64),
            }));
        }
        Ok(None)
    }
}

fn name(told: &Told) -> String {
    format!(
        "db {} key \"{}\"",
        told.db,
        KeyName(told.key.as_slice().into()).escaped()
    )
}

fn facts(told: &Told) -> String {
    let expiry = told
        .expires_at_ms
        .map_or_else(|| "no expiry".to_owned(), |ms| format!("expiry {ms} ms"));
    format!(
        "{} of {} elements, {expiry}",
        told.data_type.name(),
        told.elements
    )
}
