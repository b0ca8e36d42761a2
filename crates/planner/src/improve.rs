//! Brings nodes nearer to their levels by exchanging single slots and pairs.
//!
//! The node farthest from its level exchanges with another one: up to two slots one way, up to two the other
//! way, such that both end nearer than the farthest was. Each exchange makes the sorted list of distances
//! smaller, so the search ends; a bound on its steps keeps it short. A node that nothing helps, because one
//! slot of it is larger than its level, is set aside, and the rest goes on without it. Where only a few large
//! slots exist and the search ends far from the level, [`search_all`] tries every division of them, within a
//! bound.

use std::cmp::Ordering;

/// Nodes with more slots than this exchange single slots only: among that many there are enough near-equal
/// sizes, and pairs would be too many to look at.
const PAIRS_UP_TO: usize = 48;
/// Slots up to which every division is tried.
const SEARCH_ALL_UP_TO: usize = 20;
/// Partial divisions that [`search_all`] looks at before it keeps the best so far.
const SEARCH_STEPS: u32 = 400_000;

/// An exchange must gain at least this part (1 in so many) of what counts as fine.
const LEAST_GAIN: u64 = 8;

/// A slot that may change its place.
#[derive(Debug, Clone)]
pub(crate) struct Piece {
    /// The slot's number.
    pub(crate) slot: u16,
    /// Its memory, above 0.
    pub(crate) bytes: u64,
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
}

impl Piece {
    /// The order in which slots are taken: those without heavy keys, then by time per byte.
    pub(crate) fn preference(&self, other: &Piece) -> Ordering {
        let time_per_byte =
            |piece: &Piece, other: &Piece| u128::from(piece.predicted_us) * u128::from(other.bytes);
        (self.unwelcome, self.has_heavy)
            .cmp(&(other.unwelcome, other.has_heavy))
            .then_with(|| time_per_byte(self, other).cmp(&time_per_byte(other, self)))
            .then_with(|| self.slot.cmp(&other.slot))
    }
}

/// The nodes that pieces are placed on.
#[derive(Debug, Clone)]
pub(crate) struct Ground {
    /// Memory of each node with every piece at home.
    pub(crate) loads: Vec<u64>,
    /// Memory it should end with.
    pub(crate) levels: Vec<u64>,
    /// Memory it may end with at most.
    pub(crate) ceilings: Vec<u64>,
    /// Whether it may be given slots.
    pub(crate) takes_part: Vec<bool>,
    /// Mean level of the nodes that take part.
    pub(crate) mean: u64,
}

impl Ground {
    fn loads_with(&self, pieces: &[Piece], places: &[usize]) -> Vec<u64> {
        let mut loads = self.loads.clone();
        for (piece, &place) in pieces.iter().zip(places) {
            loads[piece.home] -= piece.bytes;
            loads[place] += piece.bytes;
        }
        loads
    }

    /// How far the nodes that take part are from their levels; smaller is better.
    pub(crate) fn score(&self, pieces: &[Piece], places: &[usize], unit: u64) -> Score {
        let loads = self.loads_with(pieces, places);
        self.score_of(unit, |node| loads[node].abs_diff(self.levels[node]))
    }

    /// Whether other places are so much better, in units, that they are worth moves that would not be needed
    /// otherwise: each distance must be beaten by half a unit.
    pub(crate) fn worth_it(
        &self,
        pieces: &[Piece],
        (other, places): (&[usize], &[usize]),
        unit: u64,
    ) -> bool {
        let loads = self.loads_with(pieces, other);
        let handicapped = self.score_of(unit, |node| {
            loads[node]
                .abs_diff(self.levels[node])
                .saturating_add(unit / 2)
        });
        handicapped < self.score(pieces, places, unit)
    }

    fn score_of(&self, unit: u64, distance: impl Fn(usize) -> u64) -> Score {
        let mut score = Score::default();
        for node in (0..self.levels.len()).filter(|&node| self.takes_part[node]) {
            let units = distance(node) / unit.max(1);
            score.farthest = score.farthest.max(units);
            score.squares += u128::from(units) * u128::from(units);
        }
        score
    }
}

/// Distances from the levels in whole units, so that what is below the unit does not count: the farthest
/// first, and where that cannot be helped the others by their squares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Score {
    pub(crate) farthest: u64,
    squares: u128,
}

/// Up to two pieces of one node.
#[derive(Debug, Clone, Copy)]
struct Handful {
    bytes: u64,
    pieces: [Option<usize>; 2],
}

/// An exchange that was found, and how good it is.
struct Exchange {
    /// The larger distance of the two nodes afterwards, not counted below what is fine.
    distance: u64,
    /// Bytes that change their place.
    bytes: u64,
    gives: Handful,
    takes: Handful,
}

/// Exchanges pieces until no node that takes part is farther than `fine` from its level, or nothing helps.
///
/// At first the nodes that should receive keep their own slots; when that ends farther than `coarse`, they
/// may give some up in exchange for others, if that gains as much.
pub(crate) fn improve(
    pieces: &[Piece],
    places: &mut [usize],
    ground: &Ground,
    (fine, coarse): (u64, u64),
    free: &dyn Fn(&Piece) -> bool,
) {
    let gives = |node: usize| ground.loads[node] > ground.levels[node];
    let one_way: Vec<bool> = pieces
        .iter()
        .map(|piece| free(piece) && (gives(piece.home) || piece.must_leave))
        .collect();
    exchange_until(pieces, places, ground, fine, &one_way);
    if ground.score(pieces, places, coarse).farthest == 0 {
        return;
    }
    let both_ways: Vec<bool> = pieces.iter().map(free).collect();
    let mut other = places.to_vec();
    exchange_until(pieces, &mut other, ground, fine, &both_ways);
    search_all(pieces, &mut other, ground, fine, &both_ways);
    if ground.worth_it(pieces, (&other, places), coarse) {
        places.copy_from_slice(&other);
    }
}

fn exchange_until(
    pieces: &[Piece],
    places: &mut [usize],
    ground: &Ground,
    fine: u64,
    free: &[bool],
) {
    let nodes = ground.loads.len();
    let mut loads = ground.loads_with(pieces, places);
    let mut handfuls: Vec<Option<Vec<Handful>>> = vec![None; nodes];
    let mut beyond_help = vec![false; nodes];
    for _ in 0..64 + 8 * nodes {
        let off = |node: usize| i128::from(loads[node]) - i128::from(ground.levels[node]);
        let Some(worst) = (0..nodes)
            .filter(|&node| ground.takes_part[node] && !beyond_help[node])
            .max_by_key(|&node| (off(node).abs(), std::cmp::Reverse(node)))
        else {
            return;
        };
        let farthest = off(worst).unsigned_abs();
        if farthest <= u128::from(fine) {
            return;
        }
        // The nodes that are farthest on the other side first.
        let mut partners: Vec<usize> = (0..nodes)
            .filter(|&node| node != worst && ground.takes_part[node] && !beyond_help[node])
            .collect();
        partners.sort_by_key(|&node| (off(node) * off(worst).signum(), node));

        let mut found: Option<(usize, Exchange)> = None;
        for partner in partners {
            for node in [worst, partner] {
                handfuls[node].get_or_insert_with(|| handfuls_of(node, pieces, places, free));
            }
            let (Some(mine), Some(theirs)) = (&handfuls[worst], &handfuls[partner]) else {
                continue;
            };
            let exchange = best_exchange(
                pieces,
                (mine, theirs),
                (worst, partner),
                &loads,
                ground,
                fine,
            );
            if let Some(exchange) = exchange {
                let better = found.as_ref().is_none_or(|(_, best)| {
                    (exchange.distance, exchange.bytes) < (best.distance, best.bytes)
                });
                if better {
                    let enough =
                        u128::from(exchange.distance) <= u128::from(fine).max(farthest / 2);
                    found = Some((partner, exchange));
                    if enough {
                        break;
                    }
                }
            }
        }
        let Some((partner, exchange)) = found else {
            beyond_help[worst] = true;
            continue;
        };
        for (handful, to) in [(exchange.gives, partner), (exchange.takes, worst)] {
            for index in handful.pieces.into_iter().flatten() {
                loads[places[index]] -= pieces[index].bytes;
                loads[to] += pieces[index].bytes;
                places[index] = to;
            }
        }
        handfuls[worst] = None;
        handfuls[partner] = None;
    }
}

/// All handfuls that a node can give, the empty one included, by ascending bytes.
fn handfuls_of(node: usize, pieces: &[Piece], places: &[usize], free: &[bool]) -> Vec<Handful> {
    let own: Vec<usize> = (0..pieces.len())
        .filter(|&index| free[index] && places[index] == node)
        .collect();
    let mut handfuls = vec![Handful {
        bytes: 0,
        pieces: [None, None],
    }];
    for (position, &one) in own.iter().enumerate() {
        handfuls.push(Handful {
            bytes: pieces[one].bytes,
            pieces: [Some(one), None],
        });
        if own.len() <= PAIRS_UP_TO {
            for &two in &own[position + 1..] {
                handfuls.push(Handful {
                    bytes: pieces[one].bytes + pieces[two].bytes,
                    pieces: [Some(one), Some(two)],
                });
            }
        }
    }
    handfuls.sort_unstable_by_key(|handful| (handful.bytes, handful.pieces));
    handfuls
}

/// The exchange between two nodes after which both are nearest to their levels.
fn best_exchange(
    pieces: &[Piece],
    (mine, theirs): (&[Handful], &[Handful]),
    (worst, partner): (usize, usize),
    loads: &[u64],
    ground: &Ground,
    fine: u64,
) -> Option<Exchange> {
    let off = |node: usize| i128::from(loads[node]) - i128::from(ground.levels[node]);
    let (off_worst, off_partner) = (off(worst), off(partner));
    // Bytes that should go from the worst node to its partner.
    let wanted = (off_worst - off_partner) / 2;
    let mut best: Option<Exchange> = None;
    for gives in mine {
        let ideal = i128::from(gives.bytes) - wanted;
        let at = theirs.partition_point(|handful| i128::from(handful.bytes) < ideal);
        for takes in theirs[at.saturating_sub(1)..].iter().take(2) {
            let net = i128::from(gives.bytes) - i128::from(takes.bytes);
            let distance = (off_worst - net)
                .unsigned_abs()
                .max((off_partner + net).unsigned_abs());
            if distance + u128::from(fine / LEAST_GAIN) >= off_worst.unsigned_abs() {
                continue;
            }
            let (Ok(distance), Some(bytes)) = (
                u64::try_from(distance),
                bytes_away(pieces, gives, partner).checked_add(bytes_away(pieces, takes, worst)),
            ) else {
                continue;
            };
            let distance = distance.max(fine);
            let fits = |node: usize, change: i128| {
                change <= 0 || i128::from(loads[node]) + change <= i128::from(ground.ceilings[node])
            };
            let better = best
                .as_ref()
                .is_none_or(|best| (distance, bytes) < (best.distance, best.bytes));
            if better && fits(partner, net) && fits(worst, -net) {
                best = Some(Exchange {
                    distance,
                    bytes,
                    gives: *gives,
                    takes: *takes,
                });
            }
        }
    }
    best
}

/// Bytes of a handful that will not be at home once it lies on `node`.
fn bytes_away(pieces: &[Piece], handful: &Handful, node: usize) -> u64 {
    handful
        .pieces
        .into_iter()
        .flatten()
        .filter(|&index| pieces[index].home != node)
        .map(|index| pieces[index].bytes)
        .sum()
}

/// Tries every division of a few pieces, largest first, as far as it can still beat the best one known.
fn search_all(pieces: &[Piece], places: &mut [usize], ground: &Ground, fine: u64, free: &[bool]) {
    let mut order: Vec<usize> = (0..pieces.len()).filter(|&index| free[index]).collect();
    if order.len() > SEARCH_ALL_UP_TO {
        return;
    }
    order.sort_unstable_by_key(|&i| (std::cmp::Reverse(pieces[i].bytes), pieces[i].slot));
    let mut loads = ground.loads_with(pieces, places);
    for &index in &order {
        loads[places[index]] -= pieces[index].bytes;
    }
    let moved_bytes = order
        .iter()
        .filter(|&&index| places[index] != pieces[index].home)
        .map(|&index| pieces[index].bytes)
        .sum();
    let score = ground.score(pieces, places, fine);
    let mut search = Search {
        pieces,
        ground,
        fine,
        left_bytes: order.iter().map(|&index| pieces[index].bytes).sum(),
        order,
        loads,
        moved_bytes: 0,
        places: places.to_vec(),
        best: (score, moved_bytes),
        best_places: None,
        steps: SEARCH_STEPS,
    };
    search.descend(0);
    if let Some(best) = search.best_places {
        places.copy_from_slice(&best);
    }
}

struct Search<'a> {
    pieces: &'a [Piece],
    ground: &'a Ground,
    fine: u64,
    order: Vec<usize>,
    loads: Vec<u64>,
    left_bytes: u64,
    moved_bytes: u64,
    places: Vec<usize>,
    /// The best so far, and at equal score the one that moves the fewest bytes.
    best: (Score, u64),
    best_places: Option<Vec<usize>>,
    steps: u32,
}

impl Search<'_> {
    fn descend(&mut self, depth: usize) {
        let Some(&index) = self.order.get(depth) else {
            let reached = (self.bound(), self.moved_bytes);
            if reached < self.best {
                self.best = reached;
                self.best_places = Some(self.places.clone());
            }
            return;
        };
        let piece = &self.pieces[index];
        self.left_bytes -= piece.bytes;
        for node in 0..self.loads.len() {
            let at_home = node == piece.home;
            let allowed = if at_home {
                !piece.must_leave
            } else {
                self.ground.takes_part[node]
                    && self.loads[node].saturating_add(piece.bytes) <= self.ground.ceilings[node]
            };
            if !allowed {
                continue;
            }
            if self.steps == 0 {
                break;
            }
            self.steps -= 1;
            let moved = if at_home { 0 } else { piece.bytes };
            self.loads[node] += piece.bytes;
            self.moved_bytes += moved;
            self.places[index] = node;
            if (self.bound(), self.moved_bytes) < self.best {
                self.descend(depth + 1);
            }
            self.loads[node] -= piece.bytes;
            self.moved_bytes -= moved;
        }
        self.left_bytes += piece.bytes;
    }

    /// A score that no way of placing the pieces left over can beat.
    fn bound(&self) -> Score {
        self.ground.score_of(self.fine, |node| {
            let (load, level) = (self.loads[node], self.ground.levels[node]);
            let over = load.saturating_sub(level);
            let under = level.saturating_sub(load).saturating_sub(self.left_bytes);
            over.max(under)
        })
    }
}
