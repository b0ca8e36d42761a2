//! What the plan moves, against the least that any plan moves that ends as even.

use std::collections::{BTreeMap, BTreeSet};

use preshard_slots::NodeId;

use super::{Findings, figures, goal, law};
use crate::Plan;

/// Figures are written with six digits.
const SIX_DIGITS: f64 = 2e-6;

pub(super) fn check(plan: &Plan, findings: &mut Findings) {
    check_largest(plan, findings);
    let weigh = figures::weigher(plan.goal.balance_by);
    let fullness = || {
        let part = plan.nodes.iter().filter(|node| node.weight > 0.0);
        part.map(|node| weigh(&node.after) / node.weight)
    };
    let (fullest, emptiest) = (
        fullness().fold(0.0, f64::max),
        fullness().fold(f64::INFINITY, f64::min),
    );

    // Every slot that moves leaves one node and comes to one: what must do either is a bound for all.
    let orders = goal::orders(plan);
    let (mut moved, mut out, mut into) = (0.0, 0.0, 0.0);
    let moves = || {
        plan.batches
            .iter()
            .flat_map(|batch| batch.moves.iter().map(move |one| (batch, one)))
    };
    let mut ordered: BTreeMap<&NodeId, (f64, f64)> = BTreeMap::new();
    for (batch, slot_move) in moves() {
        let weighs = weigh(&figures::of_move(slot_move));
        moved += weighs;
        if orders.contains_key(&slot_move.slot) {
            ordered.entry(&batch.source).or_default().0 += weighs;
            ordered.entry(&batch.target).or_default().1 += weighs;
        }
    }
    for node in &plan.nodes {
        let (leaves, comes) = ordered.get(&node.id).copied().unwrap_or_default();
        let before = weigh(&node.before);
        let (high, low) = if node.weight > 0.0 {
            (fullest * node.weight, emptiest * node.weight)
        } else {
            (weigh(&node.after), 0.0)
        };
        out += f64::max(before - high, leaves);
        into += f64::max(low - before, comes);
    }
    let least: f64 = f64::max(out, into);
    // From the figures as stated, which are held to account themselves: rounded bytes weigh much in a small ratio.
    let stated = (plan.balance.moved as f64, plan.balance.least_moved as f64);
    let gap = if stated.1 > 0.0 {
        (stated.0 / stated.1 - 1.0).max(0.0)
    } else {
        0.0
    };
    // Whole bytes are rounded once for each node.
    let whole = |value: f64| 2.0 * plan.nodes.len() as f64 + value * 1e-9;
    let balance = &plan.balance;
    let fullness = {
        let largest = balance
            .largest_slot
            .map_or(-1.0, |slot| slot.imbalance_bound);
        let bound = 1.0 + balance.imbalance_bound.max(largest);
        let after = 1.0 + balance.imbalance_after;
        if bound > 0.0 {
            (after / bound - 1.0).max(0.0)
        } else {
            0.0
        }
    };
    for (what, expected, found, slack) in [
        ("moved", moved, balance.moved as f64, whole(moved)),
        (
            "least moved",
            least,
            balance.least_moved as f64,
            whole(least),
        ),
        ("moved gap", gap, balance.moved_gap, SIX_DIGITS + gap * 1e-9),
        (
            "fullness gap",
            fullness,
            balance.fullness_gap,
            SIX_DIGITS * (1.0 + fullness),
        ),
    ] {
        findings.demand(
            (expected - found).abs() <= slack,
            law::BALANCE,
            &format_args!("balance, {what}"),
            &expected,
            &found,
        );
    }
}

/// The largest slot is one of a node that takes part, weighs what the plan says of it elsewhere, and no other slot that
/// the plan tells of weighs more.
fn check_largest(plan: &Plan, findings: &mut Findings) {
    let weigh = figures::weigher(plan.goal.balance_by);
    let weighted: BTreeSet<&NodeId> = plan
        .nodes
        .iter()
        .filter(|node| node.weight > 0.0)
        .map(|node| &node.id)
        .collect();
    let mut told: BTreeMap<u16, f64> = BTreeMap::new();
    for slot_move in plan.batches.iter().flat_map(|batch| &batch.moves) {
        told.insert(slot_move.slot, weigh(&figures::of_move(slot_move)));
    }
    for held in &plan.held {
        if held
            .owner
            .as_ref()
            .is_some_and(|owner| weighted.contains(owner))
        {
            told.insert(held.slot, weigh(&figures::of_held(held)));
        }
    }
    let Some(largest) = plan.balance.largest_slot else {
        let part = plan.nodes.iter().filter(|node| node.weight > 0.0);
        let weighs = part.map(|node| weigh(&node.after)).sum::<f64>();
        findings.demand(
            weighs == 0.0,
            law::BALANCE,
            &"largest slot",
            &"one",
            &"none",
        );
        return;
    };
    let share = largest.share as f64;
    let keeper = plan.nodes.iter().find(|node| {
        let mut kept = node.kept.iter();
        kept.any(|&(first, last)| (first..=last).contains(&largest.slot))
    });
    let fits = match (told.get(&largest.slot), keeper) {
        (Some(&told), _) => told == share,
        (None, Some(node)) => node.weight > 0.0 && share <= weigh(&node.after),
        (None, None) => false,
    };
    let most = told.values().copied().fold(0.0, f64::max);
    findings.demand(
        fits && share >= most && share > 0.0,
        law::BALANCE,
        &format_args!("largest slot {}", largest.slot),
        &format_args!("a slot of a node with a weight that weighs at least {most}"),
        &share,
    );
    let part = || plan.nodes.iter().filter(|node| node.weight > 0.0);
    let mean = part().map(|node| weigh(&node.after)).sum::<f64>()
        / part().map(|node| node.weight).sum::<f64>();
    let heaviest = part().map(|node| node.weight).fold(0.0, f64::max);
    let expected = share / heaviest / mean - 1.0;
    findings.demand(
        (expected - largest.imbalance_bound).abs() <= SIX_DIGITS + expected.abs() * 1e-9,
        law::BALANCE,
        &"largest slot, imbalance bound",
        &expected,
        &largest.imbalance_bound,
    );
}
