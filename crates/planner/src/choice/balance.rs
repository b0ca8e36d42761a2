//! Chooses which slots leave which node, and where they go.
//!
//! What an order or a drain demands is settled here; the division of the rest is [`divide`]'s, and
//! [`within_budget`] ends it where the goal allows only so much.
//!
//! Slots that weigh nothing change no balance: they stay, except on a drained node. A new node
//! therefore gets fewer slots than its share where a cluster is mostly empty; empty slots that move would
//! only pay the price of a configuration change each.

use crate::choice::budget::{Budget, within_budget};
use crate::choice::divide::{divide, ground};
use crate::choice::loads::{Holds, Loads};
use crate::choice::piece::Piece;
use crate::course::node_memory::NodeMemory;
use crate::plan::EndedEarly;
use crate::roster::{Mode, Roster};
use crate::survey::Survey;
use crate::{Goal, PlanLimits};

/// A slot that changes its owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Relocation {
    pub(crate) slot: u16,
    pub(crate) from: usize,
    pub(crate) to: usize,
}

/// What came of the choice.
#[derive(Default)]
pub(crate) struct Choice {
    /// All slots that move, ascending.
    pub(crate) relocations: Vec<Relocation>,
    /// Slots of drained nodes that no node has room for, ascending.
    pub(crate) homeless: Vec<u16>,
    /// What would move if the goal set no end to it, where it did.
    pub(crate) ended_early: Option<EndedEarly>,
}

/// Decides all moves of a plan.
pub(crate) fn choose(survey: &Survey, roster: &Roster, goal: &Goal, limits: &PlanLimits) -> Choice {
    let mut orders: Vec<Relocation> = survey
        .iter()
        .filter(|(_, state)| !state.is_held())
        .filter_map(|(slot, state)| {
            Some(Relocation {
                slot,
                from: state.owner?,
                to: roster.ordered(slot)?,
            })
        })
        .collect();
    let mut choice = if roster.mode == Mode::MovesOnly {
        Choice {
            relocations: orders.clone(),
            homeless: Vec::new(),
            ended_early: None,
        }
    } else {
        place(survey, roster, limits, &orders)
    };
    let (slots, memory_bytes) = (choice.relocations.len(), memory_of(survey, &choice));
    let mut budget = Budget::new(goal);
    if !budget.covers(slots, memory_bytes) {
        orders.retain(|order| budget.spend(survey.slot(order.slot).holding.memory_bytes));
        let mut relocations = orders;
        if roster.mode != Mode::MovesOnly {
            let (pieces, weightless) = pieces(survey, roster);
            let loads = Loads::new(survey, roster, Holds::Heeded);
            let memory = memory_with(survey, roster, &relocations);
            let ground = ground(&loads, &memory, roster, limits);
            relocations.extend(within_budget(&pieces, &ground, &mut budget));
            let spread = spread_weightless(&weightless, roster);
            relocations.extend(spread.into_iter().filter(|_| budget.spend(0)));
        }
        choice.relocations = relocations;
        choice.homeless.clear();
        choice.ended_early = Some(EndedEarly {
            slots_in_all: u32::try_from(slots).unwrap_or(u32::MAX),
            memory_bytes_in_all: memory_bytes,
        });
    }
    choice.relocations.sort_unstable();
    choice
}

fn memory_of(survey: &Survey, choice: &Choice) -> u64 {
    let slots = choice.relocations.iter().map(|relocation| relocation.slot);
    slots
        .map(|slot| survey.slot(slot).holding.memory_bytes)
        .sum()
}

/// What each node takes once these moves have arrived, and nothing has left it yet.
fn memory_with(survey: &Survey, roster: &Roster, relocations: &[Relocation]) -> Vec<NodeMemory> {
    let mut memory = survey.memory_of_nodes(roster);
    for relocation in relocations {
        let holding = &survey.slot(relocation.slot).holding;
        memory[relocation.to].take(holding);
    }
    memory
}

/// The slots that may be placed, and those that weigh nothing but must leave, each with its owner.
fn pieces(survey: &Survey, roster: &Roster) -> (Vec<Piece>, Vec<(u16, usize)>) {
    let mut pieces = Vec::new();
    let mut weightless = Vec::new();
    for (slot, state) in survey.iter() {
        let (Some(owner), Some(calls)) = (state.owner, state.calls()) else {
            continue;
        };
        let must_leave = roster.members[owner].must_empty();
        if roster.ordered(slot).is_some()
            || !roster.members[owner].known
            || (roster.mode == Mode::DrainOnly && !must_leave)
        {
            continue;
        }
        let measure = roster.measure.of(&state.holding);
        if measure == 0 {
            if must_leave {
                weightless.push((slot, owner));
            }
            continue;
        }
        pieces.push(Piece {
            slot,
            holding: state.holding,
            measure,
            home: owner,
            must_leave,
            unwelcome: calls.by_consent,
            has_heavy: !calls.heavy.is_empty(),
            predicted_us: calls.predicted_us,
            barred: state.barred.clone(),
        });
    }
    (pieces, weightless)
}

fn place(survey: &Survey, roster: &Roster, limits: &PlanLimits, orders: &[Relocation]) -> Choice {
    let (pieces, weightless) = pieces(survey, roster);
    let loads = Loads::new(survey, roster, Holds::Heeded);
    let memory = memory_with(survey, roster, orders);
    let places = divide(&pieces, &loads, &memory, roster, limits);

    let mut relocations = orders.to_vec();
    let mut homeless = Vec::new();
    for (piece, place) in pieces.iter().zip(places) {
        if place != piece.home {
            relocations.push(Relocation {
                slot: piece.slot,
                from: piece.home,
                to: place,
            });
        } else if piece.must_leave {
            homeless.push(piece.slot);
        }
    }
    let spread = spread_weightless(&weightless, roster);
    if spread.is_empty() {
        homeless.extend(weightless.iter().map(|&(slot, _)| slot));
        homeless.sort_unstable();
    }
    relocations.extend(spread);
    Choice {
        relocations,
        homeless,
        ended_early: None,
    }
}

/// Deals the slots that weigh nothing to the nodes by weight, in runs as long as may be: ranges are what
/// every node of the cluster must remember.
fn spread_weightless(slots: &[(u16, usize)], roster: &Roster) -> Vec<Relocation> {
    let takers: Vec<(usize, u64)> = roster
        .members
        .iter()
        .enumerate()
        .filter(|(_, member)| member.takes_part() && member.restores_all)
        .map(|(index, member)| (index, member.weight_millionths))
        .collect();
    let weights: u128 = takers.iter().map(|&(_, weight)| u128::from(weight)).sum();
    let mut relocations = Vec::with_capacity(slots.len());
    let mut weight_so_far = 0u128;
    for (target, weight) in takers {
        weight_so_far += u128::from(weight);
        let end = (slots.len() as u128 * weight_so_far / weights) as usize;
        for &(slot, from) in &slots[relocations.len()..end] {
            relocations.push(Relocation {
                slot,
                from,
                to: target,
            });
        }
    }
    relocations
}
