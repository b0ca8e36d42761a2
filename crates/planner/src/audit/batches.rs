//! Batches in order, none too large, and room for each of them.

use std::collections::BTreeMap;

use preshard_analyzer::{KeyCounts, Tables};
use preshard_slots::NodeId;

use super::{Findings, law, rule};
use crate::plan::{Batch, Holding, SlotMove};
use crate::{Plan, PlanLimits};

/// What a node takes: its slots, and the tables that they share.
#[derive(Debug, Clone, Copy)]
struct Fill {
    memory: f64,
    keys: u64,
    expiring_keys: u64,
    /// Keys, and expiring keys, when the plan began.
    began: (u64, u64),
}

impl Fill {
    fn of(holding: &Holding) -> Fill {
        Fill::since(holding, holding)
    }

    fn since(before: &Holding, now: &Holding) -> Fill {
        Fill {
            memory: now.memory_bytes as f64,
            keys: now.keys,
            expiring_keys: now.expiring_keys,
            began: (before.keys, before.expiring_keys),
        }
    }

    fn without(self, gone: &SlotMove) -> Fill {
        Fill {
            memory: self.memory - gone.memory_bytes as f64,
            keys: self.keys.saturating_sub(gone.keys),
            expiring_keys: self.expiring_keys.saturating_sub(gone.expiring_keys),
            ..self
        }
    }

    fn with(self, come: &SlotMove) -> Fill {
        Fill {
            memory: self.memory + come.memory_bytes as f64,
            keys: self.keys.saturating_add(come.keys),
            expiring_keys: self.expiring_keys.saturating_add(come.expiring_keys),
            ..self
        }
    }

    fn shared(self, tables: &Tables) -> f64 {
        let counts = |keys, expiring| KeyCounts {
            keys,
            expiring,
            with_expiring_fields: 0,
        };
        let (keys, expiring) = self.began;
        let now = counts(self.keys, self.expiring_keys);
        tables.of_database_since(counts(keys, expiring), now) as f64
    }

    fn used(self, tables: &Tables) -> f64 {
        self.memory + self.shared(tables)
    }
}

pub(super) fn check(plan: &Plan, tables: &Tables, findings: &mut Findings) {
    let mut fills: BTreeMap<&NodeId, Fill> = plan
        .nodes
        .iter()
        .map(|node| (&node.id, Fill::of(&node.before)))
        .collect();
    for node in &plan.nodes {
        for (when, holding, stated) in [
            ("before", &node.before, node.tables_before_bytes),
            ("after", &node.after, node.tables_after_bytes),
        ] {
            findings.equal(
                law::HOLDINGS,
                &format_args!("node {}, tables {when}", node.id.0),
                &Fill::since(&node.before, holding).shared(tables),
                &(stated as f64),
            );
        }
    }
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
        run(batch, &plan.limits, tables, &mut fills, &place, findings);
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
    tables: &Tables,
    fills: &mut BTreeMap<&'a NodeId, Fill>,
    place: &str,
    findings: &mut Findings,
) {
    let empty = Fill::of(&Holding::default());
    let mut source = fills.get(&batch.source).copied().unwrap_or(empty);
    let mut target = fills.get(&batch.target).copied().unwrap_or(empty);
    let (mut source_peak, mut target_peak) = (0.0f64, 0.0f64);
    for slot_move in &batch.moves {
        let call = largest_call(slot_move) as f64;
        let giving = source.used(tables) + 3.0 * call;
        let arrived = target.with(slot_move);
        let grown = arrived.shared(tables) > target.shared(tables);
        let replaced = if grown { target.shared(tables) } else { 0.0 };
        let taking = arrived.used(tables) + replaced + (2.3 * call).ceil();
        source_peak = source_peak.max(giving);
        target_peak = target_peak.max(taking);
        if let Some(maxmemory) = limits.maxmemory_bytes.filter(|_| slot_move.keys > 0) {
            let room = maxmemory as f64;
            let source_most = room.max(source.used(tables) + room * limits.headroom);
            for (what, found, most) in [
                ("peak of the source", giving, source_most),
                ("peak of the target", taking, room),
                (
                    "target afterwards",
                    arrived.used(tables),
                    room * (1.0 - limits.headroom),
                ),
            ] {
                findings.demand(
                    found <= most + 1.0,
                    rule::MEMORY_HEADROOM,
                    &format_args!("{place}, slot {}, {what}", slot_move.slot),
                    &format_args!("at most {most} bytes"),
                    &found,
                );
            }
        }
        source = source.without(slot_move);
        target = arrived;
    }
    for (what, expected, found) in [
        ("peak of the source", source_peak, batch.source_peak_bytes),
        ("peak of the target", target_peak, batch.target_peak_bytes),
    ] {
        // Tenths of a byte that are no binary fractions may round up by one.
        findings.demand(
            (expected - found as f64).abs() <= 1.0,
            law::TOTALS,
            &format_args!("{place}, {what}"),
            &format_args!("{expected}"),
            &found,
        );
    }
    findings.equal(
        law::TOTALS,
        &format_args!("{place}, memory of the target afterwards"),
        &target.used(tables),
        &(batch.target_memory_bytes_after as f64),
    );
    fills.insert(&batch.source, source);
    fills.insert(&batch.target, target);
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
