//! A histogram of key costs, fine enough to bound any batch.

use crate::Cost;

/// Sub-steps of one doubling: a bin's upper edge is at most 1/8 above any cost in it.
const STEPS_PER_DOUBLING: u64 = 8;
/// log2 of [`STEPS_PER_DOUBLING`].
const STEP_BITS: u32 = 3;

/// One bin of a [`CostHistogram`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CostBin {
    /// Index of the bin; see [`CostBin::block_ns_max`].
    index: u16,
    /// Keys in the bin.
    pub keys: u64,
    /// The largest payload of a key in the bin.
    pub payload_bytes_max: u64,
    /// The longest RESTORE of a key in the bin.
    pub restore_ns_max: u64,
}

impl CostBin {
    /// A bin by its index, of at least one key; `None` where there is no such bin.
    pub fn new(
        index: u16,
        keys: u64,
        payload_bytes_max: u64,
        restore_ns_max: u64,
    ) -> Option<CostBin> {
        let exists = index <= CostHistogram::bin_of(u64::MAX) && keys > 0;
        exists.then_some(CostBin {
            index,
            keys,
            payload_bytes_max,
            restore_ns_max,
        })
    }

    /// Index of the bin: those of greater costs have greater ones.
    pub fn index(&self) -> u16 {
        self.index
    }

    /// A lower bound on the cost of every key in the bin, in nanoseconds.
    pub fn block_ns_min(&self) -> u64 {
        match self.index {
            0 => 0,
            index => upper_edge(index - 1) + 1,
        }
    }

    /// An upper bound on the cost of every key in the bin, in nanoseconds.
    pub fn block_ns_max(&self) -> u64 {
        upper_edge(self.index)
    }
}

/// Key costs of one slot: per bin of cost the number of keys and the largest payload.
///
/// Bins are logarithmic with eight steps per doubling, so that the sum over the worst `n` keys taken
/// from the upper edges is never below the truth and at most 12.5 % above it. Merging adds counts and
/// takes maxima, so it is associative and does not depend on order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CostHistogram {
    bins: Vec<CostBin>,
}

impl CostHistogram {
    /// The histogram with these bins; `None` unless they come cheapest first, none twice.
    pub fn from_bins(bins: Vec<CostBin>) -> Option<CostHistogram> {
        let ascend = bins.windows(2).all(|pair| pair[0].index < pair[1].index);
        ascend.then_some(CostHistogram { bins })
    }

    /// Counts one key.
    pub fn add(&mut self, block_ns: u64, restore_ns: u64, payload_bytes: u64) {
        let cost = Cost {
            block_ns,
            restore_ns,
        };
        self.add_keys(1, cost, payload_bytes);
    }

    /// Counts keys that fall into one bin, of which one takes longest and is largest.
    pub(crate) fn add_keys(&mut self, keys: u64, worst: Cost, payload_bytes_max: u64) {
        self.add_bin(CostBin {
            index: CostHistogram::bin_of(worst.block_ns),
            keys,
            payload_bytes_max,
            restore_ns_max: worst.restore_ns,
        });
    }

    /// The bin of a cost: linear below eight nanoseconds, then eight steps per doubling.
    pub(crate) fn bin_of(ns: u64) -> u16 {
        let doubling = ns.max(1).ilog2();
        let bin = if doubling < STEP_BITS {
            ns
        } else {
            let shift = doubling - STEP_BITS;
            u64::from(shift + 1) * STEPS_PER_DOUBLING + ((ns >> shift) - STEPS_PER_DOUBLING)
        };
        u16::try_from(bin).expect("64 doublings of 8 steps fit 16 bits")
    }

    /// Adds another histogram's keys.
    pub fn merge(&mut self, other: &CostHistogram) {
        for &bin in &other.bins {
            self.add_bin(bin);
        }
    }

    /// The bins that hold keys, cheapest first.
    pub fn bins(&self) -> &[CostBin] {
        &self.bins
    }

    /// Number of keys counted.
    pub fn keys(&self) -> u64 {
        self.bins.iter().map(|bin| bin.keys).sum()
    }

    /// An upper bound on the summed cost of the `n` most expensive keys.
    pub fn worst_block_ns(&self, n: u64) -> u64 {
        let mut left = n;
        let mut sum = 0u64;
        for bin in self.bins.iter().rev() {
            let taken = left.min(bin.keys);
            sum = sum.saturating_add(bin.block_ns_max().saturating_mul(taken));
            left -= taken;
        }
        sum
    }

    fn add_bin(&mut self, new: CostBin) {
        match self.bins.binary_search_by_key(&new.index, |bin| bin.index) {
            Ok(at) => {
                let bin = &mut self.bins[at];
                bin.keys += new.keys;
                bin.payload_bytes_max = bin.payload_bytes_max.max(new.payload_bytes_max);
                bin.restore_ns_max = bin.restore_ns_max.max(new.restore_ns_max);
            }
            Err(at) => self.bins.insert(at, new),
        }
    }
}

/// The largest cost that falls into a bin.
fn upper_edge(bin: u16) -> u64 {
    let bin = u64::from(bin);
    if bin < STEPS_PER_DOUBLING {
        return bin;
    }
    let shift = bin / STEPS_PER_DOUBLING - 1;
    let lower = (STEPS_PER_DOUBLING + bin % STEPS_PER_DOUBLING) << shift;
    lower + ((1u64 << shift) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bin_bounds_its_costs_within_an_eighth() {
        for ns in (0..2_000).chain((11..64).flat_map(|bits| {
            let power = 1u64 << bits;
            [
                power - 1,
                power,
                power + 1,
                power + power / 3,
                power + power / 2,
            ]
        })) {
            let edge = upper_edge(CostHistogram::bin_of(ns));
            assert!(edge >= ns, "edge {edge} below cost {ns}");
            assert!(edge - ns <= ns / 8, "edge {edge} too far above cost {ns}");
        }
    }

    #[test]
    fn bins_meet_without_a_gap_and_there_is_one_for_every_cost() {
        let last = CostHistogram::bin_of(u64::MAX);
        let bins: Vec<CostBin> = (0..=last)
            .map(|index| CostBin::new(index, 1, 0, 0).expect("a bin"))
            .collect();
        assert_eq!(bins[0].block_ns_min(), 0);
        for pair in bins.windows(2) {
            assert_eq!(pair[0].block_ns_max() + 1, pair[1].block_ns_min());
        }
        assert_eq!(bins[usize::from(last)].block_ns_max(), u64::MAX);
        assert_eq!(CostBin::new(last + 1, 1, 0, 0), None);
        assert_eq!(CostBin::new(0, 0, 0, 0), None, "a bin without keys");
        assert!(CostHistogram::from_bins(bins.clone()).is_some());
        let twice = vec![bins[3], bins[3]];
        assert_eq!(CostHistogram::from_bins(twice), None);
    }

    #[test]
    fn worst_keys_are_never_understated() {
        let costs: Vec<u64> = (1..400u64).map(|i| (i * 7_919) % 100_003).collect();
        let mut histogram = CostHistogram::default();
        for &cost in &costs {
            histogram.add(cost, cost / 2, cost * 3);
        }
        let mut sorted = costs.clone();
        sorted.sort_unstable_by(|a, b| b.cmp(a));
        for n in [1, 2, 10, 100, 399, 1_000] {
            let truth: u64 = sorted.iter().take(n).sum();
            let bound = histogram.worst_block_ns(n as u64);
            assert!(
                bound >= truth && bound <= truth + truth / 8,
                "n {n}: bound {bound}, truth {truth}"
            );
        }
    }
}
