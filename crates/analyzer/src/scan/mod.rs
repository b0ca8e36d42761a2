//! One snapshot, from bytes to a profile.
//!
//! Three things run at once: a frontier that frames the next chunk (serial: where an entry ends is known
//! only once it has been skipped), the measuring of this chunk's values and checksum (parallel), and the
//! folding of the last chunk into the totals (serial, in file order). Chunks are bounded in records and in
//! bytes and hold windows of the file, so the memory of a scan does not depend on the number of keys, nor
//! on their size; and everything that could depend on timing (the first error, the sink, the totals) goes by
//! file order, so the result is the same for any number of threads.

mod aux_fields;
mod batch;
mod behind;
mod check;
mod claims;
mod frontier;
mod functions;
mod ledger;
mod tally;

use std::io;

use preshard_parser::Detail;
use preshard_parser::source::Source;
use rayon::prelude::*;

use batch::Batch;
use check::RunningChecksum;
use frontier::{Frontier, Stop};
use tally::Tally;

use crate::{Checksum, CostProfile, Error, FileScan, KeyFacts, MemoryModel};

/// What a scan computes.
#[derive(Clone, Copy)]
pub struct ScanOptions<'a> {
    /// Predicts how long keys block.
    pub cost: &'a CostProfile,
    /// Estimates their memory.
    pub memory: &'a dyn MemoryModel,
    /// How deep values are looked into.
    pub detail: Detail,
    /// Keys with a predicted block of at least this are listed by name.
    pub floor_block_ns: u64,
    /// Keys with a payload of at least this are listed by name.
    pub floor_payload_bytes: u64,
}

/// Is told how far a scan has come.
pub trait Progress: Sync {
    /// So many more bytes of the file are done.
    fn advance(&self, bytes: u64);
}

/// Receives the keys of a file in its order, some hundreds at a time.
pub type Sink<'a> = dyn FnMut(&[KeyFacts<'_>]) -> io::Result<()> + 'a;

/// Scans several snapshots at once, each with options of its own; the results are in the order of the files.
///
/// As many files are open to work as there are threads, so the memory of the whole is that of so many
/// scans.
///
/// # Errors
/// [`Error::NotASnapshot`], for each file apart.
pub fn scan_all(
    files: &[(&Source, ScanOptions<'_>)],
    progress: &dyn Progress,
) -> Vec<Result<FileScan, Error>> {
    files
        .chunks(rayon::current_num_threads())
        .flat_map(|wave| {
            wave.par_iter()
                .map(|(source, options)| scan(source, options, progress, &mut |_| Ok(())))
                .collect::<Vec<_>>()
        })
        .collect()
}

/// Scans one snapshot; `sink` sees all keys in file order.
///
/// Work is shared with the threads of the rayon pool that it is called in.
///
/// # Errors
/// [`Error`] when the file is no snapshot or the sink fails. Damage inside the file is no error: what
/// was read before it is the result, marked by [`crate::FileSummary::damage`].
pub fn scan(
    source: &Source,
    options: &ScanOptions<'_>,
    progress: &dyn Progress,
    sink: &mut Sink<'_>,
) -> Result<FileScan, Error> {
    let mut frontier = Frontier::new(source.bytes())?;
    let mut tally = Tally::new(source, frontier.header(), options);
    let mut checksum = RunningChecksum::new(source.bytes(), frontier.header());
    let mut chunk = frontier.next_chunk(Vec::new());
    // Buffers go round: allocating them anew for each chunk takes a fifth of the time of small keys.
    let mut spare_records = Vec::new();
    let mut measured: Vec<Batch<'_>> = Vec::new();
    let mut folded: Vec<Batch<'_>> = Vec::new();
    loop {
        let records = std::mem::take(&mut spare_records);
        std::mem::swap(&mut measured, &mut folded);
        let ((), next) = rayon::join(
            || {
                checksum.advance_to(&chunk);
                batch::measure(&chunk.records, options, &mut measured);
            },
            || {
                tally.add(&folded);
                frontier.next_chunk(records)
            },
        );
        for batch in &measured {
            sink(&batch.keys).map_err(Error::Sink)?;
        }
        progress.advance(chunk.range.end - chunk.range.start);

        let damage = measured.iter_mut().find_map(|batch| batch.error.take());
        let stop = damage.map(Stop::Damaged).or(chunk.stop.take());
        let Some(stop) = stop else {
            spare_records = std::mem::replace(&mut chunk, next).records;
            continue;
        };
        tally.add(&measured);
        let verdict = match &stop {
            Stop::Ended(end) => checksum.verdict(end),
            Stop::Damaged(_) => Checksum::NotReached,
        };
        return Ok(tally.finish(source, stop, verdict));
    }
}
