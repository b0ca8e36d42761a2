//! A second, independent reader (the crate `rdb`) over the same bytes, compared key by key.
//!
//! Both readers go through the file side by side, so neither the number of keys nor the size of the
//! file decides how much memory this takes; one value does, because the other reader decodes each whole.
//! What it does not tell is counted and said: streams and module values (it passes over them without
//! a word), field TTLs, LRU and LFU, and it never looks at the checksum.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, BufReader};

use preshard_analyzer::KeyName;
use preshard_parser::source::{SnapshotStream, Source};
use preshard_parser::{DataType, Detail, Entry, Portion, RdbStream, RecordKind};
use preshard_report::document::{Agreement, CrossCheck, NotCompared};
use rdb::{RdbDecoder, RdbValue, Simple};

/// The other reader, as reports name it; the version is the one that Cargo.toml asks for.
const READER: &str = "crate rdb 0.4";
/// Differences that are listed.
const DIFFERENCES_MAX: usize = 10;
/// Records of ours that are looked at together, and their bytes: enough to outweigh asking for them.
const PORTION: Portion = Portion {
    records: 256,
    bytes: 1 << 20,
};

/// What both readers tell of a key.
#[derive(Debug, PartialEq, Eq)]
struct Told {
    db: u64,
    key: Vec<u8>,
    data_type: DataType,
    elements: u64,
    expires_at_ms: Option<i64>,
}

/// Compares two more readings of a snapshot that was read to its end before, and can be read again.
///
/// A damaged file is not compared: the other reader allocates what lengths claim, and it was not made for
/// files whose lengths lie.
///
/// # Errors
/// When the file cannot be opened again.
pub fn cross_check(source: &Source, damaged: bool) -> io::Result<CrossCheck> {
    let mut comparison = Comparison::default();
    if damaged {
        comparison.leave_out("the whole file, because it is damaged");
        return Ok(comparison.verdict(Some(Agreement::NotAsked)));
    }
    let theirs = BufReader::new(source.stream()?);
    let gave_up = match RdbDecoder::new(theirs, Simple::new()) {
        Ok(decoder) => {
            let gave_up = match OurKeys::new(source.stream()?) {
                Ok(ours) => comparison.run(ours, decoder),
                Err(error) => {
                    comparison.differ(format!("preshard: {error}"));
                    false
                }
            };
            comparison.leave_out("the checksum");
            gave_up
        }
        Err(error) => {
            comparison.leave_out(format!("the whole file: {error}"));
            true
        }
    };
    Ok(comparison.verdict(gave_up.then_some(Agreement::Unreadable)))
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
        mut ours: OurKeys,
        decoder: impl Iterator<Item = Result<RdbValue, rdb::RdbError>>,
    ) -> bool {
        let mut theirs = TheirKeys { decoder, db: 0 };
        loop {
            let our_key = ours.next(self);
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

    /// The verdict on what was compared; `instead` is why that was not everything.
    fn verdict(self, instead: Option<Agreement>) -> CrossCheck {
        let counted = self.left_out.into_iter().map(|(what, keys)| NotCompared {
            what: what.to_owned(),
            keys: Some(keys),
        });
        CrossCheck {
            reader: READER.to_owned(),
            result: match self.differences.is_empty() {
                false => Agreement::Differs,
                true => instead.unwrap_or(Agreement::Agrees),
            },
            keys_compared: self.keys_compared,
            not_compared: counted.chain(self.also_left_out).collect(),
            differences: self.differences,
            differences_unlisted: self.differences_unlisted,
        }
    }
}

/// Our keys that the other reader tells too.
struct OurKeys {
    stream: RdbStream<'static, SnapshotStream>,
    at_hand: VecDeque<Told>,
    /// Nothing follows what is at hand.
    ended: bool,
    /// Why, unless the snapshot ends there.
    failure: Option<preshard_parser::Error>,
}

impl OurKeys {
    fn new(stream: SnapshotStream) -> Result<OurKeys, preshard_parser::Error> {
        Ok(OurKeys {
            stream: RdbStream::new(stream, Detail::Elements)?,
            at_hand: VecDeque::new(),
            ended: false,
            failure: None,
        })
    }

    /// The next key; what is passed over, and a failure, is noted in `comparison`.
    fn next(&mut self, comparison: &mut Comparison) -> Option<Told> {
        while self.at_hand.is_empty() && !self.ended {
            self.fetch(comparison);
        }
        let told = self.at_hand.pop_front();
        if told.is_none()
            && let Some(error) = self.failure.take()
        {
            comparison.differ(format!("preshard: {error}"));
        }
        told
    }

    fn fetch(&mut self, comparison: &mut Comparison) {
        let mut records = Vec::new();
        self.failure = self.stream.next_records(PORTION, &mut records).err();
        self.ended = self.failure.is_some() || records.is_empty();
        for record in &records {
            let RecordKind::Entry(entry) = &record.kind else {
                continue;
            };
            match comparison.tell(entry) {
                Ok(told) => self.at_hand.extend(told),
                Err(error) => {
                    self.ended = true;
                    self.failure = Some(error);
                    return;
                }
            }
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
