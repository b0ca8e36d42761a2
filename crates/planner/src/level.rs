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

/// Bits behind the point of a level, which is in bytes per millionth of weight: enough that one step of the
/// level is less than a byte for the greatest weight.
const POINT: u32 = 41;

impl Basin {
    fn at(&self, level: u128) -> u64 {
        let share = u128::from(self.weight).saturating_mul(level) >> POINT;
        let ceiling = if self.weight == 0 {
            self.floor
        } else {
            self.ceiling
        };
        u64::try_from(share)
            .unwrap_or(u64::MAX)
            .clamp(self.floor, ceiling)
    }
}

/// What each basin holds when `total` has come to rest: the floors when it is less than their sum, the
/// ceilings when it is more than theirs, and to the byte `total` between them.
pub(crate) fn pour(basins: &[Basin], total: u64) -> Vec<u64> {
    let sum =
        |level: u128| -> u128 { basins.iter().map(|basin| u128::from(basin.at(level))).sum() };
    let total = u128::from(total);
    // The level at which a basin of the least weight holds the most there can be.
    let (mut low, mut high) = (0u128, 1u128 << (64 + POINT));
    while low + 1 < high {
        let middle = low + (high - low) / 2;
        if sum(middle) <= total {
            low = middle;
        } else {
            high = middle;
        }
    }
    let mut held: Vec<u64> = basins.iter().map(|basin| basin.at(low)).collect();
    let mut left = total.saturating_sub(sum(low));
    for (held, basin) in held.iter_mut().zip(basins) {
        let step = u128::from(basin.at(high) - *held).min(left);
        *held += u64::try_from(step).unwrap_or(0);
        left -= step;
    }
    held
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
            assert_eq!(pour(&basins, total), expected, "{name}");
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
            let held = pour(&basins, total);
            assert_eq!(held.iter().sum::<u64>(), total, "held {held:?}");
        }
    }
}
