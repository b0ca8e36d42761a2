//! The plan document: `plan.json`.

use preshard_planner::Plan;
use preshard_planner::plan::{HeldSlot, HoldReason, NodePlan, Outcome};
use preshard_slots::NodeId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ruled::RuledSlot;
use super::{Estimates, FORMAT_VERSION, InputFacts, Notice, Tool, share};

/// A plan, with what it was made from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct PlanDocument {
    /// Version of this document's form: 1.
    pub format_version: u32,
    /// What wrote it.
    pub tool: Tool,
    /// The snapshots it rests on.
    pub inputs: Vec<InputFacts>,
    /// The file that told who owns the slots; `null` when that was told from the keys.
    pub topology: Option<String>,
    /// True when a snapshot was damaged or a shard is missing: the plan knows only a part of the cluster.
    pub partial: bool,
    /// How the estimates came about.
    pub estimates: Estimates,
    /// Each node's share of all memory that is known, in the order of `nodes`.
    pub shares: Vec<NodeShare>,
    /// The held slots by their first reason, most memory first.
    pub held_by_reason: Vec<HeldGroup>,
    /// Slots that no reshard evens out, most memory first.
    pub ruled_slots: Vec<RuledSlot>,
    /// The plan itself.
    #[serde(flatten)]
    pub plan: Plan,
    /// What the reader of the plan should know of its inputs.
    pub warnings: Vec<Notice>,
}

/// One node's share of all memory that is known (0.25 is a quarter); `null` for a node of which that is not known.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NodeShare {
    /// Now.
    pub before: Option<f64>,
    /// When the plan has run.
    pub after: Option<f64>,
    /// In the ideal balance.
    pub ideal: Option<f64>,
}

/// Slots held for one kind of reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HeldGroup {
    /// The reason, by the word of `held[].reasons[].reason`.
    pub reason: String,
    /// Slots, as inclusive ranges.
    pub slots: Vec<(u16, u16)>,
    /// How many slots.
    pub count: u32,
    /// How many of them the goal would have had move.
    pub in_the_way: u32,
    /// False when nobody knows what the owner of one of them holds: they hold at least what is said here.
    pub known: bool,
    /// Keys in them.
    pub keys: u64,
    /// Estimated memory of the keys.
    pub memory_bytes: u64,
    /// Sum of their payloads.
    pub payload_bytes: u64,
}

impl PlanDocument {
    /// Puts a plan into its document.
    pub fn new(
        plan: Plan,
        inputs: Vec<InputFacts>,
        topology: Option<String>,
        partial: bool,
        estimates: Estimates,
        warnings: Vec<Notice>,
    ) -> PlanDocument {
        PlanDocument {
            format_version: FORMAT_VERSION,
            tool: Tool::this(),
            inputs,
            topology,
            partial,
            estimates,
            shares: shares(&plan),
            held_by_reason: held_by_reason(&plan),
            ruled_slots: Vec::new(),
            plan,
            warnings,
        }
    }

    /// The same with slots that no reshard evens out.
    #[must_use]
    pub fn with_ruled_slots(self, ruled_slots: Vec<RuledSlot>) -> PlanDocument {
        PlanDocument {
            ruled_slots,
            ..self
        }
    }

    /// Whether the goal can be reached safely.
    pub fn is_safe(&self) -> bool {
        !matches!(self.plan.outcome, Outcome::NotReachable { .. })
    }
}

fn shares(plan: &Plan) -> Vec<NodeShare> {
    let shares = |of: &dyn Fn(&NodePlan) -> u64| -> Vec<Option<f64>> {
        let known = || plan.nodes.iter().filter(|node| node.known);
        let whole = known().map(of).sum::<u64>();
        let nodes = plan.nodes.iter();
        nodes
            .map(|node| node.known.then(|| share(of(node), whole)))
            .collect()
    };
    let measure = plan.goal.balance_by;
    let before = shares(&|node| measure.of(&node.before));
    let after = shares(&|node| measure.of(&node.after));
    let ideal = shares(&|node| node.ideal_share);
    before
        .into_iter()
        .zip(after)
        .zip(ideal)
        .map(|((before, after), ideal)| NodeShare {
            before,
            after,
            ideal,
        })
        .collect()
}

fn held_by_reason(plan: &Plan) -> Vec<HeldGroup> {
    let is_known = |id: &NodeId| {
        let mut nodes = plan.nodes.iter();
        nodes.any(|node| node.id == *id && node.known)
    };
    let mut groups: Vec<HeldGroup> = Vec::new();
    let mut by_slot: Vec<&HeldSlot> = plan.held.iter().collect();
    by_slot.sort_unstable_by_key(|held| held.slot);
    for held in by_slot {
        let word = held.reasons.first().map_or("unknown", reason_word);
        let at = groups
            .iter()
            .position(|group| group.reason == word)
            .unwrap_or_else(|| {
                groups.push(HeldGroup {
                    reason: word.to_owned(),
                    slots: Vec::new(),
                    count: 0,
                    in_the_way: 0,
                    known: true,
                    keys: 0,
                    memory_bytes: 0,
                    payload_bytes: 0,
                });
                groups.len() - 1
            });
        let group = &mut groups[at];
        group.count += 1;
        group.in_the_way += u32::from(held.in_the_way);
        group.known &= held.owner.as_ref().is_none_or(is_known);
        group.keys += held.keys;
        group.memory_bytes += held.memory_bytes;
        group.payload_bytes += held.payload_bytes;
        match group.slots.last_mut() {
            Some((_, last)) if *last + 1 == held.slot => *last = held.slot,
            _ => group.slots.push((held.slot, held.slot)),
        }
    }
    groups.sort_by(|a, b| {
        b.memory_bytes
            .cmp(&a.memory_bytes)
            .then_with(|| a.reason.cmp(&b.reason))
    });
    groups
}

/// The word that the reason carries in JSON.
fn reason_word(reason: &HoldReason) -> &'static str {
    match reason {
        HoldReason::OversizedKey { .. } => "oversized-key",
        HoldReason::OversizedUnnamed { .. } => "oversized-unnamed",
        HoldReason::Doubt { .. } => "doubt",
        HoldReason::Unassigned => "unassigned",
        HoldReason::AskedToStay => "asked-to-stay",
        HoldReason::NoRoom => "no-room",
        HoldReason::NoWindow { .. } => "no-window",
        _ => "other",
    }
}
