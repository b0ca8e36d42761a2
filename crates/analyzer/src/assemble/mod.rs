//! Scans and a topology, joined into what the planner sees.

mod compare;
mod owners;

use std::path::{Path, PathBuf};

use preshard_slots::topology::Direction;
use preshard_slots::{Node, NodeId, Slot, SlotSet, Topology};

use crate::{FileFacts, FileScan, Merge, Scanned, SlotProfile, Touch, Warning};

/// Files and topology, joined.
#[derive(Debug, Clone, PartialEq)]
pub struct Assembly {
    /// The nodes, in the order of the topology; without one, in the order of the files.
    pub nodes: Vec<NodeView>,
    /// The files, in the order they were given.
    pub files: Vec<FileFacts>,
    /// All keys in slots that their file's node owns.
    pub profile: SlotProfile,
    /// Slots whose contents are not what the profile says, each with why; ascending, a slot may come twice.
    pub doubts: Vec<(Slot, String)>,
    /// What deserves attention between the files. What concerns one file alone is in its summary.
    pub warnings: Vec<Warning>,
    /// Files are missing, damaged, or were changed while they were read: a plan needs consent.
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
    /// Whether the figures say what it holds: its backup was read whole and did not change, or it owns no slot, and the topology
    /// does not call it failing. A node of which this is not known must not be taken for an empty one.
    pub known: bool,
}

/// Why files and topology cannot be joined.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AssembleError {
    /// There is no file.
    #[error("no snapshot was given")]
    NoFiles,
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
    /// The node of a file owns no slots: it is a replica, or the topology does not tell what it is.
    #[error("{}: node {} is no primary in the topology", .file.display(), .node.0)]
    NotAPrimary {
        /// The file.
        file: PathBuf,
        /// Its node.
        node: NodeId,
    },
    /// A file is named for a node, but most of its keys lie in slots of others.
    #[error(
        "{}: it is named for node {}, but {foreign} of its {keys} keys lie in slots that this node does not own: \
         files were mixed up, or the topology is of another time",
        .file.display(), .node.0
    )]
    WrongNode {
        /// The file.
        file: PathBuf,
        /// The node that its name tells.
        node: NodeId,
        /// Keys in slots of other nodes.
        foreign: u64,
        /// All its keys.
        keys: u64,
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
/// Each scan comes with the node id in its file's name, where there is one (`redis-cli --cluster backup`
/// writes `redis-node-HOST-PORT-ID.rdb`). Other files are taken for the node that owns most of the slots
/// of their keys. Without a topology each file is a shard of its own that owns the slots its keys hash to.
///
/// Nothing is dropped in silence: keys in slots that their node does not own are left out of the profile,
/// counted in a warning, and their slots are doubtful.
///
/// # Errors
/// [`AssembleError`] when files and topology contradict each other.
pub fn assemble(
    topology: Option<&Topology>,
    scans: Vec<(Option<NodeId>, FileScan)>,
) -> Result<Assembly, AssembleError> {
    let scans = scans.into_iter();
    join(
        topology,
        scans.map(|(node, scan)| (node, scan.into())).collect(),
    )
}

/// As [`assemble`], for scans of which some were saved.
///
/// # Errors
/// [`AssembleError`] when files and topology contradict each other.
pub fn join(
    topology: Option<&Topology>,
    scans: Vec<(Option<NodeId>, Scanned)>,
) -> Result<Assembly, AssembleError> {
    let (ids, scans): (Vec<Option<NodeId>>, Vec<Scanned>) = scans.into_iter().unzip();
    let mut draft = Draft::default();
    let (mut nodes, node_of_file) = match topology {
        Some(topology) => {
            let node_of_file = owners::match_files(topology, &ids, &scans, &mut draft.warnings)?;
            draft.look_at_topology(topology);
            (nodes_of(topology, &node_of_file), node_of_file)
        }
        None => owners::nodes_from_files(&ids, &scans, &mut draft.warnings)?,
    };
    for node in &mut nodes {
        if node.primary && node.file.is_none() && !node.slots.is_empty() {
            draft.node_without_file(node);
        }
    }
    let mut files = Vec::with_capacity(scans.len());
    let mut merged: Option<SlotProfile> = None;
    for (scan, &node) in scans.into_iter().zip(&node_of_file) {
        let (file, mut profile) = scan.into_parts();
        draft.look_at_file(&file, &mut profile, &mut nodes[node])?;
        files.push(file);
        match &mut merged {
            Some(merged) => merged.merge(profile)?,
            None => merged = Some(profile),
        }
    }
    draft.warnings.extend(compare::servers_differ(&files));
    draft.warnings.extend(compare::dates_far_apart(&files));
    draft.doubts.sort();
    Ok(Assembly {
        nodes,
        files,
        profile: merged.ok_or(AssembleError::NoFiles)?,
        doubts: draft.doubts,
        warnings: draft.warnings,
        partial: draft.partial,
    })
}

/// The nodes of a topology, each with its file.
fn nodes_of(topology: &Topology, node_of_file: &[usize]) -> Vec<NodeView> {
    topology
        .nodes
        .iter()
        .enumerate()
        .map(|(index, node)| NodeView {
            id: node.id.clone(),
            address: node.address().unwrap_or_default(),
            primary: node.is_primary(),
            slots: node.slots.clone(),
            file: node_of_file.iter().position(|&node| node == index),
            known: flags_of_concern(node).next().is_none(),
        })
        .collect()
}

/// What has been found so far.
#[derive(Default)]
struct Draft {
    doubts: Vec<(Slot, String)>,
    warnings: Vec<Warning>,
    partial: bool,
    /// Slots that the topology shows in the middle of a migration.
    open_slots: SlotSet,
}

/// Flags with which a node is not to be planned with before somebody has looked (`CLUSTER NODES`, and
/// the health in `CLUSTER SHARDS`).
const FLAGS_OF_CONCERN: [&str; 6] = ["fail", "fail?", "handshake", "noaddr", "failed", "loading"];

fn flags_of_concern(node: &Node) -> impl Iterator<Item = &String> {
    node.flags
        .iter()
        .filter(|flag| FLAGS_OF_CONCERN.contains(&flag.as_str()))
}

impl Draft {
    fn doubt(&mut self, slots: impl IntoIterator<Item = Slot>, why: &str) {
        let doubts = slots.into_iter().map(|slot| (slot, why.to_owned()));
        self.doubts.extend(doubts);
    }

    fn look_at_topology(&mut self, topology: &Topology) {
        if topology.cluster_errors > 0 {
            self.warnings.push(Warning::ClusterErrors {
                errors: topology.cluster_errors,
            });
        }
        for node in &topology.nodes {
            let flags: Vec<String> = flags_of_concern(node).cloned().collect();
            if !flags.is_empty() {
                let why = format!("node {} is marked {}", node.id.0, flags.join(", "));
                self.doubt(node.slots.iter(), &why);
                self.warnings.push(Warning::UnhealthyNode {
                    node: node.id.clone(),
                    flags,
                });
            }
            for slot in &node.open {
                self.open_slots.insert(slot.slot);
                let direction = match slot.direction {
                    Direction::Migrating => "migrating to",
                    Direction::Importing => "importing from",
                };
                let why = format!("open: node {} is {direction} {}", node.id.0, slot.peer.0);
                self.doubt([slot.slot], &why);
            }
        }
        if !self.open_slots.is_empty() {
            self.warnings.push(Warning::OpenSlots {
                slots: self.open_slots.clone(),
            });
        }
        let unassigned = topology.unassigned();
        if !unassigned.is_empty() {
            self.warnings
                .push(Warning::UnassignedSlots { slots: unassigned });
        }
    }

    fn node_without_file(&mut self, node: &mut NodeView) {
        self.partial = true;
        node.known = false;
        self.warnings.push(Warning::NodeWithoutFile {
            node: node.id.clone(),
            slots: node.slots.len(),
        });
        let why = format!("there is no file for node {}", node.id.0);
        self.doubt(node.slots.iter(), &why);
    }

    /// Takes out of a file's profile what its node does not own, and notes what is wrong with the file.
    fn look_at_file(
        &mut self,
        file: &FileFacts,
        profile: &mut SlotProfile,
        node: &mut NodeView,
    ) -> Result<(), AssembleError> {
        let name = file.path.display();
        self.doubt(
            file.importing.iter(),
            &format!("{name}: was being imported when the file was written"),
        );
        let with_keys = profile.slots_with_keys();
        let foreign: SlotSet = with_keys
            .iter()
            .filter(|&slot| !node.slots.contains(slot))
            .collect();
        if !foreign.is_empty() {
            let taken = profile.take_slots(&foreign);
            if let Some(error) = self.mixed_up(file, node, &foreign, &taken, profile) {
                return Err(error);
            }
            self.foreign_keys(&file.path, node, foreign, &taken);
        }
        if file.changed {
            self.partial = true;
            node.known = false;
            let why = format!("{name}: was written to while it was read");
            self.doubt(node.slots.iter(), &why);
        }
        if let Some(Touch::Slots(slots)) = &file.salvaged {
            self.partial = true;
            let why = format!("{name}: keys of the slot may be missing, the file is damaged");
            self.doubt(slots.iter(), &why);
            self.warnings.push(Warning::SalvagedFile {
                file: file.path.clone(),
                node: node.id.clone(),
                slots: slots.clone(),
            });
        } else if file.damage.is_some() {
            self.partial = true;
            node.known = false;
            self.warnings.push(Warning::DamagedFile {
                file: file.path.clone(),
                node: node.id.clone(),
            });
            self.doubt(
                node.slots.iter(),
                &format!("{name}: the file of node {} is damaged", node.id.0),
            );
        }
        Ok(())
    }

    /// Whether the keys of a file say that it belongs to another node.
    ///
    /// An unfinished migration leaves foreign keys in the slots that are open, and an abandoned one in a
    /// few others, or on a node without slots: never in more slots than the node holds keys of its own in.
    fn mixed_up(
        &self,
        file: &FileFacts,
        node: &NodeView,
        foreign: &SlotSet,
        taken: &SlotProfile,
        own: &SlotProfile,
    ) -> Option<AssembleError> {
        const ABANDONED_SLOTS_MAX: usize = 8;
        let settled =
            |slot: &Slot| !file.importing.contains(*slot) && !self.open_slots.contains(*slot);
        let astray = foreign.iter().filter(settled).count();
        let own_slots = own.slots_with_keys().len();
        let mixed_up = !node.slots.is_empty() && astray > own_slots.max(ABANDONED_SLOTS_MAX);
        mixed_up.then(|| AssembleError::WrongNode {
            file: file.path.clone(),
            node: node.id.clone(),
            foreign: foreign.iter().map(|slot| taken.slot(slot).keys).sum(),
            keys: file.keys,
        })
    }

    fn foreign_keys(&mut self, file: &Path, node: &NodeView, slots: SlotSet, taken: &SlotProfile) {
        let (mut keys, mut payload_bytes) = (0, 0);
        for slot in slots.iter() {
            let facts = taken.slot(slot);
            keys += facts.keys;
            payload_bytes += facts.payload_bytes;
            let why = format!(
                "{}: {} keys lie on node {}, which does not own the slot",
                file.display(),
                facts.keys,
                node.id.0
            );
            self.doubt([slot], &why);
        }
        self.warnings.push(Warning::ForeignKeys {
            file: file.to_owned(),
            node: node.id.clone(),
            slots,
            keys,
            payload_bytes,
        });
    }
}
