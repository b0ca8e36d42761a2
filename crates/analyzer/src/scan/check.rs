//! What a file says of itself, compared with what it holds: its checksum and its slot totals.

use preshard_parser::limits::CHECKSUM_VERSION_MIN;
use preshard_parser::{Header, SlotInfo, crc64};
use rayon::prelude::*;

use super::frontier::{Chunk, End, Stop};
use crate::{Checksum, KeyFacts, SlotInfoCheck, Warning};

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

/// Compares slot totals with the keys that follow them, one section at a time.
///
/// Servers write the totals of a slot in front of its keys, so one pair of counters is enough.
#[derive(Default)]
pub(super) struct SlotInfoWatch {
    check: SlotInfoCheck,
    section: Option<Section>,
    first_differing: Option<Section>,
}

/// The keys behind one slot's totals.
struct Section {
    db: u64,
    declared: SlotInfo,
    /// Keys and expiring keys counted.
    counted: (u64, u64),
}

impl SlotInfoWatch {
    pub(super) fn declare(&mut self, db: u64, declared: SlotInfo) {
        self.close();
        self.check.declared += 1;
        self.section = Some(Section {
            db,
            declared,
            counted: (0, 0),
        });
    }

    pub(super) fn count(&mut self, key: &KeyFacts<'_>) {
        match &mut self.section {
            Some(section) if section.declared.slot == u64::from(key.slot.number()) => {
                section.counted.0 += 1;
                section.counted.1 += u64::from(key.expires_at_ms.is_some());
            }
            _ => self.check.stray_keys += 1,
        }
    }

    /// Ends the section in progress: another database begins, or the file ends.
    pub(super) fn close(&mut self) {
        let Some(section) = self.section.take() else {
            return;
        };
        if section.counted != section.declares() {
            self.check.differing += 1;
            self.first_differing.get_or_insert(section);
        }
    }

    /// The comparison, and what it warns of; `None` when the file declares nothing. A section that damage
    /// cut short is not compared.
    pub(super) fn finish(mut self, complete: bool) -> Option<(SlotInfoCheck, Vec<Warning>)> {
        if complete {
            self.close();
        }
        let check = self.check;
        if check.declared == 0 {
            return None;
        }
        let mut warnings = Vec::new();
        if let Some(first) = self.first_differing {
            warnings.push(Warning::SlotInfoDiffers {
                differing: check.differing,
                declared: check.declared,
                db: first.db,
                slot: first.declared.slot,
                declares: first.declares(),
                counted: first.counted,
            });
        }
        if check.stray_keys > 0 {
            warnings.push(Warning::StrayKeys {
                keys: check.stray_keys,
            });
        }
        Some((check, warnings))
    }
}

impl Section {
    fn declares(&self) -> (u64, u64) {
        (self.declared.keys, self.declared.expiring_keys)
    }
}
