//! Who owns which slot, as a saved file tells it.
//!
//! [`Topology::parse`] tells the texts apart by what is in them, never by a file's name. Each has
//! its own module; what they have in common, and the checks that all must pass, is in `draft`.

mod backup_json;
mod draft;
mod nodes_text;
mod recognise;
mod reply;
mod shards;
mod slots;

use crate::error::excerpt;
use crate::{Error, Slot, SlotSet};

/// The name of a node: 40 lowercase hexadecimal digits for nodes that exist, another
/// word for nodes that are only planned.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(transparent)]
pub struct NodeId(pub String);

impl std::fmt::Display for NodeId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// A cluster as one file describes it.
///
/// What [`Topology::parse`] returns holds: node ids are unique, no slot has two owners, only
/// primaries own slots, there is at least one primary, and every open slot names a node that is
/// there. Slots without an owner are allowed: see [`Topology::unassigned`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topology {
    /// What kind of text the topology was read from.
    pub format: Format,
    /// All nodes, in the order of the file.
    pub nodes: Vec<Node>,
    /// The cluster's epoch, where the text tells it.
    pub current_epoch: Option<u64>,
    /// How many problems `redis-cli` had found in the cluster when it took the backup
    /// (`cluster_errors`, which it leaves out when there are none); 0 for other texts.
    pub cluster_errors: u64,
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
    /// It tells nothing of open slots.
    ClusterShards,
    /// Saved reply of `CLUSTER SLOTS`, as `redis-cli` prints it or as JSON. It tells nothing of
    /// open slots, and leaves out primaries without slots.
    ClusterSlots,
}

/// What a node is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Role {
    /// Owns slots, or may.
    Primary,
    /// Follows a primary.
    Replica {
        /// The primary it follows, where the text names it. It need not be in the topology:
        /// `nodes.json` leaves out nodes that do not answer.
        of: Option<NodeId>,
    },
    /// Not told: a node that another one is still shaking hands with.
    Unknown,
}

/// One node of a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its 40-digit name.
    pub id: NodeId,
    /// Address that clients use, or the host name where the text has only that; empty when the
    /// text has neither.
    pub host: String,
    /// Host name, where the text has one besides the address.
    pub hostname: Option<String>,
    /// Client port; 0 when the text has none.
    pub port: u16,
    /// Primary or replica.
    pub role: Role,
    /// Flags as written (`myself`, `fail?`, `handshake`, `noaddr`...), without the role words; from
    /// `CLUSTER SHARDS` the health of a node that is not `online`.
    pub flags: Vec<String>,
    /// Slots that the node owns.
    pub slots: SlotSet,
    /// Slots of which a migration is open on this node, ascending. Replicas of Valkey tell those
    /// of their primary.
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

impl Node {
    /// Whether the node owns slots, or may.
    pub fn is_primary(&self) -> bool {
        self.role == Role::Primary
    }

    /// `host:port` as clients are told it, `None` when the text lacks either.
    pub fn address(&self) -> Option<String> {
        (!self.host.is_empty() && self.port != 0).then(|| format!("{}:{}", self.host, self.port))
    }

    fn is_at(&self, host: &str, port: u16) -> bool {
        self.port == port && (self.host == host || self.hostname.as_deref() == Some(host))
    }
}

impl Topology {
    /// Reads the text of a topology, whichever it is of those that [`Format`] names.
    ///
    /// # Errors
    /// A text that is none of them, that ends too early or is damaged (with line and field, or the
    /// path inside the document), and one that contradicts itself: see the type's own promise.
    ///
    /// # Examples
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use preshard_slots::Topology;
    /// # let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/topologies/redis-7.0-open");
    /// let text = std::fs::read(format!("{directory}/nodes.txt"))?;
    /// let topology = Topology::parse(&text)?;
    /// assert_eq!(topology.primaries().count(), 3);
    /// assert_eq!(topology.unassigned().to_string(), "7");
    /// # Ok(())
    /// # }
    /// ```
    pub fn parse(text: &[u8]) -> Result<Topology, Error> {
        recognise::parse(text)
    }

    /// The nodes that own slots, or may, in the order of the file.
    pub fn primaries(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter().filter(|node| node.is_primary())
    }

    /// The node with this id.
    pub fn node(&self, id: &NodeId) -> Option<&Node> {
        self.nodes.iter().find(|node| node.id == *id)
    }

    /// The primary that owns the slot.
    pub fn owner_of(&self, slot: Slot) -> Option<&Node> {
        self.nodes.iter().find(|node| node.slots.contains(slot))
    }

    /// The slots that nobody owns.
    pub fn unassigned(&self) -> SlotSet {
        let owned = self.nodes.iter().flat_map(|node| node.slots.iter());
        owned.collect::<SlotSet>().complement()
    }

    /// The node that a person means by an id, the beginning of one, or `host:port`, where the
    /// host may be the address or the host name and an IPv6 address may stand in brackets.
    ///
    /// # Errors
    /// [`Error::NodeNotFound`], and [`Error::NodeAmbiguous`] with all nodes it may mean.
    pub fn find(&self, name: &str) -> Result<&Node, Error> {
        let address = name.rsplit_once(':').and_then(|(host, port)| {
            let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
            Some((bare.unwrap_or(host), port.parse::<u16>().ok()?))
        });
        let mut matches: Vec<&Node> = match address {
            Some((host, port)) => {
                let named = |node: &&Node| !host.is_empty() && node.is_at(host, port);
                self.nodes.iter().filter(named).collect()
            }
            None if name.is_empty() => Vec::new(),
            None => {
                let begins = |node: &&Node| node.id.0.starts_with(name);
                self.nodes.iter().filter(begins).collect()
            }
        };
        matches.sort_by(|a, b| a.id.cmp(&b.id));
        match matches[..] {
            [node] => Ok(node),
            [] => Err(Error::NodeNotFound {
                name: excerpt(name),
            }),
            _ => Err(Error::NodeAmbiguous {
                name: excerpt(name),
                matches: matches.iter().map(|node| node.id.clone()).collect(),
            }),
        }
    }
}
