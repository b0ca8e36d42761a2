//! The audit accepts every plan that the planner makes, on ten thousand small clusters that are made up from their numbers.
//!
//! In debug builds [`plan()`] audits what it has made and panics, so that a plan is audited once either way. What of a planner
//! never comes up cannot fail: the features of the plans are counted, and each must have come up.

mod made_up;

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use made_up::case::Case;
use made_up::{Cluster, Key, Numbers, drain, id, letter, order};
use preshard_analyzer::{Allocator, Tables, Target};
use preshard_planner::plan::{
    CheckedOn, Dialect, HoldReason, NodePlan, Outcome, Plan, RuleStatus, SlotMove, Wave,
};
use preshard_planner::{Error, Goal, Measure, MoveOrder, Mover, PlanLimits, audit, plan};
use preshard_slots::Slot;

const CASES: u64 = 10_000;
/// How many plans at least must have each feature.
const OFTEN: u32 = 20;

#[test]
fn the_audit_accepts_every_plan() {
    let next = AtomicU64::new(0);
    let worker = || {
        let mut seen: BTreeMap<&'static str, u32> = BTreeMap::new();
        let mut failed: Vec<(u64, String)> = Vec::new();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= CASES {
                return (seen, failed);
            }
            match catch_unwind(AssertUnwindSafe(|| made(seed))) {
                Ok(Ok(plan)) => {
                    for feature in features(&plan) {
                        *seen.entry(feature).or_default() += 1;
                    }
                }
                Ok(Err(why)) => failed.push((seed, why)),
                Err(panic) => failed.push((seed, in_words(panic.as_ref()))),
            }
        }
    };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let (mut seen, mut failed) = (BTreeMap::new(), Vec::new());
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(worker)).collect();
        for worker in workers {
            let (own, of_own) = worker.join().expect("panics are caught");
            failed.extend(of_own);
            for (feature, count) in own {
                *seen.entry(feature).or_default() += count;
            }
        }
    });
    failed.sort_unstable();
    let first: Vec<String> = failed
        .iter()
        .take(10)
        .map(|(seed, why)| format!("case {seed}: {why}"))
        .collect();
    assert!(
        failed.is_empty(),
        "{} of {CASES} cases fail\n{}",
        failed.len(),
        first.join("\n")
    );
    let rare: Vec<&str> = FEATURES
        .iter()
        .copied()
        .filter(|feature| seen.get(feature).copied().unwrap_or(0) < OFTEN)
        .collect();
    assert!(
        rare.is_empty(),
        "hardly ever came up: {rare:?} of {seen:#?}"
    );
}

fn in_words(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("a panic").to_owned()
}

/// The plan of a case, or why there is none to trust.
fn made(seed: u64) -> Result<Plan, String> {
    let (mut cluster, goal, limits) = drawn(seed);
    let mut answer = plan(&cluster.input(), &goal, &limits);
    if let Err(Error::NotAtomic { .. }) = answer {
        cluster.mover = Mover::Best;
        answer = plan(&cluster.input(), &goal, &limits);
    }
    let plan = answer.map_err(|error| format!("an unsound question: {error}"))?;
    let violations = match cfg!(debug_assertions) {
        true => Vec::new(),
        false => audit(&plan),
    };
    match &violations[..] {
        [] => Ok(plan),
        violations => Err(format!("{violations:?}")),
    }
}

/// A number of a list.
fn one_of<T: Copy>(numbers: &mut Numbers, list: &[T]) -> T {
    list[numbers.below(list.len() as u64) as usize]
}

fn drawn(seed: u64) -> (Cluster, Goal, PlanLimits) {
    let mut numbers = Numbers(seed ^ 0x7e57);
    let case = Case {
        seed: numbers.next(),
        primaries: one_of(&mut numbers, &[1, 2, 3, 3, 4, 5, 8, 12]),
        new_nodes: one_of(&mut numbers, &[0, 0, 1, 2, 4]),
        keys: one_of(&mut numbers, &[0, 10, 40, 150, 400]),
        slots_in_use: one_of(&mut numbers, &[1, 3, 20, 60, 200]),
        giants: one_of(&mut numbers, &[0, 0, 1, 4, 8]),
        goal_bits: numbers.next() as u8,
        limits: limits(&mut numbers),
    };
    let mut cluster = case.cluster();
    let mut goal = case.goal(&cluster);
    let mut limits = case.limits.clone();

    let allocators = [Allocator::Je3, Allocator::Je4, Allocator::Glibc];
    let target = one_of(&mut numbers, &Target::ALL);
    let allocator = one_of(&mut numbers, &allocators);
    cluster.profile.tables = Tables::new(target, allocator, true);
    if numbers.below(8) == 0 {
        cluster.mover = Mover::Atomic;
    }
    servers(&mut cluster, &mut numbers);
    room(&mut cluster, &mut limits, &mut numbers);
    if let Some(new) = goal.add.first()
        && numbers.below(4) == 0
    {
        goal.weights
            .push((new.clone(), one_of(&mut numbers, &[0.25, 2.0])));
    }
    if case.primaries > 4 && !goal.drain.is_empty() && numbers.below(2) == 0 {
        goal.drain.push(id("c"));
    }
    more_orders(&case, &cluster, &mut goal, &mut numbers);
    (cluster, goal, limits)
}

fn limits(numbers: &mut Numbers) -> PlanLimits {
    let defaults = PlanLimits::default();
    let assumed: Vec<String> = defaults
        .assumed
        .iter()
        .filter(|_| numbers.below(3) > 0)
        .cloned()
        .collect();
    PlanLimits {
        latency_budget_ms: one_of(numbers, &[10, 20, 50, 100, 1_000, 30_000]),
        cluster_node_timeout_ms: one_of(numbers, &[1_001, 1_500, 5_001, 15_000, 60_000]),
        safety_factor: one_of(numbers, &[1.0, 1.1, 1.7, 2.0, 3.0]),
        keys_per_call_max: one_of(numbers, &[1, 7, 100, 1_000]),
        proto_max_bulk_bytes: one_of(numbers, &[1 << 22, 512 << 20, 512 << 20]),
        client_query_buffer_bytes: one_of(numbers, &[1 << 21, 1 << 30, 1 << 30]),
        replica_buffer_hard_bytes: one_of(numbers, &[1 << 20, 256 << 20, 256 << 20, 1 << 31]),
        replica_buffer_soft_bytes: one_of(numbers, &[1 << 16, 1 << 20, 64 << 20]),
        slots_per_batch_max: one_of(numbers, &[1, 2, 5, 256]),
        headroom: one_of(numbers, &[0.0, 0.01, 0.2, 0.5]),
        call_fixed_us: one_of(numbers, &[0, 100, 100, 3_000]),
        allow_oversized: numbers.below(3) == 0,
        batches_side_by_side: 1 + numbers.below(8) as u32,
        blocked_share: one_of(numbers, &[0.15, 0.2, 0.333_333, 0.5, 1.0]),
        round_trip_us: one_of(numbers, &[0, 1, 500, 20_000]),
        window_ms: one_of(
            numbers,
            &[
                None,
                None,
                Some(1_000),
                Some(4_000),
                Some(60_000),
                Some(3_600_000),
            ],
        ),
        starts_at_ms: one_of(
            numbers,
            &[None, Some(1_800_000_000_000), Some(1_950_000_000_000)],
        ),
        prediction_low: one_of(numbers, &[0.0, 0.3, 1.0]),
        prediction_high: one_of(numbers, &[1.0, 1.55, 2.5]),
        assumed,
        ..defaults
    }
}

/// Servers of every line, of one family or of two, known or not.
fn servers(cluster: &mut Cluster, numbers: &mut Numbers) {
    const LINES: [[&str; 3]; 6] = [
        ["redis-7.2.5", "redis-7.4.1", "redis-8.2.0"],
        ["valkey-7.2.8", "valkey-8.1.1", "valkey-9.1.2"],
        ["redis-8.4.0", "redis-8.6.3", "redis-8.4.2"],
        ["valkey-9.0.0", "valkey-9.1.2", "valkey-9.1.0"],
        ["redis-6.2.14", "redict-7.3.0", "valkey-8.0.1"],
        ["redis-8.0.2", "valkey-9.1.2", "redis-8.6.3"],
    ];
    if numbers.below(2) == 0 {
        return;
    }
    let line = one_of(numbers, &LINES);
    for node in &mut cluster.nodes {
        let known = numbers.below(12) > 0;
        node.facts.server = known.then(|| one_of(numbers, &line).to_owned());
    }
}

/// `maxmemory` where it matters: about what a node would hold.
fn room(cluster: &mut Cluster, limits: &mut PlanLimits, numbers: &mut Numbers) {
    let slots = cluster.nodes.iter().flat_map(|node| node.slots.iter());
    let bytes: u64 = slots
        .map(|slot| cluster.profile.slot(slot).memory_bytes_estimate)
        .sum();
    let mean = bytes / cluster.nodes.len() as u64 + 4_096;
    if numbers.below(3) == 0 {
        limits.maxmemory_bytes = Some(mean * (5 + numbers.below(40)) / 10);
    }
    if numbers.below(3) == 0 {
        for node in &mut cluster.nodes {
            node.facts.maxmemory_bytes =
                (numbers.below(4) > 0).then(|| mean * (3 + numbers.below(60)) / 10);
            node.facts.maxmemory_policy = (numbers.below(2) == 0).then(|| "noeviction".to_owned());
        }
    }
}

/// A second order, to a node that joins, of slots that nothing was said of.
fn more_orders(case: &Case, cluster: &Cluster, goal: &mut Goal, numbers: &mut Numbers) {
    if case.primaries < 3 || case.new_nodes == 0 || numbers.below(3) > 0 {
        return;
    }
    let from = letter(case.primaries - 2);
    let source = cluster.nodes.iter().find(|node| node.id.0 == from);
    let kept: BTreeSet<u16> = goal.keep.iter().map(|&(slot, _)| slot).collect();
    let slots: Vec<(u16, u16)> = source
        .iter()
        .flat_map(|node| node.slots.iter())
        .map(Slot::number)
        .filter(|slot| !kept.contains(slot) && numbers.below(40) == 0)
        .map(|slot| (slot, slot))
        .collect();
    let ordered = goal.moves.iter().any(|order| order.from.0 == from);
    if !ordered && !slots.is_empty() {
        goal.moves.push(MoveOrder {
            slots,
            from: id(&from),
            to: id("new-1"),
        });
    }
}

/// What must come up, or nothing was proved of it.
const FEATURES: &[&str] = &[
    "slots move",
    "batches of one pair",
    "a wave of two",
    "a wave of four",
    "three windows",
    "no window long enough",
    "no room",
    "sources above maxmemory give",
    "nodes of unequal size",
    "reached",
    "reached around held",
    "nothing to do",
    "partly reached",
    "not reachable",
    "left to a service",
    "a service refuses",
    "Valkey moves slots",
    "Redis moves slots",
    "a task of several slots",
    "a task over the soft limit",
    "a named key holds",
    "nameless keys hold",
    "a doubt holds",
    "nobody's slot",
    "a slot is kept",
    "a slot stands in the way",
    "moves by consent",
    "heavy keys move",
    "a sweep bound by a limit",
    "keys are gone by then",
    "a node is unknown",
    "a node is emptied",
    "a node is added",
    "a weight",
    "two orders",
    "an older server only gives",
    "balanced by keys",
    "balanced by payload",
    "pauses",
    "no pauses",
    "tables of a node grow",
    "tables of slots",
];

fn features(plan: &Plan) -> Vec<&'static str> {
    let moves = || plan.batches.iter().flat_map(|batch| &batch.moves);
    let holds = |wanted: fn(&HoldReason) -> bool| {
        plan.held.iter().any(|held| held.reasons.iter().any(wanted))
    };
    let waves = |least: usize| {
        let wide = |wave: &Wave| wave.batches.len() >= least;
        plan.schedule.waves.iter().any(wide)
    };
    let gave = |node: &NodePlan| plan.batches.iter().any(|batch| batch.source == node.id);
    let by_calls = plan.dialect == Dialect::SetslotMigrate;
    let moving = !plan.batches.is_empty();
    let pairs: BTreeSet<_> = plan
        .batches
        .iter()
        .map(|batch| (&batch.source, &batch.target))
        .collect();
    let sizes: BTreeSet<_> = plan
        .nodes
        .iter()
        .map(|node| node.facts.maxmemory_bytes)
        .collect();
    let bound_sweep = |slot_move: &SlotMove| {
        slot_move.sweep.as_ref().is_some_and(|sweep| {
            let wanted = u64::from(plan.limits.keys_per_call_max).min(sweep.keys);
            u64::from(sweep.keys_per_call) < wanted
        })
    };
    let versions = plan.rules.iter().find(|report| report.rule == "versions");
    let not_reachable = matches!(plan.outcome, Outcome::NotReachable { .. });
    let managed = plan.dialect == Dialect::Managed;
    let all = [
        ("slots move", moving),
        ("batches of one pair", pairs.len() < plan.batches.len()),
        ("a wave of two", waves(2)),
        ("a wave of four", waves(4)),
        (
            "three windows",
            plan.schedule.windows.is_some_and(|windows| windows >= 3),
        ),
        (
            "no window long enough",
            holds(|reason| matches!(reason, HoldReason::NoWindow { .. })),
        ),
        (
            "no room",
            holds(|reason| matches!(reason, HoldReason::NoRoom)),
        ),
        (
            "sources above maxmemory give",
            plan.nodes.iter().any(|node| {
                let most = node.facts.maxmemory_bytes;
                most.is_some_and(|most| node.before.memory_bytes > most) && gave(node)
            }),
        ),
        ("nodes of unequal size", moving && sizes.len() > 2),
        ("reached", plan.outcome == Outcome::Reached),
        (
            "reached around held",
            plan.outcome == Outcome::ReachedAroundHeld,
        ),
        ("nothing to do", plan.outcome == Outcome::NothingToDo),
        ("partly reached", plan.outcome == Outcome::PartlyReached),
        ("not reachable", not_reachable && moving),
        ("left to a service", plan.outcome == Outcome::LeftToService),
        ("a service refuses", managed && not_reachable),
        (
            "Valkey moves slots",
            plan.dialect == Dialect::ClusterMigrateslots && moving,
        ),
        (
            "Redis moves slots",
            plan.dialect == Dialect::ClusterMigrationImport && moving,
        ),
        (
            "a task of several slots",
            !by_calls && plan.batches.iter().any(|batch| batch.moves.len() > 1),
        ),
        (
            "a task over the soft limit",
            !by_calls
                && plan.batches.iter().any(|batch| {
                    batch.carries.payload_bytes > plan.limits.replica_buffer_soft_bytes
                }),
        ),
        (
            "a named key holds",
            holds(|reason| matches!(reason, HoldReason::OversizedKey { .. })),
        ),
        (
            "nameless keys hold",
            holds(|reason| matches!(reason, HoldReason::OversizedUnnamed { .. })),
        ),
        (
            "a doubt holds",
            holds(|reason| matches!(reason, HoldReason::Doubt { .. })),
        ),
        (
            "nobody's slot",
            holds(|reason| matches!(reason, HoldReason::Unassigned)),
        ),
        (
            "a slot is kept",
            holds(|reason| matches!(reason, HoldReason::AskedToStay)) && moving,
        ),
        (
            "a slot stands in the way",
            plan.held.iter().any(|held| held.in_the_way),
        ),
        (
            "moves by consent",
            plan.oversized.iter().any(|key| key.moves),
        ),
        (
            "heavy keys move",
            moves().any(|slot_move| slot_move.heavy.len() > 1),
        ),
        ("a sweep bound by a limit", moves().any(bound_sweep)),
        (
            "keys are gone by then",
            moves().any(|slot_move| slot_move.expired_keys > 0),
        ),
        (
            "a node is unknown",
            moving && plan.nodes.iter().any(|node| !node.known),
        ),
        (
            "a node is emptied",
            plan.nodes.iter().any(|node| {
                plan.goal.drain.contains(&node.id) && node.before.slots > 0 && node.after.slots == 0
            }),
        ),
        (
            "a node is added",
            plan.nodes
                .iter()
                .any(|node| node.planned && node.after.slots > 0),
        ),
        (
            "a weight",
            moving && plan.goal.weights.iter().any(|&(_, weight)| weight > 0.0),
        ),
        ("two orders", moving && plan.goal.moves.len() > 1),
        (
            "an older server only gives",
            moving && versions.is_some_and(|report| report.status == RuleStatus::Bound),
        ),
        (
            "balanced by keys",
            moving && plan.goal.balance_by == Measure::Keys,
        ),
        (
            "balanced by payload",
            moving && plan.goal.balance_by == Measure::Payload,
        ),
        ("pauses", moving && plan.schedule.pause_per_block > 0.0),
        (
            "no pauses",
            moving && by_calls && plan.schedule.pause_per_block == 0.0,
        ),
        (
            "tables of a node grow",
            plan.nodes
                .iter()
                .any(|node| node.tables_after_bytes > node.tables_before_bytes),
        ),
        (
            "tables of slots",
            moving && plan.nodes.iter().all(|node| node.tables_before_bytes == 0),
        ),
    ];
    let present = all.into_iter().filter(|&(_, present)| present);
    present.map(|(feature, _)| feature).collect()
}

/// A case that was found: what stays on a node to be emptied makes the others no less even, so it must not count in the best
/// balance that they could come to.
#[test]
fn the_bound_holds_for_a_drain_that_ends_early() {
    let keys = (0..10u16).map(|slot| Key::of_memory(slot, 1_000_000));
    let mut cluster = Cluster::even(3).keys(keys);
    cluster.nodes[2].facts.maxmemory_bytes = Some(100_000);
    let goal = Goal {
        rebalance: true,
        max_bytes: Some(1_000),
        ..drain(&["a"])
    };
    let plan = plan(&cluster.input(), &goal, &PlanLimits::default()).expect("a plan");
    assert!(plan.ended_early.is_some());
    assert_eq!(audit(&plan), []);
    assert_eq!(plan.totals.moved.memory_bytes, 0);
    assert_eq!(plan.balance.imbalance_after, 0.0);
    // A byte of what c may hold weighs so much; all of it on b alone would be 0.99.
    assert!(plan.balance.imbalance_bound < 1e-5, "{:?}", plan.balance);
}

/// Cases that were found: room that was called unverified, with nothing to look up for it.
#[test]
fn what_is_not_known_of_room_is_looked_up() {
    let asked = |memory_bytes: Option<u64>, of_source: Option<u64>| -> Vec<CheckedOn> {
        let key = Key {
            memory_bytes,
            ..Key::of_memory(0, 1_000_000)
        };
        let mut cluster = Cluster::even(2).keys([key]);
        for (node, maxmemory) in cluster.nodes.iter_mut().zip([of_source, Some(1 << 30)]) {
            node.facts.maxmemory_bytes = maxmemory;
            node.facts.maxmemory_policy = Some("noeviction".to_owned());
        }
        let goal = order(&[(0, 0)], "a", "b");
        let plan = plan(&cluster.input(), &goal, &PlanLimits::default()).expect("a plan");
        assert_eq!(audit(&plan), []);
        let checks = plan.preflight.iter();
        let of_room = checks.filter(|check| check.rule == "memory-headroom");
        of_room.map(|check| check.on).collect()
    };
    assert_eq!(asked(Some(1_000_000), Some(1 << 30)), []);
    assert_eq!(asked(Some(1_000_000), None), [CheckedOn::Sources]);
    assert_eq!(asked(None, Some(1 << 30)), [CheckedOn::Targets]);
}
