//! Plans whose calls or batches break a rule.

use super::*;

pub(crate) const CALLS: &[Mutant] = &[
    (
        "a heavy key over the budget",
        drained_strictly,
        |plan| heavy(plan).block_us = 50_001,
        "block-budget",
    ),
    (
        "consent withdrawn",
        drained,
        |plan| plan.limits.allow_oversized = false,
        "block-budget",
    ),
    (
        "a forbidden block by consent",
        drained,
        |plan| heavy(plan).block_us = 3_750_001,
        "block-budget",
    ),
    (
        "a sweep with one key too many a call",
        drained,
        |plan| {
            let sweep = bound_sweep(plan);
            sweep.keys_per_call += 1;
        },
        "block-budget",
    ),
    (
        "a sweep with too many keys, its bound made to match",
        drained,
        |plan| {
            let sweep = bound_sweep(plan);
            sweep.keys_per_call = 100;
            sweep.calls = sweep.keys.div_ceil(100);
            let worst = sweep.cost_bins.last_mut().expect("bins");
            sweep.worst_block_us = 100 + (100 * worst.block_ns).div_ceil(1_000);
        },
        "block-budget",
    ),
    (
        "a sweep bound that is too low",
        drained,
        |plan| bound_sweep(plan).worst_block_us -= 1,
        "prediction",
    ),
    (
        "cheaper bins than the keys",
        drained,
        |plan| {
            for bin in &mut bound_sweep(plan).cost_bins {
                bin.block_ns /= 2;
            }
        },
        "prediction",
    ),
    (
        "bins with less payload than the slot",
        drained,
        |plan| {
            for bin in &mut bound_sweep(plan).cost_bins {
                bin.payload_bytes /= 2;
            }
        },
        "payload-limits",
    ),
    (
        "more keys a call than allowed",
        added,
        |plan| {
            plan.limits.keys_per_call_max = 1;
        },
        "batch-by-time",
    ),
    (
        "no keys a call",
        drained,
        |plan| bound_sweep(plan).keys_per_call = 0,
        "batch-by-time",
    ),
    (
        "calls that do not cover the keys",
        drained,
        |plan| bound_sweep(plan).calls -= 1,
        "batch-by-time",
    ),
    (
        "a giant swept with the others",
        drained,
        |plan| {
            let slot_move = slot_with(plan, "a giant", |slot_move| slot_move.slot == 160);
            slot_move.heavy.clear();
        },
        "batch-by-time",
    ),
    (
        "a RESTORE at half the clock",
        drained,
        |plan| heavy(plan).restore_us = 3_750_000,
        "restore-failover-clock",
    ),
    (
        "a slow RESTORE in a sweep",
        drained,
        |plan| {
            bound_sweep(plan).cost_bins[0].restore_ns = 4_000_000_000;
        },
        "restore-failover-clock",
    ),
    (
        "a timeout below the silence",
        drained,
        |plan| heavy(plan).timeout_ms -= 1,
        "timeout-from-silence",
    ),
    (
        "a timeout of a minute",
        drained,
        |plan| heavy(plan).timeout_ms = 60_000,
        "timeout-from-silence",
    ),
    (
        "a sweep's timeout below a second",
        drained,
        |plan| bound_sweep(plan).timeout_ms = 999,
        "timeout-from-silence",
    ),
    (
        "a payload over the replicas' limit",
        drained,
        |plan| heavy(plan).payload_bytes = 256 << 20,
        "payload-limits",
    ),
    (
        "a sweep call over the limits",
        drained,
        |plan| {
            plan.limits.proto_max_bulk_bytes = 3_000_000;
        },
        "payload-limits",
    ),
    (
        "a batch over the replicas' soft limit",
        added,
        |plan| {
            plan.limits.replica_buffer_soft_bytes = 1_000_000;
        },
        "payload-limits",
    ),
    (
        "a target too small",
        added,
        |plan| {
            let bytes = plan.nodes[3].after.memory_bytes;
            set_maxmemory(plan, Some(bytes));
        },
        "memory-headroom",
    ),
    (
        "headroom that is not there",
        added,
        |plan| plan.nodes[3].headroom_bytes = Some(0),
        "memory-headroom",
    ),
    (
        "no room in an unlimited node",
        added,
        |plan| {
            set_maxmemory(plan, None);
            plan.held[0].reasons = vec![HoldReason::NoRoom];
        },
        "memory-headroom",
    ),
    (
        "batches out of order",
        drained,
        |plan| {
            let last = plan.batches.len() - 1;
            plan.batches.swap(0, last);
            plan.batches[0].number = 1;
            plan.batches[last].number = last as u32 + 1;
        },
        "order",
    ),
    (
        "batches misnumbered",
        added,
        |plan| plan.batches[0].number = 7,
        "order",
    ),
    (
        "slots of a batch out of order",
        drained,
        |plan| {
            let uneven = plan.batches.iter_mut().find(|batch| {
                let worst = |at: Option<&SlotMove>| at.map(|slot_move| slot_move.worst_block_us);
                worst(batch.moves.first()) < worst(batch.moves.last())
            });
            uneven.expect("a batch of unlike slots").moves.reverse();
        },
        "order",
    ),
    (
        "the worst key first",
        drained,
        |plan| {
            slot_with(plan, "heavy keys", |slot_move| slot_move.slot == 80)
                .heavy
                .reverse();
        },
        "order",
    ),
    (
        "a batch of too many slots",
        ordered,
        |plan| plan.limits.slots_per_batch_max = 4,
        "order",
    ),
    (
        "an empty batch",
        added,
        |plan| plan.batches[0].moves.clear(),
        "order",
    ),
];
