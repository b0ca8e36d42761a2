//! The plan does what was asked, nothing else, and says honestly how far it comes.

use std::collections::{BTreeMap, BTreeSet};

use preshard_slots::NodeId;

use super::figures::{self, Around};
use super::{Findings, law, servers};
use crate::plan::{Dialect, HoldReason, NodePlan, Outcome};
use crate::{Goal, Plan};

/// Whether nodes are balanced, and not only emptied or moved by order.
pub(super) fn balances(goal: &Goal) -> bool {
    goal.rebalance || !goal.add.is_empty() || !goal.weights.is_empty()
}

/// Nodes of which nobody knows what they hold.
pub(super) fn unknown(plan: &Plan) -> BTreeSet<&NodeId> {
    plan.nodes
        .iter()
        .filter(|node| !node.known)
        .map(|node| &node.id)
        .collect()
}

/// Where each slot was ordered to, as (source, target); orders that name an unknown node, or a target that does not take what
/// the source dumps, cannot be carried out.
pub(super) fn orders(plan: &Plan) -> BTreeMap<u16, (&NodeId, &NodeId)> {
    let unknown = unknown(plan);
    plan.goal
        .moves
        .iter()
        .filter(|order| !unknown.contains(&order.from) && !unknown.contains(&order.to))
        .filter(|order| !servers::refuse(plan, &order.from, &order.to))
        .filter(|_| plan.dialect != Dialect::Managed)
        .flat_map(|order| {
            order
                .slots
                .iter()
                .flat_map(|&(first, last)| first..=last)
                .map(|slot| (slot, (&order.from, &order.to)))
        })
        .collect()
}

pub(super) fn drained(goal: &Goal) -> BTreeSet<&NodeId> {
    let weighed_out = goal.weights.iter().filter(|(_, weight)| *weight == 0.0);
    goal.drain
        .iter()
        .chain(weighed_out.map(|(node, _)| node))
        .collect()
}

fn weight_of(node: &NodePlan, goal: &Goal) -> f64 {
    if !node.known || drained(goal).contains(&node.id) {
        return 0.0;
    }
    if let Some((_, weight)) = goal.weights.iter().find(|(id, _)| *id == node.id) {
        return *weight;
    }
    let takes_part = node.before.slots > 0
        || goal.add.contains(&node.id)
        || goal.moves.iter().any(|order| order.to == node.id);
    if takes_part { 1.0 } else { 0.0 }
}

pub(super) fn check(plan: &Plan, findings: &mut Findings) {
    let orders = orders(plan);
    let unknown = unknown(plan);
    let drained: BTreeSet<&NodeId> = drained(&plan.goal).difference(&unknown).copied().collect();
    for node in &plan.nodes {
        findings.equal(
            law::GOAL,
            &format_args!("weight of node {}", node.id.0),
            &weight_of(node, &plan.goal),
            &node.weight,
        );
    }
    let weightless: BTreeSet<&NodeId> = plan
        .nodes
        .iter()
        .filter(|node| node.weight == 0.0)
        .map(|node| &node.id)
        .collect();

    let mut moved = BTreeSet::new();
    for batch in &plan.batches {
        findings.demand(
            !weightless.contains(&batch.target),
            law::GOAL,
            &format_args!("batch {}, target", batch.number),
            &"a node with a weight",
            &batch.target.0.as_str(),
        );
        findings.demand(
            !unknown.contains(&batch.source),
            law::GOAL,
            &format_args!("batch {}, source", batch.number),
            &"a node of which it is known what it holds",
            &batch.source.0.as_str(),
        );
        for slot_move in &batch.moves {
            moved.insert(slot_move.slot);
            let place = format!("batch {}, slot {}", batch.number, slot_move.slot);
            let found = format!("{} to {}", batch.source.0, batch.target.0);
            if let Some(&(from, to)) = orders.get(&slot_move.slot) {
                let ordered = format!("{} to {}", from.0, to.0);
                findings.equal(law::GOAL, &place, &ordered, &found);
            } else {
                findings.demand(
                    balances(&plan.goal) || drained.contains(&batch.source),
                    law::GOAL,
                    &place,
                    &"a slot that the goal asks to move",
                    &found,
                );
            }
        }
    }
    check_kept(plan, findings);
    // A service is told nothing, and a plan that ends early says what it leaves.
    let ended = ends_early(plan) || plan.dialect == Dialect::Managed;
    let held: BTreeSet<u16> = plan.held.iter().map(|held| held.slot).collect();
    for &slot in orders.keys().filter(|_| !ended) {
        findings.demand(
            moved.contains(&slot) || held.contains(&slot),
            law::GOAL,
            &format_args!("slot {slot}, which was ordered to move"),
            &"moved or held",
            &"kept",
        );
    }
    for node in plan.nodes.iter().filter(|node| drained.contains(&node.id)) {
        findings.demand(
            ended || node.kept.is_empty(),
            law::GOAL,
            &format_args!("drained node {}", node.id.0),
            &"no slot kept by choice",
            &node.kept.len(),
        );
    }
    check_outcome(plan, &orders, &drained, findings);
}

/// Whether the goal wants something of a node that is not known, or of servers that do not understand one another.
fn asks_in_vain(plan: &Plan) -> bool {
    let goal = &plan.goal;
    let unknown = unknown(plan);
    let named = goal
        .add
        .iter()
        .chain(&goal.drain)
        .chain(goal.weights.iter().map(|(node, _)| node))
        .chain(goal.moves.iter().flat_map(|order| [&order.from, &order.to]));
    let nobody = balances(goal) && unknown.len() == plan.nodes.len();
    let mut moves = goal.moves.iter();
    let refused = moves.any(|order| servers::refuse(plan, &order.from, &order.to));
    nobody || refused || named.into_iter().any(|node| unknown.contains(node))
}

/// Whether an added node ends without a slot though at least a hundredth of the mean would be its share.
fn adds_in_vain(plan: &Plan) -> bool {
    let shares: Vec<f64> = plan
        .nodes
        .iter()
        .filter(|node| node.weight > 0.0)
        .map(|node| node.ideal_share as f64)
        .collect();
    let mean = shares.iter().sum::<f64>() / shares.len() as f64;
    plan.nodes.iter().any(|node| {
        node.weight > 0.0
            && plan.goal.add.contains(&node.id)
            && node.after.slots == 0
            && node.ideal_share > 0
            && node.ideal_share as f64 >= mean / 100.0
    })
}

/// A service chooses the slots itself: nothing is planned, and each slot that it refuses stands in its way.
fn check_service(plan: &Plan, findings: &mut Findings) {
    findings.equal(
        law::GOAL,
        &"batches of a managed service",
        &0,
        &plan.batches.len(),
    );
    let stuck = plan.held.iter().any(|held| {
        held.reasons.iter().any(|reason| {
            matches!(
                reason,
                HoldReason::OversizedKey { .. } | HoldReason::OversizedUnnamed { .. }
            )
        })
    });
    let said = match &plan.outcome {
        Outcome::LeftToService => !stuck,
        Outcome::NotReachable { reasons } => stuck && !reasons.is_empty(),
        _ => false,
    };
    findings.demand(
        said,
        law::OUTCOME,
        &"outcome",
        &if stuck {
            "not-reachable, with reasons"
        } else {
            "left-to-service"
        },
        &format_args!("{:?}", plan.outcome),
    );
}

/// Whether the goal's own limits end the plan before the goal is reached: only what is said can be checked here, as the
/// rest of the moves is not in the plan.
pub(super) fn ends_early(plan: &Plan) -> bool {
    plan.ended_early.is_some_and(|ended| {
        let (moves, bytes) = (plan.goal.max_moves, plan.goal.max_bytes);
        moves.is_some_and(|most| ended.slots_in_all > most)
            || bytes.is_some_and(|most| ended.memory_bytes_in_all > most)
    })
}

/// What the goal keeps is held, nothing else is held for it, and no more moves than it allows.
fn check_kept(plan: &Plan, findings: &mut Findings) {
    findings.equal(
        law::GOAL,
        &"ended early",
        &ends_early(plan),
        &plan.ended_early.is_some(),
    );
    let asked = |slot: u16| {
        let mut ranges = plan.goal.keep.iter();
        ranges.any(|&(first, last)| (first..=last).contains(&slot))
    };
    let mut held = BTreeSet::new();
    for slot in &plan.held {
        let for_that = slot.reasons.contains(&HoldReason::AskedToStay);
        if for_that {
            held.insert(slot.slot);
        }
        findings.equal(
            law::GOAL,
            &format_args!("slot {}, held because it is to stay", slot.slot),
            &asked(slot.slot),
            &for_that,
        );
    }
    for slot in plan
        .goal
        .keep
        .iter()
        .flat_map(|&(first, last)| first..=last)
    {
        findings.demand(
            held.contains(&slot),
            law::GOAL,
            &format_args!("slot {slot}, which is to stay"),
            &"held",
            &"not held",
        );
    }
    let moves = || plan.batches.iter().flat_map(|batch| &batch.moves);
    let bytes: u128 = moves().map(|one| u128::from(one.memory_bytes)).sum();
    for (what, most, found) in [
        (
            "slots that move",
            plan.goal.max_moves.map(u128::from),
            moves().count() as u128,
        ),
        (
            "bytes that move",
            plan.goal.max_bytes.map(u128::from),
            bytes,
        ),
    ] {
        findings.demand(
            most.is_none_or(|most| found <= most),
            law::GOAL,
            &what,
            &format_args!("at most {}", most.unwrap_or(0)),
            &found,
        );
    }
}

fn check_outcome(
    plan: &Plan,
    orders: &BTreeMap<u16, (&NodeId, &NodeId)>,
    drained: &BTreeSet<&NodeId>,
    findings: &mut Findings,
) {
    if plan.dialect == Dialect::Managed {
        check_service(plan, findings);
        return;
    }
    let obstacles = plan
        .held
        .iter()
        .filter(|held| {
            orders.contains_key(&held.slot)
                || held
                    .owner
                    .as_ref()
                    .is_some_and(|owner| drained.contains(owner))
                || held.reasons.iter().any(|reason| {
                    matches!(reason, HoldReason::NoRoom | HoldReason::NoWindow { .. })
                })
        })
        .count();
    let (without_maxmemory, slack) = figures::least_imbalance(plan, Around::HeldWithoutMaxmemory);
    let (with_maxmemory, _) = figures::least_imbalance(plan, Around::Held);
    let want_of_room = with_maxmemory - without_maxmemory - 0.001;
    // Where rounding decides, either is right.
    let undecided = balances(&plan.goal) && want_of_room.abs() <= slack;
    let short_of_room = balances(&plan.goal) && want_of_room > 0.0;
    let expected = if obstacles > 0
        || asks_in_vain(plan)
        || (!ends_early(plan) && adds_in_vain(plan))
        || (undecided && matches!(plan.outcome, Outcome::NotReachable { .. }))
        || (short_of_room && !undecided)
    {
        "not-reachable"
    } else if ends_early(plan) {
        "partly-reached"
    } else if balances(&plan.goal)
        && plan.balance.imbalance_bound > plan.balance.imbalance_bound_none_held + 0.001
    {
        "reached-around-held"
    } else if plan.batches.is_empty() {
        "nothing-to-do"
    } else {
        "reached"
    };
    let found = match &plan.outcome {
        Outcome::Reached => "reached",
        Outcome::ReachedAroundHeld => "reached-around-held",
        Outcome::NothingToDo => "nothing-to-do",
        Outcome::LeftToService => "left-to-service",
        Outcome::PartlyReached => "partly-reached",
        Outcome::NotReachable { reasons } => {
            findings.demand(
                !reasons.is_empty(),
                law::OUTCOME,
                &"outcome",
                &"reasons",
                &"none",
            );
            "not-reachable"
        }
    };
    findings.equal(law::OUTCOME, &"outcome", &expected, &found);
}
