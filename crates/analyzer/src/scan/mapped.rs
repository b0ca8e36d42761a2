//! Scanning a snapshot that lies in memory, on all threads of the pool.

use preshard_parser::limits::TRAILING_LOOKED_AT_BYTES;
use preshard_parser::source::Source;
use preshard_parser::{MeasuringReader, Prepare, Ready};

use super::batch::{Batch, Reached, Reading};
use super::behind::Behind;
use super::guess;
use super::lanes::{Accepted, Lanes, Run};
use super::steps::{Steps, Worker};
use super::stop::{End, Stop};
use super::tally::Tally;
use super::{Outcome, Progress, Sink, check, has_changed, layers};
use crate::{Checksum, Error, FileScan};

/// Most threads that work on one file: memory is what they wait for long before, and each maps some of it.
const THREADS_MAX: usize = 16;

/// Scans the bytes of a source that is mapped.
pub(super) fn scan(
    source: &Source,
    bytes: &[u8],
    reading: &Reading<'_>,
    progress: &dyn Progress,
    sink: Option<&mut Sink<'_>>,
) -> Result<FileScan, Error> {
    let options = reading.options;
    let threads = rayon::current_num_threads().min(THREADS_MAX);
    let lanes = Lanes::new(bytes, reading.chunk_bytes(), threads);
    let steps = Steps::new(source, &lanes, Worker::Chain);
    let reader = MeasuringReader::new(bytes, options.measuring(), steps)?;
    let model = reader.elsewhere(0, Ready);
    let mut chain = Chain {
        lanes: &lanes,
        model: &model,
        tally: Tally::new(source.path(), reader.header(), options),
        scanner: Scanner::new(source, reading, progress, sink),
        reader,
        batch: Batch::default(),
    };
    let stop = rayon::in_place_scope(|scope| {
        let helpers = threads.min(lanes.chunks()).saturating_sub(1);
        for _ in 0..helpers {
            scope.spawn(|_| {
                while let Some(taken) = lanes.take(true) {
                    guess::work(source, &lanes, &model, reading, &taken);
                }
            });
        }
        let finish = Finish(&lanes);
        let stop = chain.read();
        drop(finish);
        stop
    })?;
    let Chain {
        tally, mut reader, ..
    } = chain;
    reader.prepare_mut().release_all();
    let (checksum, behind) = match &stop {
        Stop::Ended(end) => {
            let until = usize::try_from(end.checksum_from).unwrap_or(usize::MAX);
            let sum = || lanes.checksum(until.min(bytes.len()));
            (check::verdict(end, sum), behind(source, bytes, end))
        }
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
    Ok(tally.finish(&outcome, options))
}

/// What stands behind a snapshot.
pub(super) fn behind(source: &Source, bytes: &[u8], end: &End) -> Behind {
    let from = usize::try_from(end.offset).unwrap_or(usize::MAX);
    let behind = bytes.get(from..).unwrap_or_default();
    let first = behind.get(..TRAILING_LOOKED_AT_BYTES).unwrap_or(behind);
    Behind::judge(first, behind.len() as u64, source.wrapping())
}

/// However the chain ends, nobody works on.
struct Finish<'l, 'a>(&'l Lanes<'a>);

impl Drop for Finish<'_, '_> {
    fn drop(&mut self) {
        self.0.finish();
    }
}

/// Takes in what was read, in the order of the file.
pub(super) struct Scanner<'s, 'f> {
    source: &'s Source,
    reading: &'s Reading<'s>,
    progress: &'s dyn Progress,
    pub(super) sink: Option<&'s mut Sink<'f>>,
    /// How far the scan has come, as was told.
    told: u64,
    /// How far pages were given back.
    released: usize,
}

/// Bytes that are given back at a time.
const RELEASED_BYTES: usize = 8 << 20;

impl<'s, 'f> Scanner<'s, 'f> {
    pub(super) fn new(
        source: &'s Source,
        reading: &'s Reading<'s>,
        progress: &'s dyn Progress,
        sink: Option<&'s mut Sink<'f>>,
    ) -> Scanner<'s, 'f> {
        Scanner {
            source,
            reading,
            progress,
            sink,
            told: 0,
            released: 0,
        }
    }

    /// Takes in a batch; why nothing behind it can be believed, if so.
    fn take(&mut self, batch: &Batch<'_>, tally: &mut Tally) -> Result<Option<Stop>, Error> {
        // Names still lie in the map, and zeros stand for what the file has lost.
        if let Err(lost) = self.source.still_there(batch.range.start) {
            return Ok(Some(Stop::Damaged(lost)));
        }
        if let Some(sink) = &mut self.sink {
            sink(&batch.keys).map_err(Error::Sink)?;
        }
        tally.add(batch, self.reading.options);
        self.release_to(batch.range.end);
        self.tell(batch.range.end);
        Ok(None)
    }

    /// Tells how far the scan has come.
    pub(super) fn tell(&mut self, offset: u64) {
        self.progress.advance(offset.saturating_sub(self.told));
        self.told = self.told.max(offset);
    }

    /// Gives back what was mapped again of bytes that had been given back, as when a name was copied that stands in front
    /// of a long value.
    fn release_to(&mut self, offset: u64) {
        let until = usize::try_from(offset).unwrap_or(usize::MAX);
        if until.saturating_sub(self.released) >= RELEASED_BYTES {
            let behind = until - RELEASED_BYTES / 2;
            self.source.release(self.released..behind);
            self.released = behind;
        }
    }

    /// Reads records as long as they begin before `until`, through a batch whose buffers are used again; why reading
    /// stopped, if it did before.
    pub(super) fn read<'a, P: Prepare>(
        &mut self,
        reader: &mut MeasuringReader<'a, '_, P>,
        until: u64,
        batch: &mut Batch<'a>,
        tally: &mut Tally,
    ) -> Result<Option<Stop>, Error> {
        while reader.offset() < until {
            let reached = batch.read(reader, until, self.reading, |_| true);
            if let Some(lost) = self.take(batch, tally)? {
                return Ok(Some(lost));
            }
            if let Reached::Stop(stop) = reached {
                if let Stop::Ended(end) = &stop {
                    self.tell(end.offset);
                }
                return Ok(Some(stop));
            }
        }
        Ok(None)
    }
}

/// Reads a file from its first record on, see [`super::lanes`].
struct Chain<'c, 's, 'f, 'a> {
    lanes: &'c Lanes<'a>,
    model: &'c MeasuringReader<'a, 's, Ready>,
    scanner: Scanner<'s, 'f>,
    reader: MeasuringReader<'a, 's, Steps<'c, 'a>>,
    tally: Tally,
    batch: Batch<'a>,
}

impl<'a> Chain<'_, '_, '_, 'a> {
    /// Reads to the end; why that is the end.
    fn read(&mut self) -> Result<Stop, Error> {
        loop {
            let chunk = self.chunk();
            let guessed = self.lanes.arrive(chunk);
            let end = self.lanes.end_of(chunk);
            if let Some(stop) = self.read_to(guessed.unwrap_or(end))? {
                return Ok(stop);
            }
            let Some(begins) = guessed else {
                continue;
            };
            if self.reader.offset() != begins || !self.reader.is_at_rest() {
                self.lanes.refuse(chunk);
            } else if let Some(run) = self.accept(chunk)
                && let Some(stop) = self.take(chunk, run)?
            {
                return Ok(stop);
            }
            if let Some(stop) = self.read_to(end)? {
                return Ok(stop);
            }
        }
    }

    /// Waits for what is read from a beginning that was guessed right, and works on another chunk meanwhile.
    fn accept(&self, chunk: usize) -> Option<Run<'a>> {
        let mut wait = false;
        loop {
            match self.lanes.accept(chunk, wait) {
                Accepted::Run(run) => return Some(run),
                Accepted::Nothing => return None,
                Accepted::NotYet => match self.lanes.take(false) {
                    Some(taken) => {
                        let Scanner {
                            source, reading, ..
                        } = self.scanner;
                        guess::work(source, self.lanes, self.model, reading, &taken);
                    }
                    None => wait = true,
                },
            }
        }
    }

    /// Takes in what was read of a chunk, and goes where that ends.
    fn take(&mut self, chunk: usize, mut run: Run<'a>) -> Result<Option<Stop>, Error> {
        let db = self.reader.db();
        let mut is_db_unknown = true;
        for batch in &mut run.batches {
            is_db_unknown = is_db_unknown && batch.set_db(db);
            if let Some(lost) = self.scanner.take(batch, &mut self.tally)? {
                return Ok(Some(lost));
            }
        }
        self.reader.go_to(run.range.end, run.db.unwrap_or(db));
        let arrived = self.chunk();
        self.reader.prepare_mut().pass(chunk + 1..arrived);
        Ok(None)
    }

    fn chunk(&self) -> usize {
        let at = usize::try_from(self.reader.offset()).unwrap_or(usize::MAX);
        self.lanes.chunk_at(at)
    }

    fn read_to(&mut self, until: u64) -> Result<Option<Stop>, Error> {
        self.scanner
            .read(&mut self.reader, until, &mut self.batch, &mut self.tally)
    }
}
