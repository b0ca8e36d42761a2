//! Reading from a guessed place on.
//!
//! A place from which several records follow one another is taken for the beginning of one. It need not be: a value can
//! hold whatever looks like records, and often does. Whether the guess was right is for the chain to say, see
//! [`super::lanes`]; here it is only bounded what a wrong one costs.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use preshard_parser::source::Source;
use preshard_parser::{MeasuringReader, Prepare, Ready, Record, RecordKind};

use super::batch::{Batch, Reached, Reading};
use super::lanes::{Lanes, Run, Taken};
use super::steps::{Steps, Worker};

/// Records that must follow one another.
const PROOF_RECORDS: usize = 8;
/// Fewer will do where they reach out of the bytes that are tried.
const PROOF_RECORDS_MIN: usize = 4;
/// Bytes that one try may look at.
const TRIED_BYTES: u64 = 64 << 10;
/// Places of a chunk at which is tried, and bytes at each.
const PLACES: usize = 8;
const PLACE_BYTES: usize = 8 << 10;

/// What looking for a beginning may cost, in bytes that are read; content that looks like the beginning of a long record at
/// every other byte would cost far more than the chunk does.
const SEARCH_BYTES: u64 = 8 << 20;
/// What a try costs besides the bytes that it reads.
const TRY_BYTES: u64 = 64;

/// Does with a chunk what was taken on.
pub(super) fn work<'a>(
    source: &Source,
    lanes: &Lanes<'a>,
    model: &MeasuringReader<'a, '_, Ready>,
    reading: &Reading<'_>,
    taken: &Taken,
) {
    let outcome = GiveUp { lanes, taken };
    let worker = match &taken.guess {
        Some(abandoned) => Worker::Guess(Arc::clone(abandoned)),
        None => Worker::Guess(Arc::default()),
    };
    let mut steps = Steps::new(source, lanes, worker);
    steps.take(taken.chunk);
    let range = lanes.range(taken.chunk);
    let begins = taken
        .guess
        .as_ref()
        .and_then(|_| find(lanes.bytes, model, &range));
    let Some(begins) = begins else {
        drop(outcome);
        steps.finish_chunk();
        steps.release_all();
        return;
    };
    lanes.begin(taken, begins);
    let mut reader = model.elsewhere(begins, steps);
    let run = read(&mut reader, begins, lanes, reading, taken);
    lanes.end(taken, run);
    std::mem::forget(outcome);
    reader.prepare_mut().finish_chunk();
    reader.prepare_mut().release_all();
}

/// Whatever happens, nobody waits for a guess that nobody works on.
struct GiveUp<'w, 'a> {
    lanes: &'w Lanes<'a>,
    taken: &'w Taken,
}

impl Drop for GiveUp<'_, '_> {
    fn drop(&mut self) {
        self.lanes.give_up(self.taken.chunk);
    }
}

/// The end of the first record behind which as many follow as are taken for a proof, if it is in the chunk.
fn find(bytes: &[u8], model: &MeasuringReader<'_, '_, Ready>, range: &Range<usize>) -> Option<u64> {
    let apart = (range.len() / PLACES).max(PLACE_BYTES);
    let begins: [bool; 256] = std::array::from_fn(|byte| model.may_begin_with(byte as u8));
    let tried = range
        .clone()
        .step_by(apart)
        .flat_map(|place| place..range.end.min(place + PLACE_BYTES))
        .filter(|&at| begins[usize::from(bytes[at])]);
    let mut left = SEARCH_BYTES;
    for at in tried {
        let mut reader = model.elsewhere(at as u64, UpTo(at as u64 + TRIED_BYTES));
        let end = first_end(&mut reader);
        if end.is_some_and(|end| end < range.end as u64) {
            return end;
        }
        left = left.checked_sub(TRY_BYTES + reader.offset() - at as u64)?;
    }
    None
}

/// The end of the next record, if others follow.
fn first_end(reader: &mut MeasuringReader<'_, '_, UpTo>) -> Option<u64> {
    let mut end = None;
    for read in 0..PROOF_RECORDS {
        match reader.next_record() {
            Ok(Some(record)) if !matches!(record.kind, RecordKind::End { .. }) => {
                if end.is_none() && reader.is_at_rest() {
                    end = Some(reader.offset());
                }
            }
            Err(error) if error.is_truncated() && read >= PROOF_RECORDS_MIN => break,
            _ => return None,
        }
    }
    end
}

/// Bytes up to an offset are ready, others are not to be had.
struct UpTo(u64);

impl Prepare for UpTo {
    fn prepare(&mut self, _from: usize) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

/// Reads to the end of the chunk, or as far as what is read does not depend on what stands in front of it.
fn read<'a>(
    reader: &mut MeasuringReader<'a, '_, Steps<'_, 'a>>,
    begins: u64,
    lanes: &Lanes<'a>,
    reading: &Reading<'_>,
    taken: &Taken,
) -> Run<'a> {
    let end = lanes.range(taken.chunk).end as u64;
    let mut run = Run {
        range: begins..begins,
        batches: Vec::new(),
        db: None,
    };
    let mut held_bytes = 0;
    let is_abandoned = || {
        taken
            .guess
            .as_ref()
            .is_none_or(|abandoned| abandoned.load(Ordering::Relaxed))
    };
    let held_bytes_max = lanes.held_bytes_max();
    while reader.offset() < end && held_bytes < held_bytes_max && !is_abandoned() {
        let mut batch = Batch::default();
        let reached = batch.read(reader, end, reading, stands_alone);
        held_bytes += batch.held_bytes();
        for (_, note) in &batch.notes {
            if let RecordKind::SelectDb { db } = note {
                run.db = Some(*db);
            }
        }
        run.range.end = batch.range.end;
        run.batches.push(batch);
        if !matches!(reached, Reached::Room) {
            break;
        }
    }
    run
}

/// Whether what a record says follows from its own bytes.
fn stands_alone(record: &Record<'_>) -> bool {
    match &record.kind {
        // There may have been one before, and then this one is damage.
        RecordKind::Entry(entry) => !entry.key.is_empty(),
        RecordKind::HashTemplate(_) | RecordKind::End { .. } => false,
        // Attributes in front belong to a key further on.
        _ => record.range.start == record.offset,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use preshard_parser::source::{Mmap, Source};
    use preshard_parser::{Detail, RdbReader};

    use super::*;
    use crate::scan::lanes::Accepted;
    use crate::{Allocator, CostProfile, MemoryModel, MemorySettings, ScanOptions, Target};

    const CHUNK_BYTES: usize = 20_000;

    /// Some thousand small keys.
    fn small_keys() -> Vec<u8> {
        let mut file = b"REDIS0011\xfe\x00".to_vec();
        for n in 0..4_000u32 {
            let key = format!("user:{}:name", n.wrapping_mul(2_654_435_761) % 100_000);
            file.push(0);
            file.push(key.len() as u8);
            file.extend(key.as_bytes());
            let value_bytes = n % 60;
            file.push(value_bytes as u8);
            file.extend((0..value_bytes).map(|at| b'a' + ((n + at * 7) % 26) as u8));
        }
        file.extend([255, 0, 0, 0, 0, 0, 0, 0, 0]);
        file
    }

    /// That guesses come true is what they are for; the tests of whole scans would not miss them.
    #[test]
    fn small_keys_are_found_in_every_chunk() {
        let bytes = small_keys();
        let mut file = tempfile::NamedTempFile::new().expect("temporary file");
        file.write_all(&bytes).expect("written");
        let source = Source::open(file.path(), &Mmap::Auto.into()).expect("opens");
        let bytes = source.bytes().expect("mapped");
        let mut ends = vec![];
        let mut reader = RdbReader::new(bytes).expect("a header");
        while let Some(record) = reader.next_record().expect("sound") {
            ends.push(record.range.end);
        }
        let cost = CostProfile::built_in("redis-7.0").expect("built in");
        let options = ScanOptions {
            cost: &cost,
            memory: &MemoryModel::new(Target::Redis70, Allocator::Je3, MemorySettings::default()),
            detail: Detail::Counts,
            reference_ms: None,
            floor_block_ns: u64::MAX,
            floor_payload_bytes: u64::MAX,
            chunk_bytes: CHUNK_BYTES,
            salvage: false,
        };
        let reading = Reading::totals(&options);
        let model = MeasuringReader::new(bytes, options.measuring(), Ready).expect("a header");
        let lanes = Lanes::new(bytes, CHUNK_BYTES, 100);
        let mut keys = 0;
        let mut chunks = 0;
        while let Some(taken) = lanes.take(false) {
            work(&source, &lanes, &model, &reading, &taken);
            let begins = lanes.arrive(taken.chunk).expect("a beginning is found");
            assert!(ends.contains(&begins), "a record begins at {begins}");
            let Accepted::Run(run) = lanes.accept(taken.chunk, false) else {
                panic!("the chunk was read");
            };
            assert_eq!(run.range.start, begins);
            assert!(ends.contains(&run.range.end));
            // The end mark is left to the chain.
            let end = lanes.range(taken.chunk).end.min(bytes.len() - 9);
            assert!(run.range.end >= end as u64);
            keys += run
                .batches
                .iter()
                .map(|batch| batch.shorts.len())
                .sum::<usize>();
            chunks += 1;
        }
        assert_eq!(chunks, lanes.chunks() - 1);
        assert!(keys > 3_000, "{keys} keys by the fast way");
    }
}
