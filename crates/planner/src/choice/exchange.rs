//! Brings nodes into their bands by exchanging single slots and pairs.
//!
//! The node farthest outside its band exchanges with another one: up to two slots one way, up to two the other
//! way, such that both end nearer than the farthest was. Each exchange makes the sorted list of distances
//! smaller, so the search ends; a bound on its steps keeps it short. A node that nothing helps is set aside, and
//! the rest goes on without it.

use crate::choice::division::{Division, Handful};
use crate::choice::ground::Ground;
use crate::choice::piece::Price;

/// Parts of a unit in which distances from the band are counted.
const PARTS: u128 = 64;
/// Partners that a node tries before it takes the best exchange found, on a ground of many nodes.
const PARTNERS_MAX: usize = 48;
/// Handfuls of the partner that are tried beside each ideal one.
const NEIGHBOURS: usize = 2;

/// An exchange that was found, and how good it is.
struct Exchange {
    /// The larger distance of the two nodes afterwards.
    distance: u128,
    price: Price,
    gives: Handful,
    takes: Handful,
}

/// Distance of a load from a node's band, in parts of a unit.
fn distance(ground: &Ground, node: usize, load: i128) -> u128 {
    if !ground.takes_part[node] {
        return 0;
    }
    let over = load - i128::from(ground.high(node, 0));
    let under = i128::from(ground.low(node, 0)) - load;
    let outside = u128::try_from(over.max(under)).unwrap_or(0);
    (outside * PARTS).div_ceil(u128::from(ground.units[node]))
}

fn load_of(division: &Division<'_>, node: usize) -> i128 {
    i128::from(division.loads[node].measure)
}

/// Exchanges pieces until no node is outside its band, or nothing helps.
pub(crate) fn into_bands(division: &mut Division<'_>, targets: &[u64]) {
    let ground = division.ground;
    let nodes = ground.homes.len();
    let mut beyond_help = vec![false; nodes];
    for _ in 0..64 + 8 * nodes {
        let worst = ground
            .nodes()
            .filter(|&node| ground.takes_part[node] && !beyond_help[node])
            .map(|node| (distance(ground, node, load_of(division, node)), node))
            .max_by_key(|&(distance, node)| (distance, std::cmp::Reverse(node)));
        let Some((farthest, worst)) = worst.filter(|&(farthest, _)| farthest > 0) else {
            return;
        };
        let off = |node: usize| {
            (load_of(division, node) - i128::from(targets[node])) * 1_024
                / i128::from(ground.units[node])
        };
        let side = off(worst).signum();
        // Those that are farthest on the other side first.
        let mut partners: Vec<(i128, usize)> = ground
            .nodes()
            .filter(|&node| node != worst && ground.takes_part[node])
            .map(|node| (off(node) * side, node))
            .collect();
        if partners.len() > PARTNERS_MAX {
            partners.select_nth_unstable(PARTNERS_MAX);
            partners.truncate(PARTNERS_MAX);
        }
        partners.sort_unstable();

        let mut found: Option<(usize, Exchange)> = None;
        for (_, partner) in partners {
            let Some(exchange) = best_exchange(division, targets, worst, partner, farthest) else {
                continue;
            };
            let better = found.as_ref().is_none_or(|(_, best)| {
                (exchange.distance, exchange.price) < (best.distance, best.price)
            });
            if better {
                let enough = exchange.distance <= farthest / 4;
                found = Some((partner, exchange));
                if enough {
                    break;
                }
            }
        }
        match found {
            Some((partner, exchange)) => {
                division.exchange((worst, &exchange.gives), (partner, &exchange.takes));
            }
            None => beyond_help[worst] = true,
        }
    }
}

/// The exchange between two nodes after which both are nearest to their bands, and of those the cheapest.
fn best_exchange(
    division: &mut Division<'_>,
    targets: &[u64],
    worst: usize,
    partner: usize,
    farthest: u128,
) -> Option<Exchange> {
    let ground = division.ground;
    let (mine, theirs) = (division.handfuls(worst), division.handfuls(partner));
    let (load_worst, load_partner) = (load_of(division, worst), load_of(division, partner));
    // What should go from one to the other: so much that both are equally far from what they should hold, or just
    // so much that the worst node is in its band.
    let off = |node: usize, load: i128| load - i128::from(targets[node]);
    let (unit_worst, unit_partner) = (
        i128::from(ground.units[worst]),
        i128::from(ground.units[partner]),
    );
    let middle = (off(worst, load_worst) * unit_partner - off(partner, load_partner) * unit_worst)
        / (unit_worst + unit_partner);
    let least = load_worst
        .min(i128::from(ground.high(worst, 0)))
        .max(i128::from(ground.low(worst, 0)));
    let wanted = [middle, load_worst - least];
    let mut best: Option<Exchange> = None;
    for gives in mine.iter() {
        for wanted in wanted {
            let ideal = i128::from(gives.measure) - wanted;
            let at = theirs.partition_point(|handful| i128::from(handful.measure) < ideal);
            for takes in theirs[at.saturating_sub(NEIGHBOURS)..]
                .iter()
                .take(2 * NEIGHBOURS)
            {
                let net = i128::from(gives.measure) - i128::from(takes.measure);
                let distance = distance(ground, worst, load_worst - net).max(distance(
                    ground,
                    partner,
                    load_partner + net,
                ));
                if distance >= farthest {
                    continue;
                }
                let price = price_of(division, (worst, gives), (partner, takes));
                let better = best
                    .as_ref()
                    .is_none_or(|best| (distance, price) < (best.distance, best.price));
                if better && division.may_exchange((worst, gives), (partner, takes)) {
                    best = Some(Exchange {
                        distance,
                        price,
                        gives: *gives,
                        takes: *takes,
                    });
                }
            }
        }
    }
    best
}

/// What an exchange adds to the price of the division.
pub(crate) fn price_of(
    division: &Division<'_>,
    (one, gives): (usize, &Handful),
    (other, takes): (usize, &Handful),
) -> Price {
    let mut price = Price::default();
    for (handful, from, to) in [(gives, one, other), (takes, other, one)] {
        for index in handful.pieces() {
            let piece = &division.pieces[index];
            let change = i64::from(piece.home != to) - i64::from(piece.home != from);
            price.add(piece, change);
        }
    }
    price
}
