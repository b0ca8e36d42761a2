//! What a document says of the snapshots it rests on.

use preshard_analyzer::{Checksum, Damage, Family, FileFacts, Remark, Warning};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A snapshot that a document rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InputFacts {
    /// The file, as it was named on the command line or found in a directory named there.
    pub file: String,
    /// Its length.
    pub bytes: u64,
    /// `redis` or `valkey`: which family's numbers the format uses.
    pub rdb_family: String,
    /// Version of the format.
    pub rdb_version: u32,
    /// The server that wrote it, where the file tells.
    pub written_by: Option<String>,
    /// When it was written, Unix seconds, where the file tells.
    pub written_at_s: Option<i64>,
    /// The verdict on its checksum.
    pub checksum: ChecksumState,
    /// True when the file was read to its end.
    pub complete: bool,
    /// True when it is complete, its checksum is not wrong, no other snapshot follows in the same file, and nobody wrote to it
    /// while it was read.
    pub whole: bool,
    /// Keys read.
    pub keys: u64,
    /// The node it is a backup of, where that is known.
    pub node: Option<String>,
    /// The saved profile that this was read from; `null` where the file itself was read.
    pub saved_in: Option<String>,
}

/// The verdict on a checksum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ChecksumState {
    /// Computed and equal.
    Verified,
    /// The version has none (RDB below 5).
    Absent,
    /// The server was told not to compute it (`rdbchecksum no`).
    Off,
    /// Computed and different: some byte has changed since the server wrote the file.
    Wrong,
    /// Reading ended before the checksum.
    NotReached,
}

/// Something that a reader of the results must know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Notice {
    /// The file it concerns, where it concerns one alone.
    pub file: Option<String>,
    /// Its name, stable: `wrong-checksum`, `foreign-keys`...
    pub name: String,
    /// The matter and its numbers, in words.
    pub message: String,
}

impl InputFacts {
    /// What there is to say of a file and the node it belongs to.
    pub fn new(file: &FileFacts, node: Option<String>) -> InputFacts {
        let saved_in = file.saved_in.as_ref();
        InputFacts {
            file: file.path.display().to_string(),
            bytes: file.bytes,
            rdb_family: family_word(file.header.family).to_owned(),
            rdb_version: file.header.version,
            written_by: file.written_by.as_ref().map(ToString::to_string),
            written_at_s: file.written_at_s,
            checksum: ChecksumState::of(file.checksum),
            complete: file.damage.is_none(),
            whole: file.whole,
            keys: file.keys,
            node,
            saved_in: saved_in.map(|path| path.display().to_string()),
        }
    }
}

impl ChecksumState {
    /// The state without its numbers.
    pub fn of(checksum: Checksum) -> ChecksumState {
        match checksum {
            Checksum::Verified => ChecksumState::Verified,
            Checksum::Absent => ChecksumState::Absent,
            Checksum::Off => ChecksumState::Off,
            Checksum::Wrong { .. } => ChecksumState::Wrong,
            Checksum::NotReached => ChecksumState::NotReached,
        }
    }
}

impl Notice {
    /// A warning about a file, or about all of them.
    pub fn new(file: Option<String>, warning: &Warning) -> Notice {
        Notice {
            file,
            name: warning.name().to_owned(),
            message: warning.to_string(),
        }
    }
}

impl Notice {
    /// What deserves attention in a file.
    pub fn remark(file: String, remark: &Remark) -> Notice {
        Notice {
            file: Some(file),
            name: remark.name.clone(),
            message: remark.message.clone(),
        }
    }

    /// The damage that ended the reading of a file.
    pub fn damage(file: String, damage: &Damage) -> Notice {
        Notice::damaged(file, damage.to_string())
    }

    /// The same in words.
    pub fn damaged(file: String, message: String) -> Notice {
        Notice {
            file: Some(file),
            name: "damaged".to_owned(),
            message,
        }
    }
}

/// The word for a family.
pub(super) fn family_word(family: Family) -> &'static str {
    match family {
        Family::Redis => "redis",
        Family::Valkey => "valkey",
    }
}
