//! Whether the backup of a cluster has a snapshot of every shard.

use preshard_analyzer::{FileScan, Warning, assemble};
use preshard_report::document::Notice;
use preshard_slots::{Node, NodeId};

use crate::input::{Backup, Inputs};

/// What is to be said of backups as a whole, and whether each is complete.
#[derive(Debug, Default)]
pub struct Completeness {
    /// The warnings.
    pub notices: Vec<Notice>,
    /// A snapshot is missing, or does not belong there.
    pub partial: bool,
}

impl Completeness {
    /// Joins the scans of each backup, in the order of the snapshots, with the topology beside them; `None` for a
    /// snapshot that could not be scanned.
    ///
    /// The scans must have been made with one cost profile.
    pub fn of_scans(inputs: &Inputs, mut scans: Vec<Option<FileScan>>) -> Completeness {
        let mut found = Completeness::default();
        for backup in &inputs.backups {
            let snapshots = &inputs.snapshots[backup.snapshots.clone()];
            let nodes = snapshots.iter().map(|snapshot| snapshot.node.clone());
            let scans = scans[backup.snapshots.clone()].iter_mut().map(Option::take);
            let scans = nodes
                .zip(scans)
                .filter_map(|(node, scan)| Some((node, scan?)));
            match assemble(Some(&backup.topology), scans.collect()) {
                Ok(assembly) => {
                    found.partial |= assembly.partial;
                    let warnings = assembly.warnings.iter();
                    let notices = warnings.map(|warning| Notice::new(None, warning));
                    found.notices.extend(notices);
                }
                Err(error) => {
                    found.partial = true;
                    found.notices.push(Notice {
                        file: Some(backup.topology_file.display().to_string()),
                        name: "topology-does-not-fit".to_owned(),
                        message: format!(
                            "the snapshots beside it do not fit this topology: {error}"
                        ),
                    });
                }
            }
        }
        found
    }

    /// Compares the names of the snapshots with the topology beside them, without reading any.
    pub fn of_names(inputs: &Inputs) -> Completeness {
        let mut found = Completeness::default();
        for backup in &inputs.backups {
            let missing = missing(inputs, backup);
            found.partial |= !missing.is_empty();
            found.notices.extend(missing);
        }
        found
    }
}

/// A warning for each shard that has no snapshot. Where the names of snapshots tell no node, it cannot be said which
/// shards are missing, but how many at least.
fn missing(inputs: &Inputs, backup: &Backup) -> Vec<Notice> {
    let snapshots = &inputs.snapshots[backup.snapshots.clone()];
    let unnamed = snapshots.iter().filter(|each| each.node.is_none()).count();
    let is_named = |id: &NodeId| snapshots.iter().any(|each| each.node.as_ref() == Some(id));
    let missing: Vec<&Node> = backup
        .topology
        .primaries()
        .filter(|node| !node.slots.is_empty() && !is_named(&node.id))
        .collect();
    if unnamed == 0 {
        let warnings = missing.iter().map(|node| Warning::NodeWithoutFile {
            node: node.id.clone(),
            slots: node.slots.len(),
        });
        return warnings
            .map(|warning| Notice::new(None, &warning))
            .collect();
    }
    let least = missing.len().saturating_sub(unnamed);
    let notice = (least > 0).then(|| Notice {
        file: Some(backup.topology_file.display().to_string()),
        name: "node-without-file".to_owned(),
        message: format!("at least {least} of the primaries that own slots have no snapshot here"),
    });
    notice.into_iter().collect()
}
