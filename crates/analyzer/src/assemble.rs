//! Scans and a topology, joined into what the planner sees.

use std::path::PathBuf;

use preshard_slots::{NodeId, Slot, SlotSet, Topology};

use crate::{FileScan, FileSummary, Merge, SlotProfile, Warning};

/// Files and topology, joined.
#[derive(Debug, Clone, PartialEq)]
pub struct Assembly {
    /// The nodes, in the order of the topology; without one, in the order of the files.
    pub nodes: Vec<NodeView>,
    /// The files, in the order they were given.
    pub files: Vec<FileSummary>,
    /// All keys in slots that their file's node owns.
    pub profile: SlotProfile,
    /// Slots whose contents are not what the profile says, each with why; ascending, a slot may come twice.
    pub doubts: Vec<(Slot, String)>,
    /// What deserves attention between the files. What concerns one file alone is in its summary.
    pub warnings: Vec<Warning>,
    /// Files are missing or damaged: a plan needs consent.
    pub partial: bool,
}

/// A node as the planner sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeView {
    /// Its id; without topology the file's node id or else the file's name.
    pub id: NodeId,
    /// `host:port`; empty when not known.
    pub address: String,
    /// Owns slots, or may.
    pub primary: bool,
    /// Slots it owns.
    pub slots: SlotSet,
    /// Its backup, an index into [`Assembly::files`].
    pub file: Option<usize>,
}

/// Why files and topology cannot be joined.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AssembleError {
    /// Two files are backups of one node.
    #[error("{} and {} are both backups of node {}", .first.display(), .second.display(), .node.0)]
    SameNodeTwice {
        /// The node.
        node: NodeId,
        /// One file.
        first: PathBuf,
        /// The other.
        second: PathBuf,
    },
    /// Without a topology, two files hold keys of one slot.
    #[error(
        "{} and {} both hold keys of slot {}: without a topology only one shard can own it",
        .first.display(), .second.display(), .slot.number()
    )]
    SlotInTwoFiles {
        /// The first such slot.
        slot: Slot,
        /// One file.
        first: PathBuf,
        /// The other.
        second: PathBuf,
    },
    /// The topology gives one slot to two primaries.
    #[error("the topology gives slot {} to node {} and to node {}", .slot.number(), .first.0, .second.0)]
    TwoOwners {
        /// The first such slot.
        slot: Slot,
        /// One owner.
        first: NodeId,
        /// The other.
        second: NodeId,
    },
    /// The topology does not know the node of a file.
    #[error("{}: the topology knows no node {}", .file.display(), .node.0)]
    UnknownNode {
        /// The file.
        file: PathBuf,
        /// Its node.
        node: NodeId,
    },
    /// The node of a file is a replica.
    #[error("{}: node {} is a replica in the topology, not a primary", .file.display(), .node.0)]
    NodeIsReplica {
        /// The file.
        file: PathBuf,
        /// Its node.
        node: NodeId,
    },
    /// No node owns most of the slots of a file's keys.
    #[error("{}: which node it is a backup of cannot be told: {why}", .file.display())]
    NodeNotTold {
        /// The file.
        file: PathBuf,
        /// What was found.
        why: String,
    },
    /// Profiles that were not computed alike.
    #[error(transparent)]
    Merge(#[from] Merge),
}

/// Joins scans with a topology into what the planner sees.
///
/// Each scan comes with the node id in its file's name, where there is one (`redis-cli --cluster backup`).
///
/// # Errors
/// [`AssembleError`] when files and topology contradict each other.
pub fn assemble(
    topology: Option<&Topology>,
    scans: Vec<(Option<NodeId>, FileScan)>,
) -> Result<Assembly, AssembleError> {
    let _ = (topology, scans);
    todo!("next commit")
}
