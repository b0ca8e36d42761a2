//! Scanning a snapshot that lies in memory: framing, measuring and folding overlap.

use preshard_parser::source::Source;

use super::batch::{self, Batch};
use super::check::RunningChecksum;
use super::frontier::{Frontier, Stop};
use super::tally::Tally;
use super::{Outcome, Progress, ScanOptions, Sink};
use crate::{Checksum, Error, FileScan};

/// Scans the bytes of a source that is mapped.
///
/// The frontier frames the next chunk while this one is measured and the last one folded.
pub(super) fn scan(
    source: &Source,
    bytes: &[u8],
    options: &ScanOptions<'_>,
    progress: &dyn Progress,
    sink: &mut Sink<'_>,
) -> Result<FileScan, Error> {
    let mut frontier = Frontier::new(bytes, options.detail)?;
    let mut tally = Tally::new(source.path(), frontier.header(), options);
    let mut checksum = RunningChecksum::new(bytes, frontier.header());
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

        let stop = batch::take_error(&mut measured)
            .map(Stop::Damaged)
            .or(chunk.stop.take());
        let Some(stop) = stop else {
            spare_records = std::mem::replace(&mut chunk, next).records;
            continue;
        };
        tally.add(&measured);
        let verdict = match &stop {
            Stop::Ended(end) => checksum.verdict(end),
            Stop::Damaged(_) => Checksum::NotReached,
        };
        return Ok(tally.finish(Outcome {
            stop,
            checksum: verdict,
            bytes: bytes.len() as u64,
            // That the file cannot be looked at any more is reason enough to doubt what was read.
            changed: source.changed().unwrap_or(true),
        }));
    }
}
