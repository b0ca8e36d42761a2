//! What is not known of a damaged file.

use preshard_analyzer::{Gap, KeyName, Salvage, Touch};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::key_record::KeyNameSchema;

/// What is not known of a damaged file where reading went on behind the damage (`--salvage`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SalvageReport {
    /// Bytes of which nothing is known.
    pub unknown_bytes: u64,
    /// Keys that the file has and this report has not; `null` when it is not known.
    pub keys_missing: Option<u64>,
    /// Slots of which keys may be missing, as inclusive ranges; `null` when it may be any.
    pub slots: Option<Vec<(u16, u16)>>,
    /// Where the bytes lie.
    pub gaps: Vec<GapReport>,
}

/// Bytes of which nothing is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GapReport {
    /// Absolute offset of the first.
    pub offset: u64,
    /// How many; 0 where keys are missing, or not certain, and nothing shows where.
    pub bytes: u64,
    /// What showed the damage.
    pub message: String,
    /// Keys that are missing because of this gap; `null` when that is not known of it alone.
    pub keys_missing: Option<u64>,
    /// Keys that begin there, as far as their names can be read. With a `repair` they are the keys that are missing, and no
    /// others are; without, there may be more, and the names may be damaged themselves.
    pub lost_keys: Vec<LostKeyRow>,
    /// Slots of which keys may be missing, as inclusive ranges; `null` when it may be any.
    pub slots: Option<Vec<(u16, u16)>>,
    /// Bytes that would make the checksum right, where so few were changed that it tells.
    pub repair: Option<RepairReport>,
}

/// A key that may be missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LostKeyRow {
    /// Its database.
    pub db: u64,
    /// Its name.
    #[schemars(with = "KeyNameSchema")]
    pub key: KeyName,
}

/// Bytes that would make the checksum right.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RepairReport {
    /// Absolute offset of the first.
    pub offset: u64,
    /// The bytes, in hexadecimal digits.
    pub bytes: String,
}

impl SalvageReport {
    pub(super) fn new(salvage: &Salvage) -> SalvageReport {
        SalvageReport {
            unknown_bytes: salvage.unknown_bytes,
            keys_missing: salvage.keys_missing(),
            slots: salvage.slots().as_ref().map(super::ranges),
            gaps: salvage.gaps.iter().map(GapReport::new).collect(),
        }
    }
}

impl GapReport {
    fn new(gap: &Gap) -> GapReport {
        let lost = gap.lost_keys.iter().map(|lost| LostKeyRow {
            db: lost.db,
            key: lost.key.clone(),
        });
        GapReport {
            offset: gap.offset,
            bytes: gap.bytes,
            message: gap.message.clone(),
            keys_missing: gap.keys_missing,
            lost_keys: lost.collect(),
            slots: match &gap.touches {
                Touch::Slots(slots) => Some(super::ranges(slots)),
                Touch::Any => None,
            },
            repair: gap.repair.as_ref().map(|repair| RepairReport {
                offset: repair.offset,
                bytes: repair
                    .bytes
                    .iter()
                    .map(|byte| format!("{byte:02x}"))
                    .collect(),
            }),
        }
    }
}
