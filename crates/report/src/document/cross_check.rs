//! What a second, independent reader says of a file.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A comparison with a second reader, key by key in file order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CrossCheck {
    /// The other reader and its version.
    pub reader: String,
    /// The verdict.
    pub result: Agreement,
    /// Keys of which name, database, type, number of elements and expiry were compared.
    pub keys_compared: u64,
    /// What the other reader does not tell, and how many keys that concerns.
    pub not_compared: Vec<NotCompared>,
    /// Each difference, in words; the first of them.
    pub differences: Vec<String>,
    /// Differences that are not listed.
    pub differences_unlisted: u64,
}

/// How two readers stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Agreement {
    /// All that was compared is equal.
    Agrees,
    /// Something is not.
    Differs,
    /// The other reader does not know the format.
    Unreadable,
    /// The other reader was not asked, because the file is damaged.
    NotAsked,
}

/// Something that the other reader does not tell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NotCompared {
    /// What.
    pub what: String,
    /// Keys concerned; `null` where it is no matter of keys.
    pub keys: Option<u64>,
}
