//! Measuring: from framed entries to key facts, in parallel, in file order.

use preshard_parser::{DataType, Entry, Error, Record, RecordKind};
use preshard_slots::Slot;
use rayon::prelude::*;

use super::ScanOptions;
use super::claims::Newest;
use super::ledger::Ledger;
use crate::{KeyFacts, Sizes};

/// Records that one task takes at least: enough to outweigh handing it over, few enough that a huge value
/// holds up little else.
const BATCH_RECORDS: usize = 256;

/// What was learnt of neighbouring records.
#[derive(Default)]
pub(super) struct Batch<'a> {
    /// The keys, in file order.
    pub(super) keys: Vec<KeyFacts<'a>>,
    /// What stands between the keys, with the number of keys in front of it.
    pub(super) notes: Vec<(usize, RecordKind<'a>)>,
    /// Collections without elements.
    pub(super) empty_collections: u64,
    /// Attributes of keys that a later one replaced.
    pub(super) replaced_attributes: u64,
    /// What the bytes are.
    pub(super) ledger: Ledger,
    /// The newest thing by the version of the format that brought it.
    pub(super) newest: Newest,
    /// The first value that could not be measured; nothing behind it is in the batch.
    pub(super) error: Option<Error>,
}

/// Measures the records of a chunk into `batches`, whose buffers are used again. Of several errors the
/// first in file order is in the last batch.
pub(super) fn measure<'a>(
    records: &[Record<'a>],
    options: &ScanOptions<'_>,
    batches: &mut Vec<Batch<'a>>,
) {
    batches.resize_with(records.len().div_ceil(BATCH_RECORDS), Batch::default);
    records
        .par_chunks(BATCH_RECORDS)
        .zip(batches.par_iter_mut())
        .for_each(|(records, batch)| batch.measure(records, options));
    if let Some(broken) = batches.iter().position(|batch| batch.error.is_some()) {
        batches.truncate(broken + 1);
    }
}

/// The error at which measuring stopped, if it did.
pub(super) fn take_error(batches: &mut [Batch<'_>]) -> Option<Error> {
    batches.iter_mut().find_map(|batch| batch.error.take())
}

impl<'a> Batch<'a> {
    fn measure(&mut self, records: &[Record<'a>], options: &ScanOptions<'_>) {
        self.keys.clear();
        self.notes.clear();
        self.empty_collections = 0;
        self.replaced_attributes = 0;
        self.ledger = Ledger::default();
        self.newest = Newest::default();
        self.error = None;
        for record in records {
            let RecordKind::Entry(entry) = &record.kind else {
                self.notes.push((self.keys.len(), record.kind.clone()));
                self.ledger.add_record(record);
                self.newest.look_at(record);
                continue;
            };
            match key_facts(entry, options) {
                Ok(facts) if is_empty_collection(&facts) => {
                    self.empty_collections += 1;
                    self.ledger.add_empty_collection(record);
                }
                Ok(facts) => {
                    self.keys.push(facts);
                    self.ledger.add_key(record, entry);
                }
                Err(error) => {
                    self.error = Some(error);
                    break;
                }
            }
            self.replaced_attributes += record.lost_attributes;
            self.newest.look_at(record);
        }
    }
}

/// Servers drop such a key when they load the file, and write none. Streams may be empty, path hashes could be
/// while Valkey 9.2 was developed, and an empty string is a value.
fn is_empty_collection(facts: &KeyFacts<'_>) -> bool {
    facts.value.elements == Some(0)
        && !matches!(
            facts.data_type,
            DataType::String | DataType::Stream | DataType::PathHash
        )
}

fn key_facts<'a>(entry: &Entry<'a>, options: &ScanOptions<'_>) -> Result<KeyFacts<'a>, Error> {
    let key = entry.key.bytes()?;
    let value = entry.measure(options.measuring())?;
    let data_type = entry.value_type.data_type();
    let payload_bytes = entry.payload_bytes();
    let expires_at_ms = entry.expires_at_ms;
    Ok(KeyFacts {
        db: entry.db,
        slot: Slot::of_key(&key),
        data_type,
        value,
        expires_at_ms,
        idle_s: entry.idle_s,
        lfu: entry.freq,
        sizes: Sizes {
            serialized_bytes: entry.value.stored_bytes(),
            payload_bytes,
            memory_bytes_estimate: options.memory.estimate(
                key.len() as u64,
                expires_at_ms.is_some(),
                &value,
                data_type,
            ),
        },
        cost: options.cost.predict(data_type, &value, payload_bytes),
        offset: entry.offset,
        key,
    })
}
