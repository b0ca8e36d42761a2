//! The checksum of a file, computed while it is read.

use preshard_parser::limits::CHECKSUM_VERSION_MIN;
use preshard_parser::{Header, crc64};
use rayon::prelude::*;

use super::frontier::{Chunk, End, Stop};
use crate::Checksum;

/// Bytes after which a piece is worth a checksum of its own: joining two takes as long as computing over
/// a few megabytes.
const PIECE_BYTES: usize = 16 << 20;

/// The checksum of all bytes up to a growing offset.
pub(super) struct RunningChecksum<'a> {
    bytes: &'a [u8],
    wanted: bool,
    value: u64,
    /// How far `value` has come.
    done: usize,
}

impl<'a> RunningChecksum<'a> {
    pub(super) fn new(bytes: &'a [u8], header: Header) -> RunningChecksum<'a> {
        RunningChecksum {
            bytes,
            wanted: header.version >= CHECKSUM_VERSION_MIN,
            value: 0,
            done: 0,
        }
    }

    /// Takes in a chunk's bytes; small ones are left for later.
    pub(super) fn advance_to(&mut self, chunk: &Chunk<'_>) {
        let (until, last) = match &chunk.stop {
            Some(Stop::Ended(end)) => (end.checksum_from, true),
            Some(Stop::Damaged(_)) => return,
            None => (chunk.range.end, false),
        };
        let until =
            usize::try_from(until).map_or(self.bytes.len(), |end| end.min(self.bytes.len()));
        if !self.wanted || (!last && until - self.done < PIECE_BYTES) {
            return;
        }
        let pieces = self.bytes[self.done..until]
            .par_chunks(PIECE_BYTES)
            .map(|piece| (crc64::checksum(piece), piece.len() as u64))
            .reduce_with(join);
        if let Some((value, len)) = pieces {
            self.value = match self.done {
                0 => value,
                _ => crc64::combine(self.value, value, len),
            };
        }
        self.done = until;
    }

    /// Compares with what the file says, once its last chunk was taken in.
    pub(super) fn verdict(&self, end: &End) -> Checksum {
        verdict(end, self.value)
    }
}

/// Compares a checksum with the one at a snapshot's end.
pub(super) fn verdict(end: &End, computed: u64) -> Checksum {
    match end.stored {
        None => Checksum::Absent,
        Some(0) => Checksum::Off,
        Some(stored) if stored == computed => Checksum::Verified,
        Some(stored) => Checksum::Wrong { stored, computed },
    }
}

fn join(first: (u64, u64), second: (u64, u64)) -> (u64, u64) {
    (
        crc64::combine(first.0, second.0, second.1),
        first.1 + second.1,
    )
}
