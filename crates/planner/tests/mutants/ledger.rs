//! Plans whose slots, owners and sums do not add up.

use super::*;

pub(crate) const LEDGER: &[Mutant] = &[
    (
        "a kept slot is forgotten",
        added,
        |plan| plan.nodes[0].kept[0].0 += 1,
        "every-slot-once",
    ),
    (
        "a slot moves twice",
        added,
        |plan| {
            let slot = plan.batches[1].moves[0].clone();
            plan.batches[0].moves.push(slot);
        },
        "every-slot-once",
    ),
    (
        "a held slot is forgotten",
        added,
        |plan| {
            plan.held.remove(1);
        },
        "every-slot-once",
    ),
    (
        "a slot beyond the last",
        added,
        |plan| plan.batches[0].moves[0].slot = 16_384,
        "every-slot-once",
    ),
    (
        "an unknown target",
        added,
        |plan| plan.batches[0].target = id("nobody"),
        "owners",
    ),
    (
        "a move to oneself",
        added,
        |plan| plan.batches[0].target = plan.batches[0].source.clone(),
        "owners",
    ),
    (
        "an owned slot called unassigned",
        added,
        |plan| plan.held[0].owner = None,
        "owners",
    ),
    (
        "nodes out of order",
        added,
        |plan| plan.nodes.swap(0, 1),
        "owners",
    ),
    (
        "memory from nowhere",
        added,
        |plan| plan.nodes[3].after.memory_bytes += 1,
        "holdings",
    ),
    (
        "a node that gives more than it has",
        added,
        |plan| {
            plan.nodes[0].before.keys = 3;
        },
        "holdings",
    ),
    (
        "a batch that miscounts its keys",
        added,
        |plan| plan.batches[0].carries.keys += 1,
        "totals",
    ),
    (
        "a total of calls that is off",
        added,
        |plan| plan.totals.calls -= 1,
        "totals",
    ),
    (
        "the target's memory is off",
        added,
        |plan| plan.batches[1].target_memory_bytes_after += 1,
        "totals",
    ),
    (
        "held memory is off",
        added,
        |plan| plan.totals.held_memory_bytes += 1,
        "totals",
    ),
    (
        "tables that are smaller than the keys need",
        added,
        |plan| plan.nodes[0].tables_before_bytes -= 8,
        "holdings",
    ),
    (
        "tables afterwards that are those of before",
        added,
        |plan| {
            let empty = plan.nodes.iter_mut().find(|node| node.planned);
            let node = empty.expect("a planned node");
            node.tables_after_bytes = node.tables_before_bytes;
        },
        "holdings",
    ),
    (
        "keys that expire from nowhere",
        added,
        |plan| plan.nodes[0].after.expiring_keys += 1,
        "holdings",
    ),
    (
        "a target's peak without the buffers of a call",
        added,
        |plan| plan.batches[0].target_peak_bytes = plan.batches[0].target_memory_bytes_after,
        "totals",
    ),
    (
        "a source's peak that is too low",
        added,
        |plan| plan.batches[0].source_peak_bytes /= 2,
        "totals",
    ),
    (
        "commands that fill no more than RESTORE",
        added,
        |plan| {
            plan.totals.targets_grow_by_commands_bytes = plan.totals.moved.memory_bytes;
        },
        "totals",
    ),
    (
        "sources that free no more than was loaded",
        added,
        |plan| plan.totals.sources_free_bytes = plan.totals.moved.memory_bytes,
        "totals",
    ),
    (
        "a memory model that nobody knows",
        added,
        |plan| plan.memory_model = "redis-7.0".to_owned(),
        "memory-model",
    ),
];
