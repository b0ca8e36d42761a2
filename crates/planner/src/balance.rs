//! Chooses which slots leave which node, and where they go.
//!
//! What an order or a drain demands is settled here; the division of the rest is [`divide`]'s.
//!
//! Slots without measured memory change no balance: they stay, except on a drained node. A new node
//! therefore gets fewer slots than its share where a cluster is mostly empty; empty slots that move would
//! only pay the price of a configuration change each.

use crate::PlanLimits;
use crate::divide::divide;
use crate::improve::Piece;
use crate::loads::{Holds, Loads};
use crate::roster::{Mode, Roster};
use crate::survey::Survey;

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
}

/// Decides all moves of a plan.
pub(crate) fn choose(survey: &Survey, roster: &Roster, limits: &PlanLimits) -> Choice {
    let mut relocations: Vec<Relocation> = survey
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
    let mut homeless = Vec::new();
    if roster.mode != Mode::MovesOnly {
        let placed = place(survey, roster, limits);
        relocations.extend(placed.relocations);
        homeless = placed.homeless;
    }
    relocations.sort_unstable();
    Choice {
        relocations,
        homeless,
    }
}

fn place(survey: &Survey, roster: &Roster, limits: &PlanLimits) -> Choice {
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
        if state.holding.memory_bytes == 0 {
            if must_leave {
                weightless.push((slot, owner));
            }
            continue;
        }
        pieces.push(Piece {
            slot,
            bytes: state.holding.memory_bytes,
            home: owner,
            must_leave,
            unwelcome: calls.by_consent,
            has_heavy: !calls.heavy.is_empty(),
            predicted_us: calls.predicted_us,
        });
    }

    let loads = Loads::new(survey, roster, Holds::Heeded);
    let places = divide(&pieces, &loads, roster, limits);

    let mut relocations = Vec::new();
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
    relocations.extend(spread_weightless(&weightless, roster));
    Choice {
        relocations,
        homeless,
    }
}

/// Deals the slots that carry no memory to the nodes by weight, in runs as long as may be: ranges are what
/// every node of the cluster must remember.
fn spread_weightless(slots: &[(u16, usize)], roster: &Roster) -> Vec<Relocation> {
    let takers: Vec<(usize, u64)> = roster
        .members
        .iter()
        .enumerate()
        .filter(|(_, member)| member.takes_part())
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
