//! Goes as far towards the goal as a number of moves, or of bytes, allows.
//!
//! Step by step, the fullest node for its weight gives its largest slot that the neediest node can take without
//! passing its level: of all single moves, that one takes most off the maximum, and bytes that leave the fullest
//! node are never spent elsewhere. Nodes that are to be emptied count as fullest. Nothing is exchanged, so each step
//! makes things better, and the plan can end after any.

use std::cmp::Reverse;

use crate::Goal;
use crate::choice::balance::Relocation;
use crate::choice::ground::{Ground, NodeLoad};
use crate::choice::piece::Piece;

/// What may still move.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Budget {
    moves: u64,
    bytes: u64,
}

impl Budget {
    pub(crate) fn new(goal: &Goal) -> Budget {
        Budget {
            moves: goal.max_moves.map_or(u64::MAX, u64::from),
            bytes: goal.max_bytes.unwrap_or(u64::MAX),
        }
    }

    /// Whether so much may move.
    pub(crate) fn covers(&self, slots: usize, bytes: u64) -> bool {
        slots as u64 <= self.moves && bytes <= self.bytes
    }

    /// Takes one move of so many bytes off, if it may be made.
    pub(crate) fn spend(&mut self, bytes: u64) -> bool {
        let may = self.moves > 0 && bytes <= self.bytes;
        if may {
            self.moves -= 1;
            self.bytes -= bytes;
        }
        may
    }
}

/// The moves that help most, as many as may be made.
pub(crate) fn within_budget(
    pieces: &[Piece],
    ground: &Ground,
    budget: &mut Budget,
) -> Vec<Relocation> {
    let mut loads = ground.homes.clone();
    // The largest last, where they are cheap to take away.
    let mut on: Vec<Vec<usize>> = vec![Vec::new(); loads.len()];
    for (index, piece) in pieces.iter().enumerate() {
        on[piece.home].push(index);
    }
    for own in &mut on {
        own.sort_unstable_by_key(|&index| {
            let piece = &pieces[index];
            (!piece.unwelcome, piece.measure, Reverse(piece.slot))
        });
    }
    let mut done = vec![false; loads.len()];
    let mut relocations = Vec::new();
    while let Some(source) = fullest(ground, &loads, &done, &on) {
        let must_leave = !ground.takes_part[source];
        let surplus = loads[source].measure.saturating_sub(ground.levels[source]);
        let found = on[source].iter().rposition(|&index| {
            let piece = &pieces[index];
            let helps = must_leave || piece.measure <= surplus;
            if !helps || !budget.covers(1, piece.holding.memory_bytes) {
                return false;
            }
            match neediest(piece, ground, &loads, must_leave) {
                Some(target) if budget.spend(piece.holding.memory_bytes) => {
                    relocations.push(Relocation {
                        slot: piece.slot,
                        from: source,
                        to: target,
                    });
                    true
                }
                _ => false,
            }
        });
        match (found, relocations.last()) {
            (Some(at), Some(last)) => {
                let piece = &pieces[on[source].remove(at)];
                loads[source].give(piece, source);
                loads[last.to].take(piece, last.to);
            }
            _ => done[source] = true,
        }
    }
    relocations
}

/// The fullest node that can still give.
fn fullest(ground: &Ground, loads: &[NodeLoad], done: &[bool], on: &[Vec<usize>]) -> Option<usize> {
    ground
        .nodes()
        .filter(|&node| !done[node] && !on[node].is_empty())
        .filter(|&node| !ground.takes_part[node] || loads[node].measure > ground.highs[node])
        .max_by_key(|&node| {
            let over = i128::from(loads[node].measure) - i128::from(ground.levels[node]);
            (
                !ground.takes_part[node],
                over * 1_024 / i128::from(ground.units[node]),
                Reverse(node),
            )
        })
}

/// The node that lacks most for its weight, where the piece does not lift it above its level; a piece that must leave
/// goes to the one that it lifts least.
fn neediest(piece: &Piece, ground: &Ground, loads: &[NodeLoad], must_leave: bool) -> Option<usize> {
    let left = |node: usize| {
        i128::from(ground.levels[node])
            - i128::from(loads[node].measure)
            - i128::from(piece.measure)
    };
    ground
        .nodes()
        .filter(|&node| node != piece.home && ground.takes_part[node])
        .filter(|&node| must_leave || left(node) >= 0)
        .filter(|&node| ground.admits(node, &loads[node], piece))
        .max_by_key(|&node| {
            (
                left(node) * 1_024 / i128::from(ground.units[node]),
                Reverse(node),
            )
        })
}
