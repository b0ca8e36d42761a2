//! How reading a snapshot ends.

use preshard_parser::{Error, Record, RecordKind};

/// Why reading stopped.
pub(super) enum Stop {
    /// The end of the snapshot.
    Ended(End),
    /// Bytes that cannot be read.
    Damaged(Error),
}

/// The end of a snapshot.
pub(super) struct End {
    /// Offset of the EOF opcode: in front of it may stand attributes that no key follows.
    pub(super) from: u64,
    /// Such attributes in all.
    pub(super) lost_attributes: u64,
    /// Offset behind the EOF opcode: the checksum covers what is before it.
    pub(super) checksum_from: u64,
    /// The checksum as stored; `None` in versions without.
    pub(super) stored: Option<u64>,
    /// Offset behind the snapshot.
    pub(super) offset: u64,
}

impl End {
    /// Takes the end mark from behind records, if it is there.
    pub(super) fn take(records: &mut Vec<Record<'_>>) -> Option<End> {
        let last = records.pop_if(|record| matches!(record.kind, RecordKind::End { .. }))?;
        End::of(&last)
    }

    /// What an end mark says; `None` of any other record.
    pub(super) fn of(record: &Record<'_>) -> Option<End> {
        let RecordKind::End { checksum } = record.kind else {
            return None;
        };
        Some(End {
            from: record.offset,
            lost_attributes: record.lost_attributes,
            checksum_from: record.offset + 1,
            stored: checksum,
            offset: record.range.end,
        })
    }

    /// The end of a snapshot whose end mark was read before.
    pub(super) fn without_mark(offset: u64) -> End {
        End {
            from: offset,
            lost_attributes: 0,
            checksum_from: offset,
            stored: None,
            offset,
        }
    }

    /// Bytes that the checksum itself takes.
    pub(super) fn checksum_bytes(&self) -> u64 {
        self.offset - self.checksum_from
    }
}
