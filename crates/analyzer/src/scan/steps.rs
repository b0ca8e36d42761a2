//! Bytes are made ready in steps: mapped, summed, and given back behind.
//!
//! The checksum of a step is computed just before it is read, which costs next to nothing: it brings the bytes into the
//! cache that reading needs there anyway.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use preshard_parser::source::Source;
use preshard_parser::{Prepare, crc64};

use super::lanes::Lanes;

/// Bytes that are summed at a time: they stay in the caches of a core until they are read.
const STEP_BYTES: usize = 64 << 10;
/// Mapping bytes that are in the page cache takes a fraction of this; it takes more when a disk is waited for.
const IN_CACHE: Duration = Duration::from_millis(2);
/// Bytes that a disk is asked for ahead.
const AHEAD_BYTES: usize = 16 << 20;

/// Makes bytes ready for one reader. How long that takes decides what a disk is asked for, and nothing else.
pub(super) struct Steps<'l, 'a> {
    source: &'l Source,
    lanes: &'l Lanes<'a>,
    worker: Worker,
    /// The chunk whose checksum this reader computes.
    chunk: Option<usize>,
    sum: crc64::Running,
    /// How far that has come.
    summed: usize,
    /// Bytes between the two are mapped.
    released: usize,
    resident: usize,
}

/// For whom.
pub(super) enum Worker {
    /// The chain, which takes each chunk that nobody has.
    Chain,
    /// Somebody who took one chunk, and is to stop when this is set.
    Guess(Arc<AtomicBool>),
}

impl<'l, 'a> Steps<'l, 'a> {
    pub(super) fn new(source: &'l Source, lanes: &'l Lanes<'a>, worker: Worker) -> Steps<'l, 'a> {
        Steps {
            source,
            lanes,
            worker,
            chunk: None,
            sum: crc64::Running::new(),
            summed: 0,
            released: 0,
            resident: 0,
        }
    }

    /// Sums this chunk, too.
    pub(super) fn take(&mut self, chunk: usize) {
        self.chunk = Some(chunk);
        self.sum = crc64::Running::new();
        self.summed = self.lanes.range(chunk).start;
        self.move_to(self.summed);
    }

    /// Makes bytes ready from here on.
    fn move_to(&mut self, at: usize) {
        if at != self.resident {
            self.release_all();
            (self.released, self.resident) = (at, at);
        }
    }

    /// Sums what is left of the chunk that was taken.
    pub(super) fn finish_chunk(&mut self) {
        while let Some(chunk) = self.chunk {
            let end = self.lanes.range(chunk).end;
            let until = end.min(self.summed + STEP_BYTES);
            self.keep_resident(until, end);
            self.sum_to(until);
        }
    }

    /// Sums chunks in which nothing is read, as far as nobody else does.
    pub(super) fn pass(&mut self, chunks: Range<usize>) {
        for chunk in chunks {
            if self.lanes.take_for_chain(chunk) {
                self.finish_chunk();
                self.take(chunk);
            }
        }
        self.finish_chunk();
    }

    /// Gives back all that is mapped.
    pub(super) fn release_all(&mut self) {
        if self.released < self.resident {
            self.source.release(self.released..self.resident);
        }
        self.released = self.resident;
    }

    /// Sums up to `until`, as far as that is in the chunk that was taken.
    fn sum_to(&mut self, until: usize) {
        let Some(chunk) = self.chunk else {
            return;
        };
        let end = self.lanes.range(chunk).end;
        let until = until.min(end);
        if self.summed < until {
            self.sum.update(&self.lanes.bytes[self.summed..until]);
            self.summed = until;
        }
        if self.summed == end {
            self.lanes.set_checksum(chunk, self.sum.value());
            self.chunk = None;
        }
    }

    /// Has the bytes up to `until` mapped, and as many behind as are worth it, but none behind `end`.
    fn keep_resident(&mut self, until: usize, end: usize) {
        if until <= self.resident {
            return;
        }
        // The record in progress begins in front. Were its page given back, the kernel would map all that it holds
        // together in memory with it, which may be two megabytes, and nobody would give those back.
        let resident_bytes = self.lanes.resident_bytes();
        let behind = self.resident.saturating_sub(resident_bytes / 2);
        if behind > self.released {
            self.source.release(self.released..behind);
            self.released = behind;
        }
        let to = end
            .min(self.resident.saturating_add(resident_bytes))
            .max(until);
        let begun = Instant::now();
        self.source.make_resident(self.resident..to);
        self.resident = to;
        // So the disk works on while what it gave is read. Asking it for what is in the page cache would cost time.
        if begun.elapsed() > IN_CACHE {
            let ahead = to.saturating_add(AHEAD_BYTES).min(self.lanes.bytes.len());
            self.source.read_ahead(to..ahead);
        }
    }
}

impl Prepare for Steps<'_, '_> {
    fn prepare(&mut self, from: usize) -> usize {
        if let Worker::Guess(abandoned) = &self.worker
            && abandoned.load(Ordering::Relaxed)
        {
            return from;
        }
        let chunk = self.lanes.chunk_at(from);
        let end = self.lanes.range(chunk).end;
        let until = end.min(from + STEP_BYTES);
        if from < self.released || from > self.resident {
            self.move_to(from);
        }
        let is_new = self.chunk != Some(chunk) && from < end;
        if let Worker::Chain = self.worker
            && is_new
        {
            self.finish_chunk();
            if self.lanes.take_for_chain(chunk) {
                self.take(chunk);
            }
        }
        self.keep_resident(until, end);
        self.sum_to(until);
        until
    }
}
