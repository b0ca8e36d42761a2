//! Batches in order, none too large, and room for each of them.

use std::collections::BTreeMap;

use preshard_slots::NodeId;

use super::{Findings, law, rule};
use crate::plan::{Batch, SlotMove};
use crate::{Plan, PlanLimits};

pub(super) fn check(plan: &Plan, findings: &mut Findings) {
    let mut memory: BTreeMap<&NodeId, f64> = plan
        .nodes
        .iter()
        .map(|node| (&node.id, node.before.memory_bytes as f64))
        .collect();
    let mut worst_of_pair: BTreeMap<(&NodeId, &NodeId), u64> = BTreeMap::new();
    let mut worst_so_far = 0;
    for (position, batch) in plan.batches.iter().enumerate() {
        let place = format!("batch {}", batch.number);
        findings.equal(
            rule::ORDER,
            &format_args!("batch at position {}", position + 1),
            &(position + 1),
            &(batch.number as usize),
        );
        findings.demand(
            batch.worst_block_us >= worst_so_far,
            rule::ORDER,
            &place,
            &format_args!("a worst block of at least the {worst_so_far} us before it"),
            &batch.worst_block_us,
        );
        worst_so_far = batch.worst_block_us;
        let pair = worst_of_pair
            .entry((&batch.source, &batch.target))
            .or_default();
        check_batch(batch, &plan.limits, pair, &place, findings);
        run(batch, &plan.limits, &mut memory, &place, findings);
    }
}

fn check_batch(
    batch: &Batch,
    limits: &PlanLimits,
    worst_of_pair: &mut u64,
    place: &str,
    findings: &mut Findings,
) {
    findings.demand(
        (1..=limits.slots_per_batch_max as usize).contains(&batch.moves.len()),
        rule::ORDER,
        &format_args!("{place}, slots"),
        &format_args!("1 to {}", limits.slots_per_batch_max),
        &batch.moves.len(),
    );
    let payload: u128 = batch
        .moves
        .iter()
        .map(|slot_move| u128::from(slot_move.payload_bytes))
        .sum();
    findings.demand(
        batch.moves.len() == 1 || payload <= u128::from(limits.replica_buffer_soft_bytes),
        rule::PAYLOAD_LIMITS,
        &format_args!("{place}, payload of several slots"),
        &format_args!("at most {} bytes", limits.replica_buffer_soft_bytes),
        &payload,
    );
    let (mut predicted_us, mut worst_us) = (0u128, 0);
    for slot_move in &batch.moves {
        findings.demand(
            slot_move.worst_block_us >= *worst_of_pair,
            rule::ORDER,
            &format_args!("{place}, slot {}", slot_move.slot),
            &format_args!("a worst block of at least the {worst_of_pair} us before it"),
            &slot_move.worst_block_us,
        );
        *worst_of_pair = slot_move.worst_block_us;
        worst_us = worst_us.max(slot_move.worst_block_us);
        predicted_us += u128::from(slot_move.predicted_us);
    }
    findings.equal(
        law::PREDICTION,
        &format_args!("{place}, worst block in us"),
        &worst_us,
        &batch.worst_block_us,
    );
    findings.equal(
        law::PREDICTION,
        &format_args!("{place}, predicted us"),
        &predicted_us,
        &u128::from(batch.predicted_us),
    );
}

/// Memory is compared to the byte up to the sizes that floating point numbers hold exactly (8 PiB).
fn run<'a>(
    batch: &'a Batch,
    limits: &PlanLimits,
    memory: &mut BTreeMap<&'a NodeId, f64>,
    place: &str,
    findings: &mut Findings,
) {
    let mut source = memory.get(&batch.source).copied().unwrap_or(0.0);
    let mut target = memory.get(&batch.target).copied().unwrap_or(0.0);
    for slot_move in &batch.moves {
        let place = format!("{place}, slot {}", slot_move.slot);
        if let Some(maxmemory) = limits.maxmemory_bytes.filter(|_| slot_move.keys > 0) {
            let room = maxmemory as f64;
            let call = largest_call(slot_move) as f64;
            let arrived = target + slot_move.memory_bytes as f64;
            let source_free = (room - source).max(room * limits.headroom);
            for (what, found, most) in [
                ("buffers of the source", 3.0 * call, source_free),
                ("peak of the target", arrived + 2.3 * call, room),
                ("target afterwards", arrived, room * (1.0 - limits.headroom)),
            ] {
                findings.demand(
                    found <= most + 1.0,
                    rule::MEMORY_HEADROOM,
                    &format_args!("{place}, {what}"),
                    &format_args!("at most {most} bytes"),
                    &found,
                );
            }
        }
        source -= slot_move.memory_bytes as f64;
        target += slot_move.memory_bytes as f64;
    }
    findings.equal(
        law::TOTALS,
        &format_args!("{place}, memory of the target afterwards"),
        &target,
        &(batch.target_memory_bytes_after as f64),
    );
    memory.insert(&batch.source, source);
    memory.insert(&batch.target, target);
}

fn largest_call(slot_move: &SlotMove) -> u64 {
    slot_move
        .heavy
        .iter()
        .map(|call| call.payload_bytes)
        .chain(
            slot_move
                .sweep
                .as_ref()
                .map(|sweep| sweep.payload_bytes_max),
        )
        .max()
        .unwrap_or(0)
}
