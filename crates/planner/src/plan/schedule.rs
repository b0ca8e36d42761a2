//! When which batches run, and what that does to each node.

use preshard_slots::NodeId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How long something takes, pauses and round trips included.
///
/// Beyond the predictions of calls, nothing of it is measured: round trips are as long as stated, and waits for replicas
/// to catch up, which depend on the network, are not in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TimeSpan {
    /// With every call at the lower end of its prediction.
    pub low_us: u64,
    /// With every call as predicted.
    pub expected_us: u64,
    /// With every call at the upper end of its prediction.
    pub high_us: u64,
}

/// When which batches run.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// After each call the source rests so many times as long as the call took.
    pub pause_per_block: f64,
    /// The span over which the share of blocked time is kept, microseconds.
    pub span_us: u64,
    /// The waves in order; one begins when the one before it has ended.
    pub waves: Vec<Wave>,
    /// All waves, without the time between windows.
    pub takes: TimeSpan,
    /// Windows needed; `null` when none were asked for.
    pub windows: Option<u32>,
    /// The node that is at work longest; `null` when nothing moves.
    #[schemars(with = "Option<String>")]
    pub busiest_node: Option<NodeId>,
    /// How long that node is at work: no order of these batches, however many run side by side, takes less.
    pub busiest_node_takes: TimeSpan,
    /// Each node in each wave that it has part in, wave by wave, in the order of their batches, the source first.
    pub nodes: Vec<NodeMoment>,
}

/// Batches that run side by side, each between two nodes of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Wave {
    /// Counted from 1.
    pub number: u32,
    /// The window it runs in, counted from 1; `null` when none were asked for.
    pub window: Option<u32>,
    /// Numbers of its batches.
    pub batches: Vec<u32>,
    /// When it begins, as expected, after the beginning of the first wave, the time between windows not counted.
    pub starts_us: u64,
    /// How long it takes: as long as its longest batch.
    pub takes: TimeSpan,
    /// The worst blocks of its batches together: what a client that talks to all nodes may wait for.
    pub worst_blocks_us: u64,
}

/// What a wave does to one node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NodeMoment {
    /// The wave.
    pub wave: u32,
    /// The batch.
    pub batch: u32,
    /// The node.
    #[schemars(with = "String")]
    pub node: NodeId,
    /// What it does.
    pub role: Role,
    /// Predicted time that it answers nobody, in all.
    pub blocked_us: u64,
    /// The longest at a time.
    pub longest_block_us: u64,
    /// The most in any span (see [`Schedule::span_us`]), with the safety factor.
    pub most_in_span_us: u64,
    /// The most memory that it takes on the way.
    pub memory_peak_bytes: u64,
    /// What it takes at the end of the wave.
    pub memory_after_bytes: u64,
    /// What may stand in the output buffer of one of its replicas: all payload of the batch on a target, behind which the plan
    /// waits for the replicas. The names of deleted keys, which a source sends, are not counted.
    pub replica_buffer_bytes: u64,
}

/// What a node does in a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// It gives.
    Source,
    /// It takes.
    Target,
}
