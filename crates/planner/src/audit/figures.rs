//! The figures of the balance, worked out anew.

use std::collections::BTreeMap;

use preshard_slots::NodeId;

use super::{Findings, goal, law, rule, servers};
use crate::Plan;
use crate::goal::Measure;
use crate::plan::{Dialect, HeldSlot, HoldReason, Holding, NodePlan, SlotMove};

/// Figures are written with six digits.
const SIX_DIGITS: f64 = 2e-6;

/// A node in floating point bytes.
#[derive(Debug, Clone, Copy)]
struct Vessel {
    weight: f64,
    floor: f64,
    ceiling: f64,
}

impl Vessel {
    fn at(&self, level: f64) -> f64 {
        if self.weight > 0.0 {
            (self.weight * level).max(self.floor).min(self.ceiling)
        } else {
            self.floor
        }
    }
}

pub(super) fn check(plan: &Plan, findings: &mut Findings) {
    let weights: Vec<f64> = plan.nodes.iter().map(|node| node.weight).collect();
    let weigh = weigher(plan.goal.balance_by);
    let total: f64 = plan.nodes.iter().map(|node| weigh(&node.before)).sum();
    let known = plan.nodes.iter().filter(|node| node.known);
    let known_total: f64 = known.map(|node| weigh(&node.before)).sum();
    // What floating point sums of this size may be off by, and what rounding to whole bytes costs.
    let slack = 3.0 + total * 1e-9;

    let weight_sum: f64 = weights.iter().sum();
    let reachable = levels(plan, Around::Held);
    let none_held = levels(plan, Around::Orders);
    for (index, node) in plan.nodes.iter().enumerate() {
        let place = format!("node {}", node.id.0);
        let ideal = if !node.known {
            weigh(&node.before)
        } else if weight_sum > 0.0 {
            known_total * weights[index] / weight_sum
        } else {
            0.0
        };
        for (what, expected, found) in [
            ("ideal share", ideal, node.ideal_share),
            ("reachable share", reachable[index], node.reachable_share),
        ] {
            findings.demand(
                (expected - found as f64).abs() <= slack,
                law::BALANCE,
                &format_args!("{place}, {what}"),
                &format_args!("{expected}"),
                &found,
            );
        }
        let headroom = node.facts.maxmemory_bytes.map(|maxmemory| {
            let used = u128::from(node.after.memory_bytes) + u128::from(node.tables_after_bytes);
            i128::from(maxmemory) - used as i128
        });
        findings.demand(
            headroom == node.headroom_bytes.map(i128::from),
            rule::MEMORY_HEADROOM,
            &format_args!("{place}, headroom"),
            &format_args!("{headroom:?}"),
            &format_args!("{:?}", node.headroom_bytes),
        );
    }

    let before: Vec<f64> = plan.nodes.iter().map(|node| weigh(&node.before)).collect();
    let after: Vec<f64> = plan.nodes.iter().map(|node| weigh(&node.after)).collect();
    let balance = &plan.balance;
    let slack = slack_of(&reachable, &weights);
    let slack_none_held = slack_of(&none_held, &weights);
    for (name, expected, found, slack) in [
        (
            "before",
            imbalance(&before, &weights),
            balance.imbalance_before,
            slack,
        ),
        (
            "after",
            imbalance(&after, &weights),
            balance.imbalance_after,
            slack,
        ),
        (
            "bound",
            imbalance(&reachable, &weights),
            balance.imbalance_bound,
            slack,
        ),
        (
            "bound, none held",
            imbalance(&none_held, &weights),
            balance.imbalance_bound_none_held,
            slack_none_held,
        ),
    ] {
        findings.demand(
            (expected - found).abs() <= slack,
            law::BALANCE,
            &format_args!("balance, {name}"),
            &format_args!("{expected}"),
            &found,
        );
    }
    // From the levels as they are stated, which are held to account above: where hardly anything is left on the
    // nodes that take part, the bytes that those are rounded by would weigh as much as the gap itself.
    let stated: Vec<f64> = floats(plan.nodes.iter().map(|node| node.reachable_share));
    let expected = gap(&after, &stated, &weights);
    findings.demand(
        (expected - balance.gap_after).abs() <= SIX_DIGITS + expected * 1e-9,
        law::BALANCE,
        &"balance, gap",
        &format_args!("{expected}"),
        &balance.gap_after,
    );
    // Nodes that hold nothing are perfectly even, where a plan ends before the first slot is on them.
    let mut parts = after.iter().zip(&weights);
    let nothing_arrives = parts.all(|(&after, &weight)| weight == 0.0 || after == 0.0);
    findings.demand(
        plan.dialect == Dialect::Managed
            || nothing_arrives
            || balance.imbalance_after + slack >= balance.imbalance_bound,
        law::BALANCE,
        &"balance, after",
        &format_args!("no less than the bound {}", balance.imbalance_bound),
        &balance.imbalance_after,
    );
}

/// What is balanced, told from what a node or a slot holds.
pub(super) fn weigher(measure: Measure) -> impl Fn(&Holding) -> f64 {
    move |holding| match measure {
        Measure::Memory => holding.memory_bytes as f64,
        Measure::Keys => holding.keys as f64,
        Measure::Payload => holding.payload_bytes as f64,
    }
}

pub(super) fn of_move(slot_move: &SlotMove) -> Holding {
    Holding {
        slots: 1,
        keys: slot_move.keys,
        expiring_keys: slot_move.expiring_keys,
        memory_bytes: slot_move.memory_bytes,
        payload_bytes: slot_move.payload_bytes,
    }
}

pub(super) fn of_held(held: &HeldSlot) -> Holding {
    Holding {
        slots: 1,
        keys: held.keys,
        expiring_keys: held.expiring_keys,
        memory_bytes: held.memory_bytes,
        payload_bytes: held.payload_bytes,
    }
}

/// What an imbalance may be off by: whole bytes weigh the more the less memory there is, and the lighter the
/// node.
fn slack_of(levels: &[f64], weights: &[f64]) -> f64 {
    let part = || {
        levels
            .iter()
            .zip(weights)
            .filter(|&(_, &weight)| weight > 0.0)
    };
    let lightest = part().fold(f64::INFINITY, |least, (_, &weight)| least.min(weight));
    let shared: f64 = part().map(|(bytes, _)| bytes).sum();
    SIX_DIGITS + 3.0 * weights.iter().sum::<f64>() / lightest / shared.max(1.0)
}

fn floats(values: impl Iterator<Item = u64>) -> Vec<f64> {
    values.map(|value| value as f64).collect()
}

fn imbalance(bytes: &[f64], weights: &[f64]) -> f64 {
    let part = || {
        bytes
            .iter()
            .zip(weights)
            .filter(|&(_, &weight)| weight > 0.0)
    };
    let mean =
        part().map(|(bytes, _)| bytes).sum::<f64>() / part().map(|(_, weight)| weight).sum::<f64>();
    if mean.is_nan() || mean <= 0.0 {
        return 0.0;
    }
    part()
        .map(|(bytes, weight)| bytes / weight / mean - 1.0)
        .fold(0.0, f64::max)
}

fn gap(after: &[f64], reachable: &[f64], weights: &[f64]) -> f64 {
    let part: Vec<(f64, f64)> = after
        .iter()
        .zip(reachable)
        .zip(weights)
        .filter(|&(_, &weight)| weight > 0.0)
        .map(|((&after, &reachable), _)| (after, reachable))
        .collect();
    let mean = part.iter().map(|(after, _)| after).sum::<f64>() / part.len() as f64;
    if mean.is_nan() || mean <= 0.0 {
        return 0.0;
    }
    part.iter()
        .map(|(after, reachable)| (after - reachable).abs() / mean)
        .fold(0.0, f64::max)
}

/// What a best balance goes around.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Around {
    /// Held slots, orders, and what the goal does not ask to move.
    Held,
    /// The same without a stated `maxmemory`.
    HeldWithoutMaxmemory,
    /// Orders, and what the goal does not ask to move.
    Orders,
}

/// The imbalance at the best balance, and what it may be off by.
pub(super) fn least_imbalance(plan: &Plan, around: Around) -> (f64, f64) {
    let weights: Vec<f64> = plan.nodes.iter().map(|node| node.weight).collect();
    let levels = levels(plan, around);
    (imbalance(&levels, &weights), slack_of(&levels, &weights))
}

/// The memory of each node at the best balance. Slots that found no room are no obstacle to it: another plan
/// may find room for them.
fn levels(plan: &Plan, around: Around) -> Vec<f64> {
    let orders = goal::orders(plan);
    let drained = goal::drained(&plan.goal);
    let gives = |id: &NodeId| {
        let known = plan.nodes.iter().any(|node| node.id == *id && node.known);
        known && (goal::balances(&plan.goal) || drained.contains(id))
    };
    // What a node holds, less what is named below, are its kept slots.
    let weigh = weigher(plan.goal.balance_by);
    let mut fixed: BTreeMap<&NodeId, f64> = plan
        .nodes
        .iter()
        .map(|node| (&node.id, weigh(&node.before)))
        .collect();
    let givers: BTreeMap<&NodeId, bool> = plan
        .nodes
        .iter()
        .map(|node| (&node.id, gives(&node.id)))
        .collect();
    for (id, fixed) in &mut fixed {
        if givers[id] {
            *fixed = 0.0;
        }
    }
    // What is left where the goal allows no more moves nobody can say either.
    let mut leaves_some = goal::ends_early(plan)
        && plan
            .nodes
            .iter()
            .any(|node| node.known && drained.contains(&node.id));
    for batch in &plan.batches {
        for slot_move in &batch.moves {
            let bytes = weigh(&of_move(slot_move));
            if !givers.get(&batch.source).copied().unwrap_or(false) {
                *fixed.entry(&batch.source).or_default() -= bytes;
            }
            if let Some((_, to)) = orders.get(&slot_move.slot) {
                *fixed.entry(to).or_default() += bytes;
            }
        }
    }
    for held in &plan.held {
        let Some(owner) = &held.owner else { continue };
        let bytes = weigh(&of_held(held));
        let giver = givers.get(owner).copied().unwrap_or(false);
        let for_room = held.reasons.contains(&HoldReason::NoRoom);
        leaves_some |= for_room && giver && drained.contains(owner);
        let order = orders.get(&held.slot);
        let stays = match around {
            Around::Orders => order.is_none() && !giver,
            Around::Held | Around::HeldWithoutMaxmemory => !for_room,
        };
        let counted = !giver;
        if stays && !counted {
            *fixed.entry(owner).or_default() += bytes;
        } else if !stays && counted {
            *fixed.entry(owner).or_default() -= bytes;
        }
        if let (Around::Orders, Some((_, to))) = (around, order) {
            *fixed.entry(to).or_default() += bytes;
        }
    }
    let bounded = around != Around::HeldWithoutMaxmemory && plan.goal.balance_by == Measure::Memory;
    let refusing = servers::refusing(plan);
    let room_of = |node: &NodePlan| {
        if refusing.contains(&node.id) {
            return Some(0.0);
        }
        let maxmemory = node.facts.maxmemory_bytes?;
        Some((maxmemory as f64 * (1.0 - plan.limits.headroom)).floor())
    };
    let vessels: Vec<Vessel> = plan
        .nodes
        .iter()
        .map(|node| {
            let floor = fixed.get(&node.id).copied().unwrap_or(0.0);
            Vessel {
                weight: node.weight,
                floor,
                ceiling: room_of(node)
                    .filter(|_| bounded)
                    .map_or(f64::INFINITY, |room| {
                        room.max(weigh(&node.before)).max(floor)
                    }),
            }
        })
        .collect();
    let total = plan.nodes.iter().map(|node| weigh(&node.before)).sum();
    let most = if leaves_some && around != Around::HeldWithoutMaxmemory {
        most_without_harm(&vessels)
    } else {
        f64::INFINITY
    };
    fill(&vessels, most.min(total))
}

/// Where not all fits, how much does cannot be said; but more than this only makes the levels uneven.
fn most_without_harm(vessels: &[Vessel]) -> f64 {
    let open = || vessels.iter().filter(|vessel| vessel.weight > 0.0);
    let floor = open()
        .map(|vessel| vessel.floor / vessel.weight)
        .fold(0.0, f64::max);
    let ceiling = open()
        .map(|vessel| vessel.ceiling / vessel.weight)
        .fold(f64::INFINITY, f64::min);
    vessels
        .iter()
        .map(|vessel| vessel.at(floor.max(ceiling)))
        .sum()
}

/// Raises the level from one breakpoint to the next, where a floor goes under or a ceiling is met, until the
/// total is in; between two breakpoints the sum is a straight line.
fn fill(vessels: &[Vessel], total: f64) -> Vec<f64> {
    let mut breakpoints: Vec<f64> = vessels
        .iter()
        .filter(|vessel| vessel.weight > 0.0)
        .flat_map(|vessel| [vessel.floor / vessel.weight, vessel.ceiling / vessel.weight])
        .filter(|level| level.is_finite())
        .collect();
    breakpoints.push(0.0);
    breakpoints.sort_by(f64::total_cmp);
    let sum = |level: f64| vessels.iter().map(|vessel| vessel.at(level)).sum::<f64>();

    let below = breakpoints.iter().rev().find(|&&level| sum(level) <= total);
    let Some(&below) = below else {
        return vessels.iter().map(|vessel| vessel.at(0.0)).collect();
    };
    // Those that rise just above the breakpoint share what is missing, by weight.
    let rising: f64 = vessels
        .iter()
        .filter(|vessel| {
            vessel.weight > 0.0
                && vessel.weight * below >= vessel.floor * (1.0 - 1e-12)
                && vessel.weight * below < vessel.ceiling * (1.0 - 1e-12)
        })
        .map(|vessel| vessel.weight)
        .sum();
    let level = if rising > 0.0 {
        below + (total - sum(below)) / rising
    } else {
        below
    };
    vessels.iter().map(|vessel| vessel.at(level)).collect()
}
