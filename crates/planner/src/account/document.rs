//! Writes the plan down: figures, totals, outcome, and how each rule stands.

use std::cmp::Reverse;

use crate::account::outcome::{Ending, outcome};
use crate::account::oversized::{oversized, unknown_elements};
use crate::account::preflight::{Unknowns, preflight};
use crate::account::rule_report::{Evidence, rule_reports};
use crate::choice::balance::Choice;
use crate::choice::flows::Flows;
use crate::choice::level::{Basin, pour};
use crate::choice::loads::BestLevels;
use crate::course::replay::Replay;
use crate::course::schedule::Bundle;
use crate::goal::Measure;
use crate::moves::verdict::Thresholds;
use crate::plan::{Balance, Batch, HeldSlot, Holding, LargestSlot, NodePlan, Plan, Totals};
use crate::roster::{Mode, Roster};
use crate::survey::Survey;
use crate::{Goal, PlanInput, PlanLimits};

/// Part of the mean (1 in so many) above its share from which on a node would give.
const MUCH_ABOVE: u128 = 200;

/// What values take that commands have filled at once, and that commands have grown bit by bit, beside such that RESTORE has
/// brought: the most of what was measured over a mix of all types on Redis 6.2 to 8.6 and Valkey 8.0 to 9.1.
const FILLED_BY_COMMANDS_PERMILLE: u128 = 1_024;
const GROWN_BY_COMMANDS_PERMILLE: u128 = 1_033;

/// What the planner has decided.
pub(crate) struct Decisions<'a> {
    /// Which slots move.
    pub(crate) choice: &'a Choice,
    /// In which batches.
    pub(crate) bundles: &'a [Bundle],
    /// What becomes of the nodes.
    pub(crate) replay: Replay,
}

/// The finished plan.
pub(crate) fn document(
    input: &PlanInput<'_>,
    goal: &Goal,
    limits: &PlanLimits,
    roster: &Roster,
    survey: &Survey,
    decisions: Decisions<'_>,
) -> Plan {
    let dialect = survey.dialect;
    let Decisions {
        choice,
        bundles,
        replay: Replay { batches, schedule },
    } = decisions;
    let best = BestLevels::new(survey, roster, limits, choice.ended_early.is_some());
    let nodes = nodes(roster, survey, bundles, &best.reachable);
    let held = held(roster, survey, &nodes, bundles);
    let oversized = oversized(input, limits, roster, survey, &held, bundles);
    let flows = Flows::new(&nodes, roster, survey, bundles);
    let largest = largest_slot(&nodes, roster, survey, bundles);
    let balance = balance(&nodes, &best.none_held, roster.measure, &flows, largest);
    let weights: Vec<f64> = nodes.iter().map(|node| node.weight).collect();
    let ending = Ending {
        goal,
        limits,
        roster,
        survey,
        nodes: &nodes,
        batches: &batches,
        balance: &balance,
        bound_without_maxmemory: imbalance(&best.without_maxmemory, &weights),
        ended_early: choice.ended_early,
    };
    let unknowns = Unknowns {
        limits,
        roster,
        dialect,
        bundles,
        unknown_elements: unknown_elements(input, limits, survey, bundles),
        unknown_memory_keys: bundles
            .iter()
            .flat_map(|bundle| &bundle.slots)
            .map(|&slot| survey.slot(slot).memory_unknown_keys)
            .sum(),
        expiring_giants: match limits.starts_at_ms {
            Some(_) => 0,
            None => oversized
                .iter()
                .filter(|key| key.expires_at_ms.is_some())
                .count(),
        },
    };
    let preflight = preflight(&unknowns);
    let rules = rule_reports(&Evidence {
        limits,
        thresholds: Thresholds::new(limits),
        roster,
        survey,
        bundles,
        batches: &batches,
        schedule: &schedule,
        held: &held,
        oversized: &oversized,
        preflight: &preflight,
    });
    Plan {
        dialect,
        goal: goal.clone(),
        outcome: outcome(&ending),
        limits: limits.clone(),
        cost_profile: input.profile.cost_profile.clone(),
        memory_model: input.profile.tables.to_string(),
        rules,
        preflight,
        totals: totals(&batches, &held),
        nodes,
        ended_early: choice.ended_early,
        balance,
        batches,
        schedule,
        held,
        oversized,
    }
}

impl Holding {
    pub(crate) fn add(&mut self, other: &Holding) {
        self.slots += other.slots;
        self.keys += other.keys;
        self.expiring_keys += other.expiring_keys;
        self.memory_bytes += other.memory_bytes;
        self.payload_bytes += other.payload_bytes;
    }
}

fn nodes(roster: &Roster, survey: &Survey, bundles: &[Bundle], reachable: &[u64]) -> Vec<NodePlan> {
    let mut targets = vec![None; survey.iter().count()];
    for bundle in bundles {
        for &slot in &bundle.slots {
            targets[usize::from(slot)] = Some(bundle.to);
        }
    }
    let count = roster.members.len();
    let mut before = vec![Holding::default(); count];
    let mut after = before.clone();
    let mut kept: Vec<Vec<(u16, u16)>> = vec![Vec::new(); count];
    for (slot, state) in survey.iter() {
        let Some(owner) = state.owner else { continue };
        let target = targets[usize::from(slot)];
        before[owner].add(&state.holding);
        after[target.unwrap_or(owner)].add(&state.holding);
        if target.is_none() && !state.is_held() {
            match kept[owner].last_mut() {
                Some((_, last)) if *last + 1 == slot => *last = slot,
                _ => kept[owner].push((slot, slot)),
            }
        }
    }

    let measure = roster.measure;
    let owned: u64 = before.iter().map(|holding| measure.of(holding)).sum();
    let undivided: Vec<Basin> = roster
        .members
        .iter()
        .zip(&before)
        .map(|(member, before)| Basin {
            weight: member.weight_millionths,
            floor: if member.known { 0 } else { measure.of(before) },
            ceiling: u64::MAX,
        })
        .collect();
    let ideal = pour(&undivided, owned).held;
    let mut kept = kept.into_iter();
    roster
        .members
        .iter()
        .enumerate()
        .map(|(index, member)| {
            let now = survey.memory_of(&before[index]);
            let mut then = now;
            then.give(&before[index]);
            then.take(&after[index]);
            NodePlan {
                id: member.id.clone(),
                address: member.address.clone(),
                planned: member.planned,
                known: member.known,
                facts: member.facts.clone(),
                weight: member.weight,
                before: before[index],
                after: after[index],
                ideal_share: ideal[index],
                reachable_share: reachable[index],
                tables_before_bytes: now.tables_bytes(),
                tables_after_bytes: then.tables_bytes(),
                headroom_bytes: member
                    .facts
                    .maxmemory_bytes
                    .map(|maxmemory| maxmemory as i64 - then.used_bytes() as i64),
                kept: kept.next().unwrap_or_default(),
            }
        })
        .collect()
}

fn held(roster: &Roster, survey: &Survey, nodes: &[NodePlan], bundles: &[Bundle]) -> Vec<HeldSlot> {
    let gives = givers(roster, nodes, bundles);
    survey
        .iter()
        .filter_map(|(slot, state)| {
            let reasons = state.standing.as_ref().err()?.clone();
            Some(HeldSlot {
                slot,
                owner: state.owner.map(|owner| roster.members[owner].id.clone()),
                keys: state.holding.keys,
                expiring_keys: state.holding.expiring_keys,
                memory_bytes: state.holding.memory_bytes,
                payload_bytes: state.holding.payload_bytes,
                in_the_way: state
                    .owner
                    .is_some_and(|owner| gives[owner] || roster.asked_to_move(slot)),
                reasons,
            })
        })
        .collect()
}

/// Which nodes give in a balance: those that do in this plan, and those that hold so much more than their
/// share that they would if nothing were held.
fn givers(roster: &Roster, nodes: &[NodePlan], bundles: &[Bundle]) -> Vec<bool> {
    let shares = || nodes.iter().filter(|node| node.weight > 0.0);
    let ideal_sum: u128 = shares().map(|node| u128::from(node.ideal_share)).sum();
    nodes
        .iter()
        .enumerate()
        .map(|(index, node)| {
            let above = roster
                .measure
                .of(&node.before)
                .saturating_sub(node.ideal_share);
            let is_source = bundles.iter().any(|bundle| bundle.from == index);
            let much = node.weight > 0.0
                && u128::from(above) * shares().count() as u128 * MUCH_ABOVE > ideal_sum;
            roster.mode == Mode::Balance && (is_source || much)
        })
        .collect()
}

fn balance(
    nodes: &[NodePlan],
    levels_none_held: &[u64],
    measure: Measure,
    flows: &Flows,
    largest_slot: Option<LargestSlot>,
) -> Balance {
    let weights: Vec<f64> = nodes.iter().map(|node| node.weight).collect();
    let of = |bytes: &dyn Fn(&NodePlan) -> u64| -> Vec<u64> { nodes.iter().map(bytes).collect() };
    let after = of(&|node| measure.of(&node.after));
    let reachable = of(&|node| node.reachable_share);
    let part = |values: &[u64]| -> Vec<u64> {
        values
            .iter()
            .zip(&weights)
            .filter(|&(_, &weight)| weight > 0.0)
            .map(|(&value, _)| value)
            .collect()
    };
    let (after_part, reachable_part) = (part(&after), part(&reachable));
    let sum: u64 = after_part.iter().sum();
    let farthest = worst(
        after_part
            .iter()
            .zip(&reachable_part)
            .map(|(after, level)| after.abs_diff(*level)),
    );
    let (imbalance_after, imbalance_bound) =
        (imbalance(&after, &weights), imbalance(&reachable, &weights));
    let ratio = |over: f64, under: f64| {
        if under > 0.0 {
            six_digits((over / under - 1.0).max(0.0))
        } else {
            0.0
        }
    };
    Balance {
        imbalance_before: imbalance(&of(&|node| measure.of(&node.before)), &weights),
        imbalance_after,
        imbalance_bound,
        imbalance_bound_none_held: imbalance(levels_none_held, &weights),
        gap_after: if sum == 0 {
            0.0
        } else {
            six_digits(farthest as f64 * after_part.len() as f64 / sum as f64)
        },
        largest_slot,
        fullness_gap: ratio(
            1.0 + imbalance_after,
            1.0 + largest_slot.map_or(imbalance_bound, |slot| {
                slot.imbalance_bound.max(imbalance_bound)
            }),
        ),
        least_moved: flows.least,
        moved: flows.moved,
        moved_gap: ratio(flows.moved as f64, flows.least as f64),
    }
}

/// The largest slot that lies on a node with a weight when the plan has run.
fn largest_slot(
    nodes: &[NodePlan],
    roster: &Roster,
    survey: &Survey,
    bundles: &[Bundle],
) -> Option<LargestSlot> {
    let measure = roster.measure;
    let mut leaves = vec![false; survey.iter().count()];
    for slot in bundles.iter().flat_map(|bundle| &bundle.slots) {
        leaves[usize::from(*slot)] = true;
    }
    let (share, Reverse(slot)) = survey
        .iter()
        .filter(|&(slot, state)| {
            let takes_part = |owner: usize| roster.members[owner].takes_part();
            leaves[usize::from(slot)] || state.owner.is_some_and(takes_part)
        })
        .map(|(slot, state)| (measure.of(&state.holding), Reverse(slot)))
        .max()
        .filter(|&(share, _)| share > 0)?;
    let part = || nodes.iter().filter(|node| node.weight > 0.0);
    let sum: f64 = part().map(|node| measure.of(&node.after) as f64).sum();
    let weights: f64 = part().map(|node| node.weight).sum();
    let heaviest = part().map(|node| node.weight).fold(0.0, f64::max);
    (heaviest > 0.0).then(|| LargestSlot {
        slot,
        share,
        imbalance_bound: six_digits(share as f64 / heaviest * weights / sum - 1.0),
    })
}

/// The largest fullness among nodes with a weight, divided by the mean, less one; 0 when they hold nothing.
fn imbalance(bytes: &[u64], weights: &[f64]) -> f64 {
    let (mut sum, mut weight_sum, mut fullest) = (0.0f64, 0.0f64, 0.0f64);
    for (&bytes, &weight) in bytes.iter().zip(weights) {
        if weight > 0.0 {
            sum += bytes as f64;
            weight_sum += weight;
            fullest = fullest.max(bytes as f64 / weight);
        }
    }
    if sum == 0.0 {
        return 0.0;
    }
    // Rounding of the divisions must not make the even split look less than even.
    six_digits((fullest * weight_sum / sum - 1.0).max(0.0))
}

/// Ratios are written with six digits: more would be noise of the division.
fn six_digits(ratio: f64) -> f64 {
    (ratio * 1e6).round() / 1e6
}

fn totals(batches: &[Batch], held: &[HeldSlot]) -> Totals {
    let mut totals = Totals {
        batches: u32::try_from(batches.len()).unwrap_or(u32::MAX),
        worst_block_us: worst(batches.iter().map(|batch| batch.worst_block_us)),
        held_slots: u32::try_from(held.len()).unwrap_or(u32::MAX),
        held_memory_bytes: held.iter().map(|slot| slot.memory_bytes).sum(),
        ..Totals::default()
    };
    for batch in batches {
        totals.moved.add(&batch.carries);
        totals.predicted_us += batch.predicted_us;
        for slot_move in &batch.moves {
            totals.calls += slot_move.heavy.len() as u64
                + slot_move.sweep.as_ref().map_or(0, |sweep| sweep.calls);
        }
    }
    let more = |permille: u128| {
        let bytes = u128::from(totals.moved.memory_bytes) * permille;
        u64::try_from(bytes.div_ceil(1_000)).unwrap_or(u64::MAX)
    };
    totals.targets_grow_by_commands_bytes = more(FILLED_BY_COMMANDS_PERMILLE);
    totals.sources_free_bytes = more(GROWN_BY_COMMANDS_PERMILLE);
    totals
}

fn worst(values: impl Iterator<Item = u64>) -> u64 {
    values.max().unwrap_or(0)
}
