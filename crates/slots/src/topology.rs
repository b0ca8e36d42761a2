//! Who owns which slot, as a saved file tells it.

use crate::{Slot, SlotSet};

/// The name of a node: 40 lowercase hexadecimal digits for nodes that exist, another
/// word for nodes that are only planned.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(transparent)]
pub struct NodeId(pub String);

/// A cluster as one file describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topology {
    /// What kind of text the topology was read from.
    pub format: Format,
    /// All nodes, in the order of the file.
    pub nodes: Vec<Node>,
    /// The cluster's epoch, where the text tells it.
    pub current_epoch: Option<u64>,
}

/// The texts a topology can be read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// `nodes.json` written by `redis-cli --cluster backup`.
    BackupJson,
    /// A server's own `nodes.conf`.
    NodesConf,
    /// Saved reply of `CLUSTER NODES`.
    ClusterNodes,
    /// Saved reply of `CLUSTER SHARDS`, as `redis-cli` prints it or as JSON (`redis-cli --json`).
    ClusterShards,
    /// Saved reply of `CLUSTER SLOTS`, as `redis-cli` prints it or as JSON.
    ClusterSlots,
}

/// What a node is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Role {
    /// Owns slots, or may.
    Primary,
    /// Follows a primary.
    Replica {
        /// The primary it follows, where the text names it.
        of: Option<NodeId>,
    },
}

/// One node of a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its 40-digit name.
    pub id: NodeId,
    /// Host name or address that clients use; empty when the text has none.
    pub host: String,
    /// Client port; 0 when the text has none.
    pub port: u16,
    /// Primary or replica.
    pub role: Role,
    /// Flags as written (`myself`, `fail?`, `handshake`, `noaddr`...), without the role words.
    pub flags: Vec<String>,
    /// Slots that the node owns.
    pub slots: SlotSet,
    /// Slots of which a migration is open on this node.
    pub open: Vec<OpenSlot>,
    /// The node's configuration epoch, where told.
    pub config_epoch: Option<u64>,
}

/// A slot in the middle of a migration, as one side sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenSlot {
    /// The slot.
    pub slot: Slot,
    /// Whether this node gives or takes it.
    pub direction: Direction,
    /// The other side.
    pub peer: NodeId,
}

/// The side of an open slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// This node gives the slot away (`[slot->-node]`).
    Migrating,
    /// This node takes the slot (`[slot-<-node]`).
    Importing,
}
