//! What a scan says of one file.

use std::path::PathBuf;

use preshard_parser::source::Container;
use preshard_parser::{DataType, Detail, Encoding, Header};
use preshard_slots::SlotSet;

use crate::{Claim, KeyName, LoadedMemory, Part, Salvage, Server, SlotProfile, Warning};

/// The result of scanning one snapshot.
#[derive(Debug, Clone, PartialEq)]
pub struct FileScan {
    /// What the file is and holds.
    pub summary: FileSummary,
    /// Its keys by slot.
    pub profile: SlotProfile,
}

/// What one snapshot is and holds.
///
/// Keys are counted as a server would have them after loading the file: collections without
/// elements, which every server drops, are counted apart. Keys that appear twice are counted twice;
/// finding them would take memory that grows with the file, and no server writes them.
#[derive(Debug, Clone, PartialEq)]
pub struct FileSummary {
    /// Where the file was opened.
    pub path: PathBuf,
    /// What the snapshot is wrapped in, outermost first; empty for a snapshot as it is.
    pub wrapping: Vec<Container>,
    /// The same layers, with what each takes of the file.
    pub layers: Vec<Layer>,
    /// Length of the file, wrapping and all; `None` for pipes and standard input.
    pub file_bytes: Option<u64>,
    /// Length of the snapshot and what stands behind it, unwrapped. Offsets count from its first byte.
    pub bytes: u64,
    /// How much of it was read: less than [`FileSummary::bytes`] after damage or before trailing bytes.
    pub bytes_read: u64,
    /// Family and version of the format.
    pub header: Header,
    /// The server that wrote it, where the file tells.
    pub written_by: Option<Server>,
    /// When it was written, Unix seconds (`ctime`).
    pub written_at_s: Option<i64>,
    /// Memory of the server when it was written (`used-mem`).
    pub used_memory_bytes: Option<u64>,
    /// The auxiliary fields that describe the file, in its order, as text.
    pub aux: Vec<AuxField>,
    /// Auxiliary fields that are not in [`FileSummary::aux`]: there are too many, or their names cannot be shown.
    pub aux_unlisted: u64,
    /// Cached Lua scripts (auxiliary fields of servers before 7.0).
    pub scripts: u64,
    /// Keys.
    pub keys: u64,
    /// Keys with an expiry, whether past or not.
    pub expiring_keys: u64,
    /// Of these, keys whose expiry was past when the file was written; `None` where the file does not tell the time
    /// before its keys.
    pub expired_when_written: Option<u64>,
    /// How deep values were looked into.
    pub detail: Detail,
    /// The time before which expiries count as past, Unix milliseconds, as it was asked for.
    pub reference_ms: Option<i64>,
    /// Per type and encoding, in the order of those.
    pub types: Vec<TypeRow>,
    /// Per database, ascending.
    pub databases: Vec<DatabaseRow>,
    /// Function libraries.
    pub functions: u64,
    /// The first thousand of them.
    pub libraries: Vec<LibraryRow>,
    /// Per module that wrote values or auxiliary data, ascending by id.
    pub modules: Vec<ModuleRow>,
    /// Collections with no elements, which no server keeps: not counted as keys.
    pub empty_collections: u64,
    /// How the slot totals that the file declares compare with its keys; `None` when it declares none.
    pub slot_info: Option<SlotInfoCheck>,
    /// What the snapshot takes on the server whose memory was computed.
    pub loaded_memory: LoadedMemory,
    /// Slots that were being imported when the file was written: their keys are partial copies.
    pub importing: SlotSet,
    /// The checksum's verdict.
    pub checksum: Checksum,
    /// Why reading ended before the file's end; where it went on, the first damage.
    pub damage: Option<Damage>,
    /// What else is not known of a damaged file, where reading went on behind the damage.
    pub salvage: Option<Salvage>,
    /// The file was written to while it was read: what was read may be neither the old content nor the new one.
    pub changed: bool,
    /// Bytes after the end of the snapshot, which servers ignore. Those after the end of what it is wrapped in are in
    /// [`FileSummary::layers`].
    pub trailing_bytes: u64,
    /// What each byte of the file is: the parts add up to [`FileSummary::bytes`].
    pub account: Vec<Part>,
    /// What the file says of itself, against what was read.
    pub claims: Vec<Claim>,
    /// What deserves attention.
    pub warnings: Vec<Warning>,
}

/// One layer that a snapshot is wrapped in.
///
/// A file is made of the [`Layer::bytes`] and the [`Layer::behind`] of its layers up to the first that is compressed;
/// where none is, of these and of [`FileSummary::bytes`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// What it is.
    pub container: Container,
    /// Its own bytes: of a capture those in front of what it holds, of what is compressed all; `None` when its end was not
    /// reached.
    pub bytes: Option<u64>,
    /// Whether it was read to its end, it holds as much as it says, and its checksums are right, where it has any.
    pub whole: bool,
    /// What stands behind what is compressed, which is not read. What stands behind a capture is in the account of what
    /// it holds.
    pub behind: Vec<Part>,
}

/// An auxiliary field, its bytes as text (invalid UTF-8 replaced). Text from strangers all the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuxField {
    /// Name.
    pub name: String,
    /// Value; `None` when it is longer than a kilobyte or cannot be decompressed.
    pub value: Option<String>,
    /// Length of the value.
    pub value_bytes: u64,
}

/// A library of functions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LibraryRow {
    /// Its name as its first line tells it, text from strangers; `None` where that tells none.
    pub name: Option<String>,
    /// Length of its source.
    pub source_bytes: u64,
}

/// Keys of one type in one encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TypeRow {
    /// Data type.
    pub data_type: DataType,
    /// How the values lie in the file.
    pub encoding: Encoding,
    /// Their number.
    pub keys: u64,
    /// Their elements (bytes for strings); modules add nothing.
    pub elements: u64,
    /// Sum over the keys.
    pub serialized_bytes: u64,
    /// Sum over the keys.
    pub payload_bytes: u64,
    /// Sum over the keys whose memory can be known.
    pub memory_bytes_estimate: u64,
    /// Keys whose memory cannot be known.
    pub memory_unknown_keys: u64,
    /// Sum of the variances of the estimates, bytes squared.
    pub memory_variance: u64,
    /// Bytes of all their elements, see [`preshard_parser::ValueFacts::element_bytes`]; `None` where those of
    /// any key were not looked for or could not be.
    pub element_bytes: Option<u64>,
    /// The longest of their elements; `None` likewise.
    pub largest_element_bytes: Option<u64>,
    /// Keys whose blobs are broken inside, where that was looked for.
    pub broken_keys: u64,
    /// Keys whose expiry lies before [`FileSummary::reference_ms`]; `None` without that.
    pub expired_keys: Option<u64>,
    /// Hash fields with a TTL, whether past or not.
    pub fields_with_ttl: u64,
    /// Of these, fields whose expiry lies before [`FileSummary::reference_ms`]; `None` without that.
    pub fields_expired: Option<u64>,
    /// Consumer groups of streams.
    pub groups: u64,
    /// Their consumers.
    pub consumers: u64,
    /// Their pending entries.
    pub pending: u64,
    /// Entries of streams that are deleted and still take room.
    pub deleted_entries: u64,
}

/// Keys of one database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DatabaseRow {
    /// Database number.
    pub db: u64,
    /// Keys counted.
    pub keys: u64,
    /// Of these, keys with an expiry.
    pub expiring_keys: u64,
    /// Hashes with fields that expire.
    pub keys_with_expiring_fields: u64,
    /// Keys and expiring keys as the file declares them (RESIZEDB), a hint.
    pub declared: Option<(u64, u64)>,
}

/// What one module left in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModuleRow {
    /// The nine characters of its id.
    pub name: String,
    /// The version in its id, 0 to 1023.
    pub version: u16,
    /// Keys with a value of the module.
    pub keys: u64,
    /// Sum over these keys.
    pub payload_bytes: u64,
    /// Blocks of the module's own data outside the keys.
    pub aux_blocks: u64,
}

/// Declared slot totals against the keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SlotInfoCheck {
    /// Totals that the file declares, one per slot and database.
    pub declared: u64,
    /// Of these, totals that the keys do not bear out.
    pub differing: u64,
    /// Keys that lie outside the section of their slot.
    pub stray_keys: u64,
    /// Totals of slots that there are not.
    pub out_of_range: u64,
    /// Totals of slots that were declared before, in the same database.
    pub repeated: u64,
    /// Totals of slots below the one before: servers write slots in ascending order.
    pub out_of_order: u64,
    /// Totals that could not be understood, not in `declared`.
    pub unreadable: u64,
}

/// The verdict on the checksum at the file's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checksum {
    /// Computed and equal.
    Verified,
    /// The version has none (RDB below 5).
    Absent,
    /// The server was told not to compute it (`rdbchecksum no`): zero in the file.
    Off,
    /// Computed and different: some byte has changed since the server wrote the file.
    Wrong {
        /// What the file says.
        stored: u64,
        /// What its bytes give.
        computed: u64,
    },
    /// The end of the snapshot was not reached.
    NotReached,
}

/// Where and why reading ended early.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// Absolute offset of the first bad byte.
    pub offset: u64,
    /// The file ends in the middle, rather than holding something wrong.
    pub truncated: bool,
    /// The parser's words, with the offset and, where it came to that, the key.
    pub message: String,
    /// Database and name of the key whose value could not be read, where it came to that.
    pub in_key: Option<(u64, KeyName)>,
    /// Keys read before.
    pub keys_before: u64,
}

impl FileSummary {
    /// Whether the file was read to its end, nobody wrote to it meanwhile, and its bytes are those that the server wrote, as
    /// far as its checksum tells. One that goes on with another snapshot was not read to its end.
    pub fn is_whole(&self) -> bool {
        self.damage.is_none()
            && !self.changed
            && !matches!(self.checksum, Checksum::Wrong { .. })
            && !self.goes_on_with_a_snapshot()
    }

    /// Whether several snapshots were put into one file, of which only the first is read.
    pub fn goes_on_with_a_snapshot(&self) -> bool {
        self.warnings.iter().any(|warning| {
            let Warning::TrailingBytes {
                begins_snapshot, ..
            } = warning
            else {
                return false;
            };
            *begins_snapshot
        })
    }
}

impl Damage {
    pub(crate) fn new(error: &preshard_parser::Error, keys_before: u64) -> Damage {
        Damage {
            offset: error.offset(),
            truncated: error.is_truncated(),
            message: error.to_string(),
            in_key: error.entry().map(|(db, key)| (db, KeyName(key.into()))),
            keys_before,
        }
    }

    /// What a capture lacks whose snapshot was read whole.
    pub(crate) fn missing(summary: &FileSummary, what: &impl std::fmt::Display) -> Damage {
        Damage {
            offset: summary.bytes,
            truncated: true,
            message: format!(
                "replication capture cut short at offset {0:#x} ({0}): {what}",
                summary.bytes
            ),
            in_key: None,
            keys_before: summary.keys,
        }
    }

    /// A failure behind the end of a snapshot that was read whole.
    pub(crate) fn behind(summary: &FileSummary, failure: &std::io::Error) -> Damage {
        Damage {
            offset: summary.bytes,
            truncated: failure.kind() == std::io::ErrorKind::UnexpectedEof,
            message: format!("cannot be read behind the snapshot: {failure}"),
            in_key: None,
            keys_before: summary.keys,
        }
    }
}

impl std::fmt::Display for Damage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}; {} keys before it", self.message, self.keys_before)
    }
}
