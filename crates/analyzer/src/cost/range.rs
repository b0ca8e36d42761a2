//! How far a prediction may be off.

use preshard_parser::{DataType, ValueFacts};

use super::class::{CostClass, Shape};
use super::fit::Fit;
use super::{CostProfile, ns_up};
use crate::Cost;

/// Between what a time will lie.
///
/// Both ends hold the errors that were measured. The lower one takes the value for one that lies in the caches where it
/// may, the higher one for one that does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CostRange {
    /// The least.
    pub low: Cost,
    /// The most; never less than the time to plan with.
    pub high: Cost,
}

/// Between which parts of what is predicted times lie, in thousandths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spread {
    /// 300: it may take no more than 0.3 of what is predicted.
    pub low_permille: u32,
    /// 1500: it may take half as long again.
    pub high_permille: u32,
}

impl Spread {
    pub(super) fn widened_to(self, other: Spread) -> Spread {
        Spread {
            low_permille: self.low_permille.min(other.low_permille),
            high_permille: self.high_permille.max(other.high_permille),
        }
    }

    /// The least that this may mean.
    pub fn low_of(self, predicted: u64) -> u64 {
        let low = u128::from(predicted) * u128::from(self.low_permille) / 1_000;
        u64::try_from(low).unwrap_or(u64::MAX)
    }

    /// The most that this may mean; saturates.
    pub fn high_of(self, predicted: u64) -> u64 {
        let high = (u128::from(predicted) * u128::from(self.high_permille)).div_ceil(1_000);
        u64::try_from(high).unwrap_or(u64::MAX)
    }
}

/// Which of a class's fits say something of a value.
#[derive(Clone, Copy)]
enum Where {
    /// The value lies where it lay when values of its size were measured on an idle server.
    AsMeasured,
    /// It may lie anywhere that it fits.
    Anywhere,
}

impl CostProfile {
    /// How far sums over many keys may be off: between which parts of the time to plan with they will lie.
    pub fn spread(&self) -> Spread {
        self.spread
    }

    /// The least and the most that a call costs besides its keys, see [`CostProfile::call_fixed_ns`].
    pub fn call_range_ns(&self) -> (u64, u64) {
        let factors = self.call_factors;
        (factors.low_of(self.call_ns), factors.high_of(self.call_ns))
    }

    /// Between what the time of one move will lie, without what each call costs; of the same as
    /// [`CostProfile::predict`].
    pub fn range(&self, data_type: DataType, value: &ValueFacts, payload_bytes: u64) -> CostRange {
        let mut range = self.bounds(data_type, value, payload_bytes, Where::Anywhere);
        let planned = self.predict(data_type, value, payload_bytes);
        range.high = super::worse(range.high, planned);
        range
    }

    /// What was measured of values of that size, which lay in the caches when they fit there, and how far from it: the
    /// time itself, and its range. Nothing to plan with: servers at work are larger than their caches.
    pub fn as_measured(
        &self,
        data_type: DataType,
        value: &ValueFacts,
        payload_bytes: u64,
    ) -> (Cost, CostRange) {
        let shape = self.shape(data_type, value, payload_bytes);
        let expected = self.ends(&shape, Where::AsMeasured, |_| 1_000, true);
        let expected = whole(expected, self.beside_fits(&shape, |_, ns| ns));
        let expected = self.with_transfer(expected, value, payload_bytes);
        let range = self.bounds(data_type, value, payload_bytes, Where::AsMeasured);
        (expected, range)
    }

    fn bounds(
        &self,
        data_type: DataType,
        value: &ValueFacts,
        payload_bytes: u64,
        place: Where,
    ) -> CostRange {
        let shape = self.shape(data_type, value, payload_bytes);
        let low = self.ends(&shape, place, |fit| fit.factors.low_permille, false);
        let high = self.ends(&shape, place, |fit| fit.factors.high_permille, true);
        let low = whole(low, self.beside_fits(&shape, Spread::low_of));
        let high = whole(high, self.beside_fits(&shape, Spread::high_of));
        CostRange {
            low: self.with_transfer(low, value, payload_bytes),
            high: self.with_transfer(high, value, payload_bytes),
        }
    }

    /// What a value costs beside what its fits say: as a key, and by what a stream's groups hold.
    fn beside_fits(&self, shape: &Shape, part: fn(Spread, u64) -> u64) -> Cost {
        let key = |ns| part(self.key_factors, ns);
        let marks = |ns: u64| part(self.pending_factors, shape.marks.saturating_mul(ns));
        plus(
            Cost {
                block_ns: key(self.key_block_ns),
                restore_ns: key(self.key_restore_ns),
            },
            Cost {
                block_ns: marks(self.pending_block_ns),
                restore_ns: marks(self.pending_restore_ns),
            },
        )
    }

    /// The least or the most of the fits that count, each times a factor.
    fn ends(&self, shape: &Shape, place: Where, factor: fn(&Fit) -> u32, most: bool) -> Cost {
        let is_cached = shape.elements < self.uncached_elements_min;
        let end = |fits: &[Fit]| {
            let any_cached = fits.iter().any(|fit| fit.is_cached);
            let counts = |fit: &&Fit| match (is_cached && any_cached, place, most) {
                (true, Where::Anywhere, true) => true,
                (true, ..) => fit.is_cached,
                (false, ..) => !fit.is_cached,
            };
            let times = fits.iter().filter(counts).map(|fit| {
                let ps = fit.ps(shape.elements, shape.bytes);
                ps.saturating_mul(u128::from(factor(fit))) / 1_000
            });
            ns_up(if most { times.max() } else { times.min() }.unwrap_or(0))
        };
        let of = |class: CostClass| {
            let fits = &self.classes[class.index()];
            Cost {
                block_ns: end(&fits.block),
                restore_ns: end(&fits.restore),
            }
        };
        let cost = of(shape.class);
        let Some(table) = shape.table.map(of) else {
            return cost;
        };
        match most {
            true => super::worse(cost, table),
            false => Cost {
                block_ns: cost.block_ns.min(table.block_ns),
                restore_ns: cost.restore_ns.min(table.restore_ns),
            },
        }
    }

    fn with_transfer(&self, mut cost: Cost, value: &ValueFacts, payload_bytes: u64) -> Cost {
        let transfer_ns = self.transfer_ns(value, payload_bytes);
        cost.block_ns = cost.block_ns.saturating_add(transfer_ns);
        cost
    }
}

/// The sum; the call waits for the RESTORE.
fn whole(fits: Cost, beside: Cost) -> Cost {
    let sum = plus(fits, beside);
    Cost {
        block_ns: sum.block_ns.max(sum.restore_ns),
        ..sum
    }
}

fn plus(one: Cost, other: Cost) -> Cost {
    Cost {
        block_ns: one.block_ns.saturating_add(other.block_ns),
        restore_ns: one.restore_ns.saturating_add(other.restore_ns),
    }
}
