//! Who owns the slots, as files beside the inputs tell it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow};
use preshard_slots::Topology;

/// A topology, and the file it was found in.
pub struct FoundTopology {
    /// The file.
    pub path: PathBuf,
    /// What is in it.
    pub text: Vec<u8>,
    /// What that says.
    pub topology: Topology,
}

impl FoundTopology {
    /// Reads a file.
    ///
    /// # Errors
    /// When it cannot be read, or is no topology.
    pub fn read(path: &Path) -> Result<FoundTopology> {
        let text =
            fs::read(path).with_context(|| format!("cannot read topology {}", path.display()))?;
        let topology =
            Topology::parse(&text).with_context(|| format!("{} is no topology", path.display()))?;
        Ok(FoundTopology {
            path: path.to_owned(),
            text,
            topology,
        })
    }
}

/// The one topology that all inputs agree on.
///
/// # Errors
/// When two contradict each other.
pub fn single_topology(found: Vec<FoundTopology>) -> Result<Option<FoundTopology>> {
    let mut found = found.into_iter();
    let Some(first) = found.next() else {
        return Ok(None);
    };
    for other in found {
        let owner_in = |found: &FoundTopology, slot| {
            let owner = found.topology.owner_of(slot);
            owner.map(|node| node.id.clone())
        };
        if let Some(slot) = preshard_slots::Slot::all()
            .find(|&slot| owner_in(&first, slot) != owner_in(&other, slot))
        {
            let owner = |found: &FoundTopology| {
                owner_in(found, slot).map_or("nobody".to_owned(), |id| format!("node {}", id.0))
            };
            return Err(anyhow!(
                "the topologies differ: in {} slot {} belongs to {}, in {} to {}; say which one holds with --topology",
                first.path.display(),
                slot.number(),
                owner(&first),
                other.path.display(),
                owner(&other),
            ));
        }
    }
    Ok(Some(first))
}
