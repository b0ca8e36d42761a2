//! The figures of the balance, worked out anew.

use std::collections::BTreeMap;

use preshard_slots::NodeId;

use super::{Findings, goal, law, rule};
use crate::Plan;

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
    let total: f64 = plan
        .nodes
        .iter()
        .map(|node| node.before.memory_bytes as f64)
        .sum();
    // What floating point sums of this size may be off by, and what rounding to whole bytes costs.
    let slack = 3.0 + total * 1e-9;

    let weight_sum: f64 = weights.iter().sum();
    let reachable = levels(plan, true);
    let none_held = levels(plan, false);
    for (index, node) in plan.nodes.iter().enumerate() {
        let place = format!("node {}", node.id.0);
        let ideal = if weight_sum > 0.0 {
            total * weights[index] / weight_sum
        } else {
            0.0
        };
        for (what, expected, found) in [
            ("ideal memory", ideal, node.ideal_memory_bytes),
            (
                "reachable memory",
                reachable[index],
                node.reachable_memory_bytes,
            ),
        ] {
            findings.demand(
                (expected - found as f64).abs() <= slack,
                law::BALANCE,
                &format_args!("{place}, {what}"),
                &format_args!("{expected}"),
                &found,
            );
        }
        let headroom = plan
            .limits
            .maxmemory_bytes
            .map(|maxmemory| i128::from(maxmemory) - i128::from(node.after.memory_bytes));
        findings.demand(
            headroom == node.headroom_bytes.map(i128::from),
            rule::MEMORY_HEADROOM,
            &format_args!("{place}, headroom"),
            &format_args!("{headroom:?}"),
            &format_args!("{:?}", node.headroom_bytes),
        );
    }

    let before: Vec<f64> = floats(plan.nodes.iter().map(|node| node.before.memory_bytes));
    let after: Vec<f64> = floats(plan.nodes.iter().map(|node| node.after.memory_bytes));
    let balance = &plan.balance;
    // Those bytes weigh the more the less memory there is, and the lighter the node.
    let lightest = weights
        .iter()
        .copied()
        .filter(|&weight| weight > 0.0)
        .fold(f64::INFINITY, f64::min);
    let shared: f64 = reachable
        .iter()
        .zip(&weights)
        .filter(|&(_, &weight)| weight > 0.0)
        .map(|(bytes, _)| bytes)
        .sum();
    let slack = SIX_DIGITS + 3.0 * weight_sum / lightest / shared.max(1.0);
    for (name, expected, found) in [
        (
            "before",
            imbalance(&before, &weights),
            balance.imbalance_before,
        ),
        (
            "after",
            imbalance(&after, &weights),
            balance.imbalance_after,
        ),
        (
            "bound",
            imbalance(&reachable, &weights),
            balance.imbalance_bound,
        ),
        (
            "bound, none held",
            imbalance(&none_held, &weights),
            balance.imbalance_bound_none_held,
        ),
        ("gap", gap(&after, &reachable, &weights), balance.gap_after),
    ] {
        findings.demand(
            (expected - found).abs() <= slack,
            law::BALANCE,
            &format_args!("balance, {name}"),
            &format_args!("{expected}"),
            &found,
        );
    }
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

/// The memory of each node at the best balance: around what is held and what was ordered, or around the
/// orders alone.
fn levels(plan: &Plan, heed_holds: bool) -> Vec<f64> {
    let mut slots: BTreeMap<u16, (&NodeId, f64)> = BTreeMap::new();
    for batch in &plan.batches {
        for slot_move in &batch.moves {
            slots.insert(
                slot_move.slot,
                (&batch.source, slot_move.memory_bytes as f64),
            );
        }
    }
    let mut floors: BTreeMap<&NodeId, f64> = BTreeMap::new();
    for held in &plan.held {
        let Some(owner) = &held.owner else { continue };
        if heed_holds {
            *floors.entry(owner).or_default() += held.memory_bytes as f64;
        } else {
            slots.insert(held.slot, (owner, held.memory_bytes as f64));
        }
    }
    let mut loads: BTreeMap<&NodeId, f64> = plan
        .nodes
        .iter()
        .map(|node| (&node.id, node.before.memory_bytes as f64))
        .collect();
    for (slot, (_, to)) in goal::orders(&plan.goal) {
        if let Some((owner, bytes)) = slots.get(&slot) {
            *floors.entry(to).or_default() += bytes;
            *loads.entry(owner).or_default() -= bytes;
            *loads.entry(to).or_default() += bytes;
        }
    }
    let room = plan
        .limits
        .maxmemory_bytes
        .map(|maxmemory| (maxmemory as f64 * (1.0 - plan.limits.headroom)).floor());
    let vessels: Vec<Vessel> = plan
        .nodes
        .iter()
        .map(|node| Vessel {
            weight: node.weight,
            floor: floors.get(&node.id).copied().unwrap_or(0.0),
            ceiling: room.map_or(f64::INFINITY, |room| {
                room.max(loads.get(&node.id).copied().unwrap_or(0.0))
            }),
        })
        .collect();
    fill(&vessels, loads.values().sum())
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
