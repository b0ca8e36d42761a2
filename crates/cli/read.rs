//! Opens snapshots and scans them.

use std::io::{self, Read as _};
use std::path::Path;

use anyhow::{Context as _, Result};
use preshard_analyzer::{
    CostProfile, Disregard, Error as ScanError, FileScan, KeyFacts, MemoryModel, MemoryTarget,
    Progress, ScanOptions, Seeker, Server, Target, Wanted, scan_all, scan_but_for, seek,
};
use preshard_parser::limits::EXPANSION_FREE_BYTES;
use preshard_parser::source::{Container, ContainerError, Problem, Source};
use preshard_parser::{Detail, Error as ParserError, RdbReader, RecordKind};
use preshard_planner::PlanLimits;
use preshard_report::document::{Estimates, Precision, Recognised, SavedBasis};
use preshard_slots::NodeId;

use crate::exit::Refusal;
use crate::input::{Inputs, MAGICS, Snapshot, shown};
use crate::limits::Floors;
use crate::options::ReadOptions;
use crate::progress::Bar;
use crate::say;

/// Magic and version of a snapshot.
const HEADER_BYTES: usize = 9;

/// A snapshot that is open, and the cost profile for its keys.
pub struct OpenFile {
    /// The bytes.
    pub source: Source,
    /// The node it is a backup of, where that is known.
    pub node: Option<NodeId>,
    /// What moving its keys costs.
    pub cost: CostProfile,
    /// What they take in memory.
    pub memory: MemoryModel,
    /// Whose memory that is.
    pub memory_target: MemoryTarget,
    /// The time before which expiries are past: the one that was asked for, or else when the file says it
    /// was written.
    pub reference_ms: Option<i64>,
    /// Whether reading goes on behind damage.
    salvage: bool,
}

impl OpenFile {
    fn open(snapshot: &Snapshot, options: &ReadOptions) -> Result<OpenFile> {
        let source = match snapshot.is_stdin() {
            true => Source::stdin(&options.open),
            false => Source::open(&snapshot.path, &options.open),
        }
        .map_err(|error| cannot_open(error, &snapshot.path))?;
        if options.salvage && source.bytes().is_none() {
            return Err(not_at_hand(&source));
        }
        let origin = Origin::of(source.head()).map_err(|error| no_snapshot(error, &source))?;
        let mut memory_target = match &options.memory.target {
            Some(target) => target.clone(),
            None => MemoryTarget::for_server(origin.server.as_ref()),
        };
        memory_target.basis = format!("{}; {}", memory_target.basis, options.memory.basis);
        Ok(OpenFile {
            node: snapshot.node.clone(),
            memory: options.memory.model(memory_target.target),
            memory_target,
            cost: match &options.target {
                Some(target) => target.clone(),
                None => CostProfile::for_server(origin.server.as_ref()),
            }
            .under(&options.effects),
            reference_ms: options.now_ms.or(origin.written_at_ms),
            salvage: options.salvage,
            source,
        })
    }

    /// How the estimates for the file's keys come about, to be saved.
    pub fn basis(&self) -> SavedBasis {
        let Estimates {
            memory_model,
            memory_basis,
            memory_precision,
            cost_profile,
            cost_basis,
            cost_effects,
            cost_spread_permille,
        } = self.estimates();
        let settings = self.memory.settings().values().into_iter();
        SavedBasis {
            cost_profile,
            cost_basis,
            cost_effects,
            cost_spread_permille,
            call_fixed_ns: self.cost.call_fixed_ns(),
            memory_model,
            memory_basis,
            memory_precision,
            memory_settings: settings
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
        }
    }

    /// Has the memory of the file's keys computed for a newer server beside it, whose memory has a basis of its own.
    pub fn take_memory_of(&mut self, target: Target, basis: &str) {
        self.memory = MemoryModel::new(
            target,
            self.memory.allocator(),
            self.memory.settings().clone(),
        );
        self.memory_target = MemoryTarget {
            target,
            is_own: false,
            basis: format!(
                "{}, with {basis} beside it; uses {target}",
                self.memory_target.basis
            ),
        };
    }

    /// How the estimates for the file's keys come about.
    pub fn estimates(&self) -> Estimates {
        estimates(&self.cost, &self.memory, &self.memory_target)
    }

    /// Scans the file; `sink` sees its keys in their order but for those that it disregards, and `sink_failed` says what it means when it fails.
    ///
    /// # Errors
    /// When nothing can be said of the file, or the sink fails.
    pub fn scan(
        &self,
        options: &ScanOptions<'_>,
        bar: &dyn Progress,
        disregard: &Disregard,
        sink: &mut dyn FnMut(&[KeyFacts<'_>]) -> io::Result<()>,
        sink_failed: &str,
    ) -> Result<FileScan> {
        scan_but_for(&self.source, options, bar, disregard, sink)
            .map_err(|error| self.failed(error, sink_failed))
    }

    /// Scans the file and shows `seeker` the entries of one key; `sink_failed` says what it means when it fails.
    ///
    /// # Errors
    /// When nothing can be said of the file, or the seeker fails.
    pub fn seek(
        &self,
        wanted: &Wanted,
        limits: &PlanLimits,
        bar: &dyn Progress,
        seeker: &mut dyn Seeker,
        sink_failed: &str,
    ) -> Result<FileScan> {
        let options = self.scan_options(Floors::of(limits), Detail::Counts);
        seek(&self.source, wanted, &options, bar, seeker)
            .map_err(|error| self.failed(error, sink_failed))
    }

    fn failed(&self, error: ScanError, sink_failed: &str) -> anyhow::Error {
        match error {
            // The file is fine; whoever takes its keys is not.
            ScanError::Sink(error) => anyhow::Error::new(error).context(sink_failed.to_owned()),
            error => anyhow::Error::new(error).context(self.unreadable()),
        }
    }

    /// What a scan computes of the file.
    pub fn scan_options(&self, floors: Floors, detail: Detail) -> ScanOptions<'_> {
        let Floors {
            block_ns: floor_block_ns,
            payload_bytes: floor_payload_bytes,
        } = floors;
        ScanOptions {
            cost: &self.cost,
            memory: &self.memory,
            detail,
            reference_ms: self.reference_ms,
            floor_block_ns,
            floor_payload_bytes,
            chunk_bytes: ScanOptions::CHUNK_BYTES,
            salvage: self.salvage,
        }
    }

    fn unreadable(&self) -> String {
        unreadable(&self.source)
    }
}

/// What is said of a file that cannot be opened. Of one whose wrapping is damaged before anything comes out of it, the
/// file is there, and the damage is what is wrong.
fn cannot_open(error: io::Error, path: &Path) -> anyhow::Error {
    let is_damage = ContainerError::of(&error).is_some_and(ContainerError::is_damage);
    let error = anyhow::Error::new(error);
    match is_damage {
        true => error.context(Refusal::damaged(format!("cannot read {}", shown(path)))),
        false => error.context(format!("cannot open {}", shown(path))),
    }
}

/// What is said of a file that does not begin like a snapshot: that it is none, or that damage is why.
fn no_snapshot(error: ParserError, source: &Source) -> anyhow::Error {
    if Recognised::of(source.head()) != Recognised::Other {
        return Refusal::usage(format!(
            "{} is a saved profile, which is read from a file only: write it to one first",
            shown(source.path())
        ));
    }
    let said = unreadable(source);
    let head = source.head();
    let begins = MAGICS.iter().any(|magic| head.starts_with(magic));
    let may_begin = MAGICS.iter().any(|magic| magic.starts_with(head));
    let is_cut = head.len() < HEADER_BYTES && (begins || may_begin);
    if let Some((failure, problem)) = wrapping_failure(source) {
        // A cut explains what is missing, and not that something else is there.
        let explains = match problem {
            Problem::Damaged(_) => true,
            Problem::Truncated => is_cut,
            _ => false,
        };
        if explains {
            return anyhow::Error::new(failure).context(Refusal::damaged(said));
        }
    }
    // A capture is made of a snapshot, and of nothing shorter.
    let is_captured = source
        .wrapping()
        .last()
        .is_some_and(|it| !it.is_compressed());
    let error = anyhow::Error::new(error);
    match is_cut && (begins || is_captured) {
        true => error.context(Refusal::damaged(said)),
        false => error.context(said),
    }
}

/// Why a wrapping cannot be read on, as far as it is decoded for that: what holds no snapshot need not be read to its end.
fn wrapping_failure(source: &Source) -> Option<(io::Error, Problem)> {
    if !source.wrapping().iter().any(Container::is_compressed) {
        return None;
    }
    let stream = source.stream().ok()?;
    let failure = io::copy(&mut stream.take(EXPANSION_FREE_BYTES), &mut io::sink()).err()?;
    let problem = ContainerError::of(&failure)?.problem.clone();
    Some((failure, problem))
}

/// What is said of a snapshot that can only be read in order.
fn not_at_hand(source: &Source) -> anyhow::Error {
    let path = shown(source.path());
    let compressed = source.wrapping().iter().find(|each| each.is_compressed());
    Refusal::usage(match (compressed, source.file_bytes()) {
        (Some(container), _) => format!(
            "--salvage needs the snapshot as it is, and {path} is {container}: decompress it to a file first"
        ),
        (None, None) => format!(
            "--salvage needs a file, and {path} can only be read in order: write it to a file first"
        ),
        (None, Some(_)) => format!("--salvage needs {path} to be mapped: leave out --mmap never"),
    })
}

/// What is said of a file that cannot be read. Offsets are those of the snapshot, so it tells what that is in.
fn unreadable(source: &Source) -> String {
    let path = shown(source.path());
    let wrapping: Vec<String> = source.wrapping().iter().map(Container::to_string).collect();
    match wrapping.is_empty() {
        true => format!("cannot read {path}"),
        false => format!(
            "cannot read what {path} holds ({})",
            wrapping.join(", in it ")
        ),
    }
}

/// Scans files side by side; each is an error of its own when nothing can be said of it.
pub fn scan_each(
    files: &[&OpenFile],
    floors: Floors,
    detail: Detail,
    bar: &Bar,
) -> Vec<Result<FileScan>> {
    let jobs: Vec<_> = files
        .iter()
        .map(|file| (&file.source, file.scan_options(floors, detail)))
        .collect();
    scan_all(&jobs, bar)
        .into_iter()
        .zip(files)
        .map(|(scan, file)| scan.with_context(|| file.unreadable()))
        .collect()
}

/// Opens each snapshot; an error by itself is one that cannot be opened or is none.
pub fn open_each(inputs: &Inputs, options: &ReadOptions) -> Vec<Result<OpenFile>> {
    let snapshots = inputs.snapshots.iter();
    snapshots
        .map(|snapshot| OpenFile::open(snapshot, options))
        .collect()
}

/// Opens all snapshots, so that a missing one is told before the first is read.
///
/// # Errors
/// When any cannot be opened or is no snapshot; all but the last such error are told here.
pub fn open_all(inputs: &Inputs, options: &ReadOptions) -> Result<(Vec<OpenFile>, Bar)> {
    let opened = open_each(inputs, options);
    if opened.iter().any(Result::is_ok) && opened.iter().any(Result::is_err) {
        say::note(
            "the answer is one over all inputs, so those that can be read are not shown either",
        );
    }
    let files = all_or_none(opened)?;
    let bar = bar_over(&files, options);
    Ok((files, bar))
}

/// A progress bar for reading these files once.
pub fn bar_over<'f>(files: impl IntoIterator<Item = &'f OpenFile>, options: &ReadOptions) -> Bar {
    let bytes = files.into_iter().map(|file| file.source.file_bytes());
    Bar::new(bytes.sum(), options.quiet)
}

/// All results, or the last error; the errors before it are told.
pub fn all_or_none<T>(results: Vec<Result<T>>) -> Result<Vec<T>> {
    let (sound, mut failed): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
    if let Some(last) = failed.pop() {
        failed
            .into_iter()
            .filter_map(Result::err)
            .for_each(|error| say::error(&error));
        last?;
    }
    sound.into_iter().collect()
}

/// How estimates by a cost profile and a memory model come about.
fn estimates(cost: &CostProfile, memory: &MemoryModel, target: &MemoryTarget) -> Estimates {
    Estimates {
        memory_model: memory.name().to_owned(),
        memory_basis: target.basis.clone(),
        memory_precision: match target.is_own {
            true => Precision::Modelled,
            false => Precision::StandIn,
        },
        cost_profile: cost.name().to_owned(),
        cost_basis: cost.basis().to_owned(),
        cost_effects: cost.effects().to_vec(),
        cost_spread_permille: [cost.spread().low_permille, cost.spread().high_permille],
    }
}

/// Who wrote a snapshot and when, where its first records tell.
#[derive(Default)]
struct Origin {
    server: Option<Server>,
    written_at_ms: Option<i64>,
}

impl Origin {
    /// Looks at the first bytes of a snapshot.
    ///
    /// # Errors
    /// When the bytes are no snapshot at all; damage behind the header is left for the scan to tell.
    fn of(head: &[u8]) -> Result<Origin, ParserError> {
        let mut reader = RdbReader::new(head)?;
        let mut origin = Origin::default();
        while let Ok(Some(record)) = reader.next_record() {
            let RecordKind::Aux { name, value } = record.kind else {
                break;
            };
            let (Ok(name), Ok(value)) = (name.bytes(), value.bytes()) else {
                continue;
            };
            origin.server = origin.server.or_else(|| Server::from_aux(&name, &value));
            if *name == *AUX_WRITTEN_AT && origin.written_at_ms.is_none() {
                let seconds = str::from_utf8(&value).ok().and_then(|s| s.parse().ok());
                origin.written_at_ms = seconds.map(|s: i64| s.saturating_mul(1_000));
            }
        }
        Ok(origin)
    }
}

/// The auxiliary field with the time at which a file was written, Unix seconds (redis `src/rdb.c`, `rdbSaveInfoAuxFields`).
const AUX_WRITTEN_AT: &[u8] = b"ctime";
