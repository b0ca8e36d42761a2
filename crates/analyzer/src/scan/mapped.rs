//! Scanning a snapshot that lies in memory: framing, measuring and folding overlap.

use preshard_parser::limits::TRAILING_LOOKED_AT_BYTES;
use preshard_parser::source::Source;

use super::batch::{self, Batch};
use super::behind::Behind;
use super::check::RunningChecksum;
use super::frontier::{End, Frontier, Stop};
use super::tally::Tally;
use super::{Outcome, Progress, ScanOptions, Sink, has_changed, layers};
use crate::{Checksum, Error, FileScan};

/// Scans the bytes of a source that is mapped.
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
    let mut scanner = Scanner {
        source,
        options,
        progress,
        sink,
    };
    let stop = loop {
        if let Some(stop) = scanner.read(&mut frontier, &mut tally, Some(&mut checksum))? {
            break stop;
        }
    };
    let (checksum, behind) = match &stop {
        Stop::Ended(end) => (checksum.verdict(end), behind(source, bytes, end)),
        Stop::Damaged(_) => (
            Checksum::NotReached,
            Behind::judge(&[], 0, source.wrapping()),
        ),
    };
    let mut outcome = Outcome {
        checksum,
        bytes: bytes.len() as u64,
        behind,
        stop,
        failure: None,
        layers: Vec::new(),
        changed: has_changed(source),
        salvage: None,
    };
    outcome.layers = layers(source, &[], outcome.bytes, outcome.reached_behind());
    Ok(tally.finish(&outcome))
}

/// What stands behind a snapshot.
pub(super) fn behind(source: &Source, bytes: &[u8], end: &End) -> Behind {
    let from = usize::try_from(end.offset).unwrap_or(usize::MAX);
    let behind = bytes.get(from..).unwrap_or_default();
    let first = behind.get(..TRAILING_LOOKED_AT_BYTES).unwrap_or(behind);
    Behind::judge(first, behind.len() as u64, source.wrapping())
}

/// Reads what lies in memory.
pub(super) struct Scanner<'s, 'f> {
    pub(super) source: &'s Source,
    pub(super) options: &'s ScanOptions<'s>,
    pub(super) progress: &'s dyn Progress,
    pub(super) sink: &'s mut Sink<'f>,
}

impl Scanner<'_, '_> {
    /// Reads to the end of what a frontier is over; why reading stopped, if it did before.
    ///
    /// The frontier frames the next chunk while this one is measured and the last one folded.
    pub(super) fn read(
        &mut self,
        frontier: &mut Frontier<'_>,
        tally: &mut Tally,
        mut checksum: Option<&mut RunningChecksum<'_>>,
    ) -> Result<Option<Stop>, Error> {
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
                    if let Some(checksum) = &mut checksum {
                        checksum.advance_to(&chunk);
                    }
                    batch::measure(&chunk.records, self.options, &mut measured);
                },
                || {
                    tally.add(&folded);
                    frontier.next_chunk(records)
                },
            );
            let mut lost = None;
            let mut handed_out = 0;
            for batch in &measured {
                // Names still lie in the map, and zeros stand for what the file has lost.
                lost = self.source.still_there(chunk.range.start).err();
                if lost.is_some() {
                    break;
                }
                (self.sink)(&batch.keys).map_err(Error::Sink)?;
                handed_out += 1;
            }
            measured.truncate(handed_out);
            self.progress.advance(chunk.range.end - chunk.range.start);

            let stop = lost
                .or_else(|| batch::take_error(&mut measured))
                .map(Stop::Damaged)
                .or(chunk.stop.take());
            if stop.is_some() || chunk.is_last {
                tally.add(&measured);
                return Ok(stop);
            }
            spare_records = std::mem::replace(&mut chunk, next).records;
        }
    }
}
