//! Tries every division of a few pieces, as far as it can still beat the best one known.
//!
//! The questions of [`Score`] and then the price are asked one after the other, each within what the ones before
//! it have settled: that prunes far more than asking all at once.

use std::cmp::Reverse;

use crate::choice::ground::{Ground, NodeLoad, Score};
use crate::choice::piece::{Piece, Price};

/// Slots up to which every division is tried.
const PIECES_MAX: usize = 28;
/// Nodes up to which it is tried.
const NODES_MAX: usize = 12;
/// Placings that one question looks at before it keeps the best so far.
const STEPS_MAX: u32 = 400_000;

/// What a search makes smaller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Question {
    Homeless,
    Over,
    Under,
    Price,
}

/// Improves the places where there are few enough pieces to try all.
pub(crate) fn search_all(pieces: &[Piece], places: &mut [usize], ground: &Ground, free: &[bool]) {
    let order: Vec<usize> = (0..pieces.len()).filter(|&index| free[index]).collect();
    if order.len() > PIECES_MAX || ground.homes.len() > NODES_MAX {
        return;
    }
    for question in [
        Question::Homeless,
        Question::Over,
        Question::Under,
        Question::Price,
    ] {
        let best = ground.score(pieces, places);
        let settled = match question {
            Question::Homeless => best.homeless == 0,
            Question::Over => best.over == 0,
            Question::Under => best.under == 0,
            Question::Price => false,
        };
        if settled {
            continue;
        }
        let mut search = Search::new(pieces, places, ground, &order, question, best);
        search.descend(0);
        if let Some(found) = search.best_places {
            places.copy_from_slice(&found);
        }
    }
}

struct Search<'a> {
    pieces: &'a [Piece],
    ground: &'a Ground,
    /// The largest pieces first.
    order: Vec<usize>,
    question: Question,
    loads: Vec<NodeLoad>,
    /// What is not placed yet and is at home on each node.
    left_at_home: Vec<u64>,
    left: u64,
    homeless: u64,
    price: Price,
    places: Vec<usize>,
    best: Score,
    best_price: Price,
    best_places: Option<Vec<usize>>,
    /// Whether what is balanced is what is paid.
    pays_measure: bool,
    steps: u32,
}

impl<'a> Search<'a> {
    fn new(
        pieces: &'a [Piece],
        places: &[usize],
        ground: &'a Ground,
        order: &[usize],
        question: Question,
        best: Score,
    ) -> Search<'a> {
        let mut order = order.to_vec();
        order.sort_unstable_by_key(|&index| (Reverse(pieces[index].measure), pieces[index].slot));
        let mut loads = ground.loads(pieces, places);
        let mut left_at_home = vec![0; loads.len()];
        for &index in &order {
            loads[places[index]].give(&pieces[index], places[index]);
            left_at_home[pieces[index].home] += pieces[index].measure;
        }
        Search {
            left: left_at_home.iter().sum(),
            pieces,
            ground,
            order,
            question,
            loads,
            left_at_home,
            homeless: 0,
            price: Price::default(),
            places: places.to_vec(),
            best,
            best_price: Price::of(pieces, places),
            best_places: None,
            pays_measure: pieces
                .iter()
                .all(|piece| piece.measure == piece.holding.memory_bytes),
            steps: STEPS_MAX,
        }
    }

    fn descend(&mut self, depth: usize) {
        if self.is_hopeless() {
            return;
        }
        let Some(&index) = self.order.get(depth) else {
            self.best.homeless = self.homeless;
            self.best.over = self.over();
            self.best.under = self.under();
            self.best_price = self.price;
            self.best_places = Some(self.places.clone());
            return;
        };
        let piece = &self.pieces[index];
        self.left -= piece.measure;
        self.left_at_home[piece.home] -= piece.measure;
        for node in self.candidates(piece) {
            if self.steps == 0 {
                break;
            }
            self.steps -= 1;
            let at_home = node == piece.home;
            let homeless = if at_home && piece.must_leave {
                piece.holding.memory_bytes.max(1)
            } else {
                0
            };
            self.loads[node].take(piece, node);
            self.homeless += homeless;
            if !at_home {
                self.price.add(piece, 1);
            }
            self.places[index] = node;
            self.descend(depth + 1);
            self.loads[node].give(piece, node);
            self.homeless -= homeless;
            if !at_home {
                self.price.add(piece, -1);
            }
        }
        self.left += piece.measure;
        self.left_at_home[piece.home] += piece.measure;
    }

    /// Where a piece may go, the most promising places first. Of nodes that are alike one is tried.
    fn candidates(&self, piece: &Piece) -> Vec<usize> {
        let ground = self.ground;
        let mut nodes: Vec<usize> = ground
            .nodes()
            .filter(|&node| {
                let stays = node == piece.home && piece.must_leave;
                stays || ground.admits(node, &self.loads[node], piece)
            })
            .collect();
        let lack = |node: usize| {
            let load = self.loads[node].measure.saturating_add(piece.measure);
            (i128::from(ground.levels[node]) - i128::from(load)) * 1_024
                / i128::from(ground.units[node])
        };
        nodes.sort_by_key(|&node| {
            let home = node == piece.home;
            let first = home && self.question == Question::Price;
            (
                Reverse(!(home && piece.must_leave)),
                Reverse(first),
                Reverse(lack(node)),
                node,
            )
        });
        let mut tried: Vec<usize> = Vec::with_capacity(nodes.len());
        for node in nodes {
            let is_known = tried.iter().any(|&other| self.are_alike(other, node));
            if node == piece.home || !is_known {
                tried.push(node);
            }
        }
        tried
    }

    /// Whether whatever can be done with one node can be done with the other.
    fn are_alike(&self, one: usize, other: usize) -> bool {
        let ground = self.ground;
        let alike = |values: &[u64]| values[one] == values[other];
        self.left_at_home[one] == 0
            && self.left_at_home[other] == 0
            && self.loads[one].measure == self.loads[other].measure
            && alike(&ground.units)
            && alike(&ground.brims)
            && alike(&ground.highs)
            && alike(&ground.lows)
            && ground.rooms[one].is_none()
            && ground.rooms[other].is_none()
            && ground.takes_part[one] == ground.takes_part[other]
    }

    fn over(&self) -> u64 {
        let over = |node: usize| self.ground.over(node, self.loads[node].measure);
        self.ground.nodes().map(over).max().unwrap_or(0)
    }

    fn under(&self) -> u64 {
        let under = |node: usize| self.ground.under(node, self.loads[node].measure);
        self.ground.nodes().map(under).max().unwrap_or(0)
    }

    /// Whether nothing that the placed pieces leave open is better than the best known.
    fn is_hopeless(&self) -> bool {
        let ground = self.ground;
        let loads = || self.loads.iter().map(|load| load.measure).enumerate();
        // The most that may be reached above, and the most that may lack below.
        let (over, under) = match self.question {
            Question::Homeless => return self.homeless >= self.best.homeless,
            Question::Over => (self.best.over.checked_sub(1), None),
            Question::Under => (Some(self.best.over), self.best.under.checked_sub(1)),
            Question::Price => (Some(self.best.over), Some(self.best.under)),
        };
        let Some(over) = over else { return true };
        if self.homeless > self.best.homeless {
            return true;
        }
        let mut room = 0u128;
        for (node, load) in loads().filter(|&(node, _)| ground.takes_part[node]) {
            if ground.over(node, load) > over {
                return true;
            }
            room += u128::from(ground.high(node, over).saturating_sub(load));
        }
        let may_stay = self.best.homeless - self.homeless;
        if room.saturating_add(u128::from(may_stay)) < u128::from(self.left)
            && self.best.homeless == 0
        {
            return true;
        }
        if let Some(under) = under {
            let lack: u128 = loads()
                .map(|(node, load)| u128::from(ground.low(node, under).saturating_sub(load)))
                .sum();
            if lack > u128::from(self.left) {
                return true;
            }
        } else if self.question != Question::Over {
            return true;
        }
        self.question == Question::Price && self.least_price(over) >= self.best_price
    }

    /// What the division costs at least once all pieces are placed.
    fn least_price(&self, over: u64) -> Price {
        let mut price = self.price;
        if self.pays_measure {
            for node in self.ground.nodes() {
                if !self.ground.takes_part[node] && self.best.homeless > 0 {
                    continue;
                }
                let load = self.loads[node]
                    .measure
                    .saturating_add(self.left_at_home[node]);
                let too_much = load.saturating_sub(self.ground.high(node, over));
                price.bytes += i128::from(too_much);
            }
        }
        price
    }
}
