//! What each byte of a snapshot is, and what it says of itself.

use preshard_analyzer::{Claim, ClaimVerdict, Layer, Part};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One part of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PartReport {
    /// What it is: `header`, `aux-fields`, `databases` (selectors and sizes), `slot-totals`, `functions`, `module-aux`,
    /// `hash-templates`, `slot-imports`, `updates` (commands between the keys), `enterprise-fields`, `other-records`,
    /// `key-attributes` (expiry, idle time, LFU counter, metadata), `type-bytes`, `key-names`, `values`,
    /// `empty-collections`, `end` (end mark and checksum), `unread` (from the record that could not be read), and behind
    /// the snapshot `capture-end`, `commands`, `trailing`.
    pub part: String,
    /// Records, keys or pieces that it is made of.
    pub count: u64,
    /// The bytes they take in the file.
    pub bytes: u64,
}

/// One layer that a snapshot is wrapped in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LayerReport {
    /// What it is, as `wrapping` has it.
    pub wrapping: String,
    /// True when it was read to its end, holds as much as it says, and its checksums are right, where it has any.
    pub whole: bool,
    /// Its own bytes in what holds it: of a capture those in front of the snapshot, of what is compressed all; `null`
    /// when its end was not reached.
    pub bytes: Option<u64>,
    /// What stands behind what is compressed, and is not read: `capture-end`, `commands`, `trailing`. What stands behind a
    /// capture is in the account of the snapshot.
    pub behind: Vec<PartReport>,
}

/// Something that a file says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClaimReport {
    /// What it is about: `format-version`, `server`, `word-size`, `written-at`, `used-memory`, `append-only`, `capture-length`,
    /// `aux-field`,
    /// `database-totals`, `slot-totals`, `field-ttl-totals`.
    pub claim: String,
    /// What the file says.
    pub claimed: String,
    /// What was read.
    pub found: String,
    /// How the two compare.
    pub verdict: ClaimState,
    /// Why they cannot be compared.
    pub why: Option<String>,
}

/// How a claim compares with what was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ClaimState {
    /// What was read bears it out.
    Agrees,
    /// What was read contradicts it.
    Differs,
    /// What was read says nothing about it.
    NotComparable,
}

impl PartReport {
    pub(super) fn new(part: &Part) -> PartReport {
        PartReport {
            part: part.kind.name().to_owned(),
            count: part.count,
            bytes: part.bytes,
        }
    }
}

impl LayerReport {
    pub(super) fn new(layer: &Layer) -> LayerReport {
        LayerReport {
            wrapping: layer.container.word().to_owned(),
            whole: layer.whole,
            bytes: layer.bytes,
            behind: layer.behind.iter().map(PartReport::new).collect(),
        }
    }
}

impl ClaimReport {
    pub(super) fn new(claim: &Claim) -> ClaimReport {
        let (verdict, why) = match claim.verdict {
            ClaimVerdict::Agrees => (ClaimState::Agrees, None),
            ClaimVerdict::Differs => (ClaimState::Differs, None),
            ClaimVerdict::NotComparable(why) => (ClaimState::NotComparable, Some(why.to_owned())),
        };
        ClaimReport {
            claim: claim.kind.name().to_owned(),
            claimed: claim.claimed.clone(),
            found: claim.found.clone(),
            verdict,
            why,
        }
    }
}
