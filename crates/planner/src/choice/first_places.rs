//! The first division: what must leave a node leaves it, and goes where it is wanted.
//!
//! Each node gets a target within its band such that the targets add up and as little as possible has to leave.
//! From a node above its target slots are taken in the order of [`Piece::preference`]. The large ones among them are
//! given out one by one, the largest first, to the node that lacks most; the rest in runs of neighbouring slots, so
//! that few ranges come of it.

use std::cmp::Reverse;

use crate::choice::ground::{Ground, NodeLoad};
use crate::choice::level::{Basin, pour};
use crate::choice::piece::Piece;

/// A piece of more than this part (1 in so many) of what a node lacks is given out by its size.
const LARGE_PART: u64 = 12;

/// What each node should hold when as little as possible has left it.
pub(crate) fn targets(ground: &Ground, fixed: &[u64], total: u64) -> Vec<u64> {
    let (low, high) = (
        |node: usize| ground.low(node, 0),
        |node: usize| ground.high(node, 0),
    );
    let nearest: Vec<u64> = ground
        .nodes()
        .map(|node| {
            if !ground.takes_part[node] {
                return fixed[node];
            }
            let home = ground.homes[node].measure;
            home.min(high(node)).max(low(node))
        })
        .collect();
    let sum: u128 = nearest.iter().copied().map(u128::from).sum();
    let basins: Vec<Basin> = ground
        .nodes()
        .map(|node| {
            let (floor, ceiling) = if sum > u128::from(total) {
                (low(node).min(nearest[node]), nearest[node])
            } else {
                (nearest[node], high(node).max(nearest[node]))
            };
            let part = ground.takes_part[node];
            Basin {
                weight: if part { ground.units[node] } else { 0 },
                floor: if part { floor } else { nearest[node] },
                ceiling: if part { ceiling } else { nearest[node] },
            }
        })
        .collect();
    pour(&basins, total).held
}

/// A place for every piece; its home where it stays, or where nobody has room for it.
pub(crate) fn first_places(
    pieces: &[Piece],
    ground: &Ground,
    targets: &[u64],
    free: &[bool],
) -> Vec<usize> {
    let mut places: Vec<usize> = pieces.iter().map(|piece| piece.home).collect();
    let mut loads = ground.homes.clone();
    let leaving = leaving(pieces, ground, targets, free, &mut loads);
    let mean_lack = {
        let lacks = || {
            ground
                .nodes()
                .map(|node| targets[node].saturating_sub(loads[node].measure))
                .filter(|&lack| lack > 0)
        };
        let (sum, count) = (lacks().map(u128::from).sum::<u128>(), lacks().count());
        u64::try_from(sum / count.max(1) as u128).unwrap_or(u64::MAX)
    };
    let is_large = |index: usize| pieces[index].measure > mean_lack / LARGE_PART;
    let (mut large, mut small): (Vec<usize>, Vec<usize>) =
        leaving.into_iter().partition(|&index| is_large(index));
    large.sort_unstable_by_key(|&index| (Reverse(pieces[index].measure), pieces[index].slot));
    small.sort_unstable_by_key(|&index| pieces[index].slot);

    let mut put = |index: usize, node: usize, loads: &mut [NodeLoad]| {
        loads[node].take(&pieces[index], node);
        places[index] = node;
    };
    for index in large {
        let place = neediest(&pieces[index], ground, &loads, targets);
        put(index, place, &mut loads);
    }
    let mut open: Option<usize> = None;
    for index in small {
        let piece = &pieces[index];
        let goes_on = open.filter(|&node| {
            loads[node].measure.saturating_add(piece.measure) <= targets[node]
                && ground.admits(node, &loads[node], piece)
        });
        let place = goes_on.unwrap_or_else(|| neediest(piece, ground, &loads, targets));
        open = Some(place);
        put(index, place, &mut loads);
    }
    places
}

/// The pieces that leave, taken off the loads.
fn leaving(
    pieces: &[Piece],
    ground: &Ground,
    targets: &[u64],
    free: &[bool],
    loads: &mut [NodeLoad],
) -> Vec<usize> {
    let mut order: Vec<usize> = (0..pieces.len()).filter(|&index| free[index]).collect();
    order.sort_unstable_by(|&a, &b| pieces[a].preference(&pieces[b]));
    let mut leaving = Vec::new();
    // For each node, the smallest piece that would bring it into its band when nothing else does.
    let mut last: Vec<Option<usize>> = vec![None; loads.len()];
    let mut staying = Vec::new();
    for index in order {
        let piece = &pieces[index];
        let load = &mut loads[piece.home];
        let surplus = load.measure.saturating_sub(targets[piece.home]);
        let still_over = load.measure > ground.high(piece.home, 0).min(targets[piece.home]);
        if piece.must_leave || (still_over && piece.measure <= surplus) {
            load.give(piece, piece.home);
            leaving.push(index);
        } else {
            staying.push(index);
        }
    }
    for index in staying {
        let piece = &pieces[index];
        let load = loads[piece.home].measure;
        let enough = load > ground.high(piece.home, 0)
            && load.saturating_sub(piece.measure) <= ground.high(piece.home, 0)
            && load.saturating_sub(piece.measure) >= ground.low(piece.home, 0);
        if enough && last[piece.home].is_none_or(|best| piece.measure < pieces[best].measure) {
            last[piece.home] = Some(index);
        }
    }
    for index in last.into_iter().flatten() {
        loads[pieces[index].home].give(&pieces[index], pieces[index].home);
        leaving.push(index);
    }
    leaving
}

/// The node that lacks most, for its weight, of those that have room; the piece's home when none has.
fn neediest(piece: &Piece, ground: &Ground, loads: &[NodeLoad], targets: &[u64]) -> usize {
    let lack = |node: usize| i128::from(targets[node]) - i128::from(loads[node].measure);
    let then_over = |node: usize| {
        let over = (i128::from(piece.measure) - lack(node)).max(0);
        over * 1_024 / i128::from(ground.units[node])
    };
    ground
        .nodes()
        .filter(|&node| ground.takes_part[node])
        .filter(|&node| ground.admits(node, &loads[node], piece))
        .max_by_key(|&node| {
            (
                Reverse(then_over(node)),
                lack(node),
                node == piece.home,
                Reverse(node),
            )
        })
        .unwrap_or(piece.home)
}
