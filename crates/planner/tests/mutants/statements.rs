//! Plans that move what must stay, or say of themselves what is not so.

use super::*;

pub(crate) const STATEMENTS: &[Mutant] = &[
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
            set_maxmemory(plan, Some(40_000_000));
            plan.outcome = Outcome::Reached;
        },
        "outcome",
    ),
    (
        "a source without room for its buffers",
        added,
        |plan| {
            set_maxmemory(plan, Some(10_000_000));
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
        "the least that must move is overstated",
        added,
        |plan| plan.balance.least_moved += 1_000,
        "balance",
    ),
    (
        "the largest slot is half as large",
        added,
        |plan| plan.balance.largest_slot.as_mut().expect("one").share /= 2,
        "balance",
    ),
    (
        "the largest slot is left out",
        added,
        |plan| plan.balance.largest_slot = None,
        "balance",
    ),
    (
        "a slot that is to stay moves",
        added,
        |plan| {
            let slot = plan.batches[0].moves[0].slot;
            plan.goal.keep.push((slot, slot));
        },
        "goal",
    ),
    (
        "more slots move than may",
        added,
        |plan| plan.goal.max_moves = Some(plan.totals.moved.slots - 1),
        "goal",
    ),
    (
        "more bytes move than may",
        added,
        |plan| plan.goal.max_bytes = Some(plan.totals.moved.memory_bytes - 1),
        "goal",
    ),
    (
        "an end that nothing asked for",
        added,
        |plan| {
            plan.ended_early = Some(EndedEarly {
                slots_in_all: 16_000,
                memory_bytes_in_all: 1 << 40,
            });
        },
        "goal",
    ),
    (
        "a share of another size",
        added,
        |plan| plan.nodes[0].reachable_share += 100,
        "balance",
    ),
    (
        "a gap made small",
        added,
        |plan| plan.balance.gap_after = 0.5,
        "balance",
    ),
    (
        "a gap that is hardly wrong",
        added,
        |plan| plan.balance.gap_after += 0.000_01,
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
        |plan| {
            set_maxmemory(plan, None);
            rule(plan, "memory-headroom").status = RuleStatus::Satisfied;
        },
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
    (
        "a giant in too few parts",
        added,
        |plan| parts(plan).number -= 1,
        "pin-not-move",
    ),
    (
        "a giant in more parts than it takes",
        added,
        |plan| parts(plan).number += 20,
        "pin-not-move",
    ),
    (
        "parts that block for less than their share",
        added,
        |plan| parts(plan).block_us_each -= 30,
        "pin-not-move",
    ),
    (
        "parts that share calls and are too large for it",
        added,
        |plan| {
            let number = parts(plan).number;
            parts(plan).number_for_shared_calls = Some(number);
        },
        "pin-not-move",
    ),
    (
        "a clock raised too little",
        added,
        |plan| remedy(plan, RemedyKind::RaiseNodeTimeout).settings[0].least -= 2,
        "pin-not-move",
    ),
    (
        "a limit raised to what the payload is",
        added,
        |plan| remedy(plan, RemedyKind::RaiseLimit).settings[0].least -= 1,
        "pin-not-move",
    ),
    (
        "a raised clock that makes a giant fit",
        added,
        |plan| remedy(plan, RemedyKind::RaiseNodeTimeout).leaves = Some(Verdict::Fits),
        "pin-not-move",
    ),
    (
        "an oversized key without a way out",
        added,
        |plan| plan.oversized[0].remedies.clear(),
        "pin-not-move",
    ),
    (
        "the dearest way out first",
        added,
        |plan| plan.oversized[0].remedies.reverse(),
        "pin-not-move",
    ),
];

fn remedy(plan: &mut Plan, kind: RemedyKind) -> &mut Remedy {
    let mut remedies = plan.oversized.iter_mut().flat_map(|key| &mut key.remedies);
    remedies
        .find(|remedy| remedy.kind == kind)
        .unwrap_or_else(|| panic!("no remedy {kind:?}"))
}

fn parts(plan: &mut Plan) -> &mut Parts {
    let split = remedy(plan, RemedyKind::Split);
    split.parts.as_mut().expect("a split has parts")
}
