//! Sound plans are broken one rule at a time, and the audit must name the rule.

mod made_up;

use std::collections::{BTreeMap, BTreeSet};

use made_up::id;
use made_up::sound::{added, drained, drained_strictly, ordered};
use preshard_planner::audit;
use preshard_planner::plan::{
    HeavyCall, HeldSlot, HoldReason, Outcome, Plan, RuleReport, RuleStatus, SlotMove, Sweep,
    Verdict,
};

fn slot_with<'a>(
    plan: &'a mut Plan,
    what: &str,
    has: impl Fn(&SlotMove) -> bool,
) -> &'a mut SlotMove {
    plan.batches
        .iter_mut()
        .flat_map(|batch| &mut batch.moves)
        .find(|slot_move| has(slot_move))
        .unwrap_or_else(|| panic!("no slot with {what}"))
}

fn swept(plan: &mut Plan) -> &mut SlotMove {
    slot_with(plan, "a sweep", |slot_move| slot_move.sweep.is_some())
}

fn bound_sweep(plan: &mut Plan) -> &mut Sweep {
    slot_with(plan, "a sweep bound by time", |slot_move| {
        slot_move.slot == 40
    })
    .sweep
    .as_mut()
    .expect("slot 40 has a sweep")
}

fn heavy(plan: &mut Plan) -> &mut HeavyCall {
    let slot_move = slot_with(plan, "heavy keys", |slot_move| slot_move.slot == 80);
    slot_move.heavy.last_mut().expect("slot 80 has heavy keys")
}

fn rule<'a>(plan: &'a mut Plan, name: &str) -> &'a mut RuleReport {
    let mut rules = plan.rules.iter_mut();
    rules
        .find(|report| report.rule == name)
        .unwrap_or_else(|| panic!("no rule {name}"))
}

/// Moves a slot that is held, as a planner would that forgot to look.
fn move_held(plan: &mut Plan, slot: u16) {
    let at = plan.held.iter().position(|held| held.slot == slot);
    let HeldSlot {
        keys,
        memory_bytes,
        payload_bytes,
        ..
    } = plan.held.remove(at.expect("held"));
    let batch = &mut plan.batches[0];
    batch.moves[0].slot = slot;
    batch.moves[0].keys = keys;
    batch.moves[0].memory_bytes = memory_bytes;
    batch.moves[0].payload_bytes = payload_bytes;
}

/// The name of the mutant, the plan, what is done to it, and the rule that must be named.
type Mutant = (&'static str, fn() -> Plan, fn(&mut Plan), &'static str);

const MUTANTS: &[Mutant] = &[
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
            plan.limits.maxmemory_bytes = Some(plan.nodes[3].after.memory_bytes);
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
            plan.limits.maxmemory_bytes = None;
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
    (
        "a slot with a giant moves",
        added,
        |plan| move_held(plan, 160),
        "pin-not-move",
    ),
    (
        "a slot with a forbidden key moves by consent",
        drained,
        |plan| move_held(plan, 200),
        "pin-not-move",
    ),
    (
        "a forbidden key called oversized",
        drained,
        |plan| {
            plan.oversized[0].verdict = Verdict::Oversized;
        },
        "pin-not-move",
    ),
    (
        "a giant left off the list",
        drained,
        |plan| {
            plan.oversized.retain(|key| key.slot != 160);
        },
        "pin-not-move",
    ),
    (
        "a broken rule left unsaid",
        added,
        |plan| plan.oversized[0].rules.clear(),
        "pin-not-move",
    ),
    (
        "a slot held for no reason",
        added,
        |plan| plan.held[0].reasons.clear(),
        "pin-not-move",
    ),
    (
        "a slot held for a key that nobody lists",
        added,
        |plan| plan.oversized.clear(),
        "pin-not-move",
    ),
    (
        "nameless keys held though they fit",
        added,
        |plan| {
            let held = plan
                .held
                .iter_mut()
                .find(|held| held.slot == 280)
                .expect("held");
            held.reasons = vec![HoldReason::OversizedUnnamed {
                worst_block_us: 50_000,
                worst_restore_us: 10,
                payload_bytes_max: 100,
            }];
        },
        "pin-not-move",
    ),
    (
        "oversized keys, the mildest first",
        added,
        |plan| plan.oversized.reverse(),
        "pin-not-move",
    ),
    (
        "a slot in the way that says it is not",
        drained_strictly,
        |plan| plan.held[0].in_the_way = false,
        "goal",
    ),
    (
        "pinning that is not said to bind",
        drained_strictly,
        |plan| rule(plan, "pin-not-move").status = RuleStatus::Satisfied,
        "rule-list",
    ),
    (
        "a giant that moves and says it stays",
        drained,
        |plan| {
            for key in &mut plan.oversized {
                key.moves = false;
            }
        },
        "pin-not-move",
    ),
    (
        "a source of which nobody knows what it holds",
        drained,
        |plan| plan.nodes[0].known = false,
        "goal",
    ),
    (
        "an unknown node with a weight",
        added,
        |plan| plan.nodes[1].known = false,
        "goal",
    ),
    (
        "a balance better than the best",
        added,
        |plan| plan.balance.imbalance_after = plan.balance.imbalance_bound - 0.001,
        "balance",
    ),
    (
        "a clock that nobody stated, called verified",
        added,
        |plan| rule(plan, "timeout-from-silence").status = RuleStatus::Satisfied,
        "rule-list",
    ),
    (
        "a preflight that a plan calls done",
        added,
        |plan| rule(plan, "preflight").status = RuleStatus::Satisfied,
        "rule-list",
    ),
    (
        "an assumed limit that no server has",
        added,
        |plan| plan.limits.assumed.push("headroom".to_owned()),
        "limits",
    ),
    (
        "a maxmemory that stands in the way, called a success",
        added,
        |plan| {
            plan.limits.maxmemory_bytes = Some(40_000_000);
            plan.outcome = Outcome::Reached;
        },
        "outcome",
    ),
    (
        "a source without room for its buffers",
        added,
        |plan| {
            plan.limits.maxmemory_bytes = Some(10_000_000);
            plan.limits.headroom = 0.0;
        },
        "memory-headroom",
    ),
    (
        "keys that no call moves",
        added,
        |plan| swept(plan).sweep = None,
        "key-count",
    ),
    (
        "bins that miscount",
        drained,
        |plan| bound_sweep(plan).cost_bins[0].keys += 1,
        "key-count",
    ),
    (
        "more expiring keys than keys",
        added,
        |plan| swept(plan).expiring_keys = 1_000,
        "key-count",
    ),
    (
        "a call for one key twice",
        drained,
        |plan| {
            let slot_move = slot_with(plan, "heavy keys", |slot_move| slot_move.slot == 80);
            slot_move.heavy[0].key = slot_move.heavy[1].key.clone();
        },
        "key-count",
    ),
    (
        "a slot that takes longer than said",
        added,
        |plan| swept(plan).predicted_us -= 1,
        "prediction",
    ),
    (
        "a batch that is worse than said",
        drained,
        |plan| {
            plan.batches.last_mut().expect("batches").worst_block_us -= 1;
        },
        "prediction",
    ),
    (
        "a weight nobody gave",
        added,
        |plan| plan.nodes[1].weight = 2.0,
        "goal",
    ),
    (
        "a slot onto a drained node",
        drained,
        |plan| plan.batches[0].target = id("a"),
        "goal",
    ),
    (
        "a slot that nobody asked to move",
        ordered,
        |plan| {
            plan.goal.moves[0].slots.remove(1);
        },
        "goal",
    ),
    (
        "an order to another node",
        ordered,
        |plan| plan.goal.moves[0].to = id("a"),
        "goal",
    ),
    (
        "an order forgotten",
        ordered,
        |plan| plan.goal.moves[0].slots.push((10_000, 10_000)),
        "goal",
    ),
    (
        "a drained node that keeps slots",
        drained,
        |plan| plan.nodes[0].kept.push((1, 1)),
        "goal",
    ),
    (
        "a better balance than there is",
        added,
        |plan| plan.balance.imbalance_after -= 0.001,
        "balance",
    ),
    (
        "a bound that is not one",
        added,
        |plan| plan.balance.imbalance_bound += 0.01,
        "balance",
    ),
    (
        "a share of another size",
        added,
        |plan| plan.nodes[0].reachable_memory_bytes += 100,
        "balance",
    ),
    (
        "a gap made small",
        added,
        |plan| plan.balance.gap_after = 0.5,
        "balance",
    ),
    (
        "a drain that fails and says nothing",
        drained,
        |plan| plan.outcome = Outcome::Reached,
        "outcome",
    ),
    (
        "a failure without reasons",
        drained,
        |plan| {
            plan.outcome = Outcome::NotReachable { reasons: vec![] };
        },
        "outcome",
    ),
    (
        "a rule left out",
        added,
        |plan| {
            plan.rules.remove(3);
        },
        "rule-list",
    ),
    (
        "a rule that bound and denies it",
        added,
        |plan| {
            plan.rules[0].status = RuleStatus::Satisfied;
        },
        "rule-list",
    ),
    (
        "memory checked without a limit",
        added,
        |plan| plan.limits.maxmemory_bytes = None,
        "rule-list",
    ),
    (
        "a factor below one",
        added,
        |plan| plan.limits.safety_factor = 0.5,
        "limits",
    ),
    (
        "a factor that is no number",
        added,
        |plan| plan.limits.safety_factor = f64::NAN,
        "limits",
    ),
];

#[test]
fn every_mutant_is_named() {
    let mut plans: BTreeMap<usize, Plan> = BTreeMap::new();
    let mut unnamed = Vec::new();
    for (name, sound, break_it, rule) in MUTANTS {
        let mut plan = plans.entry(*sound as usize).or_insert_with(sound).clone();
        break_it(&mut plan);
        let found: BTreeSet<&str> = audit(&plan)
            .iter()
            .map(|violation| violation.rule)
            .collect();
        if !found.contains(rule) {
            unnamed.push(format!("{name}: expected {rule}, got {found:?}"));
        }
    }
    assert!(unnamed.is_empty(), "{}", unnamed.join("\n"));
}
