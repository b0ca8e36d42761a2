//! Slots that may change their place, and the order in which they are taken.

use std::cmp::Ordering;

use crate::plan::Holding;

/// A slot that may change its place.
#[derive(Debug, Clone)]
pub(crate) struct Piece {
    /// The slot's number.
    pub(crate) slot: u16,
    /// What it holds.
    pub(crate) holding: Holding,
    /// What it weighs in the balance, above 0.
    pub(crate) measure: u64,
    /// Index of its owner.
    pub(crate) home: usize,
    /// Whether its owner is drained.
    pub(crate) must_leave: bool,
    /// Whether it moves by consent only.
    pub(crate) unwelcome: bool,
    /// Whether a key of it needs a call of its own.
    pub(crate) has_heavy: bool,
    /// The time of its calls.
    pub(crate) predicted_us: u64,
    /// Nodes that turned out to have no room for it on the way.
    pub(crate) barred: Vec<usize>,
}

/// What moves cost, in the order in which it counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Price {
    /// Memory that moves. A slot of which no memory is known counts as a byte.
    pub(crate) bytes: i128,
    /// Slots that move by consent, and slots with keys that need calls of their own.
    risk: i64,
    /// Time of the calls.
    time_us: i128,
}

impl Price {
    pub(crate) fn add(&mut self, piece: &Piece, times: i64) {
        self.bytes += i128::from(piece.holding.memory_bytes.max(1)) * i128::from(times);
        self.risk += (i64::from(piece.unwelcome) * 1_000 + i64::from(piece.has_heavy)) * times;
        self.time_us += i128::from(piece.predicted_us) * i128::from(times);
    }

    /// The price of having each piece in its place.
    pub(crate) fn of(pieces: &[Piece], places: &[usize]) -> Price {
        let mut price = Price::default();
        for (piece, &place) in pieces.iter().zip(places) {
            if place != piece.home {
                price.add(piece, 1);
            }
        }
        price
    }
}

impl Piece {
    /// The order in which slots are taken: those without heavy keys, then by time per byte, and among those that
    /// differ by less than a factor of two ascending, since every node must remember the ranges of all.
    pub(crate) fn preference(&self, other: &Piece) -> Ordering {
        let rank = |piece: &Piece| {
            let per_mib = (u128::from(piece.predicted_us) << 20)
                / u128::from(piece.holding.memory_bytes.max(1));
            (
                piece.unwelcome,
                piece.has_heavy,
                u128::BITS - per_mib.leading_zeros(),
                piece.slot,
            )
        };
        rank(self).cmp(&rank(other))
    }
}
