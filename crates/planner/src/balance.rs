//! Chooses which slots leave which node, and where they go.
//!
//! [`pour`] tells how much memory each node should end with. From every node above its level slots are
//! taken that cost the least time per byte, without going below the level; the largest of them go first to
//! the node that lacks most. That leaves each node within about one slot of its level, and [`improve`]
//! exchanges single slots until the rest is small. So the bytes moved are about the least there can be: what
//! lies above the level.
//!
//! Slots without measured memory change no balance: they stay, except on a drained node. A new node
//! therefore gets fewer slots than its share where a cluster is mostly empty; empty slots that move would
//! only pay the price of a configuration change each.

use crate::PlanLimits;
use crate::improve::{Ground, Piece, improve};
use crate::level::{Basin, pour};
use crate::roster::{Mode, Roster};
use crate::survey::Survey;

/// Distance from the level, as a part of the mean (1 in so many), that is as good as none.
const FINE: u64 = 1_000;
/// Distance that justifies less welcome moves: of slots with consented oversized keys, and out of nodes
/// that should rather receive.
const COARSE: u64 = 200;

/// A slot that changes its owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Relocation {
    pub(crate) slot: u16,
    pub(crate) from: usize,
    pub(crate) to: usize,
}

/// What came of the choice.
pub(crate) struct Choice {
    /// All slots that move, ascending.
    pub(crate) relocations: Vec<Relocation>,
    /// Slots of drained nodes that no node has room for, ascending.
    pub(crate) homeless: Vec<u16>,
}

/// The memory that the best balance around the held slots would give each node.
pub(crate) fn reachable(survey: &Survey, roster: &Roster, limits: &PlanLimits) -> Vec<u64> {
    Loads::new(survey, roster, Holds::Heeded).levels(roster, limits)
}

/// The same if no slot were held.
pub(crate) fn reachable_none_held(
    survey: &Survey,
    roster: &Roster,
    limits: &PlanLimits,
) -> Vec<u64> {
    Loads::new(survey, roster, Holds::Ignored).levels(roster, limits)
}

/// The most a node may hold when the plan has run, `None` when no limit was stated.
pub(crate) fn room_bytes(limits: &PlanLimits) -> Option<u64> {
    limits
        .maxmemory_bytes
        .map(|maxmemory| (maxmemory as f64 * (1.0 - limits.headroom)).floor() as u64)
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

/// Whether held slots count as immovable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holds {
    Heeded,
    Ignored,
}

/// Memory per node.
struct Loads {
    /// With explicit orders carried out.
    loads: Vec<u64>,
    /// The part of it that cannot leave: held slots, and slots that an order has brought.
    fixed: Vec<u64>,
    /// Sum over the nodes.
    total: u64,
}

impl Loads {
    fn new(survey: &Survey, roster: &Roster, holds: Holds) -> Loads {
        let mut loads = vec![0; roster.members.len()];
        let mut fixed = loads.clone();
        for (slot, state) in survey.iter() {
            let Some(owner) = state.owner else { continue };
            let held = state.is_held() && holds == Holds::Heeded;
            let ordered = roster.ordered(slot).filter(|_| !held);
            let place = ordered.unwrap_or(owner);
            loads[place] += state.holding.memory_bytes;
            if held || ordered.is_some() {
                fixed[place] += state.holding.memory_bytes;
            }
        }
        Loads {
            total: loads.iter().sum(),
            loads,
            fixed,
        }
    }

    /// A node that is over its room already may keep what it has, but is given nothing.
    fn ceiling(&self, index: usize, limits: &PlanLimits) -> u64 {
        room_bytes(limits).map_or(u64::MAX, |room| room.max(self.loads[index]))
    }

    /// What each node holds when all that is not fixed has found its level; nodes that take no part
    /// keep what is fixed on them.
    fn levels(&self, roster: &Roster, limits: &PlanLimits) -> Vec<u64> {
        let basins: Vec<Basin> = roster
            .members
            .iter()
            .enumerate()
            .map(|(index, member)| Basin {
                weight: member.weight_millionths,
                floor: self.fixed[index],
                ceiling: self.ceiling(index, limits),
            })
            .collect();
        pour(&basins, self.total)
    }
}

fn place(survey: &Survey, roster: &Roster, limits: &PlanLimits) -> Choice {
    let ground_loads = Loads::new(survey, roster, Holds::Heeded);
    let takes_part: Vec<bool> = roster
        .members
        .iter()
        .map(|member| member.takes_part())
        .collect();

    let mut pieces = Vec::new();
    let mut weightless = Vec::new();
    for (slot, state) in survey.iter() {
        let (Some(owner), Some(calls)) = (state.owner, state.calls()) else {
            continue;
        };
        let must_leave = roster.members[owner].drained;
        if roster.ordered(slot).is_some() || (roster.mode == Mode::DrainOnly && !must_leave) {
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

    let levels = match roster.mode {
        Mode::DrainOnly => drain_levels(&ground_loads, roster, limits),
        _ => reachable(survey, roster, limits),
    };
    let ground = Ground {
        ceilings: (0..levels.len())
            .map(|index| ground_loads.ceiling(index, limits))
            .collect(),
        mean: mean(&levels, &takes_part),
        loads: ground_loads.loads,
        levels,
        takes_part,
    };
    let places = best_places(&pieces, &ground);

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

/// When only drained slots move, all that other nodes hold is fixed.
fn drain_levels(loads: &Loads, roster: &Roster, limits: &PlanLimits) -> Vec<u64> {
    let fixed = roster
        .members
        .iter()
        .enumerate()
        .map(|(index, member)| {
            if member.drained {
                loads.fixed[index]
            } else {
                loads.loads[index]
            }
        })
        .collect();
    Loads {
        loads: loads.loads.clone(),
        fixed,
        total: loads.total,
    }
    .levels(roster, limits)
}

fn mean(levels: &[u64], takes_part: &[bool]) -> u64 {
    let (sum, count) = levels
        .iter()
        .zip(takes_part)
        .filter(|&(_, &part)| part)
        .fold((0u64, 0u64), |(sum, count), (&level, _)| {
            (sum + level, count + 1)
        });
    sum.checked_div(count).unwrap_or(0)
}

/// Tries the welcome moves first, and the others only when the welcome ones end too far from the level.
fn best_places(pieces: &[Piece], ground: &Ground) -> Vec<usize> {
    let fine = ground.mean / FINE;
    let coarse = ground.mean / COARSE;
    let mut best: Option<(u64, Vec<usize>)> = None;
    for with_unwelcome in [false, true] {
        if with_unwelcome && !pieces.iter().any(|piece| piece.unwelcome) {
            continue;
        }
        let free = |piece: &Piece| with_unwelcome || !piece.unwelcome || piece.must_leave;
        let mut places = first_places(pieces, ground, &free);
        improve(pieces, &mut places, ground, fine, coarse, &free);
        let distance = ground.distance(pieces, &places);
        if best.as_ref().is_none_or(|(least, _)| distance < *least) {
            best = Some((distance, places));
        }
        if best.as_ref().is_some_and(|(least, _)| *least <= coarse) {
            break;
        }
    }
    let home: Vec<usize> = pieces.iter().map(|piece| piece.home).collect();
    match best {
        // Moves that bring nobody nearer are not worth their risk.
        Some((distance, _))
            if !pieces.iter().any(|piece| piece.must_leave)
                && distance.max(fine) >= ground.distance(pieces, &home) =>
        {
            home
        }
        Some((_, places)) => places,
        None => home,
    }
}

/// Takes from each node what lies above its level, cheapest time per byte first, and gives the largest
/// slots first to the node that lacks most.
fn first_places(pieces: &[Piece], ground: &Ground, free: &dyn Fn(&Piece) -> bool) -> Vec<usize> {
    let mut places: Vec<usize> = pieces.iter().map(|piece| piece.home).collect();
    let mut order: Vec<usize> = (0..pieces.len()).filter(|&i| free(&pieces[i])).collect();
    order.sort_unstable_by(|&a, &b| pieces[a].preference(&pieces[b]));

    let mut loads = ground.loads.clone();
    let mut leaving = Vec::new();
    for index in order {
        let piece = &pieces[index];
        let surplus = loads[piece.home].saturating_sub(ground.levels[piece.home]);
        if piece.must_leave || piece.bytes <= surplus {
            loads[piece.home] -= piece.bytes;
            leaving.push(index);
        }
    }
    leaving.sort_unstable_by_key(|&i| (std::cmp::Reverse(pieces[i].bytes), pieces[i].slot));
    for index in leaving {
        let piece = &pieces[index];
        let lack = |node: usize| i128::from(ground.levels[node]) - i128::from(loads[node]);
        let target = (0..loads.len())
            .filter(|&node| ground.takes_part[node])
            .filter(|&node| loads[node].saturating_add(piece.bytes) <= ground.ceilings[node])
            .filter(|&node| node != piece.home || !piece.must_leave)
            .max_by_key(|&node| (lack(node), std::cmp::Reverse(node)));
        let place = target.unwrap_or(piece.home);
        loads[place] += piece.bytes;
        places[index] = place;
    }
    places
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
