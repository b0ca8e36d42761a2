//! The account of a file: each byte that was read belongs to one part.

use std::ops::Range;

use preshard_parser::{Entry, Record, RecordKind, ShortString, SlotInfo};

use super::Outcome;
use super::short_rows::ShortTotals;
use super::stop::Stop;
use crate::{Part, PartKind};

/// Magic and version.
const HEADER_BYTES: u64 = 9;

/// Counts and bytes by part. Ledgers of neighbouring records add up in any order.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    lines: [Line; PartKind::ALL.len()],
    /// Offset behind the last record.
    read_to: u64,
}

#[derive(Debug, Default, Clone, Copy)]
struct Line {
    count: u64,
    bytes: u64,
}

impl Ledger {
    /// Takes in a record that is no entry.
    pub(super) fn add_record(&mut self, record: &Record<'_>) {
        let part = match &record.kind {
            RecordKind::Aux { name, .. } if is_slot_totals(name) => PartKind::SlotTotals,
            RecordKind::Aux { .. } => PartKind::AuxFields,
            RecordKind::SelectDb { .. } | RecordKind::ResizeDb { .. } => PartKind::Databases,
            RecordKind::SlotInfo(_) => PartKind::SlotTotals,
            RecordKind::Function { .. } => PartKind::Functions,
            RecordKind::ModuleAux { .. } => PartKind::ModuleAux,
            RecordKind::HashTemplate(_) => PartKind::HashTemplates,
            RecordKind::SlotImport { .. } => PartKind::SlotImports,
            RecordKind::Update { .. } => PartKind::Updates,
            RecordKind::EnterpriseHint { .. } => PartKind::EnterpriseFields,
            _ => PartKind::OtherRecords,
        };
        self.add_attributes(record.range.start, record.offset);
        self.add(part, record.range.end - record.offset);
        self.read_to = record.range.end;
    }

    /// Takes in an entry that a server keeps.
    pub(super) fn add_key(&mut self, record: &Record<'_>, entry: &Entry<'_>) {
        self.add_attributes(record.range.start, entry.offset);
        let behind_type = entry.offset + 1;
        self.add(PartKind::TypeBytes, 1);
        self.add(PartKind::KeyNames, entry.value_offset - behind_type);
        self.add(PartKind::Values, record.range.end - entry.value_offset);
        self.read_to = record.range.end;
    }

    /// Takes in keys that hold short strings; that they were read is told by [`Ledger::read_to`].
    pub(super) fn add_shorts(&mut self, totals: &ShortTotals) {
        let (keys, expiring_keys) = (totals.keys, totals.expiring_keys);
        self.add_all(
            PartKind::KeyAttributes,
            expiring_keys,
            expiring_keys * ShortString::EXPIRY_BYTES,
        );
        self.add_all(PartKind::TypeBytes, keys, keys);
        self.add_all(PartKind::KeyNames, keys, keys + totals.key_bytes);
        self.add_all(PartKind::Values, keys, totals.serialized_bytes);
    }

    /// Notes how far reading has come.
    pub(super) fn read_to(&mut self, offset: u64) {
        self.read_to = offset;
    }

    /// Takes in an entry that every server drops.
    pub(super) fn add_empty_collection(&mut self, record: &Record<'_>) {
        let bytes = record.range.end - record.range.start;
        self.add(PartKind::EmptyCollections, bytes);
        self.read_to = record.range.end;
    }

    /// Takes in bytes of which nothing is known.
    pub(super) fn add_gap(&mut self, range: &Range<u64>) {
        if !range.is_empty() {
            self.add(PartKind::Unread, range.end - range.start);
            self.read_to = range.end;
        }
    }

    /// The attributes of a key, one piece.
    fn add_attributes(&mut self, from: u64, to: u64) {
        self.add(PartKind::KeyAttributes, to - from);
    }

    fn add(&mut self, part: PartKind, bytes: u64) {
        self.add_all(part, u64::from(bytes > 0), bytes);
    }

    fn add_all(&mut self, part: PartKind, count: u64, bytes: u64) {
        let line = &mut self.lines[part as usize];
        line.count += count;
        line.bytes += bytes;
    }

    /// Adds the ledger of records that follow.
    pub(super) fn append(&mut self, other: &Ledger) {
        for (line, other) in self.lines.iter_mut().zip(&other.lines) {
            line.count += other.count;
            line.bytes += other.bytes;
        }
        self.read_to = self.read_to.max(other.read_to);
    }

    /// The account of a file of which reading ended as told.
    pub(super) fn close(mut self, outcome: &Outcome) -> Vec<Part> {
        self.add(PartKind::Header, HEADER_BYTES);
        let read_to = self.read_to.max(HEADER_BYTES);
        match &outcome.stop {
            Stop::Ended(end) => {
                self.add_attributes(read_to, end.from);
                self.add(PartKind::End, end.offset - end.from);
                for (part, bytes) in outcome.behind.parts() {
                    self.add(part, bytes);
                }
            }
            Stop::Damaged(_) => {
                let unread = outcome.bytes.saturating_sub(read_to);
                self.add(PartKind::Unread, unread);
            }
        }
        let lines = PartKind::ALL.into_iter().zip(self.lines);
        lines
            .filter(|(_, line)| line.count > 0)
            .map(|(kind, line)| Part {
                kind,
                count: line.count,
                bytes: line.bytes,
            })
            .collect()
    }
}

fn is_slot_totals(name: &preshard_parser::Str<'_>) -> bool {
    name.len() == SlotInfo::AUX_NAME.len() as u64
        && name.bytes().is_ok_and(|name| *name == *SlotInfo::AUX_NAME)
}
