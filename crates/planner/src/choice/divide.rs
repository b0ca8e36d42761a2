//! Divides slots over nodes so that each ends within its band, moving little.
//!
//! What is sought stands in [`ground`](crate::choice::ground). A first division ([`first_places`]) takes off each node about
//! what lies above its level. [`into_bands`] exchanges slots until the nodes are within their bands or nothing helps;
//! [`trim`] takes back what the bands do not need. Where there are few slots, [`search_all`] tries every division that
//! could still be better.

use crate::PlanLimits;
use crate::choice::division::Division;
use crate::choice::exchange::into_bands;
use crate::choice::first_places::{first_places, targets};
use crate::choice::ground::{Ground, NodeLoad, Score, UNITS_IN_MEAN, UNITS_LEFT_ALONE};
use crate::choice::loads::Loads;
use crate::choice::piece::Piece;
use crate::choice::search::search_all;
use crate::choice::trim::trim;
use crate::course::node_memory::NodeMemory;
use crate::roster::{Member, Roster};

/// The node of each piece; its home when it should stay, or when no node has room.
///
/// A slot that is larger than any level leaves its node above the level wherever it lies. Measured from
/// levels that take no account of that, all other nodes would be short, and none better than another. So
/// once such slots have their places they count as fixed, and the others are divided by the levels that
/// remain. The largest go first, as they decide how full the fullest node is.
pub(crate) fn divide(
    pieces: &[Piece],
    loads: &Loads,
    memory: &[NodeMemory],
    roster: &Roster,
    limits: &PlanLimits,
) -> Vec<usize> {
    let mut loads = loads.clone();
    let mut places: Vec<usize> = pieces.iter().map(|piece| piece.home).collect();
    let mut settled: Vec<bool> = vec![false; pieces.len()];
    loop {
        let mut ground = ground(&loads, memory, roster, limits);
        for (index, piece) in pieces.iter().enumerate() {
            if settled[index] && places[index] != piece.home {
                // `loads` has moved what is balanced already.
                let place = &mut ground.homes[places[index]];
                place.memory.take(&piece.holding);
                place.guests += 1;
            }
        }
        let highest = ground
            .nodes()
            .filter(|&node| ground.takes_part[node])
            .map(|node| ground.brims[node].min(ground.levels[node]).max(1))
            .max()
            .unwrap_or(u64::MAX);
        let left: Vec<usize> = (0..pieces.len()).filter(|&index| !settled[index]).collect();
        let left_pieces: Vec<Piece> = left.iter().map(|&index| pieces[index].clone()).collect();
        let largest = left_pieces
            .iter()
            .map(|piece| piece.measure)
            .max()
            .unwrap_or(0);
        let is_giant = |measure: u64| measure > highest && measure > largest / 2;
        if largest <= highest {
            let chosen = best_places(&left_pieces, &ground, &loads);
            for (&index, place) in left.iter().zip(chosen) {
                places[index] = place;
            }
            return places;
        }
        ground.lows.fill(0);
        ground.raise_to_hold(&loads.fixed, largest);
        let chosen = best_places(&left_pieces, &ground, &loads);
        for (&index, place) in left.iter().zip(chosen) {
            if is_giant(pieces[index].measure) {
                settled[index] = true;
                places[index] = place;
                loads.loads[pieces[index].home] -= pieces[index].measure;
                loads.loads[place] += pieces[index].measure;
                loads.fixed[place] += pieces[index].measure;
            }
        }
    }
}

impl Ground {
    /// Lifts all bands so that the largest piece fits somewhere beside what is fixed.
    fn raise_to_hold(&mut self, fixed: &[u64], largest: u64) {
        let least = self
            .nodes()
            .filter(|&node| self.takes_part[node])
            .map(|node| self.over(node, fixed[node].saturating_add(largest)))
            .min()
            .unwrap_or(0);
        for node in self.nodes() {
            self.highs[node] = self.high(node, least);
            self.brims[node] =
                self.brims[node].saturating_add(self.units[node].saturating_mul(least));
        }
    }
}

pub(crate) fn ground(
    loads: &Loads,
    memory: &[NodeMemory],
    roster: &Roster,
    limits: &PlanLimits,
) -> Ground {
    let poured = loads.levels(roster, limits);
    let takes_part: Vec<bool> = roster.members.iter().map(Member::takes_part).collect();
    let (mut sum, mut weights) = (0u128, 0u128);
    for (member, &held) in roster.members.iter().zip(&poured.held) {
        if member.takes_part() {
            sum += u128::from(held);
            weights += u128::from(member.weight_millionths);
        }
    }
    let parts = weights.saturating_mul(u128::from(UNITS_IN_MEAN)).max(1);
    let units: Vec<u64> = roster
        .members
        .iter()
        .map(|member| {
            let unit = sum * u128::from(member.weight_millionths) / parts;
            u64::try_from(unit).unwrap_or(u64::MAX).max(1)
        })
        .collect();
    let near = |node: usize| units[node].saturating_mul(UNITS_LEFT_ALONE);
    // Where all nodes are full to their ceilings there is no level to speak of, and no node should count as empty.
    let fullness = |node: usize| {
        let most = poured.held[node].max(loads.loads[node]);
        most.div_ceil(units[node])
    };
    let fullest = (0..units.len())
        .filter(|&node| takes_part[node])
        .map(fullness)
        .max()
        .unwrap_or(0);
    let brims: Vec<u64> = poured
        .brims
        .iter()
        .zip(&units)
        .map(|(&brim, unit)| brim.min(unit.saturating_mul(fullest)))
        .collect();
    let highs = (0..units.len())
        .map(|node| {
            if !takes_part[node] {
                return loads.fixed[node];
            }
            let (home, brim) = (loads.loads[node], brims[node]);
            let high = loads.fixed[node].max(brim.saturating_add(units[node]));
            if home <= brim.saturating_add(near(node)) {
                high.max(home)
            } else {
                high
            }
        })
        .collect();
    let lows = (0..units.len())
        .map(|node| {
            if !takes_part[node] {
                return 0;
            }
            let (home, level) = (loads.loads[node], poured.held[node]);
            let low = level.saturating_sub(units[node]);
            if home.saturating_add(near(node)) >= level {
                low.min(home)
            } else {
                low
            }
        })
        .collect();
    Ground {
        homes: loads
            .loads
            .iter()
            .zip(memory)
            .map(|(&measure, &memory)| NodeLoad {
                measure,
                memory,
                guests: 0,
            })
            .collect(),
        brims,
        levels: poured.held,
        units,
        lows,
        highs,
        rooms: roster
            .members
            .iter()
            .map(|member| member.room_bytes(limits))
            .collect(),
        takes_part,
    }
}

/// Tries the welcome moves first, and the others only when the welcome ones end too far from the level.
fn best_places(pieces: &[Piece], ground: &Ground, loads: &Loads) -> Vec<usize> {
    let home: Vec<usize> = pieces.iter().map(|piece| piece.home).collect();
    let at_home = ground.score(pieces, &home);
    if at_home == Score::default() {
        return home;
    }
    let targets = targets(ground, &loads.fixed, loads.total);
    let attempt = |free: &dyn Fn(&Piece) -> bool| {
        let free: Vec<bool> = pieces.iter().map(free).collect();
        let places = search(pieces, ground, &targets, &free);
        let score = ground.score(pieces, &places);
        (score, places)
    };
    let mut best = attempt(&|piece| piece.must_leave || !piece.unwelcome);
    if !best.0.is_near() && pieces.iter().any(|piece| piece.unwelcome) {
        let other = attempt(&|_| true);
        if other.0.beats_clearly(&best.0) {
            best = other;
        }
    }
    // Moves that bring nobody visibly nearer are not worth their risk.
    if best.0.beats_clearly(&at_home) {
        best.1
    } else {
        home
    }
}

fn search(pieces: &[Piece], ground: &Ground, targets: &[u64], free: &[bool]) -> Vec<usize> {
    let first = first_places(pieces, ground, targets, free);
    let mut division = Division::new(pieces, ground, first, free);
    into_bands(&mut division, targets);
    let score = ground.score(pieces, &division.places);
    trim(&mut division, &score);
    let mut places = division.places;
    search_all(pieces, &mut places, ground, free);
    debug_assert!(
        ground.score(pieces, &places) <= score,
        "a search makes nothing worse"
    );
    places
}
