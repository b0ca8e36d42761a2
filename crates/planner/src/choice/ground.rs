//! What division is aimed at: the level of each node, and the band around it.
//!
//! # What is sought
//! Orders, held slots, emptied nodes and room are not to be argued with. Under them, one after the other:
//!
//! 1. The fullest node is as little full as can be. [`Score::over`] counts how many units of
//!    [`UNITS_IN_MEAN`] it comes out above the level that memory would find were it divisible, so a gain of less than
//!    a thousandth of the mean counts as none. A node whose fixed slots alone stand above the level is full
//!    whatever is done, and counts only when it is given more.
//! 2. The emptiest node lacks as little as can be ([`Score::under`]): without that a new node could stay empty, where
//!    many others share its part among them and come out hardly fuller.
//! 3. The fewest bytes move, then the fewest risky slots, then the least time.
//!
//! The first two fix a *band* for every node, the last one chooses within it. A node that is within
//! [`UNITS_LEFT_ALONE`] units of its level need not come nearer: its band reaches to what it holds.

use crate::choice::piece::Piece;
use crate::course::node_memory::NodeMemory;

/// A unit of balance is this part (1 in so many) of the mean fullness.
pub(crate) const UNITS_IN_MEAN: u64 = 1_000;
/// Units that justify no move.
pub(crate) const UNITS_LEFT_ALONE: u64 = 5;

/// What a node holds while places are sought.
///
/// Its room counts as if nothing had left it yet: so the moves fit in whatever order they run, side by side or one
/// after another, and also where a plan is stopped halfway.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NodeLoad {
    /// In what is balanced.
    pub(crate) measure: u64,
    /// Memory and tables of all that is at home on it, and of its guests.
    pub(crate) memory: NodeMemory,
    /// Pieces on it that are not at home there.
    pub(crate) guests: u32,
}

impl NodeLoad {
    pub(crate) fn take(&mut self, piece: &Piece, node: usize) {
        self.measure += piece.measure;
        if piece.home != node {
            self.memory.take(&piece.holding);
            self.guests += 1;
        }
    }

    pub(crate) fn give(&mut self, piece: &Piece, node: usize) {
        self.measure -= piece.measure;
        if piece.home != node {
            self.memory.give(&piece.holding);
            self.guests -= 1;
        }
    }
}

/// The nodes that pieces are placed on.
#[derive(Debug, Clone)]
pub(crate) struct Ground {
    /// Each node with every piece at home.
    pub(crate) homes: Vec<NodeLoad>,
    /// What it holds at the level of the memory that can be divided.
    pub(crate) brims: Vec<u64>,
    /// What it should hold: the brim, or what is fixed on it, or what it has room for.
    pub(crate) levels: Vec<u64>,
    /// A unit of balance for its weight.
    pub(crate) units: Vec<u64>,
    /// The band in which nothing is counted.
    pub(crate) lows: Vec<u64>,
    pub(crate) highs: Vec<u64>,
    /// Memory it may take when it is given slots, `None` for any.
    pub(crate) rooms: Vec<Option<u64>>,
    /// Whether it may be given slots.
    pub(crate) takes_part: Vec<bool>,
}

/// How far a division is from the levels; smaller is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Score {
    /// What stays on nodes that are to be emptied, for want of room.
    pub(crate) homeless: u64,
    /// Units by which the fullest node is above its band.
    pub(crate) over: u64,
    /// Units by which the emptiest is below.
    pub(crate) under: u64,
}

impl Score {
    /// Whether this is so much better that it is worth moves that would not be needed otherwise.
    pub(crate) fn beats_clearly(&self, other: &Score) -> bool {
        let coarse = |units: u64| units / UNITS_LEFT_ALONE;
        let handicapped = |units: u64| coarse(units.saturating_add(UNITS_LEFT_ALONE / 2));
        (
            self.homeless,
            handicapped(self.over),
            handicapped(self.under),
        ) < (other.homeless, coarse(other.over), coarse(other.under))
    }

    /// Whether what is left is worth no move.
    pub(crate) fn is_near(&self) -> bool {
        self.homeless == 0 && self.over < UNITS_LEFT_ALONE && self.under < UNITS_LEFT_ALONE
    }
}

impl Ground {
    pub(crate) fn nodes(&self) -> std::ops::Range<usize> {
        0..self.homes.len()
    }

    /// Each node with the pieces in their places.
    pub(crate) fn loads(&self, pieces: &[Piece], places: &[usize]) -> Vec<NodeLoad> {
        let mut loads = self.homes.clone();
        for (piece, &place) in pieces.iter().zip(places) {
            if place != piece.home {
                loads[piece.home].give(piece, piece.home);
                loads[place].take(piece, place);
            }
        }
        loads
    }

    pub(crate) fn score(&self, pieces: &[Piece], places: &[usize]) -> Score {
        let loads = self.loads(pieces, places);
        let mut score = Score {
            homeless: pieces
                .iter()
                .zip(places)
                .filter(|&(piece, &place)| piece.must_leave && place == piece.home)
                .map(|(piece, _)| piece.holding.memory_bytes.max(1))
                .sum(),
            ..Score::default()
        };
        for node in self.nodes() {
            score.over = score.over.max(self.over(node, loads[node].measure));
            score.under = score.under.max(self.under(node, loads[node].measure));
        }
        score
    }

    /// Units by which a load is above the band.
    pub(crate) fn over(&self, node: usize, load: u64) -> u64 {
        if !self.takes_part[node] || load <= self.highs[node] {
            return 0;
        }
        load.saturating_sub(self.brims[node])
            .div_ceil(self.units[node])
            .saturating_sub(1)
    }

    /// Units by which a load is below the band.
    pub(crate) fn under(&self, node: usize, load: u64) -> u64 {
        self.lows[node]
            .saturating_sub(load)
            .div_ceil(self.units[node])
    }

    /// The most that a node holds within so many units above.
    pub(crate) fn high(&self, node: usize, over: u64) -> u64 {
        let reached = self.units[node].saturating_mul(over.saturating_add(1));
        if self.takes_part[node] {
            self.highs[node].max(self.brims[node].saturating_add(reached))
        } else {
            self.highs[node]
        }
    }

    /// The least that it holds within so many units below.
    pub(crate) fn low(&self, node: usize, under: u64) -> u64 {
        self.lows[node].saturating_sub(self.units[node].saturating_mul(under))
    }

    /// Whether a node may hold this, given that slots have come to it.
    pub(crate) fn has_room(&self, node: usize, load: &NodeLoad) -> bool {
        match self.rooms[node] {
            Some(room) => load.guests == 0 || load.memory.used_bytes() <= room,
            None => true,
        }
    }

    /// Whether a piece may lie on a node with what lies there already.
    pub(crate) fn admits(&self, node: usize, load: &NodeLoad, piece: &Piece) -> bool {
        if piece.home == node && piece.must_leave {
            return false;
        }
        if piece.home != node && (!self.takes_part[node] || piece.barred.contains(&node)) {
            return false;
        }
        if self.rooms[node].is_none() {
            return true;
        }
        let mut then = *load;
        then.take(piece, node);
        self.has_room(node, &then)
    }
}
