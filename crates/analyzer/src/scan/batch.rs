//! Batches: what was learnt of neighbouring records.

use std::borrow::Cow;
use std::ops::Range;

use preshard_parser::{
    DataType, Entry, Error, MeasuringReader, Prepare, Record, RecordKind, ValueFacts,
};
use preshard_slots::{Slot, SlotHasher};
use rayon::prelude::*;

use super::ScanOptions;
use super::claims::Newest;
use super::disregard::Disregard;
use super::ledger::Ledger;
use super::short::{self, Short};
use super::stop::{End, Stop};
use crate::{KeyFacts, Sizes};

/// Records after which a batch is closed: with two hundred bytes for each, it stays in the cache of a core.
const RECORDS_MAX: usize = 256;
/// The same for short strings, which take eight bytes.
const SHORTS_MAX: usize = 4_096;
/// Bytes of file after which a batch is closed; one record may exceed it. Decoded key names count as well, because
/// compressed names are decompressed while they are measured.
const WEIGHT_MAX: u64 = 8 << 20;

/// See [`Reading::chunk_bytes`].
const EACH_KEY_CHUNK_BYTES: usize = 1 << 20;

/// What to read, and how.
#[derive(Clone, Copy)]
pub(super) struct Reading<'s> {
    pub(super) options: &'s ScanOptions<'s>,
    /// The longest value of which keys may be taken as [`Short`]; `None` where each key is wanted as itself.
    short_value_bytes_max: Option<u16>,
    /// Which of these somebody has no use for, where not all of them.
    disregard: Option<&'s Disregard>,
    hasher: SlotHasher,
}

impl<'s> Reading<'s> {
    /// Each key is wanted as itself.
    pub(super) fn each_key(options: &'s ScanOptions<'s>) -> Reading<'s> {
        Reading {
            options,
            short_value_bytes_max: None,
            disregard: None,
            hasher: SlotHasher::detect(),
        }
    }

    /// Each key is wanted as itself, but for those that the sink comes to disregard.
    pub(super) fn but_for(options: &'s ScanOptions<'s>, disregard: &'s Disregard) -> Reading<'s> {
        Reading {
            disregard: Some(disregard),
            ..Reading::totals(options)
        }
    }

    /// Nobody asks for keys that the profile does not list by name.
    pub(super) fn totals(options: &'s ScanOptions<'s>) -> Reading<'s> {
        Reading {
            options,
            short_value_bytes_max: short::value_bytes_max(options),
            disregard: None,
            hasher: SlotHasher::detect(),
        }
    }

    /// Bytes that a thread takes at a time: of keys that are handed out as themselves less, as each takes far more memory
    /// than it does in the file.
    pub(super) fn chunk_bytes(&self) -> usize {
        let each_key = self.disregard.is_some() || self.short_value_bytes_max.is_none();
        match each_key {
            true => self.options.chunk_bytes.min(EACH_KEY_CHUNK_BYTES),
            false => self.options.chunk_bytes,
        }
    }

    /// The longest value of which keys are taken as [`Short`] now.
    fn short_value_bytes_max(&self) -> Option<u16> {
        match self.disregard {
            None => self.short_value_bytes_max,
            Some(disregard) => disregard
                .value_bytes_max()
                .zip(self.short_value_bytes_max)
                .map(|(useless, most)| useless.min(most)),
        }
    }
}

/// How far reading into a batch went.
pub(super) enum Reached {
    /// As far as was asked, or until the batch was full.
    Room,
    /// To a record that is not welcome.
    Unwelcome,
    /// To the end of the snapshot, or of what can be read of it.
    Stop(Stop),
}

/// What was learnt of neighbouring records.
#[derive(Default)]
pub(super) struct Batch<'a> {
    /// The bytes that the records take.
    pub(super) range: Range<u64>,
    /// What the records weigh, see [`Record::weight`]; short strings nothing.
    weight: u64,
    /// Keys, in file order.
    pub(super) keys: Vec<KeyFacts<'a>>,
    /// Keys that hold short strings, in file order.
    pub(super) shorts: Vec<Short>,
    /// The expiries of those that have one, Unix milliseconds.
    pub(super) short_expiries_ms: Vec<i64>,
    /// What stands between the keys, with what is in front of it.
    pub(super) notes: Vec<(Place, RecordKind<'a>)>,
    /// Collections without elements.
    pub(super) empty_collections: u64,
    /// Attributes of keys that a later one replaced.
    pub(super) replaced_attributes: u64,
    /// What the bytes are, those of short strings left out.
    pub(super) ledger: Ledger,
    /// The newest thing by the version of the format that brought it.
    pub(super) newest: Newest,
    /// The first value that could not be measured; nothing behind it is in the batch.
    pub(super) error: Option<Error>,
}

/// A place between the records of a batch: how many stand in front of it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Place {
    pub(super) keys: usize,
    pub(super) shorts: usize,
    pub(super) short_expiries: usize,
}

/// Measures records into `batches`, in parallel; their buffers are used again. Of several errors the first in file order
/// is in the last batch.
pub(super) fn measure<'a>(
    records: &[Record<'a>],
    options: &ScanOptions<'_>,
    batches: &mut Vec<Batch<'a>>,
) {
    batches.resize_with(records.len().div_ceil(RECORDS_MAX), Batch::default);
    records
        .par_chunks(RECORDS_MAX)
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
    /// Reads the next records, as long as they begin before `until` and there is room, into this batch, whose buffers are
    /// used again.
    #[inline(always)]
    pub(super) fn read<P: Prepare>(
        &mut self,
        reader: &mut MeasuringReader<'a, '_, P>,
        until: u64,
        reading: &Reading<'_>,
        is_welcome: impl Fn(&Record<'a>) -> bool,
    ) -> Reached {
        self.clear();
        self.range = reader.offset()..reader.offset();
        let short_value_bytes_max = reading.short_value_bytes_max();
        loop {
            if let Some(value_bytes_max) = short_value_bytes_max
                && self.newest.is_told()
            {
                self.read_shorts(reader, until, value_bytes_max, reading.hasher);
            }
            if self.is_full() || reader.offset() >= until {
                return Reached::Room;
            }
            let record = match reader.next_record() {
                Ok(Some(record)) => record,
                Ok(None) => return Reached::Stop(Stop::Ended(End::without_mark(reader.offset()))),
                Err(error) => return Reached::Stop(Stop::Damaged(error)),
            };
            if !is_welcome(&record) {
                return Reached::Unwelcome;
            }
            if let Some(end) = End::of(&record) {
                return Reached::Stop(Stop::Ended(end));
            }
            if let Err(error) = self.add(&record, reader.value_facts(), reading.options) {
                return Reached::Stop(Stop::Damaged(error));
            }
        }
    }

    fn is_full(&self) -> bool {
        self.keys.len() + self.notes.len() >= RECORDS_MAX
            || self.shorts.len() >= SHORTS_MAX
            || self.weight >= WEIGHT_MAX
    }

    #[inline(always)]
    fn read_shorts<P: Prepare>(
        &mut self,
        reader: &mut MeasuringReader<'a, '_, P>,
        until: u64,
        value_bytes_max: u16,
        hasher: SlotHasher,
    ) {
        let shorts = &mut self.shorts;
        let expiries = &mut self.short_expiries_ms;
        reader.short_strings(until, value_bytes_max, |short, bytes| {
            shorts.push(Short::new(hasher.of_key_in(bytes, short.key()), &short));
            expiries.extend(short.expires_at_ms(bytes));
        });
        self.range.end = reader.offset();
        self.ledger.read_to(self.range.end);
    }

    fn measure(&mut self, records: &[Record<'a>], options: &ScanOptions<'_>) {
        self.clear();
        for record in records {
            let added = match &record.kind {
                RecordKind::Entry(entry) => entry
                    .measure(options.measuring())
                    .and_then(|value| self.add(record, Some(&value), options)),
                _ => self.add(record, None, options),
            };
            if let Err(error) = added {
                self.error = Some(error);
                break;
            }
        }
    }

    /// Adds a record; `value` is what an entry's value is made of.
    fn add(
        &mut self,
        record: &Record<'a>,
        value: Option<&ValueFacts>,
        options: &ScanOptions<'_>,
    ) -> Result<(), Error> {
        match (&record.kind, value) {
            (RecordKind::Entry(entry), Some(value)) if is_empty_collection(entry, value) => {
                self.empty_collections += 1;
                self.ledger.add_empty_collection(record);
            }
            (RecordKind::Entry(entry), Some(value)) => {
                self.keys.push(key_facts(entry, value, options)?);
                self.ledger.add_key(record, entry);
            }
            (kind, _) => {
                self.notes.push((self.place(), kind.clone()));
                self.ledger.add_record(record);
            }
        }
        self.replaced_attributes += match &record.kind {
            RecordKind::Entry(_) => record.lost_attributes,
            _ => 0,
        };
        self.newest.look_at(record);
        self.weight = self.weight.saturating_add(record.weight());
        self.range.end = record.range.end;
        Ok(())
    }

    /// Memory that the batch takes, roughly.
    pub(super) fn held_bytes(&self) -> usize {
        let name = |key: &KeyFacts<'_>| match &key.key {
            Cow::Borrowed(_) => 0,
            Cow::Owned(name) => name.len(),
        };
        self.keys.iter().map(name).sum::<usize>()
            + size_of_val(&self.keys[..])
            + size_of_val(&self.shorts[..])
            + size_of_val(&self.short_expiries_ms[..])
            + size_of_val(&self.notes[..])
    }

    /// The place behind all that is in the batch.
    pub(super) fn place(&self) -> Place {
        Place {
            keys: self.keys.len(),
            shorts: self.shorts.len(),
            short_expiries: self.short_expiries_ms.len(),
        }
    }

    /// Says in which database the first keys are, whose selection was not seen.
    pub(super) fn set_db(&mut self, db: u64) -> bool {
        let selects =
            |(_, note): &&(Place, RecordKind<'_>)| matches!(note, RecordKind::SelectDb { .. });
        let selected = self.notes.iter().find(selects).map(|(place, _)| place.keys);
        let first = selected.unwrap_or(self.keys.len());
        self.keys[..first].iter_mut().for_each(|key| key.db = db);
        selected.is_none()
    }

    fn clear(&mut self) {
        self.range = 0..0;
        self.weight = 0;
        self.keys.clear();
        self.shorts.clear();
        self.short_expiries_ms.clear();
        self.notes.clear();
        self.empty_collections = 0;
        self.replaced_attributes = 0;
        self.ledger = Ledger::default();
        self.newest = Newest::default();
        self.error = None;
    }
}

/// Servers drop such a key when they load the file, and write none. Streams may be empty, path hashes could be
/// while Valkey 9.2 was developed, and an empty string is a value.
fn is_empty_collection(entry: &Entry<'_>, value: &ValueFacts) -> bool {
    value.elements == Some(0)
        && !matches!(
            entry.value_type.data_type(),
            DataType::String | DataType::Stream | DataType::PathHash
        )
}

fn key_facts<'a>(
    entry: &Entry<'a>,
    value: &ValueFacts,
    options: &ScanOptions<'_>,
) -> Result<KeyFacts<'a>, Error> {
    let key = entry.key.bytes()?;
    let data_type = entry.value_type.data_type();
    let payload_bytes = entry.payload_bytes();
    let expires_at_ms = entry.expires_at_ms;
    // What servers keep besides with a key that has metadata is not modelled.
    let footprint = (entry.key_meta_bytes == 0)
        .then(|| options.footprint(key.len() as u64, expires_at_ms.is_some(), value))
        .flatten();
    Ok(KeyFacts {
        db: entry.db,
        slot: Slot::of_key(&key),
        data_type,
        value: *value,
        expires_at_ms,
        idle_s: entry.idle_s,
        lfu: entry.freq,
        loaded: footprint.map(|footprint| footprint.loaded),
        sizes: Sizes::new(entry.value.stored_bytes(), payload_bytes, footprint),
        cost: options.cost.predict(data_type, value, payload_bytes),
        offset: entry.offset,
        key,
    })
}
