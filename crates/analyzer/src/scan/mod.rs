//! One snapshot, from bytes to a profile.
//!
//! Records are read into batches, which tell what was learnt of neighbouring keys ([`batch`]), and batches are folded into
//! the totals in the order of the file ([`tally`]). Everything that could depend on timing (the first error, the sink,
//! the totals) goes by that order, so the result is the same for any number of threads.
//!
//! - A file that is [`mapped`] is read by all threads: one follows its records from the first on, the others
//!   read ahead from places where they guess that a record begins ([`guess`]), and what they read counts where
//!   the first arrives at the very same place ([`lanes`]). Bytes are mapped, summed and given back in [`steps`].
//! - One that is [`streamed`] is read through a window, one that is damaged from one sound part to the next
//!   ([`salvaged`]).
//!
//! Batches are bounded in records and in bytes, and only so many wait to be folded, so the memory of a scan
//! depends neither on the number of keys nor on the size of their values.
//!
//! # What is fast
//! The plain way takes every record as itself: `MeasuringReader` to `Batch::add` to `Tally::add_keys`. Where nobody asks
//! for each key ([`batch::Reading::totals`]), short strings take a second one, eight bytes each
//! ([`short`], [`short_rows`]); what those add is computed by the code of the plain way, once for all that are alike.
//! `tests/chunks.rs` holds the two against each other.

mod aux_fields;
mod batch;
mod behind;
mod check;
mod claims;
mod disregard;
mod functions;
mod guess;
mod imports;
mod lanes;
mod layers;
mod ledger;
mod mapped;
mod salvaged;
mod seek;
mod short;
mod short_rows;
mod steps;
mod stop;
mod streamed;
mod tally;
mod types;
mod unnamed;
mod warnings;

use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use preshard_memory::{Footprint, Model};
use preshard_parser::source::Source;
use preshard_parser::{Detail, MeasureOptions, ValueFacts};
use rayon::prelude::*;

use batch::Reading;
use behind::Behind;
use layers::{Wrapped, layers};
use stop::Stop;
use streamed::{KeysOnly, Taker};

pub use disregard::Disregard;
pub use seek::{Seeker, Wanted, seek};

use crate::{Checksum, CostProfile, Error, FileScan, KeyFacts, Salvage};

/// What a scan computes.
#[derive(Clone, Copy)]
pub struct ScanOptions<'a> {
    /// Predicts how long keys block.
    pub cost: &'a CostProfile,
    /// Tells what they take in memory.
    pub memory: &'a Model,
    /// How deep values are looked into.
    pub detail: Detail,
    /// The time before which expiries count as past, Unix milliseconds; without one nothing is said of that.
    pub reference_ms: Option<i64>,
    /// Keys with a predicted block of at least this are listed by name.
    pub floor_block_ns: u64,
    /// Keys with a payload of at least this are listed by name.
    pub floor_payload_bytes: u64,
    /// Bytes of a file that a thread takes at a time, see [`ScanOptions::CHUNK_BYTES`]. It decides nothing but how long
    /// a scan takes.
    pub chunk_bytes: usize,
    /// Whether reading goes on behind damage, see [`crate::Salvage`]. Only for sources whose bytes are at hand.
    pub salvage: bool,
}

impl<'a> ScanOptions<'a> {
    /// Large enough that handing over a chunk costs little beside reading it, small enough that the threads
    /// finish together.
    pub const CHUNK_BYTES: usize = 16 << 20;

    /// What is to be learnt of each value.
    fn measuring(&self) -> MeasureOptions<'a> {
        MeasureOptions {
            detail: self.detail,
            reference_ms: self.reference_ms,
            memory: Some(self.memory),
        }
    }

    /// What a key of so many bytes takes in memory with a value that was measured, where that is known.
    fn footprint(&self, key_bytes: u64, expires: bool, value: &ValueFacts) -> Option<Footprint> {
        let weight = value.weight.as_ref()?;
        Some(self.memory.footprint(key_bytes, expires, weight))
    }
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
                .map(|(source, options)| scan_to(source, options, progress, Wish::Totals))
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
/// was read before it is the result, marked by [`crate::FileSummary::damage`]; and what can be kept of the
/// rest, where that is asked for.
pub fn scan(
    source: &Source,
    options: &ScanOptions<'_>,
    progress: &dyn Progress,
    sink: &mut Sink<'_>,
) -> Result<FileScan, Error> {
    scan_to(source, options, progress, Wish::EachKey(sink))
}

/// As [`scan`], but `sink` need not see the keys that it comes to disregard. They are not passed over in every kind of
/// source.
///
/// # Errors
/// As [`scan`].
pub fn scan_but_for(
    source: &Source,
    options: &ScanOptions<'_>,
    progress: &dyn Progress,
    disregard: &Disregard,
    sink: &mut Sink<'_>,
) -> Result<FileScan, Error> {
    scan_to(source, options, progress, Wish::ButFor(disregard, sink))
}

/// Which keys are wanted as themselves.
enum Wish<'w, 'f> {
    /// None.
    Totals,
    /// All.
    EachKey(&'w mut Sink<'f>),
    /// All but those that the sink comes to disregard.
    ButFor(&'w Disregard, &'w mut Sink<'f>),
}

impl<'w, 'f> Wish<'w, 'f> {
    fn reading<'s>(&self, options: &'s ScanOptions<'s>) -> Reading<'s>
    where
        'w: 's,
    {
        match self {
            Wish::Totals => Reading::totals(options),
            Wish::EachKey(_) => Reading::each_key(options),
            Wish::ButFor(disregard, _) => Reading::but_for(options, disregard),
        }
    }

    fn into_sink(self) -> Option<&'w mut Sink<'f>> {
        match self {
            Wish::Totals => None,
            Wish::EachKey(sink) | Wish::ButFor(_, sink) => Some(sink),
        }
    }
}

fn scan_to(
    source: &Source,
    options: &ScanOptions<'_>,
    progress: &dyn Progress,
    wish: Wish<'_, '_>,
) -> Result<FileScan, Error> {
    let reading = wish.reading(options);
    let sink = wish.into_sink();
    let mut scan = match source.bytes() {
        Some(bytes) if options.salvage => salvaged::scan(source, bytes, &reading, progress, sink),
        Some(bytes) => mapped::scan(source, bytes, &reading, progress, sink),
        None if options.salvage => Err(Error::NotAtHand),
        None => scan_passing(source, &reading, progress, &mut KeysOnly(sink)),
    }?;
    scan.summary.wrapping = source.wrapping().to_vec();
    scan.summary.file_bytes = source.file_bytes();
    Ok(scan)
}

/// Scans a source that is read in order.
fn scan_passing(
    source: &Source,
    reading: &Reading<'_>,
    progress: &dyn Progress,
    taker: &mut dyn Taker,
) -> Result<FileScan, Error> {
    let mut stream = source.stream().map_err(Error::Read)?;
    let (path, wrapping) = (source.path(), source.wrapping());
    let of_file = BytesOfFile {
        progress,
        count: stream.file_bytes_count(),
        told: AtomicU64::new(0),
    };
    let (tally, outcome) = streamed::scan(path, &mut stream, wrapping, reading, &of_file, taker)?;
    of_file.advance(0);
    let outcome = Outcome {
        layers: layers(
            source,
            &stream.leftovers(),
            outcome.bytes,
            outcome.reached_behind(),
        ),
        changed: has_changed(source),
        ..outcome
    };
    Ok(tally.finish(&outcome, reading.options))
}

/// Tells progress in bytes of the file, however many bytes of a snapshot those are: they are decoded ahead.
struct BytesOfFile<'a> {
    progress: &'a dyn Progress,
    count: Arc<AtomicU64>,
    told: AtomicU64,
}

impl Progress for BytesOfFile<'_> {
    fn advance(&self, _: u64) {
        let count = self.count.load(Ordering::Relaxed);
        let told = self.told.swap(count, Ordering::Relaxed);
        self.progress.advance(count.saturating_sub(told));
    }
}

/// Scans one snapshot that `input` gives, in whatever pieces, without ever holding more than a window of it;
/// `path` is what the result calls it. Otherwise as [`scan`].
///
/// # Errors
/// As [`scan`].
pub fn scan_stream(
    path: &Path,
    input: impl Read,
    options: &ScanOptions<'_>,
    progress: &dyn Progress,
    sink: &mut Sink<'_>,
) -> Result<FileScan, Error> {
    let mut taker = KeysOnly(Some(sink));
    let reading = Reading::each_key(options);
    let (tally, outcome) = streamed::scan(path, input, &[], &reading, progress, &mut taker)?;
    Ok(tally.finish(&outcome, options))
}

/// Whether what was read may be neither the old content nor the new one. That the file cannot be looked at any more is
/// reason enough to doubt it.
fn has_changed(source: &Source) -> bool {
    source.changed().unwrap_or(true) || source.shrunk()
}

/// Where a snapshot ended, or reading it did.
struct Outcome {
    stop: Stop,
    checksum: Checksum,
    /// Bytes of the input, counted from the first of the snapshot.
    bytes: u64,
    /// What stands behind the snapshot.
    behind: Behind,
    /// Why not all of it could be read.
    failure: Option<io::Error>,
    /// What the snapshot is wrapped in, outermost first.
    layers: Vec<Wrapped>,
    /// The input changed while it was read.
    changed: bool,
    /// What of a damaged snapshot is not known.
    salvage: Option<Salvage>,
}

impl Outcome {
    /// What stands behind the snapshot, where its end was reached, and the end of the input behind it.
    fn reached_behind(&self) -> Option<&Behind> {
        let ended = matches!(self.stop, Stop::Ended(_)) && self.failure.is_none();
        ended.then_some(&self.behind)
    }

    /// Whether all of the snapshot was read.
    fn is_complete(&self) -> bool {
        matches!(self.stop, Stop::Ended(_)) && self.salvage.is_none()
    }
}
