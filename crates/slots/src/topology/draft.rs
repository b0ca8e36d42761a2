//! Fields that several texts have in common, and the checks that every topology must pass.

use std::collections::HashSet;

use super::{Format, Node, NodeId, OpenSlot, Role, Topology};
use crate::{Error, Slot, SlotRange, SlotSet};

/// A topology as read, not yet checked.
pub(super) struct Draft {
    pub format: Format,
    pub nodes: Vec<Node>,
    pub current_epoch: Option<u64>,
    pub cluster_errors: u64,
}

impl Draft {
    pub(super) fn new(format: Format) -> Draft {
        Draft {
            format,
            nodes: Vec::new(),
            current_epoch: None,
            cluster_errors: 0,
        }
    }

    /// Checks what [`Topology`] promises.
    pub(super) fn finish(mut self) -> Result<Topology, Error> {
        for node in &mut self.nodes {
            node.open.sort_by_key(|open| open.slot);
        }
        let mut ids = HashSet::new();
        if let Some(node) = self.nodes.iter().find(|node| !ids.insert(&node.id)) {
            return Err(Error::NodeTwice {
                id: node.id.clone(),
            });
        }
        if !self.nodes.iter().any(Node::is_primary) {
            return Err(Error::NoPrimary {
                nodes: self.nodes.len(),
            });
        }
        for node in &self.nodes {
            if !node.is_primary() && !node.slots.is_empty() {
                return Err(Error::NotPrimary {
                    id: node.id.clone(),
                    slots: node.slots.clone(),
                });
            }
            if let Some(open) = node.open.iter().find(|open| !ids.contains(&open.peer)) {
                return Err(Error::PeerUnknown {
                    id: node.id.clone(),
                    slot: open.slot,
                    peer: open.peer.clone(),
                });
            }
        }
        self.check_owners()?;
        Ok(Topology {
            format: self.format,
            nodes: self.nodes,
            current_epoch: self.current_epoch,
            cluster_errors: self.cluster_errors,
        })
    }

    fn check_owners(&self) -> Result<(), Error> {
        let mut owned = SlotSet::new();
        for node in &self.nodes {
            if let Some(slot) = node.slots.iter().find(|&slot| !owned.insert(slot)) {
                let mut owners = self.nodes.iter().filter(|node| node.slots.contains(slot));
                let first = owners.next().unwrap_or(node);
                return Err(Error::SlotOwnedTwice {
                    slot,
                    first: first.id.clone(),
                    second: node.id.clone(),
                });
            }
        }
        Ok(())
    }
}

/// A node of which only the id is known yet.
pub(super) fn node(id: NodeId, role: Role) -> Node {
    Node {
        id,
        host: String::new(),
        hostname: None,
        port: 0,
        role,
        flags: Vec::new(),
        slots: SlotSet::new(),
        open: Vec::<OpenSlot>::new(),
        config_epoch: None,
    }
}

pub(super) fn node_id(at: &str, text: &str) -> Result<NodeId, Error> {
    if is_node_id(text) {
        Ok(NodeId(text.to_owned()))
    } else {
        let expected = "a node id of 40 hexadecimal digits";
        Err(Error::unexpected(at, expected, text))
    }
}

/// Servers write ids in lower case only (`getRandomHexChars` of `src/util.c`).
pub(super) fn is_node_id(text: &str) -> bool {
    text.len() == 40 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// A host name, address or flag. `?` is what servers say when they are to tell host names and a
/// node has none (`getPreferredEndpoint` of `src/cluster.c`): it is no host.
pub(super) fn word(at: &str, text: &str) -> Result<String, Error> {
    if text == "?" {
        return Ok(String::new());
    }
    if text.bytes().all(|b| b.is_ascii_graphic()) {
        Ok(text.to_owned())
    } else {
        let expected = "printable ASCII without blanks";
        Err(Error::unexpected(at, expected, text))
    }
}

pub(super) fn number<T: std::str::FromStr>(
    at: &str,
    expected: &'static str,
    text: &str,
) -> Result<T, Error> {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    let number = digits.then(|| text.parse().ok()).flatten();
    number.ok_or_else(|| Error::unexpected(at, expected, text))
}

pub(super) fn port(at: &str, text: &str) -> Result<u16, Error> {
    number(at, "a port from 0 to 65535", text)
}

pub(super) fn slot(at: &str, text: &str) -> Result<Slot, Error> {
    text.parse()
        .map_err(|_| Error::unexpected(at, "a slot from 0 to 16383", text))
}

pub(super) fn range(at: &str, first: &str, last: &str) -> Result<SlotRange, Error> {
    let (from, to) = (slot(at, first)?, slot(at, last)?);
    SlotRange::new(from, to).ok_or_else(|| {
        let found = format!("{first}-{last}");
        Error::unexpected(
            at,
            "a slot range that does not end before it begins",
            &found,
        )
    })
}
