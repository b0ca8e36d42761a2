//! What is kept of a scan: all that joining files and planning ask for, and nothing that only `inspect` shows.

use std::path::PathBuf;

use preshard_parser::Header;
use preshard_slots::SlotSet;

use crate::{Checksum, FileScan, FileSummary, Server, SlotProfile, SlotRows, Touch};

/// What is known of a scanned file further on.
#[derive(Debug, Clone, PartialEq)]
pub struct FileFacts {
    /// Where the file was opened.
    pub path: PathBuf,
    /// The saved profile that this was read from, where the file itself was not.
    pub saved_in: Option<PathBuf>,
    /// Length of the snapshot, unwrapped.
    pub bytes: u64,
    /// Family and version of the format.
    pub header: Header,
    /// The server that wrote it, where the file tells.
    pub written_by: Option<Server>,
    /// When it was written, Unix seconds.
    pub written_at_s: Option<i64>,
    /// The checksum's verdict.
    pub checksum: Checksum,
    /// As [`FileSummary::is_whole`].
    pub whole: bool,
    /// Keys.
    pub keys: u64,
    /// Function libraries.
    pub functions: u64,
    /// Slots that were being imported when the file was written.
    pub importing: SlotSet,
    /// Why reading ended before the file's end, in words.
    pub damage: Option<String>,
    /// Where reading went on behind the damage: the slots of which keys may be missing.
    pub salvaged: Option<Touch>,
    /// The file was written to while it was read.
    pub changed: bool,
    /// What deserves attention in the file.
    pub remarks: Vec<Remark>,
}

/// A warning in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    /// Its name, as documents carry it.
    pub name: String,
    /// The matter and its numbers.
    pub message: String,
}

/// A scanned file with its keys by slot: from the scan itself, or from a saved profile.
#[derive(Debug, Clone, PartialEq)]
pub struct Scanned {
    /// What the file is.
    pub file: FileFacts,
    /// The slots that hold keys.
    pub slots_with_keys: SlotSet,
    keys: Keys,
}

/// A profile of 16,384 rows takes megabytes whatever is in it; what was read from a file stays as small as it is there
/// until it is needed.
#[derive(Debug, Clone, PartialEq)]
enum Keys {
    Profile(SlotProfile),
    Rows(SlotRows),
}

impl Scanned {
    /// A file whose rows were read from a saved profile.
    pub fn saved(file: FileFacts, rows: SlotRows) -> Scanned {
        Scanned {
            file,
            slots_with_keys: rows.slots_with_keys(),
            keys: Keys::Rows(rows),
        }
    }

    /// The keys by slot.
    pub(crate) fn into_parts(self) -> (FileFacts, SlotProfile) {
        let profile = match self.keys {
            Keys::Profile(profile) => profile,
            Keys::Rows(rows) => rows.into_profile(),
        };
        (self.file, profile)
    }

    /// From which predicted block, nanoseconds, and which payload on keys are listed by name.
    pub fn floors(&self) -> (u64, u64) {
        match &self.keys {
            Keys::Profile(profile) => (profile.floor_block_ns, profile.floor_payload_bytes),
            Keys::Rows(rows) => (rows.floor_block_ns, rows.floor_payload_bytes),
        }
    }

    /// As [`SlotRows::raise_floors`].
    pub fn raise_floors(&mut self, block_ns: u64, payload_bytes: u64) {
        let mut rows = self.rows();
        rows.raise_floors(block_ns, payload_bytes);
        self.keys = Keys::Rows(rows);
    }

    /// The keys by slot, as they are saved.
    pub fn rows(&self) -> SlotRows {
        match &self.keys {
            Keys::Profile(profile) => SlotRows::of(profile),
            Keys::Rows(rows) => rows.clone(),
        }
    }
}

impl From<FileScan> for Scanned {
    fn from(scan: FileScan) -> Scanned {
        Scanned {
            file: FileFacts::of(&scan.summary),
            slots_with_keys: scan.profile.slots_with_keys(),
            keys: Keys::Profile(scan.profile),
        }
    }
}

impl FileFacts {
    /// What is kept of a scan's summary.
    pub fn of(summary: &FileSummary) -> FileFacts {
        FileFacts {
            path: summary.path.clone(),
            saved_in: None,
            bytes: summary.bytes,
            header: summary.header,
            written_by: summary.written_by.clone(),
            written_at_s: summary.written_at_s,
            checksum: summary.checksum,
            whole: summary.is_whole(),
            keys: summary.keys,
            functions: summary.functions,
            importing: summary.importing.clone(),
            damage: summary.damage.as_ref().map(ToString::to_string),
            salvaged: summary
                .salvage
                .as_ref()
                .map(|salvage| salvage.slots().map_or(Touch::Any, Touch::Slots)),
            changed: summary.changed,
            remarks: summary
                .warnings
                .iter()
                .map(|warning| Remark {
                    name: warning.name().to_owned(),
                    message: warning.to_string(),
                })
                .collect(),
        }
    }
}
