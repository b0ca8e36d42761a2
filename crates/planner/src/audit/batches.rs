//! Batches in order, none too large, and room for each of them.

use std::collections::BTreeMap;

use preshard_analyzer::{KeyCounts, Tables};
use preshard_slots::NodeId;

use super::{Findings, law, rule};
use crate::Plan;
use crate::plan::{Batch, Dialect, Holding, SlotMove};

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
    for (position, batch) in plan.batches.iter().enumerate() {
        let place = format!("batch {}", batch.number);
        findings.equal(
            rule::ORDER,
            &format_args!("batch at position {}", position + 1),
            &(position + 1),
            &(batch.number as usize),
        );
        let pair = worst_of_pair
            .entry((&batch.source, &batch.target))
            .or_default();
        check_batch(plan, batch, pair, &place, findings);
        run(plan, batch, tables, &mut fills, &place, findings);
    }
}

fn check_batch(
    plan: &Plan,
    batch: &Batch,
    worst_of_pair: &mut u64,
    place: &str,
    findings: &mut Findings,
) {
    let limits = &plan.limits;
    let by_servers = plan.dialect != Dialect::SetslotMigrate;
    let payload_most = if by_servers {
        limits.replica_buffer_hard_bytes
    } else {
        limits.replica_buffer_soft_bytes
    };
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
        batch.moves.len() == 1 || payload <= u128::from(payload_most),
        rule::PAYLOAD_LIMITS,
        &format_args!("{place}, payload of several slots"),
        &format_args!("at most {payload_most} bytes"),
        &payload,
    );
    let (mut predicted_us, mut worst_us) = (0u128, 0);
    for slot_move in &batch.moves {
        findings.demand(
            by_servers || slot_move.worst_block_us >= *worst_of_pair,
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
    plan: &'a Plan,
    batch: &'a Batch,
    tables: &Tables,
    fills: &mut BTreeMap<&'a NodeId, Fill>,
    place: &str,
    findings: &mut Findings,
) {
    let by_servers = plan.dialect != Dialect::SetslotMigrate;
    let maxmemory_of = |id: &NodeId| {
        let node = plan.nodes.iter().find(|node| node.id == *id);
        node.and_then(|node| node.facts.maxmemory_bytes)
            .map(|bytes| bytes as f64)
    };
    let (of_source, of_target) = (maxmemory_of(&batch.source), maxmemory_of(&batch.target));
    let empty = Fill::of(&Holding::default());
    let mut source = fills.get(&batch.source).copied().unwrap_or(empty);
    let mut target = fills.get(&batch.target).copied().unwrap_or(empty);
    let (mut source_peak, mut target_peak) = (0.0f64, 0.0f64);
    for slot_move in &batch.moves {
        let call = slot_move.largest_payload_bytes as f64;
        let giving = source.used(tables) + if by_servers { 0.0 } else { 3.0 * call };
        let arrived = target.with(slot_move);
        let grown = arrived.shared(tables) > target.shared(tables);
        let replaced = if grown { target.shared(tables) } else { 0.0 };
        let taking = arrived.used(tables) + replaced + (2.3 * call).ceil();
        source_peak = source_peak.max(giving);
        target_peak = target_peak.max(taking);
        let headroom = plan.limits.headroom;
        let mut limits = Vec::new();
        if let Some(room) = of_source {
            let most = room.max(source.used(tables) + room * headroom.max(0.05));
            limits.push(("peak of the source", giving, most));
        }
        if let Some(room) = of_target {
            limits.push(("peak of the target", taking, room));
            let kept = room * (1.0 - headroom);
            limits.push(("target afterwards", arrived.used(tables), kept));
        }
        for (what, found, most) in limits.into_iter().filter(|_| slot_move.keys > 0) {
            findings.demand(
                found <= most + 1.0,
                rule::MEMORY_HEADROOM,
                &format_args!("{place}, slot {}, {what}", slot_move.slot),
                &format_args!("at most {most} bytes"),
                &found,
            );
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
    // Each batch has two moments, the source's first.
    let at = 2 * (batch.number as usize).saturating_sub(1);
    let moment = plan.schedule.nodes.get(at);
    findings.demand(
        moment.is_some_and(|moment| moment.memory_after_bytes as f64 == source.used(tables)),
        law::TOTALS,
        &format_args!("{place}, memory of the source afterwards"),
        &source.used(tables),
        &format_args!("{:?}", moment.map(|moment| moment.memory_after_bytes)),
    );
    fills.insert(&batch.source, source);
    fills.insert(&batch.target, target);
}
