//! What can be wrong with a slot, a set of slots or a topology.

use crate::{NodeId, Slot, SlotSet};

/// Why a text is no slot, no set of slots or no topology, or why a node cannot be found in one.
///
/// The library knows the place inside the text; whoever opened the file adds its path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A text that should be a slot is none.
    #[error("{found:?} is no slot: expected a number from 0 to 16383")]
    SlotText {
        /// The text, cut short.
        found: String,
    },
    /// A range is the wrong way round.
    #[error("slot range {first}-{last} ends before it begins")]
    RangeReversed {
        /// Where it should begin.
        first: Slot,
        /// Where it should end.
        last: Slot,
    },
    /// The text of a topology holds nothing.
    #[error(
        "empty: expected nodes.json, nodes.conf or a saved reply of CLUSTER NODES, SHARDS or SLOTS"
    )]
    Empty,
    /// The text is none of those that a topology can be read from.
    #[error(
        "not a cluster topology: it begins with {found:?}; expected nodes.json, nodes.conf or a saved reply of \
         CLUSTER NODES, SHARDS or SLOTS"
    )]
    Unrecognised {
        /// How it begins, cut short.
        found: String,
    },
    /// Somebody saved a reply that is an error.
    #[error("the saved reply is an error of the server: {reply:?}")]
    ServerError {
        /// The error, cut short.
        reply: String,
    },
    /// The text is not JSON all the way.
    #[error("not valid JSON at line {line}, column {column}: {message}")]
    Json {
        /// Line of the first bad byte, from 1.
        line: usize,
        /// Column of the first bad byte, from 1.
        column: usize,
        /// What the JSON reader says.
        message: String,
    },
    /// The text ends too early.
    #[error("the text ends too early, at {at}: expected {expected}")]
    Truncated {
        /// Line and field.
        at: String,
        /// What should have come.
        expected: &'static str,
    },
    /// Something else stands where a part of the topology should.
    #[error("{at}: expected {expected}, found {found:?}")]
    Unexpected {
        /// Line and field, or the path inside the document.
        at: String,
        /// What should be there.
        expected: &'static str,
        /// What is there, cut short.
        found: String,
    },
    /// `slots_count` of `nodes.json` is not the number of slots listed.
    #[error("node {id}: slots_count is {told}, but {listed} slots are listed")]
    SlotsCount {
        /// The node.
        id: NodeId,
        /// The number told.
        told: u64,
        /// Number of slots in the list.
        listed: usize,
    },
    /// A node appears twice, or as two different things.
    #[error("node {id} appears twice")]
    NodeTwice {
        /// The node.
        id: NodeId,
    },
    /// Two primaries own one slot.
    #[error("slot {slot} is owned by both {first} and {second}")]
    SlotOwnedTwice {
        /// The lowest of the slots that the second owner shares.
        slot: Slot,
        /// The owner named first.
        first: NodeId,
        /// The owner named second.
        second: NodeId,
    },
    /// Slots are listed with a node that is no primary.
    #[error("node {id} is no primary but owns slots {slots:?}")]
    NotPrimary {
        /// The node.
        id: NodeId,
        /// The slots listed with it.
        slots: SlotSet,
    },
    /// A shard with slots has no primary, or several, so that nothing tells who owns them.
    #[error(
        "{at}: {primaries} primaries in one shard with slots, so nothing says who owns them; save CLUSTER NODES instead"
    )]
    ShardPrimaries {
        /// The shard.
        at: String,
        /// How many primaries it has.
        primaries: usize,
    },
    /// The other side of an open slot is not in the topology.
    #[error("node {id} has slot {slot} open towards {peer}, which is not in the topology")]
    PeerUnknown {
        /// The node that told of it.
        id: NodeId,
        /// The open slot.
        slot: Slot,
        /// The other side.
        peer: NodeId,
    },
    /// There is no primary at all.
    #[error("no primary among {nodes} nodes")]
    NoPrimary {
        /// How many nodes there are.
        nodes: usize,
    },
    /// No node has this name.
    #[error("no node {name:?} in the topology: expected an id, the beginning of one, or host:port")]
    NodeNotFound {
        /// What was looked for, cut short.
        name: String,
    },
    /// Several nodes have this name.
    #[error("{name:?} names several nodes: {}", join(.matches))]
    NodeAmbiguous {
        /// What was looked for, cut short.
        name: String,
        /// The nodes it fits, in the order of their ids.
        matches: Vec<NodeId>,
    },
}

impl Error {
    /// Whether the text may be whole apart from a missing end.
    pub fn is_truncated(&self) -> bool {
        matches!(self, Error::Truncated { .. })
    }

    #[cold]
    pub(crate) fn slot_text(found: &str) -> Error {
        Error::SlotText {
            found: excerpt(found),
        }
    }

    #[cold]
    pub(crate) fn unexpected(at: impl Into<String>, expected: &'static str, found: &str) -> Error {
        Error::Unexpected {
            at: at.into(),
            expected,
            found: excerpt(found),
        }
    }

    #[cold]
    pub(crate) fn truncated(at: impl Into<String>, expected: &'static str) -> Error {
        Error::Truncated {
            at: at.into(),
            expected,
        }
    }
}

/// The beginning of a text from a stranger. The messages print it with `{:?}`, which escapes what
/// a terminal would act on.
pub(crate) fn excerpt(text: &str) -> String {
    const CHARS_MAX: usize = 80;
    let mut cut: String = text.chars().take(CHARS_MAX).collect();
    if cut.len() < text.len() {
        cut.push('…');
    }
    cut
}

fn join(ids: &[NodeId]) -> String {
    let ids: Vec<&str> = ids.iter().map(|id| id.0.as_str()).collect();
    ids.join(", ")
}
