//! Records: what a snapshot is a sequence of.

use std::ops::Range;

use super::{Entry, ModuleId, Str, Template};

/// One record and where it lies.
///
/// The ranges of all records, with the nine bytes of the header in front, tile the file up to the
/// end of its checksum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record<'a> {
    /// Absolute offsets; they include the expiry and other attributes of a key that stand in front, be it an entry or
    /// another record that comes between them and their key.
    pub range: Range<u64>,
    /// Absolute offset of the record's own first byte: its opcode, or the type byte of an entry.
    pub offset: u64,
    /// Attributes that came to nothing: of an entry those that a later one replaced, of the end those that no key
    /// follows.
    pub lost_attributes: u64,
    /// What it is.
    pub kind: RecordKind<'a>,
}

impl Record<'_> {
    /// Bytes that the record takes in the file, and what may be allocated for it besides: its key, which may have
    /// to be decompressed, and the ranges of a slot import. What a caller that bounds its memory by bytes
    /// should count.
    #[inline]
    pub fn weight(&self) -> u64 {
        let besides = match &self.kind {
            RecordKind::Entry(entry) => entry.key.len(),
            RecordKind::SlotImport { ranges, .. } => size_of_val(&ranges[..]) as u64,
            _ => 0,
        };
        (self.range.end - self.range.start).saturating_add(besides)
    }
}

/// What a record is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecordKind<'a> {
    /// A field about the file; unknown names are normal.
    Aux {
        /// Name of the field.
        name: Str<'a>,
        /// Its value.
        value: Str<'a>,
    },
    /// The database that the following entries belong to.
    SelectDb {
        /// Its number.
        db: u64,
    },
    /// How many keys the database had; a hint that loaders do not check.
    ResizeDb {
        /// Keys.
        keys: u64,
        /// Keys with an expiry.
        expiring_keys: u64,
    },
    /// Counts of the slot whose keys follow; a hint that loaders do not check. Redis 7.4 and later;
    /// Valkey says the same in an aux field, see [`SlotInfo::parse`].
    SlotInfo(SlotInfo),
    /// A library of functions.
    Function {
        /// Its source; of release candidates of Redis 7.0 the code without its name.
        source: Str<'a>,
    },
    /// What a module keeps beside its keys.
    ModuleAux {
        /// The module's data type.
        module: ModuleId,
    },
    /// An atomic slot import was in progress (Valkey 9): keys of these slots are a partial copy.
    SlotImport {
        /// Name of the job.
        job: Str<'a>,
        /// Inclusive slot ranges, as claimed.
        ranges: Vec<(u64, u64)>,
    },
    /// Field names that hashes behind it refer to (Redis 8.10).
    HashTemplate(Template),
    /// A command that came in while a forkless full synchronisation was written, in the database selected last
    /// (Valkey 9.2). Whoever loads the snapshot carries it out on top of the keys in front.
    Update {
        /// Its name.
        command: Str<'a>,
        /// How many arguments, its name among them.
        arguments: u64,
    },
    /// A number that Redis Enterprise writes between keys; skipped.
    EnterpriseHint {
        /// Its opcode.
        opcode: u8,
    },
    /// A key and its value.
    Entry(Entry<'a>),
    /// The end.
    End {
        /// The checksum as stored: `None` before RDB 5, 0 when the writer computed none.
        checksum: Option<u64>,
    },
}

/// What a file says of one slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SlotInfo {
    /// The slot, as claimed.
    pub slot: u64,
    /// Keys in it.
    pub keys: u64,
    /// Keys with an expiry.
    pub expiring_keys: u64,
    /// Hashes of which a field has an expiry, where the file tells: Valkey 9.0 and later.
    pub keys_with_field_ttl: Option<u64>,
}

impl SlotInfo {
    /// The aux field in which Valkey 8.0 and later say it, in the middle of the keys: `slot,keys,expiring`,
    /// from 9.0 on with the keys that have field TTLs behind (as files of Valkey 8.0, 8.1 and 9.1 have it).
    pub const AUX_NAME: &'static [u8] = b"slot-info";

    /// Parses the value of that field; `None` when it has another form.
    pub fn parse(value: &[u8]) -> Option<SlotInfo> {
        let mut numbers = std::str::from_utf8(value)
            .ok()?
            .split(',')
            .map(|number| number.parse().ok());
        let info = SlotInfo {
            slot: numbers.next()??,
            keys: numbers.next()??,
            expiring_keys: numbers.next()??,
            keys_with_field_ttl: match numbers.next() {
                Some(number) => Some(number?),
                None => None,
            },
        };
        numbers
            .all(|number: Option<u64>| number.is_some())
            .then_some(info)
    }
}
