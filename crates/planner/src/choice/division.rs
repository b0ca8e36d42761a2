//! A division on its way: where each piece lies, and what the nodes hold because of it.

use std::rc::Rc;

use crate::choice::ground::{Ground, NodeLoad};
use crate::choice::piece::Piece;

/// Handfuls of a node are made of pairs as well while there are at most so many.
const PAIRS_MAX: usize = 1_200;
/// The same on a ground of many nodes, where partners are plenty and time is not.
const PAIRS_MAX_AMONG_MANY: usize = 200;
const MANY_NODES: usize = 64;

/// Up to two pieces of one node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Handful {
    pub(crate) measure: u64,
    pieces: [Option<u32>; 2],
}

impl Handful {
    pub(crate) fn pieces(&self) -> impl Iterator<Item = usize> + use<> {
        self.pieces
            .into_iter()
            .flatten()
            .map(|index| index as usize)
    }
}

/// Pieces in their places.
pub(crate) struct Division<'a> {
    pub(crate) pieces: &'a [Piece],
    pub(crate) ground: &'a Ground,
    pub(crate) places: Vec<usize>,
    pub(crate) loads: Vec<NodeLoad>,
    /// The pieces on each node that may move.
    on: Vec<Vec<u32>>,
    handfuls: Vec<Option<Rc<[Handful]>>>,
    pairs_max: usize,
}

impl<'a> Division<'a> {
    pub(crate) fn new(
        pieces: &'a [Piece],
        ground: &'a Ground,
        places: Vec<usize>,
        free: &[bool],
    ) -> Division<'a> {
        let mut on = vec![Vec::new(); ground.homes.len()];
        for (index, &place) in (0u32..).zip(&places) {
            if free[index as usize] {
                on[place].push(index);
            }
        }
        Division {
            pieces,
            ground,
            loads: ground.loads(pieces, &places),
            handfuls: vec![None; on.len()],
            pairs_max: if on.len() > MANY_NODES {
                PAIRS_MAX_AMONG_MANY
            } else {
                PAIRS_MAX
            },
            on,
            places,
        }
    }

    /// All handfuls that a node can give, the empty one included, the lightest first.
    pub(crate) fn handfuls(&mut self, node: usize) -> Rc<[Handful]> {
        if let Some(known) = &self.handfuls[node] {
            return Rc::clone(known);
        }
        let own = &self.on[node];
        let measure = |index: u32| self.pieces[index as usize].measure;
        let mut handfuls = vec![Handful {
            measure: 0,
            pieces: [None, None],
        }];
        let pairs = own.len() * own.len().saturating_sub(1) / 2 <= self.pairs_max;
        for (position, &one) in own.iter().enumerate() {
            handfuls.push(Handful {
                measure: measure(one),
                pieces: [Some(one), None],
            });
            if pairs {
                handfuls.extend(own[position + 1..].iter().map(|&two| Handful {
                    measure: measure(one) + measure(two),
                    pieces: [Some(one.min(two)), Some(one.max(two))],
                }));
            }
        }
        handfuls.sort_unstable();
        let handfuls: Rc<[Handful]> = handfuls.into();
        self.handfuls[node] = Some(Rc::clone(&handfuls));
        handfuls
    }

    /// Whether two nodes may exchange these, as far as memory and what bars pieces go.
    pub(crate) fn may_exchange(
        &self,
        (one, gives): (usize, &Handful),
        (other, takes): (usize, &Handful),
    ) -> bool {
        let ground = self.ground;
        let welcome = |handful: &Handful, node: usize| {
            handful.pieces().all(|index| {
                let piece = &self.pieces[index];
                if piece.home == node {
                    !piece.must_leave
                } else {
                    ground.takes_part[node] && !piece.barred.contains(&node)
                }
            })
        };
        if !welcome(gives, other) || !welcome(takes, one) {
            return false;
        }
        [(one, gives, takes), (other, takes, gives)]
            .into_iter()
            .all(|(node, leaves, comes)| {
                if ground.rooms[node].is_none() || comes.pieces[0].is_none() {
                    return true;
                }
                let mut then = self.loads[node];
                for index in leaves.pieces() {
                    then.give(&self.pieces[index], node);
                }
                for index in comes.pieces() {
                    then.take(&self.pieces[index], node);
                }
                ground.has_room(node, &then)
            })
    }

    pub(crate) fn exchange(&mut self, one: (usize, &Handful), other: (usize, &Handful)) {
        for ((from, handful), to) in [(one, other.0), (other, one.0)] {
            for index in handful.pieces() {
                self.put(index, from, to);
            }
        }
    }

    /// Puts one piece elsewhere.
    pub(crate) fn put(&mut self, index: usize, from: usize, to: usize) {
        let piece = &self.pieces[index];
        self.loads[from].give(piece, from);
        self.loads[to].take(piece, to);
        self.places[index] = to;
        self.on[from].retain(|&other| other as usize != index);
        self.on[to].push(index as u32);
        self.handfuls[from] = None;
        self.handfuls[to] = None;
    }
}
