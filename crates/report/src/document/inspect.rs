//! What is in a backup, whether it is whole, who wrote it.

use preshard_analyzer::{
    Checksum, Damage, Detail, FileSummary, KeyName, LoadedMemory, MemoryTarget, TypeRow,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::input::family_word;
use super::key_record::KeyNameSchema;
use super::salvage::SalvageReport;
use super::trust::{ClaimReport, LayerReport, PartReport};
use super::{ChecksumState, CrossCheck, Estimates, FORMAT_VERSION, Notice, Tool, deviation};

/// What `preshard inspect` found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InspectDocument {
    /// Version of this document's form: 1.
    pub format_version: u32,
    /// What wrote it.
    pub tool: Tool,
    /// True when something is missing or may be wrong: a file could not be read or is not whole, the backup of a
    /// cluster lacks a snapshot of a shard, or its snapshots do not fit the topology beside them.
    pub partial: bool,
    /// One report a file, in the order of the command line.
    pub files: Vec<FileReport>,
    /// Files of which nothing can be said, in the same order.
    pub unreadable: Vec<UnreadableFile>,
    /// What concerns no single file.
    pub warnings: Vec<Notice>,
}

/// A file that could not be opened, or is no snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UnreadableFile {
    /// The file, as it was named on the command line or found in a directory named there.
    pub file: String,
    /// Why.
    pub message: String,
}

/// One snapshot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileReport {
    /// The file, as it was named on the command line or found in a directory named there.
    pub file: String,
    /// What the snapshot is wrapped in, outermost first (`gzip`, `zstd`, `lz4`, `replication-capture-marked`...); empty for
    /// a snapshot as it is.
    pub wrapping: Vec<String>,
    /// The same layers, with what each takes of the file.
    pub layers: Vec<LayerReport>,
    /// Length of the file, wrapping and all; `null` for pipes and standard input. It is the sum of `bytes` and `behind` of
    /// the layers up to the first that is compressed; where none is, of these and `bytes` of the snapshot.
    pub file_bytes: Option<u64>,
    /// Length of the snapshot and what stands behind it, unwrapped. Offsets count from its first byte.
    pub bytes: u64,
    /// How much of it was read: less than `bytes` after damage or before trailing bytes.
    pub bytes_read: u64,
    /// True when the snapshot was read to its end.
    pub complete: bool,
    /// True when it is complete, its checksum is not wrong, no other snapshot follows in the same file, and nobody wrote to it
    /// while it was read. What is said of a file
    /// that is not whole is damaged goods.
    pub whole: bool,
    /// True when the file was written to while it was read.
    pub changed: bool,
    /// Why reading ended early; `null` when it did not. Where it went on (`--salvage`), the first damage.
    pub damage: Option<DamageReport>,
    /// What is not known where reading went on behind damage (`--salvage`); `null` otherwise.
    pub salvage: Option<SalvageReport>,
    /// `redis` or `valkey`: which family's numbers the format uses.
    pub rdb_family: String,
    /// Version of the format.
    pub rdb_version: u32,
    /// The server that wrote it, where the file tells.
    pub written_by: Option<String>,
    /// When it was written, Unix seconds, where the file tells.
    pub written_at_s: Option<i64>,
    /// Memory of the server when it was written, where the file tells.
    pub used_memory_bytes: Option<u64>,
    /// How much of that the keys and `tables_as_written_bytes` explain (see `loaded_memory`), from 0 to 1 unless the server
    /// was another one than the model's; keys of unknown memory not counted. The rest is what an empty server takes, its
    /// buffers, and the room that values keep when commands grow them. `null` where memory is that of another line of servers.
    pub used_memory_share_estimate: Option<f64>,
    /// What `used_memory` of the server that memory is computed for grows by when it loads the snapshot.
    pub loaded_memory: LoadedMemoryReport,
    /// The auxiliary fields, as the file has them.
    pub aux: Vec<AuxRow>,
    /// Auxiliary fields that are not listed: there are too many, or their names cannot be shown.
    pub aux_unlisted: u64,
    /// Cached Lua scripts, in auxiliary fields of servers before 7.0.
    pub scripts: u64,
    /// The verdict on its checksum.
    pub checksum: ChecksumReport,
    /// How the estimates came about.
    pub estimates: Estimates,
    /// The time before which expiries count as past, Unix milliseconds: what `--now` states, or else when the file says it
    /// was written; `null` where neither is known.
    pub reference_ms: Option<i64>,
    /// Whether every element was looked at (`--elements`), not only what counts and lengths tell.
    pub elements_seen: bool,
    /// Sums over all keys.
    pub totals: KeyTotals,
    /// Per type and encoding.
    pub types: Vec<TypeTotals>,
    /// Per database.
    pub databases: Vec<DatabaseTotals>,
    /// Function libraries.
    pub functions: u64,
    /// The first thousand of them.
    pub libraries: Vec<LibraryReport>,
    /// Per module that wrote values or data of its own.
    pub modules: Vec<ModuleTotals>,
    /// Collections without elements: servers drop them, and they are not counted as keys.
    pub empty_collections: u64,
    /// How the slot totals that the file declares compare with its keys; `null` when it declares none.
    pub slot_info: Option<SlotInfoReport>,
    /// Slots that were being imported when the file was written, as inclusive ranges.
    pub importing: Vec<(u16, u16)>,
    /// Bytes after the end of the snapshot, which servers ignore; those after the end of what it is wrapped in stand in
    /// `layers`.
    pub trailing_bytes: u64,
    /// What each byte of the file is: the parts add up to `bytes`.
    pub account: Vec<PartReport>,
    /// What the file says of itself, against what was read.
    pub claims: Vec<ClaimReport>,
    /// What deserves attention.
    pub warnings: Vec<Notice>,
    /// What a second reader says; `null` when it was not asked.
    pub cross_check: Option<CrossCheck>,
}

/// Where and why reading ended early.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DamageReport {
    /// Absolute offset of the first bad byte.
    pub offset: u64,
    /// True when the file ends in the middle, false when it holds something wrong.
    pub truncated: bool,
    /// What was expected and found.
    pub message: String,
    /// Database of the key whose value could not be read.
    pub db: Option<u64>,
    /// The key whose value could not be read.
    #[schemars(with = "Option<KeyNameSchema>")]
    pub key: Option<KeyName>,
    /// Keys read before it.
    pub keys_before: u64,
}

/// An auxiliary field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AuxRow {
    /// Name.
    pub name: String,
    /// Value; `null` when it is longer than a kilobyte or cannot be decompressed.
    pub value: Option<String>,
    /// Length of the value.
    pub value_bytes: u64,
}

/// A library of functions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LibraryReport {
    /// Its name, where its first line tells one.
    pub name: Option<String>,
    /// Length of its source.
    pub source_bytes: u64,
}

/// A checksum: 16 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChecksumReport {
    /// The verdict.
    pub state: ChecksumState,
    /// What the file says, when it is wrong.
    pub stored: Option<String>,
    /// What its bytes give, when it is wrong.
    pub computed: Option<String>,
}

/// Sums over keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyTotals {
    /// Keys.
    pub keys: u64,
    /// Keys with an expiry, whether past or not.
    pub expiring_keys: u64,
    /// Of these, keys whose expiry was past when the file was written; `null` where it does not tell the time before its
    /// keys.
    pub expired_when_written: Option<u64>,
    /// Keys whose expiry is past at `reference_ms` of the file; `null` without that.
    pub expired_keys: Option<u64>,
    /// Values as they lie in the file.
    pub serialized_bytes: u64,
    /// What DUMP would return for all of them.
    pub payload_bytes: u64,
    /// What the keys take on the server that memory is computed for; keys of unknown memory not counted.
    pub memory_bytes_estimate: u64,
    /// Keys whose memory cannot be known (modules).
    pub memory_unknown_keys: u64,
}

/// What a snapshot takes on a server that has loaded it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LoadedMemoryReport {
    /// The keys, and the tables that hold them.
    pub used_bytes: u64,
    /// The keys.
    pub keys_bytes: u64,
    /// The tables: of databases, and in cluster mode of each slot where the server keeps such.
    pub tables_bytes: u64,
    /// The same tables in the mode that the snapshot was written in, as far as it tells.
    pub tables_as_written_bytes: u64,
    /// The standard deviation of the keys' memory: what the server draws by lot.
    pub deviation_bytes: u64,
    /// Keys whose memory cannot be known (modules), which count as nothing.
    pub unknown_keys: u64,
}

impl LoadedMemoryReport {
    fn new(memory: &LoadedMemory) -> LoadedMemoryReport {
        LoadedMemoryReport {
            used_bytes: memory.used_bytes(),
            keys_bytes: memory.keys_bytes,
            tables_bytes: memory.tables_bytes,
            tables_as_written_bytes: memory.tables_as_written_bytes,
            deviation_bytes: deviation(memory.variance),
            unknown_keys: memory.unknown_keys,
        }
    }
}

/// Keys of one type in one encoding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TypeTotals {
    /// Data type, the server's word.
    #[serde(rename = "type")]
    pub data_type: String,
    /// How the values lie in the file, the server's word.
    pub encoding: String,
    /// Keys.
    pub keys: u64,
    /// Their elements (bytes for strings); modules add nothing.
    pub elements: u64,
    /// Values as they lie in the file.
    pub serialized_bytes: u64,
    /// What DUMP would return for all of them.
    pub payload_bytes: u64,
    /// What the keys take on the server that memory is computed for; keys of unknown memory not counted.
    pub memory_bytes_estimate: u64,
    /// Keys whose memory cannot be known (modules).
    pub memory_unknown_keys: u64,
    /// The standard deviation of that memory: what the server draws by lot.
    pub memory_deviation_bytes: u64,
    /// Bytes of all elements, integers as text; `null` where those of any key were not looked for
    /// (`--elements`) or could not be.
    pub element_bytes: Option<u64>,
    /// The longest element; `null` likewise.
    pub largest_element_bytes: Option<u64>,
    /// Keys with blobs that are broken inside, where that was looked for.
    pub broken_keys: u64,
    /// Keys whose expiry is past at `reference_ms` of the file; `null` without that.
    pub expired_keys: Option<u64>,
    /// Hash fields with a TTL, whether past or not.
    pub fields_with_ttl: u64,
    /// Of these, fields whose expiry is past at `reference_ms` of the file; `null` without that.
    pub fields_expired: Option<u64>,
    /// Consumer groups of streams.
    pub groups: u64,
    /// Their consumers.
    pub consumers: u64,
    /// Entries that they delivered and nobody acknowledged.
    pub pending: u64,
    /// Entries of streams that are deleted and still take room.
    pub deleted_entries: u64,
}

/// Keys of one database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DatabaseTotals {
    /// Database number.
    pub db: u64,
    /// Keys counted.
    pub keys: u64,
    /// Of these, keys with an expiry.
    pub expiring_keys: u64,
    /// Keys that the file declares for it, a hint.
    pub declared_keys: Option<u64>,
    /// Expiring keys that the file declares for it, a hint.
    pub declared_expiring_keys: Option<u64>,
}

/// What one module left in the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ModuleTotals {
    /// Its name, nine characters.
    pub name: String,
    /// Version of its encoding.
    pub version: u16,
    /// Keys with a value of the module.
    pub keys: u64,
    /// What DUMP would return for all of them.
    pub payload_bytes: u64,
    /// Blocks of the module's own data outside the keys.
    pub aux_blocks: u64,
}

/// Declared slot totals against the keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SlotInfoReport {
    /// Totals that the file declares.
    pub declared: u64,
    /// Of these, totals that the keys do not bear out.
    pub differing: u64,
    /// Keys that lie outside the section of their slot.
    pub stray_keys: u64,
    /// Totals of slots that there are not.
    pub out_of_range: u64,
    /// Totals of slots that were declared before, in the same database.
    pub repeated: u64,
    /// Totals of slots below the one before.
    pub out_of_order: u64,
    /// Totals that could not be understood, not in `declared`.
    pub unreadable: u64,
}

impl InspectDocument {
    /// Puts reports into their document; `is_incomplete` tells that the backup of a cluster lacks something.
    pub fn new(
        files: Vec<FileReport>,
        unreadable: Vec<UnreadableFile>,
        warnings: Vec<Notice>,
        is_incomplete: bool,
    ) -> InspectDocument {
        let all_whole = unreadable.is_empty() && files.iter().all(|file| file.whole);
        InspectDocument {
            format_version: FORMAT_VERSION,
            tool: Tool::this(),
            partial: is_incomplete || !all_whole,
            files,
            unreadable,
            warnings,
        }
    }
}

impl FileReport {
    /// What there is to say of a file.
    pub fn new(
        summary: &FileSummary,
        estimates: Estimates,
        cross_check: Option<CrossCheck>,
    ) -> FileReport {
        let (stored, computed) = match summary.checksum {
            Checksum::Wrong { stored, computed } => (Some(stored), Some(computed)),
            _ => (None, None),
        };
        let totals = KeyTotals::new(summary);
        let hexadecimal = |sum: u64| format!("{sum:016x}");
        FileReport {
            file: summary.path.display().to_string(),
            wrapping: summary
                .wrapping
                .iter()
                .map(|container| container.word().to_owned())
                .collect(),
            layers: summary.layers.iter().map(LayerReport::new).collect(),
            file_bytes: summary.file_bytes,
            bytes: summary.bytes,
            bytes_read: summary.bytes_read,
            complete: summary.damage.is_none(),
            whole: summary.is_whole(),
            changed: summary.changed,
            damage: summary.damage.as_ref().map(DamageReport::new),
            salvage: summary.salvage.as_ref().map(SalvageReport::new),
            rdb_family: family_word(summary.header.family).to_owned(),
            rdb_version: summary.header.version,
            written_by: summary.written_by.as_ref().map(ToString::to_string),
            written_at_s: summary.written_at_s,
            used_memory_bytes: summary.used_memory_bytes,
            used_memory_share_estimate: summary
                .used_memory_bytes
                .filter(|&used| used > 0 && is_of_writer(summary, &estimates))
                .map(|used| summary.loaded_memory.used_as_written_bytes() as f64 / used as f64),
            loaded_memory: LoadedMemoryReport::new(&summary.loaded_memory),
            aux: summary
                .aux
                .iter()
                .map(|field| AuxRow {
                    name: field.name.clone(),
                    value: field.value.clone(),
                    value_bytes: field.value_bytes,
                })
                .collect(),
            aux_unlisted: summary.aux_unlisted,
            scripts: summary.scripts,
            checksum: ChecksumReport {
                state: ChecksumState::of(summary.checksum),
                stored: stored.map(hexadecimal),
                computed: computed.map(hexadecimal),
            },
            estimates,
            reference_ms: summary.reference_ms,
            elements_seen: summary.detail != Detail::Counts,
            totals,
            types: summary.types.iter().map(TypeTotals::new).collect(),
            databases: summary
                .databases
                .iter()
                .map(|row| DatabaseTotals {
                    db: row.db,
                    keys: row.keys,
                    expiring_keys: row.expiring_keys,
                    declared_keys: row.declared.map(|(keys, _)| keys),
                    declared_expiring_keys: row.declared.map(|(_, expiring)| expiring),
                })
                .collect(),
            functions: summary.functions,
            libraries: summary
                .libraries
                .iter()
                .map(|row| LibraryReport {
                    name: row.name.clone(),
                    source_bytes: row.source_bytes,
                })
                .collect(),
            modules: summary
                .modules
                .iter()
                .map(|row| ModuleTotals {
                    name: row.name.clone(),
                    version: row.version,
                    keys: row.keys,
                    payload_bytes: row.payload_bytes,
                    aux_blocks: row.aux_blocks,
                })
                .collect(),
            empty_collections: summary.empty_collections,
            slot_info: summary.slot_info.map(|check| SlotInfoReport {
                declared: check.declared,
                differing: check.differing,
                stray_keys: check.stray_keys,
                out_of_range: check.out_of_range,
                repeated: check.repeated,
                out_of_order: check.out_of_order,
                unreadable: check.unreadable,
            }),
            importing: super::ranges(&summary.importing),
            trailing_bytes: summary.trailing_bytes,
            account: summary.account.iter().map(PartReport::new).collect(),
            claims: summary.claims.iter().map(ClaimReport::new).collect(),
            warnings: summary
                .warnings
                .iter()
                .map(|warning| Notice::new(Some(summary.path.display().to_string()), warning))
                .collect(),
            cross_check,
        }
    }
}

impl DamageReport {
    fn new(damage: &Damage) -> DamageReport {
        DamageReport {
            offset: damage.offset,
            truncated: damage.truncated,
            message: damage.message.clone(),
            db: damage.in_key.as_ref().map(|&(db, _)| db),
            key: damage.in_key.as_ref().map(|(_, key)| key.clone()),
            keys_before: damage.keys_before,
        }
    }
}

/// Whether memory was computed for the line of servers that wrote the snapshot, or for the one that stands in for it.
fn is_of_writer(summary: &FileSummary, estimates: &Estimates) -> bool {
    let writer = MemoryTarget::for_server(summary.written_by.as_ref()).target;
    estimates.memory_model.starts_with(&format!("{writer}-"))
}

impl KeyTotals {
    fn new(summary: &FileSummary) -> KeyTotals {
        let mut totals = KeyTotals {
            keys: summary.keys,
            expiring_keys: summary.expiring_keys,
            expired_when_written: summary.expired_when_written,
            expired_keys: summary.reference_ms.map(|_| 0),
            ..KeyTotals::default()
        };
        for row in &summary.types {
            if let (Some(all), Some(expired)) = (&mut totals.expired_keys, row.expired_keys) {
                *all += expired;
            }
            totals.serialized_bytes += row.serialized_bytes;
            totals.payload_bytes += row.payload_bytes;
            totals.memory_bytes_estimate += row.memory_bytes_estimate;
            totals.memory_unknown_keys += row.memory_unknown_keys;
        }
        totals
    }
}

impl TypeTotals {
    fn new(row: &TypeRow) -> TypeTotals {
        TypeTotals {
            data_type: row.data_type.name().to_owned(),
            encoding: row.encoding.name().to_owned(),
            keys: row.keys,
            elements: row.elements,
            serialized_bytes: row.serialized_bytes,
            payload_bytes: row.payload_bytes,
            memory_bytes_estimate: row.memory_bytes_estimate,
            memory_unknown_keys: row.memory_unknown_keys,
            memory_deviation_bytes: deviation(row.memory_variance),
            element_bytes: row.element_bytes,
            largest_element_bytes: row.largest_element_bytes,
            broken_keys: row.broken_keys,
            expired_keys: row.expired_keys,
            fields_with_ttl: row.fields_with_ttl,
            fields_expired: row.fields_expired,
            groups: row.groups,
            consumers: row.consumers,
            pending: row.pending,
            deleted_entries: row.deleted_entries,
        }
    }
}
