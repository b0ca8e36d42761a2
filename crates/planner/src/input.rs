//! What a plan is made from.

use preshard_analyzer::SlotProfile;
use preshard_slots::{NodeId, Slot, SlotSet};

use crate::NodeFacts;

/// What a plan is made from.
#[derive(Debug, Clone)]
pub struct PlanInput<'a> {
    /// All primaries, and the nodes that are only planned; in any order, no id twice, no slot owned twice.
    pub nodes: Vec<PlanNode>,
    /// What the slots hold, over all nodes.
    pub profile: &'a SlotProfile,
    /// Slots that must not be touched, each with the reason in words; a slot may have several.
    pub doubts: &'a [(Slot, String)],
    /// How the slots are to be moved.
    pub mover: Mover,
}

/// Who moves the slots, and by which commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mover {
    /// The servers themselves, where every node that takes part is known to be able to; else `MIGRATE`.
    #[default]
    Best,
    /// `CLUSTER SETSLOT` and `MIGRATE`.
    Migrate,
    /// The servers themselves, or nobody.
    Atomic,
    /// A service that runs the servers.
    Managed,
}

/// A primary, or a node that does not exist yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanNode {
    /// Its id; `new-1`... for a planned node.
    pub id: NodeId,
    /// `host:port`; empty for a planned node.
    pub address: String,
    /// The slots it owns.
    pub slots: SlotSet,
    /// True for a node that does not exist yet.
    pub planned: bool,
    /// False when nobody knows what the node holds: its backup is missing or damaged, or the cluster marks it as
    /// failing. It gives nothing, takes nothing and has no part in the balance.
    pub known: bool,
    /// What was stated of it, or told by its backup.
    pub facts: NodeFacts,
}
