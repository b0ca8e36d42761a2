//! What can be done with one key, and the limits in the whole numbers that decide it.

use preshard_analyzer::Cost;

use crate::PlanLimits;
use crate::account::rules::Rule;
use crate::plan::Verdict;

/// Millionths: the safety factor as a whole number, so that every comparison is exact.
const PPM: u128 = 1_000_000;

/// A key whose block, or payload, is more than this part of what a call may have gets a call of its
/// own: ten such keys would fill a call, and a call of ten has already spread its fixed cost.
const SHARED_CALL_PART: u64 = 10;

/// The limits of a plan, divided by the safety factor and in the units of predictions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Thresholds {
    factor_ppm: u128,
    call_fixed_us: u64,
    node_timeout_ms: u64,
    /// The longest block that rule 1 lets a call have, its fixed cost included.
    pub(crate) call_us: u64,
    /// The longest block that is not forbidden.
    pub(crate) clock_call_us: u64,
    /// The longest RESTORE that is not forbidden.
    pub(crate) clock_restore_us: u64,
    /// The first payload that some limit refuses.
    pub(crate) payload_bytes_end: u64,
}

impl Thresholds {
    pub(crate) fn new(limits: &PlanLimits) -> Thresholds {
        // The subtraction takes away what the multiplication may add to a factor such as 1.1.
        let factor_ppm = (limits.factor() * PPM as f64 - 1e-3).ceil().max(1.0) as u128;
        let budget_us = u128::from(limits.latency_budget_ms) * 1_000;
        let half_clock_us = u128::from(limits.cluster_node_timeout_ms) * 500;
        let narrow = |us: u128| u64::try_from(us).unwrap_or(u64::MAX);
        Thresholds {
            factor_ppm,
            call_fixed_us: limits.call_fixed_us,
            node_timeout_ms: limits.cluster_node_timeout_ms,
            call_us: narrow(budget_us.min(half_clock_us) * PPM / factor_ppm),
            clock_call_us: narrow(half_clock_us * PPM / factor_ppm),
            clock_restore_us: narrow((half_clock_us * PPM).div_ceil(factor_ppm).saturating_sub(1)),
            payload_bytes_end: limits
                .proto_max_bulk_bytes
                .min(limits.client_query_buffer_bytes)
                .min(limits.replica_buffer_hard_bytes),
        }
    }

    /// The block of a call that carries keys of this much summed block.
    pub(crate) fn call_block_us(&self, block_ns: u64) -> u64 {
        self.call_fixed_us.saturating_add(block_ns.div_ceil(1_000))
    }

    /// Rule 3: the `timeout` argument for a call whose longest RESTORE is this.
    ///
    /// Each reply of the target ends its silence, so the longest silence is one RESTORE; the few small ones
    /// that the target may run between two looks at its sockets are lost in the second that is added.
    pub(crate) fn timeout_ms(&self, restore_us: u64) -> u64 {
        let silence = (2 * self.factor_ppm * u128::from(restore_us)).div_ceil(PPM * 1_000);
        1_000u64.saturating_add(u64::try_from(silence).unwrap_or(u64::MAX))
    }

    /// The rules that a key breaks on its own, in the order of their numbers.
    pub(crate) fn broken(&self, block_us: u64, restore_us: u64, payload_bytes: u64) -> Vec<Rule> {
        let mut broken = Vec::new();
        if block_us > self.call_us {
            broken.push(Rule::BlockBudget);
        }
        if restore_us > self.clock_restore_us {
            broken.push(Rule::RestoreFailoverClock);
        }
        if self.timeout_ms(restore_us) >= self.node_timeout_ms {
            broken.push(Rule::TimeoutFromSilence);
        }
        if payload_bytes >= self.payload_bytes_end {
            broken.push(Rule::PayloadLimits);
        }
        broken
    }

    /// What can be done with a key that one command brings to the target.
    pub(crate) fn verdict_of_command(&self, restore_us: u64, payload_bytes: u64) -> Verdict {
        if restore_us > self.clock_restore_us {
            Verdict::Forbidden
        } else if payload_bytes >= self.payload_bytes_end {
            Verdict::PayloadLimit
        } else if restore_us > self.call_us {
            Verdict::Oversized
        } else {
            Verdict::Fits
        }
    }

    /// The rules that such a key breaks, in the order of their numbers.
    pub(crate) fn broken_by_command(&self, restore_us: u64, payload_bytes: u64) -> Vec<Rule> {
        let mut broken = Vec::new();
        if restore_us > self.clock_restore_us {
            broken.push(Rule::RestoreFailoverClock);
        }
        if payload_bytes >= self.payload_bytes_end {
            broken.push(Rule::PayloadLimits);
        }
        if restore_us > self.call_us {
            broken.push(Rule::AtomicMigration);
        }
        broken
    }

    /// What can be done with a key: `block_us` is that of a call for this key alone.
    pub(crate) fn verdict(&self, block_us: u64, restore_us: u64, payload_bytes: u64) -> Verdict {
        if block_us > self.clock_call_us
            || restore_us > self.clock_restore_us
            || self.timeout_ms(restore_us) >= self.node_timeout_ms
        {
            Verdict::Forbidden
        } else if payload_bytes >= self.payload_bytes_end {
            Verdict::PayloadLimit
        } else if block_us > self.call_us {
            Verdict::Oversized
        } else if block_us > self.call_us / SHARED_CALL_PART
            || payload_bytes > self.payload_bytes_end / SHARED_CALL_PART
        {
            Verdict::OwnCall
        } else {
            Verdict::Fits
        }
    }
}

/// What can be done with a key under these limits, whether or not a plan is made.
///
/// `cost` is the key's own, without the fixed cost of a call, which is added from the limits.
///
/// # Examples
/// ```
/// use preshard_analyzer::Cost;
/// use preshard_planner::{PlanLimits, plan::Verdict, verdict};
///
/// // With a budget of 100 ms and a factor of 2, 60 ms are too long for one call.
/// let cost = Cost { block_ns: 60_000_000, restore_ns: 20_000_000 };
/// assert_eq!(verdict(cost, 7_000_000, &PlanLimits::default()), Verdict::Oversized);
/// ```
pub fn verdict(cost: Cost, payload_bytes: u64, limits: &PlanLimits) -> Verdict {
    let thresholds = Thresholds::new(limits);
    thresholds.verdict(
        thresholds.call_block_us(cost.block_ns),
        cost.restore_ns.div_ceil(1_000),
        payload_bytes,
    )
}
