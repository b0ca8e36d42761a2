//! Slots that stay where they are, and the keys that keep them there.

use preshard_analyzer::KeyName;
use preshard_slots::NodeId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{KeyNameSchema, Remedy};

/// A slot that stays where it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HeldSlot {
    /// The slot.
    pub slot: u16,
    /// Its owner; `null` when it has none.
    #[schemars(with = "Option<String>")]
    pub owner: Option<NodeId>,
    /// Its keys.
    pub keys: u64,
    /// Of these, keys with an expiry.
    pub expiring_keys: u64,
    /// Memory of its keys, and of its tables where it has such.
    pub memory_bytes: u64,
    /// Sum of their payloads.
    pub payload_bytes: u64,
    /// Whether the goal wanted it to move: it was ordered to, its owner is drained, or its owner gives in a balance.
    pub in_the_way: bool,
    /// Why, worst first; never empty.
    pub reasons: Vec<HoldReason>,
}

/// Why a slot is held.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "reason", deny_unknown_fields)]
#[non_exhaustive]
pub enum HoldReason {
    /// A named key breaks a rule.
    OversizedKey {
        /// The key.
        #[schemars(with = "KeyNameSchema")]
        key: KeyName,
        /// What is the matter with it.
        verdict: Verdict,
    },
    /// Keys that are not listed by name break a rule. Consent does not reach them: it is given to keys one knows.
    OversizedUnnamed {
        /// Bound on the worst block of one of them, a call's fixed cost included.
        worst_block_us: u64,
        /// Bound on the RESTORE of one of them.
        worst_restore_us: u64,
        /// Bound on the payload of one of them.
        payload_bytes_max: u64,
    },
    /// The topology or the files raise a doubt about the slot.
    Doubt {
        /// The doubt, in words.
        doubt: String,
    },
    /// Nobody owns the slot.
    Unassigned,
    /// The goal asks for it to stay.
    AskedToStay,
    /// The target would not have room for it, or the source none for the buffers of its calls.
    NoRoom,
    /// It may take longer than a window.
    NoWindow {
        /// The most that it may take.
        high_us: u64,
    },
}

/// What can be done with a key.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Moves with others in one call.
    Fits,
    /// Moves, in a call of its own.
    OwnCall,
    /// Its block exceeds the latency budget: moves only by consent (`--allow-oversized`).
    Oversized,
    /// Its payload exceeds a protocol or replica limit: cannot be moved by MIGRATE.
    PayloadLimit,
    /// Its block, its RESTORE or the timeout it needs comes near the failover clock: never moved.
    Forbidden,
}

/// A key that cannot be moved within the limits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OversizedKey {
    /// Database of the key.
    pub db: u64,
    /// The key.
    #[schemars(with = "KeyNameSchema")]
    pub key: KeyName,
    /// Its slot.
    pub slot: u16,
    /// Owner of the slot; `null` when it has none.
    #[schemars(with = "Option<String>")]
    pub node: Option<NodeId>,
    /// Data type, the server's word.
    pub data_type: String,
    /// How it lies in the file, the server's word.
    pub encoding: String,
    /// Elements; `null` for modules.
    pub elements: Option<u64>,
    /// What a MIGRATE would carry.
    pub payload_bytes: u64,
    /// Estimated memory; `null` when it cannot be known.
    pub memory_bytes: Option<u64>,
    /// Predicted block of the source, a call's fixed cost included.
    pub block_us: u64,
    /// The part in which the target would be blocked.
    pub restore_us: u64,
    /// Absolute expiry, Unix milliseconds.
    pub expires_at_ms: Option<i64>,
    /// What can be done with it.
    pub verdict: Verdict,
    /// Whether the plan moves it all the same, by consent, in a call of its own.
    pub moves: bool,
    /// Names of the rules it breaks.
    pub rules: Vec<String>,
    /// What to do about it, for its type.
    pub remedy: String,
    /// Every way out for it with its numbers, the cheapest first.
    pub remedies: Vec<Remedy>,
}
