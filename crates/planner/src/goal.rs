//! What a plan is asked to reach.

use preshard_slots::NodeId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::plan::Holding;

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
    /// What is balanced. Room is always room for memory.
    pub balance_by: Measure,
    /// Slots that stay where they are, as inclusive ranges.
    pub keep: Vec<(u16, u16)>,
    /// Most slots that move; the plan goes as far as it can with so many.
    pub max_moves: Option<u32>,
    /// Most memory that moves, in bytes; likewise.
    pub max_bytes: Option<u64>,
}

/// What nodes are to have equal parts of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Measure {
    /// Memory of the keys.
    #[default]
    Memory,
    /// Their number.
    Keys,
    /// What DUMP returns for them.
    Payload,
}

impl Measure {
    /// What a slot or a node weighs in it.
    pub fn of(self, holding: &Holding) -> u64 {
        match self {
            Measure::Memory => holding.memory_bytes,
            Measure::Keys => holding.keys,
            Measure::Payload => holding.payload_bytes,
        }
    }
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
