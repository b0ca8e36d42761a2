//! The bytes that are surveyed, and what is known about them.

use super::Surroundings;
use crate::limits::CHECKSUM_VERSION_MIN;
use crate::rdb::{Begins, Record, RecordKind, ValueType, read_string_header};
use crate::reader::{Cursor as _, Reader};
use crate::{Detail, Header, SlotInfo, crc64};

/// A snapshot that is looked at.
pub(super) struct Ground<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) header: Header,
    pub(super) detail: Detail,
    surroundings: Surroundings<'a>,
    /// What a record is that begins with a byte.
    begins: [Begins; 256],
}

impl<'a> Ground<'a> {
    pub(super) fn new(
        bytes: &'a [u8],
        header: Header,
        surroundings: Surroundings<'a>,
    ) -> Ground<'a> {
        let mut byte = 0;
        Ground {
            bytes,
            header,
            detail: surroundings.detail,
            surroundings,
            begins: std::array::from_fn(|_| {
                let begins = Begins::with(byte, header);
                byte = byte.wrapping_add(1);
                begins
            }),
        }
    }

    pub(super) fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// A reader that stands at an offset.
    pub(super) fn reader(&self, at: u64) -> Reader<'a> {
        let from = usize::try_from(at).unwrap_or(usize::MAX);
        Reader::new(self.bytes.get(from..).unwrap_or_default(), at)
    }

    pub(super) fn slot_of(&self, key: &[u8]) -> u64 {
        (self.surroundings.slot_of)(key)
    }

    /// Whether a snapshot may end at an offset.
    pub(super) fn is_end(&self, at: u64) -> bool {
        let behind = self.reader(at).rest();
        behind.is_empty() || (self.surroundings.may_follow)(behind)
    }

    /// The stored checksum of the snapshot, if it ends at an offset, and the one that its bytes give.
    pub(super) fn checksum(&self, end: u64) -> Option<(u64, u64)> {
        let whole = self.bytes.get(..usize::try_from(end).ok()?)?;
        let (covered, stored) = whole.split_last_chunk::<8>()?;
        let stored = u64::from_le_bytes(*stored);
        let known = self.header.version >= CHECKSUM_VERSION_MIN && stored != 0;
        known.then(|| (stored, crc64::checksum(covered)))
    }

    /// Whether the checksum says that the snapshot ends at an offset, and that no byte of it was changed.
    pub(super) fn ends_at(&self, end: u64) -> bool {
        let checksum = self.checksum(end);
        checksum.is_some_and(|(stored, computed)| stored == computed)
    }

    /// What a record is, by its first byte.
    pub(super) fn begins(&self, at: u64) -> Begins {
        let first = self.reader(at).rest().first();
        first
            .and_then(|&byte| self.begins.get(usize::from(byte)).copied())
            .unwrap_or(Begins::Nothing)
    }

    /// Whether a hash may begin at an offset that refers to a template.
    pub(super) fn begins_template_reference(&self, at: u64) -> bool {
        let mut reader = self.reader(at);
        let value_type = reader
            .u8()
            .and_then(|byte| ValueType::from_byte(byte, self.header, at));
        value_type.is_ok_and(ValueType::refers_to_template)
            && read_string_header(&mut reader).is_ok_and(|name| reader.skip(name.stored).is_ok())
    }

    /// The totals of a slot, if a record states them.
    pub(super) fn slot_totals(record: &Record<'_>) -> Option<SlotInfo> {
        match &record.kind {
            RecordKind::SlotInfo(info) => Some(*info),
            RecordKind::Aux { name, value } => {
                let is_totals = name.bytes().is_ok_and(|name| &*name == SlotInfo::AUX_NAME);
                is_totals.then(|| SlotInfo::parse(&value.bytes().ok()?))?
            }
            _ => None,
        }
    }
}
