//! Which node a file is a backup of.

use std::path::Path;

use preshard_slots::{NodeId, Slot, SlotSet, Topology};

use super::{AssembleError, NodeView};
use crate::{Scanned, Warning};

/// The node of each file, as an index into the topology's nodes.
///
/// A node id in the file's name decides. A file without one belongs to the primary that owns more than
/// half of the slots its keys lie in, so there can be no two; a file without keys can only be told by
/// elimination.
pub(super) fn match_files(
    topology: &Topology,
    ids: &[Option<NodeId>],
    scans: &[Scanned],
    warnings: &mut Vec<Warning>,
) -> Result<Vec<usize>, AssembleError> {
    let owner = owners(topology)?;
    let mut found: Vec<Option<usize>> = Vec::with_capacity(scans.len());
    for (id, scan) in ids.iter().zip(scans) {
        let node = match id {
            Some(id) => Some(node_by_id(topology, id, scan)?),
            None if scan.file.keys == 0 => None,
            None => {
                let node = node_by_slots(topology, &owner, scan)?;
                warnings.push(Warning::MatchedBySlots {
                    file: scan.file.path.clone(),
                    node: topology.nodes[node].id.clone(),
                });
                Some(node)
            }
        };
        if let Some(node) = node
            && let Some(first) = found.iter().position(|&other| other == Some(node))
        {
            return Err(same_node_twice(
                &topology.nodes[node].id,
                &scans[first],
                scan,
            ));
        }
        found.push(node);
    }
    place_empty_files(topology, found, scans)
}

/// Gives the files without keys to the primaries that are left, if these are as many: all are empty, so
/// it does not matter which gets which.
fn place_empty_files(
    topology: &Topology,
    found: Vec<Option<usize>>,
    scans: &[Scanned],
) -> Result<Vec<usize>, AssembleError> {
    let left: Vec<usize> = (0..topology.nodes.len())
        .filter(|&node| topology.nodes[node].is_primary())
        .filter(|&node| !found.contains(&Some(node)))
        .collect();
    let empty = found.iter().filter(|node| node.is_none()).count();
    if let Some(first) = found.iter().position(Option::is_none)
        && empty != left.len()
    {
        return Err(AssembleError::NodeNotTold {
            file: scans[first].file.path.clone(),
            why: format!(
                "it holds no key, its name no node id, and {} primaries are left for {empty} such files",
                left.len()
            ),
        });
    }
    let mut left = left.into_iter();
    Ok(found
        .into_iter()
        .filter_map(|node| node.or_else(|| left.next()))
        .collect())
}

/// Per slot the primary that owns it.
fn owners(topology: &Topology) -> Result<Vec<Option<usize>>, AssembleError> {
    let mut owner: Vec<Option<usize>> = vec![None; Slot::all().len()];
    for (index, node) in topology.nodes.iter().enumerate() {
        if !node.is_primary() {
            continue;
        }
        for slot in node.slots.iter() {
            if let Some(first) = owner[slot.index()].replace(index) {
                return Err(AssembleError::TwoOwners {
                    slot,
                    first: topology.nodes[first].id.clone(),
                    second: node.id.clone(),
                });
            }
        }
    }
    Ok(owner)
}

fn node_by_id(topology: &Topology, id: &NodeId, scan: &Scanned) -> Result<usize, AssembleError> {
    let file = || scan.file.path.clone();
    let Some(index) = topology.nodes.iter().position(|node| node.id == *id) else {
        return Err(AssembleError::UnknownNode {
            file: file(),
            node: id.clone(),
        });
    };
    if !topology.nodes[index].is_primary() {
        return Err(AssembleError::NotAPrimary {
            file: file(),
            node: id.clone(),
        });
    }
    Ok(index)
}

fn node_by_slots(
    topology: &Topology,
    owner: &[Option<usize>],
    scan: &Scanned,
) -> Result<usize, AssembleError> {
    let mut owned = vec![0usize; topology.nodes.len()];
    let mut all = 0;
    for slot in scan.slots_with_keys.iter() {
        all += 1;
        if let Some(node) = owner[slot.index()] {
            owned[node] += 1;
        }
    }
    let mut ranking: Vec<usize> = (0..owned.len()).collect();
    ranking.sort_by_key(|&node| (std::cmp::Reverse(owned[node]), node));
    if let Some(&best) = ranking.first()
        && 2 * owned[best] > all
    {
        return Ok(best);
    }
    const SHOWN_MAX: usize = 3;
    let shown: Vec<String> = ranking
        .into_iter()
        .filter(|&node| owned[node] > 0)
        .take(SHOWN_MAX)
        .map(|node| format!("node {} owns {}", topology.nodes[node].id.0, owned[node]))
        .collect();
    let owners = if shown.is_empty() {
        "no node owns any of them".to_owned()
    } else {
        shown.join(", ")
    };
    Err(AssembleError::NodeNotTold {
        file: scan.file.path.clone(),
        why: format!("its keys lie in {all} slots, of which {owners}"),
    })
}

/// Takes each file for a shard that owns the slots of its keys; but a slot that was being imported
/// belongs to whoever it came from.
pub(super) fn nodes_from_files(
    ids: &[Option<NodeId>],
    scans: &[Scanned],
    warnings: &mut Vec<Warning>,
) -> Result<(Vec<NodeView>, Vec<usize>), AssembleError> {
    let mut owner: Vec<Option<usize>> = vec![None; Slot::all().len()];
    let mut nodes: Vec<NodeView> = Vec::with_capacity(scans.len());
    for (index, scan) in scans.iter().enumerate() {
        let id = match &ids[index] {
            Some(id) => id.clone(),
            None => id_from_path(&scan.file.path, scans),
        };
        if let Some(first) = nodes.iter().position(|node| node.id == id) {
            return Err(same_node_twice(&id, &scans[first], scan));
        }
        let slots: SlotSet = scan
            .slots_with_keys
            .iter()
            .filter(|&slot| !scan.file.importing.contains(slot))
            .collect();
        for slot in slots.iter() {
            if let Some(first) = owner[slot.index()].replace(index) {
                return Err(AssembleError::SlotInTwoFiles {
                    slot,
                    first: scans[first].file.path.clone(),
                    second: scan.file.path.clone(),
                });
            }
        }
        nodes.push(NodeView {
            id,
            address: String::new(),
            primary: true,
            slots,
            file: Some(index),
            known: true,
        });
    }
    warnings.push(Warning::NoTopology {
        files: scans.len(),
        unowned: owner.iter().filter(|owner| owner.is_none()).count(),
    });
    let node_of_file = (0..nodes.len()).collect();
    Ok((nodes, node_of_file))
}

/// The file's name, or its whole path where two files share the name.
fn id_from_path(path: &Path, scans: &[Scanned]) -> NodeId {
    let namesakes = scans
        .iter()
        .filter(|scan| scan.file.path.file_name() == path.file_name())
        .count();
    let name = match path.file_name() {
        Some(name) if namesakes == 1 => Path::new(name),
        _ => path,
    };
    NodeId(name.display().to_string())
}

fn same_node_twice(node: &NodeId, first: &Scanned, second: &Scanned) -> AssembleError {
    AssembleError::SameNodeTwice {
        node: node.clone(),
        first: first.file.path.clone(),
        second: second.file.path.clone(),
    }
}
