//! Lines through measured points, and how far the points lie from them.

use super::Spread;

/// One line through measured points.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fit {
    pub(super) element_ps: u64,
    pub(super) byte_ps: u64,
    /// Made of values that lay in the caches.
    pub(super) is_cached: bool,
    /// Where the points lie, as parts of the line.
    pub(super) factors: Factors,
    /// What other settings change about it.
    pub(super) changes: Changes,
}

/// What settings other than those of the measurement take off a line or add to it; parts that are always there where
/// something is taken off, the most that there may be where it is added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Changes {
    /// Taken off where the source need not delete its copy before it answers.
    pub(super) without_del: Rate,
    /// Added where it must, and did not when it was measured.
    pub(super) with_del: Rate,
    /// Taken off where nothing is compressed.
    pub(super) without_compression: Rate,
}

/// Time by elements and bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Rate {
    pub(super) element_ps: u64,
    pub(super) byte_ps: u64,
}

/// The fits of one class; the largest counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ClassFits {
    pub(super) block: Vec<Fit>,
    pub(super) restore: Vec<Fit>,
}

/// Between which parts of a prediction the measured times lie, in thousandths.
pub(super) type Factors = Spread;

impl Fit {
    pub(super) fn ps(&self, elements: u64, bytes: u64) -> u128 {
        times_ps(self.element_ps, elements).saturating_add(times_ps(self.byte_ps, bytes))
    }

    pub(super) fn less(&mut self, rate: Rate) {
        self.element_ps = self.element_ps.saturating_sub(rate.element_ps);
        self.byte_ps = self.byte_ps.saturating_sub(rate.byte_ps);
    }

    pub(super) fn plus(&mut self, rate: Rate) {
        self.element_ps = self.element_ps.saturating_add(rate.element_ps);
        self.byte_ps = self.byte_ps.saturating_add(rate.byte_ps);
    }
}

impl ClassFits {
    pub(super) fn extend(&mut self, other: &ClassFits) {
        self.block.extend_from_slice(&other.block);
        self.restore.extend_from_slice(&other.restore);
    }
}

/// A product that fits whatever the factors.
pub(super) fn times_ps(ps: u64, times: u64) -> u128 {
    u128::from(ps) * u128::from(times)
}
