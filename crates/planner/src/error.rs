//! Why no plan can be made at all.

/// Why no plan can be made at all: the question is wrong, not the cluster.
///
/// A goal that is sound but cannot be reached safely is no error: the plan says so in its
/// [`Outcome`](crate::plan::Outcome).
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A limit makes no sense.
    #[error("{name} is {value}, but must {must}")]
    Limit {
        /// The limit of [`PlanLimits`](crate::PlanLimits), in the words of its users.
        name: &'static str,
        /// Its value, with its unit.
        value: String,
        /// What it must do, and why.
        must: &'static str,
    },
    /// Nothing was asked for.
    #[error("the goal asks for nothing: rebalance, add, drain, weigh or move")]
    NoGoal,
    /// The servers are to move slots themselves, and cannot.
    #[error("the servers cannot move slots by themselves: {why}")]
    NotAtomic {
        /// Which server is too old, or not known.
        why: String,
    },
    /// A node is said to run a server that nobody knows.
    #[error("node {node} runs {server:?}, expected a name such as redis-7.0.15 or valkey-9.1.2")]
    UnknownServer {
        /// The node.
        node: String,
        /// The server as given.
        server: String,
    },
    /// The input lists no node.
    #[error("the input has no node")]
    NoNodes,
    /// The input lists a node twice.
    #[error("node {node} is listed twice")]
    NodeTwice {
        /// The node.
        node: String,
    },
    /// Two nodes of the input own one slot.
    #[error("slot {slot} is owned by both {first} and {second}")]
    SlotOwnedTwice {
        /// The slot.
        slot: u16,
        /// One owner.
        first: String,
        /// The other.
        second: String,
    },
    /// The goal names a node that the input does not have.
    #[error("no node {node} among the primaries and planned nodes")]
    UnknownNode {
        /// The name as given.
        node: String,
    },
    /// The goal names a node twice in one list.
    #[error("node {node} is named twice under {list}")]
    NamedTwice {
        /// The node.
        node: String,
        /// The list: `add`, `drain` or `weights`.
        list: &'static str,
    },
    /// A node to be added owns slots already.
    #[error(
        "node {node} cannot be added: it owns {slots} slots already; rebalance takes it in as it is"
    )]
    AddedOwnsSlots {
        /// The node.
        node: String,
        /// Slots it owns.
        slots: usize,
    },
    /// A node is both added and drained (a weight of 0 drains).
    #[error("node {node} is both added and drained")]
    AddedAndDrained {
        /// The node.
        node: String,
    },
    /// A node is drained and yet has a weight.
    #[error("node {node} is drained and has weight {}", crate::words::number_in_words(*.weight))]
    DrainedWithWeight {
        /// The node.
        node: String,
        /// The weight asked for.
        weight: f64,
    },
    /// A weight is not a number, negative, or out of range.
    #[error("weight {} of node {node} is not 0 and not 0.000001 to 1000000", crate::words::number_in_words(*.weight))]
    Weight {
        /// The node.
        node: String,
        /// The weight asked for.
        weight: f64,
    },
    /// No node is left that may take slots; an empty node takes part only when it is added.
    #[error(
        "nobody is left to take the slots: every other node is drained, not known, or empty and not added"
    )]
    AllDrained,
    /// A range of slots runs backwards or past 16383.
    #[error("{first}-{last} is no range of slots 0 to 16383")]
    Range {
        /// First slot as given.
        first: u16,
        /// Last slot as given.
        last: u16,
    },
    /// A slot is to be moved from a node that does not own it.
    #[error("slot {slot} cannot be moved from {from}: {}", match .owner {
        Some(owner) => format!("{owner} owns it"),
        None => "nobody owns it".to_owned(),
    })]
    NotOwned {
        /// The slot.
        slot: u16,
        /// The node named as its source.
        from: String,
        /// The node that owns it, if any.
        owner: Option<String>,
    },
    /// A slot is in two move orders.
    #[error("slot {slot} is ordered to {first} and to {second}")]
    MovedTwice {
        /// The slot.
        slot: u16,
        /// Target of the first order.
        first: String,
        /// Target of the second order.
        second: String,
    },
    /// A slot is to stay and to move.
    #[error("slot {slot} is to stay where it is and is ordered to {to}")]
    KeptAndMoved {
        /// The slot.
        slot: u16,
        /// Target of the order.
        to: String,
    },
    /// A move order begins and ends at one node.
    #[error("moves from {node} to itself")]
    MoveToItself {
        /// The node.
        node: String,
    },
    /// A move order ends at a node that is drained.
    #[error("moves to {node}, which is drained")]
    MoveToDrained {
        /// The node.
        node: String,
    },
    /// A slot's keys by name and by histogram do not add up to its count.
    #[error(
        "profile is inconsistent in slot {slot}: it counts {counted} keys but describes {described}"
    )]
    Inconsistent {
        /// The slot.
        slot: u16,
        /// Keys counted.
        counted: u64,
        /// Keys listed by name or in the histogram.
        described: u64,
    },
    /// A sum or a value of the profile is beyond anything a cluster holds.
    #[error("the {what} of the profile is beyond anything a cluster holds")]
    TooLarge {
        /// Which quantity.
        what: &'static str,
    },
    /// A plan cannot be compared with a profile that was computed otherwise.
    #[error("the plan rests on {what} {planned}, what it is held against on {now}")]
    OtherBasis {
        /// Cost profile or memory model.
        what: &'static str,
        /// The plan's.
        planned: String,
        /// The other.
        now: String,
    },
}
