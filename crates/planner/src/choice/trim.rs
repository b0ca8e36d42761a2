//! Makes a division cheaper without leaving the bands it has reached.
//!
//! Slots go home where the bands allow it, and a node and the one it gave to exchange slots where that brings fewer
//! bytes to strange places.

use std::collections::BTreeSet;

use crate::choice::division::{Division, Handful};
use crate::choice::exchange::price_of;
use crate::choice::ground::Score;
use crate::choice::piece::Price;

/// Rounds over all pairs of nodes; each round that finds nothing is the last.
const ROUNDS: usize = 6;
/// Handfuls that are looked at beside each other one.
const WINDOW: usize = 24;
/// Pairs of handfuls that are looked at in all: on very large clusters the rest stays as it is.
const LOOKS_MAX: u64 = 12_000_000;

/// Exchanges pieces as long as that saves something and the score stays as it is.
pub(crate) fn trim(division: &mut Division<'_>, score: &Score) {
    let mut looks = LOOKS_MAX;
    for _ in 0..ROUNDS {
        let pairs: BTreeSet<(usize, usize)> = division
            .pieces
            .iter()
            .zip(&division.places)
            .filter(|&(piece, &place)| piece.home != place)
            .map(|(piece, &place)| (piece.home, place))
            .collect();
        let mut found = false;
        for (home, place) in pairs {
            while let Some((gives, takes)) = saving(division, score, (home, place), &mut looks) {
                division.exchange((home, &gives), (place, &takes));
                found = true;
            }
        }
        if !found {
            return;
        }
    }
}

/// The exchange between two nodes that saves most.
fn saving(
    division: &mut Division<'_>,
    score: &Score,
    (one, other): (usize, usize),
    looks: &mut u64,
) -> Option<(Handful, Handful)> {
    let ground = division.ground;
    // A node that is to be emptied is given nothing back.
    if !ground.takes_part[one] {
        return None;
    }
    let (mine, theirs) = (division.handfuls(one), division.handfuls(other));
    let room = |node: usize| {
        let load = i128::from(division.loads[node].measure);
        let high = i128::from(ground.high(node, score.over));
        let low = i128::from(ground.low(node, score.under));
        (load - high.max(load), load - low.min(load))
    };
    // What may go from one to the other, net of what comes back: `may_grow` is negative or nothing.
    let ((may_grow_one, may_give_one), (may_grow_other, may_give_other)) = (room(one), room(other));
    let least = may_grow_one.max(-may_give_other);
    let most = may_give_one.min(-may_grow_other);
    let mut best: Option<(Price, Handful, Handful)> = None;
    for gives in mine.iter() {
        if *looks == 0 {
            break;
        }
        let measure = i128::from(gives.measure);
        // The heaviest ones that may come back save most.
        let end = theirs.partition_point(|handful| i128::from(handful.measure) <= measure - least);
        for takes in theirs[..end].iter().rev().take(WINDOW) {
            if i128::from(takes.measure) < measure - most {
                break;
            }
            *looks = looks.saturating_sub(1);
            let price = price_of(division, (one, gives), (other, takes));
            if price < best.as_ref().map_or(Price::default(), |(best, ..)| *best)
                && division.may_exchange((one, gives), (other, takes))
            {
                best = Some((price, *gives, *takes));
            }
        }
    }
    best.map(|(_, gives, takes)| (gives, takes))
}
