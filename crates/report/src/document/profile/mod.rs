//! The saved profile: what a scan found, kept for plans, comparisons and verification to come.
//!
//! It holds the files apart, each with its rows by slot as [`SlotRows`](preshard_analyzer::SlotRows), so that they can be
//! joined with any topology and with other files later. Whoever reads one trusts nothing in it: see [`read`].

mod lines;
mod read;

use std::collections::BTreeMap;

use preshard_analyzer::{Checksum, FileFacts, KeyName, Scanned, Touch};
use preshard_slots::{NodeId, SlotSet};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use lines::{NameLine, SlotLine};
pub use read::{ReadError, ReadFile, Recognised};

use super::input::family_word;
use super::key_record::KeyNameSchema;
use super::{FORMAT_VERSION, Notice, Precision, Tool, ranges};

/// The word by which a saved profile is recognised.
pub const PROFILE_FORMAT: &str = "preshard-slot-profile";

/// What `preshard slots --save` keeps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProfileDocument {
    /// `preshard-slot-profile`: what the file is recognised by, so it comes first.
    pub format: String,
    /// Version of this document's form: 1.
    pub format_version: u32,
    /// What wrote it.
    pub tool: Tool,
    /// Who owned the slots, where something told; `null` otherwise.
    pub topology: Option<SavedTopology>,
    /// What was found beside the snapshots and not read.
    pub left_out: Vec<Notice>,
    /// The snapshots, in the order in which they were given.
    pub files: Vec<SavedFile>,
    /// CRC-64 (as of snapshots) of the document without white space and with this field empty, 16 hexadecimal digits.
    pub checksum: String,
}

/// The text that told who owned the slots.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SavedTopology {
    /// The file that it was in.
    pub file: String,
    /// All of it.
    #[schemars(with = "KeyNameSchema")]
    pub content: KeyName,
}

/// One snapshot and its keys by slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SavedFile {
    /// Where it was opened.
    pub file: String,
    /// The node it is a backup of, where its name or its directory told.
    pub node: Option<String>,
    /// Length of the snapshot, unwrapped.
    pub bytes: u64,
    /// `redis` or `valkey`.
    pub rdb_family: String,
    /// Version of the format.
    pub rdb_version: u32,
    /// The server that wrote it, where the file tells: its product and version.
    pub written_by: Option<(String, String)>,
    /// When it was written, Unix seconds, where the file tells.
    pub written_at_s: Option<i64>,
    /// The verdict on its checksum.
    pub checksum: SavedChecksum,
    /// True when nothing is known to be missing or wrong, as in other documents.
    pub whole: bool,
    /// Keys read.
    pub keys: u64,
    /// Function libraries.
    pub functions: u64,
    /// Slots that were being imported when the file was written.
    pub importing: Vec<(u16, u16)>,
    /// Why reading ended early, in words; `null` where it did not.
    pub damage: Option<String>,
    /// Where reading went on behind damage: the slots of which keys may be missing.
    pub salvaged: Option<SavedTouch>,
    /// Whether it was written to while it was read.
    pub changed: bool,
    /// What deserves attention in it.
    pub remarks: Vec<SavedRemark>,
    /// How the estimates came about.
    pub basis: SavedBasis,
    /// Keys with a predicted block of at least this are listed by name.
    pub floor_block_ns: u64,
    /// Keys with a payload of at least this are listed by name.
    pub floor_payload_bytes: u64,
    /// Keys above the floors that are not listed.
    pub names_dropped: u64,
    /// A row for each slot with keys, ascending.
    pub slots: Vec<SlotLine>,
    /// Keys above the floors, worst first.
    pub named: Vec<NameLine>,
}

/// The verdict on a checksum, with its numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum SavedChecksum {
    /// Computed and equal.
    Verified,
    /// The version has none (RDB below 5).
    Absent,
    /// The server was told not to compute it (`rdbchecksum no`).
    Off,
    /// Computed and different.
    Wrong {
        /// What the file says.
        stored: u64,
        /// What its bytes give.
        computed: u64,
    },
    /// Reading ended before the checksum.
    NotReached,
}

/// Slots of which keys may be missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum SavedTouch {
    /// No others than these, as inclusive ranges.
    Slots(Vec<(u16, u16)>),
    /// Any.
    Any,
}

/// A warning about a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SavedRemark {
    /// Its name: `modules`, `wrong-checksum`...
    pub name: String,
    /// The matter and its numbers, in words.
    pub message: String,
}

/// How the estimates of a file came about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SavedBasis {
    /// The cost profile behind every predicted time.
    pub cost_profile: String,
    /// What that profile rests on, in words.
    pub cost_basis: String,
    /// What was stated of how the keys are moved, each in words.
    pub cost_effects: Vec<String>,
    /// How far predicted times may be off, in thousandths of them.
    pub cost_spread_permille: [u32; 2],
    /// What every MIGRATE call costs in that profile besides its keys.
    pub call_fixed_ns: u64,
    /// The model behind every memory figure.
    pub memory_model: String,
    /// Which server that stands for, in words.
    pub memory_basis: String,
    /// How far memory figures may be trusted.
    pub memory_precision: Precision,
    /// The settings of the server that the model was given.
    pub memory_settings: BTreeMap<String, i64>,
}

/// What is saved of one file, from those who know it.
pub struct FileToSave<'a> {
    /// The file and its keys.
    pub scanned: &'a Scanned,
    /// The node it is a backup of, where its name or its directory told.
    pub node: Option<&'a NodeId>,
    /// How the estimates came about.
    pub basis: SavedBasis,
}

impl ProfileDocument {
    /// Puts scans into a document.
    pub fn new<'a>(
        topology: Option<SavedTopology>,
        left_out: Vec<Notice>,
        files: impl IntoIterator<Item = FileToSave<'a>>,
    ) -> ProfileDocument {
        let mut document = ProfileDocument {
            format: PROFILE_FORMAT.to_owned(),
            format_version: FORMAT_VERSION,
            tool: Tool::this(),
            topology,
            left_out,
            files: files.into_iter().map(SavedFile::new).collect(),
            checksum: String::new(),
        };
        document.seal();
        document
    }

    /// Writes down the checksum of what it holds.
    pub fn seal(&mut self) {
        self.checksum = self.checksum_of_content();
    }
}

impl SavedFile {
    fn new(file: FileToSave<'_>) -> SavedFile {
        let rows = file.scanned.rows();
        let FileFacts {
            path,
            saved_in: _,
            bytes,
            header,
            written_by,
            written_at_s,
            checksum,
            whole,
            keys,
            functions,
            importing,
            damage,
            salvaged,
            changed,
            remarks,
        } = &file.scanned.file;
        SavedFile {
            file: path.display().to_string(),
            node: file.node.map(|node| node.0.clone()),
            bytes: *bytes,
            rdb_family: family_word(header.family).to_owned(),
            rdb_version: header.version,
            written_by: written_by
                .as_ref()
                .map(|server| (server.product.name().to_owned(), server.version.clone())),
            written_at_s: *written_at_s,
            checksum: SavedChecksum::of(*checksum),
            whole: *whole,
            keys: *keys,
            functions: *functions,
            importing: ranges(importing),
            damage: damage.clone(),
            salvaged: salvaged.as_ref().map(|touch| match touch {
                Touch::Slots(slots) => SavedTouch::Slots(ranges(slots)),
                Touch::Any => SavedTouch::Any,
            }),
            changed: *changed,
            remarks: remarks
                .iter()
                .map(|remark| SavedRemark {
                    name: remark.name.clone(),
                    message: remark.message.clone(),
                })
                .collect(),
            basis: file.basis,
            floor_block_ns: rows.floor_block_ns,
            floor_payload_bytes: rows.floor_payload_bytes,
            names_dropped: rows.names_dropped,
            slots: rows
                .slots
                .iter()
                .map(|(slot, facts)| SlotLine::new(*slot, facts))
                .collect(),
            named: rows.named.iter().map(NameLine::new).collect(),
        }
    }
}

impl SavedChecksum {
    fn of(checksum: Checksum) -> SavedChecksum {
        match checksum {
            Checksum::Verified => SavedChecksum::Verified,
            Checksum::Absent => SavedChecksum::Absent,
            Checksum::Off => SavedChecksum::Off,
            Checksum::Wrong { stored, computed } => SavedChecksum::Wrong { stored, computed },
            Checksum::NotReached => SavedChecksum::NotReached,
        }
    }
}

impl From<SavedChecksum> for Checksum {
    fn from(checksum: SavedChecksum) -> Checksum {
        match checksum {
            SavedChecksum::Verified => Checksum::Verified,
            SavedChecksum::Absent => Checksum::Absent,
            SavedChecksum::Off => Checksum::Off,
            SavedChecksum::Wrong { stored, computed } => Checksum::Wrong { stored, computed },
            SavedChecksum::NotReached => Checksum::NotReached,
        }
    }
}

/// The set that inclusive ranges stand for; the first pair that is no range of slots otherwise.
fn set_of(ranges: &[(u16, u16)]) -> Result<SlotSet, (u16, u16)> {
    let mut set = SlotSet::new();
    for &(first, last) in ranges {
        if first > last {
            return Err((first, last));
        }
        for number in first..=last {
            let slot = preshard_slots::Slot::new(number).ok_or((first, last))?;
            set.insert(slot);
        }
    }
    Ok(set)
}
