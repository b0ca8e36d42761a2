//! What can be done about a key that does not fit, with numbers.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Verdict;

/// One way out for one key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Remedy {
    /// Which.
    pub kind: RemedyKind,
    /// What to do.
    pub how: String,
    /// What changes for clients, or what it costs the servers; `null` where nothing does.
    pub breaks: Option<String>,
    /// What the key, or each of its parts, is by the predictions once this is done; `null` where it is gone, or where
    /// that is not known.
    pub leaves: Option<Verdict>,
    /// Into what it is to be divided, or to what it is to be cut back.
    pub parts: Option<Parts>,
    /// Settings that are to be raised, all of them together.
    pub settings: Vec<RaisedSetting>,
    /// Predicted block of the source then; `null` where it stays, or where nobody measured it.
    pub block_us: Option<u64>,
}

/// The ways out, the cheapest first.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum RemedyKind {
    /// Its slot stays, others move in its place.
    Pin,
    /// It has an expiry and is gone after it.
    WaitForExpiry,
    /// Nobody needs it.
    Unlink,
    /// Whoever runs the plan accepts the stop.
    Consent,
    /// The source deletes its copy in the background.
    LazyfreeServerDel,
    /// The source does not try to compress.
    NoCompression,
    /// A limit on payloads is raised.
    RaiseLimit,
    /// `cluster-node-timeout` is raised, and the limits on payloads where they are too low as well.
    RaiseNodeTimeout,
    /// Elements that nobody needs are taken off.
    Trim,
    /// Its elements go to several keys.
    Split,
    /// The string is cut into several.
    Chunk,
    /// Servers that move slots by themselves.
    AtomicMigration,
    /// Nobody uses the cluster while it moves.
    OfflineWindow,
}

/// Parts of a key, each of which moves within the limits.
///
/// Predictions for a part are its share of the key's, rounded up, and what any key costs: no part is taken to be cheaper for
/// being small. Elements are taken to be of like size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Parts {
    /// The least number of parts; 1 where the key is cut back.
    pub number: u64,
    /// Most elements of a part, bytes of a string: where a hash of the element chooses the part, with room for the fullest
    /// one. `null` for modules.
    pub elements_each: Option<u64>,
    /// Payload of such a part.
    pub payload_bytes_each: u64,
    /// Predicted block of the source by one, a call's fixed cost included; where no MIGRATE moves it, that of the target.
    pub block_us_each: u64,
    /// The part in which the target is blocked.
    pub restore_us_each: u64,
    /// The number of parts from which on none needs a call of its own; `null` where there are no calls, or where the key is
    /// cut back.
    pub number_for_shared_calls: Option<u64>,
    /// Bound on the commands that it takes to get there; `null` where the type's own commands are not known.
    pub commands_max: Option<u64>,
}

/// A setting of the servers, and what it must be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RaisedSetting {
    /// Its name among the plan's limits.
    pub limit: String,
    /// The servers' name for it.
    pub name: String,
    /// What is in force, milliseconds or bytes.
    pub now: u64,
    /// The least that helps.
    pub least: u64,
}
