//! The level that memory finds when it is poured over nodes.
//!
//! Each node is a basin as wide as its weight. What cannot leave it is its floor, what it may hold at most
//! its ceiling. Poured over all basins, the total comes to stand at one level, except where a floor lies
//! above it or a ceiling below: no division of the memory is more even.

/// A node as the water sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Basin {
    /// Its weight, in millionths; 0 keeps it at its floor.
    pub(crate) weight: u64,
    /// What cannot leave it, in bytes.
    pub(crate) floor: u64,
    /// What it may hold at most, in bytes; not below the floor.
    pub(crate) ceiling: u64,
}

/// What has come to rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Poured {
    /// What each basin holds.
    pub(crate) held: Vec<u64>,
    /// What it would hold at that level without floor and ceiling.
    pub(crate) brims: Vec<u64>,
}

/// Bits behind the point of a level, which is in bytes per millionth of weight: enough that one step of the
/// level is less than a byte for the greatest weight.
const POINT: u32 = 41;

impl Basin {
    /// What it holds at a level, in bytes with [`POINT`] bits behind the point.
    fn at(&self, level: u128) -> u128 {
        let floor = u128::from(self.floor) << POINT;
        if self.weight == 0 {
            return floor;
        }
        u128::from(self.weight)
            .saturating_mul(level)
            .clamp(floor, u128::from(self.ceiling) << POINT)
    }
}

/// What each basin holds when `total` has come to rest: the floors when it is less than their sum, the
/// ceilings when it is more than theirs, and between them `total` to the byte, each basin within a byte or two
/// of its exact share.
pub(crate) fn pour(basins: &[Basin], total: u64) -> Poured {
    let sum = |level: u128| -> u128 { basins.iter().map(|basin| basin.at(level)).sum() };
    let exact_total = u128::from(total) << POINT;
    // The level at which a basin of the least weight holds the most there can be.
    let (mut low, mut high) = (0u128, 1u128 << (64 + POINT));
    while low + 1 < high {
        let middle = low + (high - low) / 2;
        if sum(middle) <= exact_total {
            low = middle;
        } else {
            high = middle;
        }
    }
    let shares: Vec<u128> = basins.iter().map(|basin| basin.at(low)).collect();
    let brims = basins
        .iter()
        .map(|basin| {
            let open = Basin {
                floor: 0,
                ceiling: u64::MAX,
                ..*basin
            };
            u64::try_from(open.at(low) >> POINT).unwrap_or(u64::MAX)
        })
        .collect();
    let mut held: Vec<u64> = shares
        .iter()
        .map(|share| u64::try_from(share >> POINT).unwrap_or(u64::MAX))
        .collect();
    let mut left = u128::from(total).saturating_sub(held.iter().copied().map(u128::from).sum());

    // What was cut off behind the points comes to a few whole bytes: to the largest parts cut off, first
    // come first served.
    let mut rising: Vec<usize> = (0..basins.len())
        .filter(|&index| basins[index].at(high) > basins[index].at(low))
        .collect();
    let cut_off = |index: usize| shares[index] & ((1 << POINT) - 1);
    rising.sort_by_key(|&index| (std::cmp::Reverse(cut_off(index)), index));
    while left > 0 && !rising.is_empty() {
        for &index in rising
            .iter()
            .take(usize::try_from(left).unwrap_or(usize::MAX))
        {
            held[index] += 1;
            left -= 1;
        }
        rising.retain(|&index| held[index] < basins[index].ceiling);
    }
    Poured { held, brims }
}

/// The most that can be poured without making the levels more uneven: up to the highest floor, or to the
/// lowest ceiling where that is higher. Less than that lets the highest floor stand out more; more lets those
/// without a ceiling stand out.
pub(crate) fn even_total(basins: &[Basin]) -> u64 {
    let level_of = |bytes: u64, weight: u64| (u128::from(bytes) << POINT) / u128::from(weight);
    let open = || basins.iter().filter(|basin| basin.weight > 0);
    let floor = open()
        .map(|basin| level_of(basin.floor, basin.weight))
        .max();
    let ceiling = open()
        .map(|basin| level_of(basin.ceiling, basin.weight))
        .min();
    let level = floor.max(ceiling).unwrap_or(0);
    let total: u128 = basins.iter().map(|basin| basin.at(level)).sum();
    u64::try_from(total >> POINT).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn basin(weight: u64, floor: u64, ceiling: u64) -> Basin {
        Basin {
            weight: weight * 1_000_000,
            floor,
            ceiling,
        }
    }

    #[test]
    fn worked_by_hand() {
        const OPEN: u64 = u64::MAX;
        let cases: [(&str, Vec<Basin>, u64, Vec<u64>); 7] = [
            ("even", vec![basin(1, 0, OPEN); 3], 300, vec![100; 3]),
            (
                "by weight",
                vec![basin(1, 0, OPEN), basin(2, 0, OPEN), basin(3, 0, OPEN)],
                600,
                vec![100, 200, 300],
            ),
            (
                "a floor above the level",
                vec![basin(1, 250, OPEN), basin(1, 0, OPEN), basin(1, 0, OPEN)],
                300,
                vec![250, 25, 25],
            ),
            (
                "a ceiling below the level",
                vec![basin(1, 0, 40), basin(1, 0, OPEN), basin(1, 0, OPEN)],
                300,
                vec![40, 130, 130],
            ),
            (
                "a drained node keeps its floor",
                vec![basin(0, 10, OPEN), basin(1, 0, OPEN)],
                110,
                vec![10, 100],
            ),
            (
                "an odd byte goes to the first",
                vec![basin(1, 0, OPEN); 3],
                301,
                vec![101, 100, 100],
            ),
            (
                "more than the ceilings hold",
                vec![basin(1, 0, 40), basin(1, 10, 50)],
                300,
                vec![40, 50],
            ),
        ];
        for (name, basins, total, expected) in cases {
            assert_eq!(pour(&basins, total).held, expected, "{name}");
        }
    }

    #[test]
    fn every_share_is_exact_to_the_byte() {
        for total in [5u64, 61, 812_672, 999_999_937] {
            for heavy in [1u64, 7, 10_250, 999_983] {
                let weights = [1_000_000, 1_000 * heavy, 1_000_000, 3, 1_000_000];
                let basins = weights.map(|weight| Basin {
                    weight,
                    floor: 0,
                    ceiling: u64::MAX,
                });
                let sum: u64 = weights.iter().sum();
                for (held, weight) in pour(&basins, total).held.into_iter().zip(weights) {
                    let exact = u128::from(total) * u128::from(weight) / u128::from(sum);
                    let held = u128::from(held);
                    assert!(
                        held == exact || held == exact + 1,
                        "weight {weight} of {sum}: {held} of {total}, exactly {exact}"
                    );
                }
            }
        }
    }

    #[test]
    fn extreme_weights_lose_no_byte() {
        let basins = [
            Basin {
                weight: 1,
                floor: 0,
                ceiling: u64::MAX,
            },
            Basin {
                weight: 1_000_000_000_000,
                floor: 0,
                ceiling: u64::MAX,
            },
            Basin {
                weight: 999_999_999_999,
                floor: 7,
                ceiling: 1 << 60,
            },
        ];
        for total in [7, 8, 1_000, (1 << 60) - 1, 1 << 60] {
            let held = pour(&basins, total).held;
            assert_eq!(held.iter().sum::<u64>(), total, "held {held:?}");
        }
    }
}
