//! The documents: what the outputs of preshard are made of, with every figure computed.
//!
//! Each document says its `format_version`. Within one version fields may be added; a field never
//! changes its meaning, and none goes away, without a new version.
//!
//! - Bytes are exact integers; times end in `_ms` or `_us` and say so; slots are inclusive ranges.
//! - A key's name is `{"text": ...}` when it is UTF-8 and `{"base64": ...}` otherwise.
//! - Whatever is an estimate has *estimate* in its name or stands beside [`Estimates`], which names the
//!   model and how far it may be trusted.

mod compare;
mod cross_check;
mod diff;
mod input;
mod inspect;
mod key_record;
mod members;
mod millis;
mod plan;
mod plan_read;
mod planned_key;
mod profile;
mod ruled;
mod salvage;
mod slots;
mod trust;
mod verify;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use compare::{CompareDocument, ComparedInputs, FullestTarget, GoalRow};
pub use cross_check::{Agreement, CrossCheck, NotCompared};
pub use diff::{
    Amounts, DiffDocument, DiffView, Growth, KeyAmounts, KeyGrowth, PrefixGrowth, PrefixRows, Rows,
    ShardGrowth, Side, SideFacts, SlotGrowth,
};
pub use input::{ChecksumState, InputFacts, Notice};
pub use inspect::{
    AuxRow, ChecksumReport, DamageReport, DatabaseTotals, FileReport, InspectDocument, KeyTotals,
    LibraryReport, ModuleTotals, SlotInfoReport, TypeTotals, UnreadableFile,
};
pub use key_record::{KeyRecord, ModuleRef};
pub use members::{FieldLine, MemberLine, MemberLines, Number, PairLine, Real, SizeRow, SizesLine};
pub use millis::Millis;
pub use plan::{HeldGroup, NodeShare, PlanDocument};
pub use plan_read::PlanReadError;
pub use planned_key::{MovedBy, PlannedKey, PlannedKeys};
pub use profile::{
    FileToSave, ProfileDocument, ReadError, ReadFile, Recognised, SavedBasis, SavedFile,
    SavedTopology,
};
pub use ruled::{RuledSlot, RulingKey, TagRow};
pub use salvage::{GapReport, LostKeyRow, RepairReport, SalvageReport};
pub use slots::{DoubtRow, Holds, ShardRow, SlotRow, SlotsDocument};
pub use trust::{ClaimReport, ClaimState, PartReport};
pub use verify::{Ages, HeldAgainst, PlanVerdict, VerifyDocument};

/// The version of the documents that this crate writes.
pub const FORMAT_VERSION: u32 = 1;

/// What wrote a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tool {
    /// `preshard`.
    pub name: String,
    /// Its version.
    pub version: String,
}

impl Tool {
    /// This build.
    pub fn this() -> Tool {
        Tool {
            name: "preshard".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }
}

/// How the estimates of a document came about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Estimates {
    /// The model behind every memory figure: server line, allocator, and whether it is in cluster mode.
    pub memory_model: String,
    /// Which server that stands for, in words.
    pub memory_basis: String,
    /// How far memory figures may be trusted.
    pub memory_precision: Precision,
    /// The cost profile behind every predicted time.
    pub cost_profile: String,
    /// What that profile rests on, in words.
    pub cost_basis: String,
    /// Settings and circumstances that were stated of the servers and the network, whether or not they change a predicted
    /// time: `rdbcompression no`.
    pub cost_effects: Vec<String>,
    /// How far sums of predicted times may be off: between which parts of them they will lie, in thousandths.
    pub cost_spread_permille: [u32; 2],
}

/// How far an estimate may be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Precision {
    /// Computed for this server line. Sums were within 0.1 % of what servers used that had loaded the keys.
    Modelled,
    /// Computed for another line of servers, which comes near.
    StandIn,
}

impl Precision {
    /// The word that every output carries.
    pub fn word(self) -> &'static str {
        match self {
            Precision::Modelled => "modelled",
            Precision::StandIn => "stand-in",
        }
    }
}

/// A set of slots as inclusive ranges.
fn ranges(slots: &preshard_slots::SlotSet) -> Vec<(u16, u16)> {
    slots
        .ranges()
        .iter()
        .map(|range| (range.first.number(), range.last.number()))
        .collect()
}

/// The standard deviation of a sum of bytes, in whole bytes.
fn deviation(variance: u64) -> u64 {
    (variance as f64).sqrt().round() as u64
}

/// A part of a whole, to a millionth: decimals that every reader of JSON takes for the same number.
fn share(part: u64, whole: u64) -> f64 {
    const DECIMALS: f64 = 1e6;
    if whole == 0 {
        return 0.0;
    }
    (part as f64 / whole as f64 * DECIMALS).round() / DECIMALS
}
