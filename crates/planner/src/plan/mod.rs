//! The plan: complete and inert. Nothing is left to decide, no I/O is needed to check it.
//!
//! These types are the body of the `plan.json` document; `preshard-report` puts the version
//! and the inputs around them. All times are predictions *before* the safety factor unless the
//! field says otherwise, in whole microseconds rounded up.

mod held;
mod remedy;
mod rules;
mod schedule;

use preshard_analyzer::KeyName;
use preshard_slots::NodeId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use held::{HeldSlot, HoldReason, OversizedKey, Verdict};
pub use remedy::{Parts, RaisedSetting, Remedy, RemedyKind};
pub use rules::{Check, CheckedOn, RuleReport, RuleStatus};
pub use schedule::{NodeMoment, Role, Schedule, TimeSpan, Wave};

use crate::{Goal, NodeFacts, PlanLimits};

/// A migration plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// How the slots are to be moved.
    pub dialect: Dialect,
    /// What was asked for.
    pub goal: Goal,
    /// Whether it can be had.
    pub outcome: Outcome,
    /// The limits in force.
    pub limits: PlanLimits,
    /// The cost profile behind every predicted time.
    pub cost_profile: String,
    /// The memory model behind every memory figure.
    pub memory_model: String,
    /// Each node before and after, planned nodes included, in the order of their ids.
    pub nodes: Vec<NodePlan>,
    /// What the goal's `max_moves` and `max_bytes` left out; `null` when they were not stated or left nothing out. Orders
    /// and nodes to be emptied come first in such a plan, then what helps the fullest nodes most.
    pub ended_early: Option<EndedEarly>,
    /// How near the plan comes to the best balance there is.
    pub balance: Balance,
    /// The batches in the order they begin.
    pub batches: Vec<Batch>,
    /// When which batches run, and what that does to each node.
    pub schedule: Schedule,
    /// Slots left where they are although the goal would have them move, or that must not be touched at all.
    pub held: Vec<HeldSlot>,
    /// Keys that cannot be moved within the limits, worst first, wherever they lie.
    pub oversized: Vec<OversizedKey>,
    /// Each rule, and whether it bound.
    pub rules: Vec<RuleReport>,
    /// What no backup tells, to be looked up on the cluster before the plan runs.
    pub preflight: Vec<Check>,
    /// Sums over the batches.
    pub totals: Totals,
}

/// The commands a plan is meant for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Dialect {
    /// `CLUSTER SETSLOT` and `MIGRATE`, key by key: every server, and the strictest rules.
    SetslotMigrate,
    /// `CLUSTER MIGRATESLOTS` on the source: Valkey from 9.0 on moves slots whole, and nobody is blocked for long.
    ClusterMigrateslots,
    /// `CLUSTER MIGRATION IMPORT` on the target: Redis from 8.4 on does.
    ClusterMigrationImport,
    /// None: a service runs the servers and moves the slots. The plan says what stands in its way.
    Managed,
}

impl Dialect {
    /// All of them.
    pub(crate) const ALL: [Dialect; 4] = [
        Dialect::SetslotMigrate,
        Dialect::ClusterMigrateslots,
        Dialect::ClusterMigrationImport,
        Dialect::Managed,
    ];

    /// Whether the servers move slots themselves: each batch is one task then, and has no calls.
    pub fn is_atomic(self) -> bool {
        matches!(
            self,
            Dialect::ClusterMigrateslots | Dialect::ClusterMigrationImport
        )
    }
}

/// Whether the goal can be had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "result", deny_unknown_fields)]
pub enum Outcome {
    /// The plan reaches the goal.
    Reached,
    /// Held slots keep the plan from the ideal; it is as near as they allow.
    ReachedAroundHeld,
    /// There was nothing to do.
    NothingToDo,
    /// A service chooses and moves the slots; nothing that is known stands in its way.
    LeftToService,
    /// The goal's `max_moves` or `max_bytes` ended the plan before the goal was reached; see `ended_early`.
    PartlyReached,
    /// The goal cannot be reached safely; the plan goes as far as is safe.
    NotReachable {
        /// Each obstacle, in words.
        reasons: Vec<String>,
    },
}

/// What the goal's `max_moves` and `max_bytes` left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EndedEarly {
    /// Slots that would move without these limits.
    pub slots_in_all: u32,
    /// Their memory.
    pub memory_bytes_in_all: u64,
}

/// One node before and after.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NodePlan {
    /// Name of the node: 40 hexadecimal digits, or `new-1`, `new-2`... for a node that does not exist yet.
    #[schemars(with = "String")]
    pub id: NodeId,
    /// `host:port`, empty for a planned node.
    pub address: String,
    /// True for a node that does not exist yet.
    pub planned: bool,
    /// False when nobody knows what the node holds: its backup is missing or damaged, or the cluster marks it as
    /// failing. It gives nothing, takes nothing and has no part in the balance; `before` and `after` are what was
    /// seen of it.
    pub known: bool,
    /// What is known of it besides; its `maxmemory_bytes` is the one in force.
    pub facts: NodeFacts,
    /// Its weight in the balance; 0 for a node that is to be drained or takes no part.
    pub weight: f64,
    /// What it holds now.
    pub before: Holding,
    /// What it holds when the plan has run.
    pub after: Holding,
    /// What the ideal balance, were every slot movable and divisible, would give it, in what the goal balances by
    /// (bytes or keys); what was seen of it where it is not known.
    pub ideal_share: u64,
    /// What the best balance around the held slots would give it, were the others divisible.
    pub reachable_share: u64,
    /// Tables that all slots of the node share, now. 0 for servers that keep tables for each slot, whose memory they are
    /// part of.
    pub tables_before_bytes: u64,
    /// The same when the plan has run.
    pub tables_after_bytes: u64,
    /// Free memory under the stated `maxmemory` when the plan has run; `null` when no limit was stated. What an empty
    /// server takes, and buffers, are not counted.
    pub headroom_bytes: Option<i64>,
    /// Slots that stay on the node by free choice, or because it is not known what they hold, as inclusive
    /// ranges. Held slots are not among them.
    pub kept: Vec<(u16, u16)>,
}

/// What a node holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Holding {
    /// Slots owned.
    pub slots: u32,
    /// Keys in them.
    pub keys: u64,
    /// Of these, keys with an expiry.
    pub expiring_keys: u64,
    /// Memory of the keys, and of the tables that the server keeps for each slot.
    pub memory_bytes: u64,
    /// Sum of the payloads.
    pub payload_bytes: u64,
}

/// How well the plan balances what the goal balances by, which is memory unless it says otherwise.
///
/// The *fullness* of a node is what it holds divided by its share of the weights; an imbalance is the
/// largest fullness divided by the mean, less one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Balance {
    /// Imbalance now (0.25: the fullest node holds 25 % more than its share).
    pub imbalance_before: f64,
    /// Imbalance when the plan has run.
    pub imbalance_after: f64,
    /// The least imbalance that the slots not held allow, were they divisible: a bound nobody can beat.
    pub imbalance_bound: f64,
    /// The same bound were no slot held: the difference is what holding costs.
    pub imbalance_bound_none_held: f64,
    /// The largest distance of a node, when the plan has run, from its `reachable_share`, as a part of the
    /// mean of the nodes that take part.
    pub gap_after: f64,
    /// The largest slot of the nodes that take part: it does not divide, so no plan gets the fullest node below it. `null`
    /// when there is none that weighs anything.
    pub largest_slot: Option<LargestSlot>,
    /// How much fuller the fullest node ends than the bounds, of the balance and of the largest slot, say it must
    /// (0.001: 0.1 %).
    pub fullness_gap: f64,
    /// The least that any plan must move after which the fullest node is no fuller than after this one and the emptiest
    /// no emptier, were slots divisible: what is above the one and below the other now, what drained nodes give, and
    /// what is ordered.
    pub least_moved: u64,
    /// What this plan moves, in the same measure.
    pub moved: u64,
    /// By how much that is more than the least (0.01: 1 %); 0 when nothing must move.
    pub moved_gap: f64,
}

/// A slot that bounds the balance.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LargestSlot {
    /// The slot.
    pub slot: u16,
    /// What it weighs in what the goal balances by.
    pub share: u64,
    /// The imbalance, were it alone on the node of the greatest weight; less than 0 when it is less than a share.
    pub imbalance_bound: f64,
}

/// Moves that run together between one source and one target, one slot after another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Batch {
    /// Counted from 1.
    pub number: u32,
    /// The node that gives.
    #[schemars(with = "String")]
    pub source: NodeId,
    /// The node that takes.
    #[schemars(with = "String")]
    pub target: NodeId,
    /// Slots, keys, memory and payload of the batch.
    pub carries: Holding,
    /// The wave it runs in.
    pub wave: u32,
    /// Predicted working time of all calls, without pauses.
    pub predicted_us: u64,
    /// How long it takes, pauses and round trips included.
    pub takes: TimeSpan,
    /// The worst predicted block of one call.
    pub worst_block_us: u64,
    /// The most memory that the source takes on the way: what it holds, and the buffers of a call.
    pub source_peak_bytes: u64,
    /// The most that the target takes on the way: what has arrived, the buffers of a call, and tables that are being
    /// replaced.
    pub target_peak_bytes: u64,
    /// The target's memory when the batch has run, tables included.
    pub target_memory_bytes_after: u64,
    /// The slots, in the order they move.
    pub moves: Vec<SlotMove>,
}

/// One slot on its way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SlotMove {
    /// The slot.
    pub slot: u16,
    /// Its keys.
    pub keys: u64,
    /// Keys in it with an expiry: MIGRATE stretches their TTLs by the time of the call.
    pub expiring_keys: u64,
    /// Memory of its keys, and of its tables where it has such: what the target grows by.
    pub memory_bytes: u64,
    /// Sum of their payloads.
    pub payload_bytes: u64,
    /// Predicted time of all calls of the slot: how long multi-key commands may answer TRYAGAIN.
    pub predicted_us: u64,
    /// The worst predicted block of one call.
    pub worst_block_us: u64,
    /// The largest payload that one call, or one command of the servers, carries.
    pub largest_payload_bytes: u64,
    /// Keys with a name that expire before the plan begins: no call is planned for them.
    pub expired_keys: u64,
    /// Their payload, part of `payload_bytes`.
    pub expired_payload_bytes: u64,
    /// Keys that get a call of their own, before the sweep, worst last.
    pub heavy: Vec<HeavyCall>,
    /// The calls for all other keys; `null` when there are none.
    pub sweep: Option<Sweep>,
}

/// A MIGRATE call for one key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HeavyCall {
    /// Database of the key.
    pub db: u64,
    /// The key.
    #[schemars(with = "KeyNameSchema")]
    pub key: KeyName,
    /// Data type, the server's word.
    pub data_type: String,
    /// Elements; `null` for modules.
    pub elements: Option<u64>,
    /// What the call carries.
    pub payload_bytes: u64,
    /// Predicted block of the source, the call's fixed cost included.
    pub block_us: u64,
    /// The part in which the target is blocked.
    pub restore_us: u64,
    /// The `timeout` argument of MIGRATE.
    pub timeout_ms: u64,
}

/// MIGRATE calls for the keys of a slot that need none of their own, as many keys a call as
/// stay within the budget *whichever* keys the server returns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sweep {
    /// Keys to sweep.
    pub keys: u64,
    /// Keys a call (the count given to GETKEYSINSLOT).
    pub keys_per_call: u32,
    /// Calls, the last one perhaps short.
    pub calls: u64,
    /// Bound on the predicted block of any call: its fixed cost and the most expensive `keys_per_call` keys.
    pub worst_block_us: u64,
    /// Bound on the RESTORE of any one key.
    pub worst_restore_us: u64,
    /// Bound on the payload of any call.
    pub payload_bytes_max: u64,
    /// The `timeout` argument of MIGRATE.
    pub timeout_ms: u64,
    /// The costs that the bounds were taken from, cheapest first.
    pub cost_bins: Vec<SweepBin>,
}

/// Keys of like cost in a sweep; written as the array `[block_ns, restore_ns, payload_bytes, keys]`.
///
/// Nanoseconds, unlike everywhere else in the plan, because the bounds are sums over a hundred keys
/// of a few microseconds each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(from = "[u64; 4]", into = "[u64; 4]")]
#[schemars(with = "[u64; 4]")]
pub struct SweepBin {
    /// Upper bound on the predicted block of each key, without a call's fixed cost.
    pub block_ns: u64,
    /// Upper bound on the RESTORE of each key.
    pub restore_ns: u64,
    /// Upper bound on the payload of each key.
    pub payload_bytes: u64,
    /// Number of keys.
    pub keys: u64,
}

impl From<[u64; 4]> for SweepBin {
    fn from([block_ns, restore_ns, payload_bytes, keys]: [u64; 4]) -> SweepBin {
        SweepBin {
            block_ns,
            restore_ns,
            payload_bytes,
            keys,
        }
    }
}

impl From<SweepBin> for [u64; 4] {
    fn from(bin: SweepBin) -> [u64; 4] {
        [bin.block_ns, bin.restore_ns, bin.payload_bytes, bin.keys]
    }
}

/// Sums over the batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Totals {
    /// What moves. Targets grow by its memory when RESTORE brings it, as MIGRATE does.
    pub moved: Holding,
    /// About what targets grow by when commands bring it, as in a migration that a server runs by itself: 2.4 % more, the most
    /// that was measured over a mix of all types. No bound: the last node of each stream takes up to 4 KiB more.
    pub targets_grow_by_commands_bytes: u64,
    /// About what sources free, whose values commands have grown: 3.3 % more, the most that was measured over a mix of all
    /// types. No bound: streams keep up to 4 KiB, strings that were appended to up to twice their length.
    pub sources_free_bytes: u64,
    /// Batches.
    pub batches: u32,
    /// MIGRATE calls.
    pub calls: u64,
    /// Predicted working time of all calls, without pauses.
    pub predicted_us: u64,
    /// The worst predicted block of one call, before the safety factor.
    pub worst_block_us: u64,
    /// Slots held.
    pub held_slots: u32,
    /// Memory in them.
    pub held_memory_bytes: u64,
}

/// How a key's name is written: as text when it is UTF-8, in base64 otherwise.
#[derive(JsonSchema)]
#[schemars(rename = "KeyName", rename_all = "lowercase")]
#[allow(dead_code, reason = "stands for KeyName in the schema, never built")]
pub(crate) enum KeyNameSchema {
    Text(String),
    Base64(String),
}
