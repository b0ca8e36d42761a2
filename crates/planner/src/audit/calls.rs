//! Every call within its limits, recomputed from the keys and bins it carries.

use super::{Findings, ROUNDING, Scale, law, rule};
use crate::plan::{Dialect, HeavyCall, SlotMove, Sweep};
use crate::{Plan, PlanLimits};

pub(super) fn check(plan: &Plan, scale: &Scale, findings: &mut Findings) {
    for batch in &plan.batches {
        for slot_move in &batch.moves {
            let place = format!("batch {}, slot {}", batch.number, slot_move.slot);
            match plan.dialect {
                Dialect::SetslotMigrate => {
                    check_slot(slot_move, &plan.limits, scale, &place, findings);
                }
                _ => check_task(slot_move, &plan.limits, scale, &place, findings),
            }
        }
    }
}

/// Servers that move a slot themselves are given no calls; a single command of theirs has limits all the same.
fn check_task(
    slot_move: &SlotMove,
    limits: &PlanLimits,
    scale: &Scale,
    place: &str,
    findings: &mut Findings,
) {
    findings.demand(
        slot_move.heavy.is_empty() && slot_move.sweep.is_none(),
        rule::ATOMIC_MIGRATION,
        &place,
        &"no calls",
        &format_args!("{} for single keys", slot_move.heavy.len()),
    );
    let consented = limits.allow_oversized;
    findings.demand(
        (consented || !scale.over_budget(slot_move.worst_block_us))
            && !scale.restore_reaches_half_clock(slot_move.worst_block_us),
        rule::ATOMIC_MIGRATION,
        &format_args!("{place}, longest command"),
        &format_args!(
            "at most {} us, {} times over",
            scale.budget_us, scale.factor
        ),
        &slot_move.worst_block_us,
    );
    check_payload(slot_move.largest_payload_bytes, scale, place, findings);
    findings.demand(
        slot_move.largest_payload_bytes <= slot_move.payload_bytes
            && slot_move.expiring_keys <= slot_move.keys,
        law::KEY_COUNT,
        &place,
        &"no part larger than the whole",
        &format_args!(
            "{} of {} bytes, {} of {} keys",
            slot_move.largest_payload_bytes,
            slot_move.payload_bytes,
            slot_move.expiring_keys,
            slot_move.keys
        ),
    );
}

fn check_slot(
    slot_move: &SlotMove,
    limits: &PlanLimits,
    scale: &Scale,
    place: &str,
    findings: &mut Findings,
) {
    let mut keys = slot_move.heavy.len() as u128 + u128::from(slot_move.expired_keys);
    let mut worst_us = 0;
    let mut predicted_us = 0u128;
    let mut payload_most = u128::from(slot_move.expired_payload_bytes);
    let mut largest = 0;
    findings.demand(
        match slot_move.expired_keys {
            0 => slot_move.expired_payload_bytes == 0,
            _ => limits.starts_at_ms.is_some(),
        },
        rule::EXPIRIES,
        &place,
        &"no key taken for gone when nobody said when the plan begins",
        &format_args!(
            "{} with {} bytes",
            slot_move.expired_keys, slot_move.expired_payload_bytes
        ),
    );
    for call in &slot_move.heavy {
        let place = format!("{place}, key \"{}\"", call.key.escaped());
        check_heavy(call, limits, scale, &place, findings);
        worst_us = worst_us.max(call.block_us);
        predicted_us += u128::from(call.block_us);
        payload_most += u128::from(call.payload_bytes);
        largest = largest.max(call.payload_bytes);
    }
    for pair in slot_move.heavy.windows(2) {
        findings.demand(
            pair[0].block_us <= pair[1].block_us,
            rule::ORDER,
            &format_args!("{place}, heavy keys"),
            &"the worst last",
            &format_args!("{} us before {} us", pair[0].block_us, pair[1].block_us),
        );
    }
    if let Some(sweep) = &slot_move.sweep {
        let place = format!("{place}, sweep");
        check_sweep(sweep, limits, scale, &place, findings);
        keys += u128::from(sweep.keys);
        largest = largest.max(sweep.payload_bytes_max);
        worst_us = worst_us.max(sweep.worst_block_us);
        predicted_us += u128::from(sweep.calls) * u128::from(limits.call_fixed_us);
        let mut nanoseconds = 0u128;
        for bin in &sweep.cost_bins {
            let count = u128::from(bin.keys);
            nanoseconds = nanoseconds.saturating_add(count * u128::from(bin.block_ns));
            payload_most = payload_most.saturating_add(count * u128::from(bin.payload_bytes));
        }
        predicted_us += nanoseconds.div_ceil(1_000);
    }
    findings.equal(
        law::PREDICTION,
        &format_args!("{place}, largest payload"),
        &largest,
        &slot_move.largest_payload_bytes,
    );
    findings.equal(law::KEY_COUNT, &place, &u128::from(slot_move.keys), &keys);
    findings.demand(
        slot_move.expiring_keys <= slot_move.keys,
        law::KEY_COUNT,
        &place,
        &format_args!("at most {} expiring keys", slot_move.keys),
        &slot_move.expiring_keys,
    );
    findings.demand(
        u128::from(slot_move.payload_bytes) <= payload_most,
        rule::PAYLOAD_LIMITS,
        &place,
        &format_args!(
            "calls that account for {} payload bytes",
            slot_move.payload_bytes
        ),
        &payload_most,
    );
    findings.equal(
        law::PREDICTION,
        &format_args!("{place}, worst block in us"),
        &worst_us,
        &slot_move.worst_block_us,
    );
    findings.equal(
        law::PREDICTION,
        &format_args!("{place}, predicted us"),
        &predicted_us,
        &u128::from(slot_move.predicted_us),
    );
}

fn check_heavy(
    call: &HeavyCall,
    limits: &PlanLimits,
    scale: &Scale,
    place: &str,
    findings: &mut Findings,
) {
    let consented = limits.allow_oversized && !scale.over_half_clock(call.block_us);
    findings.demand(
        consented || !scale.over_budget(call.block_us),
        rule::BLOCK_BUDGET,
        &place,
        &format_args!(
            "at most {} us, {} times over",
            scale.budget_us, scale.factor
        ),
        &call.block_us,
    );
    findings.demand(
        call.block_us >= limits.call_fixed_us,
        law::PREDICTION,
        &place,
        &format_args!("at least the {} us of any call", limits.call_fixed_us),
        &call.block_us,
    );
    check_silence(call.restore_us, call.timeout_ms, scale, place, findings);
    check_payload(call.payload_bytes, scale, place, findings);
}

fn check_sweep(
    sweep: &Sweep,
    limits: &PlanLimits,
    scale: &Scale,
    place: &str,
    findings: &mut Findings,
) {
    let counted: u128 = sweep.cost_bins.iter().map(|bin| u128::from(bin.keys)).sum();
    findings.demand(sweep.keys > 0, law::KEY_COUNT, &place, &"keys to sweep", &0);
    findings.equal(
        law::KEY_COUNT,
        &format_args!("{place}, keys of its bins"),
        &u128::from(sweep.keys),
        &counted,
    );
    findings.demand(
        (1..=limits.keys_per_call_max).contains(&sweep.keys_per_call),
        rule::BATCH_BY_TIME,
        &format_args!("{place}, keys a call"),
        &format_args!("1 to {}", limits.keys_per_call_max),
        &sweep.keys_per_call,
    );
    let per_call = u64::from(sweep.keys_per_call.max(1));
    findings.equal(
        rule::BATCH_BY_TIME,
        &format_args!("{place}, calls"),
        &sweep.keys.div_ceil(per_call),
        &sweep.calls,
    );

    let blocks = sweep.cost_bins.iter().map(|bin| (bin.block_ns, bin.keys));
    let worst_us = most_of(blocks.collect(), per_call)
        .div_ceil(1_000)
        .saturating_add(u128::from(limits.call_fixed_us));
    let worst_us = u64::try_from(worst_us).unwrap_or(u64::MAX);
    findings.equal(
        law::PREDICTION,
        &format_args!("{place}, worst block in us"),
        &worst_us,
        &sweep.worst_block_us,
    );
    findings.demand(
        !scale.over_budget(worst_us),
        rule::BLOCK_BUDGET,
        &format_args!("{place}, the worst {per_call} keys"),
        &format_args!(
            "at most {} us, {} times over",
            scale.budget_us, scale.factor
        ),
        &worst_us,
    );

    let payloads = sweep
        .cost_bins
        .iter()
        .map(|bin| (bin.payload_bytes, bin.keys));
    let payload = u64::try_from(most_of(payloads.collect(), per_call)).unwrap_or(u64::MAX);
    findings.equal(
        law::PREDICTION,
        &format_args!("{place}, most payload of a call"),
        &payload,
        &sweep.payload_bytes_max,
    );
    check_payload(payload, scale, place, findings);

    let slowest_ns = sweep
        .cost_bins
        .iter()
        .map(|bin| bin.restore_ns)
        .max()
        .unwrap_or(0);
    findings.equal(
        law::PREDICTION,
        &format_args!("{place}, slowest RESTORE in us"),
        &slowest_ns.div_ceil(1_000),
        &sweep.worst_restore_us,
    );
    check_silence(
        slowest_ns.div_ceil(1_000),
        sweep.timeout_ms,
        scale,
        place,
        findings,
    );
}

fn check_silence(
    restore_us: u64,
    timeout_ms: u64,
    scale: &Scale,
    place: &str,
    findings: &mut Findings,
) {
    findings.demand(
        !scale.restore_reaches_half_clock(restore_us),
        rule::RESTORE_FAILOVER_CLOCK,
        &place,
        &format_args!(
            "a RESTORE below {} us, {} times over",
            scale.half_clock_us, scale.factor
        ),
        &restore_us,
    );
    let least = scale.timeout_ms(restore_us);
    let timeout = timeout_ms as f64;
    findings.demand(
        timeout >= least * (1.0 - ROUNDING)
            && timeout < least + 1.0 + ROUNDING * least
            && timeout < scale.clock_ms,
        rule::TIMEOUT_FROM_SILENCE,
        &place,
        &format_args!("{least} ms rounded up, and below {} ms", scale.clock_ms),
        &timeout_ms,
    );
}

fn check_payload(payload_bytes: u64, scale: &Scale, place: &str, findings: &mut Findings) {
    findings.demand(
        !scale.payload_refused(payload_bytes),
        rule::PAYLOAD_LIMITS,
        &place,
        &format_args!("less than {} bytes in a call", scale.payload_bytes),
        &payload_bytes,
    );
}

/// The most that `n` of the keys can come to together.
fn most_of(mut values: Vec<(u64, u64)>, n: u64) -> u128 {
    values.sort_unstable();
    let mut wanted = n;
    let mut sum = 0u128;
    while let Some((value, count)) = values.pop() {
        let taken = wanted.min(count);
        sum = sum.saturating_add(u128::from(value) * u128::from(taken));
        wanted -= taken;
    }
    sum
}
