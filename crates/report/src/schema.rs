//! JSON Schemas of the documents, from the same types that write them.

use schemars::Schema;
use schemars::generate::SchemaSettings;

use crate::document::{CompareDocument, DiffDocument, MemberLine, PlannedKey, VerifyDocument};
use crate::{InspectDocument, KeyRecord, PlanDocument, ProfileDocument, SlotsDocument};

/// The schemas there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DocumentKind {
    /// `preshard plan --format json`, `plan.json`.
    Plan,
    /// `preshard inspect --format json`.
    Inspect,
    /// `preshard slots --format json`.
    Slots,
    /// One line of `preshard keys --format ndjson`.
    Keys,
    /// One line of `preshard keys --key KEY --members --format ndjson`.
    Members,
    /// `preshard slots --save`.
    Profile,
    /// `preshard verify --format json`.
    Verify,
    /// `preshard plan --goal ... --sweep ... --format json`.
    Compare,
    /// `preshard diff --format json`.
    Diff,
    /// One line of `preshard plan --key-list`.
    KeyList,
}

impl DocumentKind {
    /// All of them.
    pub const ALL: [DocumentKind; 10] = [
        DocumentKind::Plan,
        DocumentKind::Inspect,
        DocumentKind::Slots,
        DocumentKind::Keys,
        DocumentKind::Members,
        DocumentKind::Profile,
        DocumentKind::Verify,
        DocumentKind::Compare,
        DocumentKind::Diff,
        DocumentKind::KeyList,
    ];

    /// Its name: `plan`, `inspect`, `slots`, `keys`, `members`, `profile`, `verify`, `compare`.
    pub fn name(self) -> &'static str {
        match self {
            DocumentKind::Plan => "plan",
            DocumentKind::Inspect => "inspect",
            DocumentKind::Slots => "slots",
            DocumentKind::Keys => "keys",
            DocumentKind::Members => "members",
            DocumentKind::Profile => "profile",
            DocumentKind::Verify => "verify",
            DocumentKind::Compare => "compare",
            DocumentKind::Diff => "diff",
            DocumentKind::KeyList => "key-list",
        }
    }

    /// The JSON Schema (draft 2020-12) that every output of this kind meets.
    pub fn schema(self) -> Schema {
        // What is written is described, not what could be read back: a field that may be null is
        // there all the same.
        let generator = SchemaSettings::draft2020_12()
            .for_serialize()
            .into_generator();
        match self {
            DocumentKind::Plan => generator.into_root_schema_for::<PlanDocument>(),
            DocumentKind::Inspect => generator.into_root_schema_for::<InspectDocument>(),
            DocumentKind::Slots => generator.into_root_schema_for::<SlotsDocument>(),
            DocumentKind::Keys => generator.into_root_schema_for::<KeyRecord<'_>>(),
            DocumentKind::Members => generator.into_root_schema_for::<MemberLine<'_>>(),
            DocumentKind::Profile => generator.into_root_schema_for::<ProfileDocument>(),
            DocumentKind::Verify => generator.into_root_schema_for::<VerifyDocument>(),
            DocumentKind::Compare => generator.into_root_schema_for::<CompareDocument>(),
            DocumentKind::Diff => generator.into_root_schema_for::<DiffDocument>(),
            DocumentKind::KeyList => generator.into_root_schema_for::<PlannedKey>(),
        }
    }
}
