//! What a plan is asked to reach.

use preshard_slots::NodeId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a plan is asked to reach; the parts combine.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Goal {
    /// Balance memory over all nodes that are not drained.
    pub rebalance: bool,
    /// Nodes that join: ids of empty primaries of the topology, or `new-1`... for nodes that do not exist yet.
    #[schemars(with = "Vec<String>")]
    pub add: Vec<NodeId>,
    /// Nodes to be emptied.
    #[schemars(with = "Vec<String>")]
    pub drain: Vec<NodeId>,
    /// Weights other than 1.
    #[schemars(with = "Vec<(String, f64)>")]
    pub weights: Vec<(NodeId, f64)>,
    /// Moves asked for slot by slot.
    pub moves: Vec<MoveOrder>,
}

/// An explicit order to move slots.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MoveOrder {
    /// Inclusive ranges.
    pub slots: Vec<(u16, u16)>,
    /// The node that owns them.
    #[schemars(with = "String")]
    pub from: NodeId,
    /// The node that takes them.
    #[schemars(with = "String")]
    pub to: NodeId,
}
