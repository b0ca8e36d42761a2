//! The MIGRATE calls of one slot: its heavy keys one by one, then a sweep of all others.
//!
//! The server decides which keys `GETKEYSINSLOT` returns and in which order, and every version has another
//! order. So the number of keys in a call of the sweep is such that even the most expensive ones of the
//! slot together stay within the budget. Heavy keys are named and leave first: by the time the sweep begins,
//! nothing it can meet is heavier than its bins say.

use preshard_analyzer::{NamedKey, SlotFacts};

use crate::PlanLimits;
use crate::moves::verdict::Thresholds;
use crate::plan::{HeavyCall, HoldReason, Sweep, SweepBin, Verdict};

/// How the keys of one slot move.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SlotCalls {
    /// Calls of one key, worst last.
    pub(crate) heavy: Vec<HeavyCall>,
    /// The calls for all other keys.
    pub(crate) sweep: Option<Sweep>,
    /// Number of calls.
    pub(crate) calls: u64,
    /// Time of all calls.
    pub(crate) predicted_us: u64,
    /// The worst block of one call.
    pub(crate) worst_block_us: u64,
    /// Time that the target is busy with them, in all.
    pub(crate) restore_us: u64,
    /// The longest RESTORE of one key.
    pub(crate) worst_restore_us: u64,
    /// The largest payload of one call.
    pub(crate) call_payload_bytes_max: u64,
    /// What made the sweep's calls smaller than `keys_per_call_max`, if anything did.
    pub(crate) sweep_bound_by: Option<SweepBound>,
    /// Whether a key moves only because consent was given.
    pub(crate) by_consent: bool,
}

/// What limits the number of keys in a sweep's calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SweepBound {
    /// Their summed block.
    Block,
    /// Their summed payload.
    Payload,
}

/// The calls of a slot, or why it must be held.
pub(crate) fn slot_calls(
    facts: &SlotFacts,
    named: &[&NamedKey],
    thresholds: &Thresholds,
    limits: &PlanLimits,
) -> Result<SlotCalls, Vec<HoldReason>> {
    let mut heavy = Vec::new();
    let mut swept = facts.unnamed.clone();
    let mut reasons = Vec::new();
    let mut by_consent = false;
    for key in named {
        let call = heavy_call(key, thresholds);
        let verdict = thresholds.verdict(call.block_us, call.restore_us, call.payload_bytes);
        match verdict {
            Verdict::Fits => swept.add(
                key.cost.block_ns,
                key.cost.restore_ns,
                key.sizes.payload_bytes,
            ),
            Verdict::OwnCall => heavy.push(call),
            Verdict::Oversized if limits.allow_oversized => {
                by_consent = true;
                heavy.push(call);
            }
            Verdict::Oversized | Verdict::PayloadLimit | Verdict::Forbidden => {
                reasons.push(HoldReason::OversizedKey {
                    key: key.key.clone(),
                    verdict,
                });
            }
        }
    }
    reasons.sort_by_key(|reason| match reason {
        HoldReason::OversizedKey { verdict, .. } => std::cmp::Reverse(*verdict),
        _ => std::cmp::Reverse(Verdict::Fits),
    });
    reasons.extend(unnamed_obstacle(facts, thresholds));
    if !reasons.is_empty() {
        return Err(reasons);
    }

    heavy.sort_by(|a, b| {
        (a.block_us, a.payload_bytes, a.db, &a.key).cmp(&(
            b.block_us,
            b.payload_bytes,
            b.db,
            &b.key,
        ))
    });
    let bins: Vec<SweepBin> = swept
        .bins()
        .iter()
        .map(|bin| sweep_bin(bin, facts))
        .collect();
    let (sweep, sweep_bound_by) = sweep(bins, thresholds, limits).unzip();
    Ok(total(
        heavy,
        sweep,
        sweep_bound_by.flatten(),
        by_consent,
        limits,
    ))
}

/// The call that moves this key alone.
pub(crate) fn heavy_call(key: &NamedKey, thresholds: &Thresholds) -> HeavyCall {
    let restore_us = key.cost.restore_ns.div_ceil(1_000);
    HeavyCall {
        db: key.db,
        key: key.key.clone(),
        data_type: key.data_type.name().to_owned(),
        elements: key.elements,
        payload_bytes: key.sizes.payload_bytes,
        block_us: thresholds.call_block_us(key.cost.block_ns),
        restore_us,
        timeout_ms: thresholds.timeout_ms(restore_us),
    }
}

/// Keys without a name cannot be given calls of their own, so the slot is held as soon as one of them might
/// need more than a call may have. Consent to oversized keys does not help: nobody knows which they are.
pub(crate) fn unnamed_obstacle(facts: &SlotFacts, thresholds: &Thresholds) -> Option<HoldReason> {
    let bins = facts.unnamed.bins();
    let obstacle = bins.iter().map(|bin| sweep_bin(bin, facts)).any(|bin| {
        thresholds.verdict(
            thresholds.call_block_us(bin.block_ns),
            bin.restore_ns.div_ceil(1_000),
            bin.payload_bytes,
        ) >= Verdict::Oversized
    });
    obstacle.then(|| HoldReason::OversizedUnnamed {
        worst_block_us: bins.last().map_or(0, |bin| {
            thresholds.call_block_us(sweep_bin(bin, facts).block_ns)
        }),
        worst_restore_us: bins
            .iter()
            .map(|bin| bin.restore_ns_max.div_ceil(1_000))
            .max()
            .unwrap_or(0),
        payload_bytes_max: bins
            .iter()
            .map(|bin| bin.payload_bytes_max)
            .max()
            .unwrap_or(0),
    })
}

/// The upper edge of the last bin can lie an eighth above the worst key of the slot, which is known exactly.
pub(crate) fn sweep_bin(bin: &preshard_analyzer::CostBin, facts: &SlotFacts) -> SweepBin {
    SweepBin {
        block_ns: bin.block_ns_max().min(facts.worst_block_ns),
        restore_ns: bin.restore_ns_max,
        payload_bytes: bin.payload_bytes_max,
        keys: bin.keys,
    }
}

/// The largest sweep calls that hold whichever keys come together, and what kept them from being larger.
fn sweep(
    bins: Vec<SweepBin>,
    thresholds: &Thresholds,
    limits: &PlanLimits,
) -> Option<(Sweep, Option<SweepBound>)> {
    let keys: u64 = bins.iter().map(|bin| bin.keys).sum();
    if keys == 0 {
        return None;
    }
    let by_block: Vec<(u64, u64)> = bins
        .iter()
        .rev()
        .map(|bin| (bin.block_ns, bin.keys))
        .collect();
    let mut by_payload: Vec<(u64, u64)> = bins
        .iter()
        .map(|bin| (bin.payload_bytes, bin.keys))
        .collect();
    by_payload.sort_unstable_by_key(|&(payload, _)| std::cmp::Reverse(payload));

    let wanted = u64::from(limits.keys_per_call_max).min(keys);
    let within_block =
        |n: u64| thresholds.call_block_us(sum_of_worst(&by_block, n)) <= thresholds.call_us;
    let within_payload = |n: u64| sum_of_worst(&by_payload, n) < thresholds.payload_bytes_end;
    let most_by_block = largest(wanted, within_block);
    let most_by_payload = largest(wanted, within_payload);
    let keys_per_call = most_by_block.min(most_by_payload);
    let bound_by = if keys_per_call == wanted {
        None
    } else if most_by_block <= most_by_payload {
        Some(SweepBound::Block)
    } else {
        Some(SweepBound::Payload)
    };

    let worst_restore_us = bins
        .iter()
        .map(|bin| bin.restore_ns.div_ceil(1_000))
        .max()
        .unwrap_or(0);
    let sweep = Sweep {
        keys,
        keys_per_call: u32::try_from(keys_per_call).unwrap_or(limits.keys_per_call_max),
        calls: keys.div_ceil(keys_per_call),
        worst_block_us: thresholds.call_block_us(sum_of_worst(&by_block, keys_per_call)),
        worst_restore_us,
        payload_bytes_max: sum_of_worst(&by_payload, keys_per_call),
        timeout_ms: thresholds.timeout_ms(worst_restore_us),
        cost_bins: bins,
    };
    Some((sweep, bound_by))
}

/// The sum over the `n` worst, of `(value, count)` pairs in descending order of value.
pub(crate) fn sum_of_worst(descending: &[(u64, u64)], n: u64) -> u64 {
    let mut left = n;
    let mut sum = 0u64;
    for &(value, count) in descending {
        let taken = left.min(count);
        sum = sum.saturating_add(value.saturating_mul(taken));
        left -= taken;
        if left == 0 {
            break;
        }
    }
    sum
}

/// The largest `n` of `1..=most` for which `holds`; it holds for 1, and for no number above one for which it does not.
fn largest(most: u64, holds: impl Fn(u64) -> bool) -> u64 {
    let (mut good, mut end) = (1, most + 1);
    while good + 1 < end {
        let middle = good + (end - good) / 2;
        if holds(middle) {
            good = middle;
        } else {
            end = middle;
        }
    }
    good
}

fn total(
    heavy: Vec<HeavyCall>,
    sweep: Option<Sweep>,
    sweep_bound_by: Option<SweepBound>,
    by_consent: bool,
    limits: &PlanLimits,
) -> SlotCalls {
    let mut calls = heavy.len() as u64;
    let mut predicted_us = heavy.iter().map(|call| call.block_us).sum::<u64>();
    let mut worst_block_us = heavy.last().map_or(0, |call| call.block_us);
    let mut restore_us = heavy.iter().map(|call| call.restore_us).sum::<u64>();
    let mut worst_restore_us = heavy.iter().map(|call| call.restore_us).max().unwrap_or(0);
    let mut call_payload_bytes_max = heavy
        .iter()
        .map(|call| call.payload_bytes)
        .max()
        .unwrap_or(0);
    if let Some(sweep) = &sweep {
        let keys_ns: u64 = sweep
            .cost_bins
            .iter()
            .map(|bin| bin.block_ns * bin.keys)
            .sum();
        let restore_ns = sweep
            .cost_bins
            .iter()
            .map(|bin| u128::from(bin.restore_ns) * u128::from(bin.keys))
            .sum::<u128>();
        let swept_us = u64::try_from(restore_ns.div_ceil(1_000)).unwrap_or(u64::MAX);
        restore_us = restore_us.saturating_add(swept_us);
        worst_restore_us = worst_restore_us.max(sweep.worst_restore_us);
        calls += sweep.calls;
        predicted_us += sweep.calls * limits.call_fixed_us + keys_ns.div_ceil(1_000);
        worst_block_us = worst_block_us.max(sweep.worst_block_us);
        call_payload_bytes_max = call_payload_bytes_max.max(sweep.payload_bytes_max);
    }
    SlotCalls {
        heavy,
        sweep,
        calls,
        predicted_us,
        worst_block_us,
        restore_us,
        worst_restore_us,
        call_payload_bytes_max,
        sweep_bound_by,
        by_consent,
    }
}
