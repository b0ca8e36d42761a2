//! Divides slots over nodes so that each comes near its level of memory, moving little.
//!
//! From every node above its level slots are taken that cost the least time per byte, without going below
//! the level; the largest of them go first to the node that lacks most. That leaves each node within about
//! one slot of its level, and [`improve`] exchanges single slots until the rest is small. So the bytes moved are
//! about the least there can be: what lies above the level.

use crate::PlanLimits;
use crate::improve::{Ground, Piece, improve};
use crate::loads::Loads;
use crate::roster::{Member, Roster};

/// Distance from the level, as a part of the mean (1 in so many), that is as good as none.
const FINE: u64 = 1_000;
/// Distance that justifies moves at all, and less welcome ones: of slots with consented oversized keys, and
/// out of nodes that should rather receive.
const COARSE: u64 = 200;

/// The node on which each piece should lie; its home when it should stay, or when no node has room.
///
/// A slot that is larger than any level leaves its node above the level wherever it lies. Measured from
/// levels that take no account of that, all other nodes would be short, and none better than another. So
/// once such slots have their places they count as fixed, and the others are divided by the levels that
/// remain.
pub(crate) fn divide(
    pieces: &[Piece],
    loads: &Loads,
    roster: &Roster,
    limits: &PlanLimits,
) -> Vec<usize> {
    let ground = ground(loads, roster, limits);
    let coarse = ground.mean / COARSE;
    let mut best = best_places(pieces, &ground);

    let mut loads = loads.clone();
    let mut places = best.clone();
    let mut highest = highest_level(&ground);
    let mut settled: Vec<bool> = vec![false; pieces.len()];
    loop {
        let mut found = false;
        for (index, piece) in pieces.iter().enumerate() {
            if !settled[index] && piece.bytes > highest {
                settled[index] = true;
                found = true;
                loads.loads[piece.home] -= piece.bytes;
                loads.loads[places[index]] += piece.bytes;
                loads.fixed[places[index]] += piece.bytes;
            }
        }
        if !found {
            return best;
        }
        let ground_left = self::ground(&loads, roster, limits);
        highest = highest_level(&ground_left);
        let left: Vec<usize> = (0..pieces.len()).filter(|&index| !settled[index]).collect();
        let left_pieces: Vec<Piece> = left.iter().map(|&index| pieces[index].clone()).collect();
        for (&index, place) in left.iter().zip(best_places(&left_pieces, &ground_left)) {
            places[index] = place;
        }
        if ground.score(pieces, &places, coarse) < ground.score(pieces, &best, coarse) {
            best.clone_from(&places);
        }
    }
}

fn ground(loads: &Loads, roster: &Roster, limits: &PlanLimits) -> Ground {
    let levels = loads.levels(roster, limits);
    let takes_part: Vec<bool> = roster.members.iter().map(Member::takes_part).collect();
    Ground {
        ceilings: (0..levels.len())
            .map(|index| loads.ceiling(index, limits))
            .collect(),
        mean: mean(&levels, &takes_part),
        loads: loads.loads.clone(),
        levels,
        takes_part,
    }
}

fn highest_level(ground: &Ground) -> u64 {
    ground
        .levels
        .iter()
        .zip(&ground.takes_part)
        .filter(|&(_, &part)| part)
        .map(|(&level, _)| level)
        .max()
        .unwrap_or(0)
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
    let (fine, coarse) = (ground.mean / FINE, ground.mean / COARSE);
    let attempt = |free: &dyn Fn(&Piece) -> bool| {
        let mut places = first_places(pieces, ground, free);
        improve(pieces, &mut places, ground, (fine, coarse), free);
        places
    };
    let mut best = attempt(&|piece| piece.must_leave || !piece.unwelcome);
    let short = ground.score(pieces, &best, coarse).farthest > 0;
    if short && pieces.iter().any(|piece| piece.unwelcome) {
        let other = attempt(&|_| true);
        if ground.worth_it(pieces, (&other, &best), coarse) {
            best = other;
        }
    }
    // Moves that bring nobody visibly nearer are not worth their risk.
    let home: Vec<usize> = pieces.iter().map(|piece| piece.home).collect();
    let must_move = pieces.iter().any(|piece| piece.must_leave);
    if must_move || ground.worth_it(pieces, (&best, &home), coarse) {
        best
    } else {
        home
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
