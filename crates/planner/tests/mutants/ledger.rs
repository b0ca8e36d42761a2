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
];
