//! Waves, windows, pauses, and keys that are gone by then.

mod made_up;

use made_up::{Cluster, Key, add_nodes, drain, id, order, rebalance};
use preshard_planner::plan::{
    CheckedOn, Dialect, HoldReason, Outcome, Plan, Role, RuleStatus, Verdict,
};
use preshard_planner::{Error, Goal, MoveOrder, Mover, PlanLimits, plan};

fn status(plan: &Plan, rule: &str) -> RuleStatus {
    let mut rules = plan.rules.iter();
    let report = rules.find(|report| report.rule == rule);
    report.unwrap_or_else(|| panic!("no rule {rule}")).status
}

/// Four nodes; a gives slot 0 to b, and c gives slot 9000 to d: pairs that have no node in common.
fn two_pairs(block_ms: u64) -> (Cluster, Goal) {
    let cluster = Cluster::even(4).keys([
        Key::with_block_ms(0, block_ms),
        Key::with_block_ms(9_000, block_ms),
    ]);
    let orders = [(0, "a", "b"), (9_000, "c", "d")].map(|(slot, from, to)| MoveOrder {
        slots: vec![(slot, slot)],
        from: id(from),
        to: id(to),
    });
    let goal = Goal {
        moves: orders.to_vec(),
        ..Goal::default()
    };
    (cluster, goal)
}

#[test]
fn pairs_without_a_common_node_run_side_by_side_where_that_is_allowed() {
    let (cluster, goal) = two_pairs(20);
    let waves = |side_by_side| {
        let limits = PlanLimits {
            batches_side_by_side: side_by_side,
            ..PlanLimits::default()
        };
        let plan = plan(&cluster.input(), &goal, &limits).expect("a plan");
        let waves: Vec<Vec<u32>> = plan
            .schedule
            .waves
            .iter()
            .map(|wave| wave.batches.clone())
            .collect();
        (
            waves,
            plan.schedule.takes.expected_us,
            plan.schedule.busiest_node_takes.expected_us,
        )
    };
    let (one_by_one, slow_us, busiest_us) = waves(1);
    assert_eq!(one_by_one, [vec![1], vec![2]]);
    let (together, fast_us, bound_us) = waves(2);
    assert_eq!(together, [vec![1, 2]]);
    assert_eq!(slow_us, 2 * fast_us, "two batches of one length");
    assert_eq!(
        fast_us, bound_us,
        "no order of them is faster than the busiest node"
    );
    assert_eq!(busiest_us, bound_us);
}

/// A client that talks to all nodes waits for both: two calls of 30 ms are 120 ms with the factor, over the budget of 100.
#[test]
fn calls_that_are_too_long_together_do_not_run_side_by_side() {
    let (cluster, goal) = two_pairs(30);
    let limits = PlanLimits {
        batches_side_by_side: 2,
        ..PlanLimits::default()
    };
    let plan = plan(&cluster.input(), &goal, &limits).expect("a plan");
    let sizes: Vec<usize> = plan
        .schedule
        .waves
        .iter()
        .map(|wave| wave.batches.len())
        .collect();
    assert_eq!(sizes, [1, 1]);
}

/// One slot with a key of 20 ms, a node of two that is told of it: 20.1 ms of call, 1.5 times that of rest (half of the time
/// less the tenth that one more call may take: 0.4 to 0.6), and round trips for IMPORTING, MIGRATING, the call, a GETKEYSINSLOT
/// that finds nothing, COUNTKEYSINSLOT and two NODE: seven of 0.5 ms.
#[test]
fn a_slot_takes_its_call_its_rest_and_its_round_trips() {
    let cluster = Cluster::even(2).keys([Key::with_block_ms(0, 20)]);
    let limits = PlanLimits {
        prediction_low: 0.25,
        prediction_high: 2.0,
        ..PlanLimits::default()
    };
    let plan = plan(&cluster.input(), &order(&[(0, 0)], "a", "b"), &limits).expect("a plan");
    assert_eq!(plan.schedule.pause_per_block, 1.5);
    assert_eq!(plan.schedule.takes.expected_us, 20_100 + 30_150 + 3_500);
    assert_eq!(plan.schedule.takes.low_us, 12_563 + 3_500);
    assert_eq!(plan.schedule.takes.high_us, 2 * (20_100 + 30_150) + 3_500);

    let without_rest = PlanLimits {
        blocked_share: 1.0,
        ..PlanLimits::default()
    };
    let plan = preshard_planner::plan(&cluster.input(), &order(&[(0, 0)], "a", "b"), &without_rest)
        .expect("a plan");
    assert_eq!(plan.schedule.takes.expected_us, 20_100 + 3_500);
}

#[test]
fn each_node_of_a_batch_is_followed() {
    let cluster = Cluster::even(2).keys([Key::with_block_ms(0, 20)]);
    let plan = plan(
        &cluster.input(),
        &order(&[(0, 0)], "a", "b"),
        &PlanLimits::default(),
    )
    .expect("a plan");
    let [source, target] = &plan.schedule.nodes[..] else {
        panic!("{:?}", plan.schedule.nodes);
    };
    assert_eq!((source.role, &source.node), (Role::Source, &id("a")));
    assert_eq!((target.role, &target.node), (Role::Target, &id("b")));
    assert_eq!((source.blocked_us, target.blocked_us), (20_100, 6_000));
    assert_eq!(source.most_in_span_us, 40_200, "twice the one call");
    // 3 MB of memory, 1 MB of payload: three payloads of buffers on the source, 2.3 on the target.
    assert_eq!(
        source.memory_peak_bytes - plan.nodes[0].tables_before_bytes,
        6_000_000
    );
    assert_eq!(
        target.memory_peak_bytes - plan.nodes[1].tables_after_bytes,
        5_300_000
    );
    assert_eq!(target.replica_buffer_bytes, 1_000_000);
}

#[test]
fn windows_are_filled_and_what_fits_none_is_held() {
    let keys = (0..40u16).map(|slot| Key::with_block_ms(slot, 45));
    let cluster = Cluster::even(2).keys(keys.chain((0..400).map(|_| Key::with_block_ms(50, 45))));
    let limits = PlanLimits {
        window_ms: Some(3_000),
        slots_per_batch_max: 1,
        prediction_high: 2.0,
        ..PlanLimits::default()
    };
    let plan = plan(&cluster.input(), &order(&[(0, 50)], "a", "b"), &limits).expect("a plan");
    // 45.1 ms and 1.5 times that, twice over, and round trips: 229 ms a slot, 13 in a window.
    assert_eq!(
        plan.schedule.windows,
        Some(4),
        "40 slots of 13 a window, and ten empty ones"
    );
    let held: Vec<u16> = plan.held.iter().map(|held| held.slot).collect();
    assert_eq!(held, [50], "90 s of calls fit no window of 3 s");
    assert!(
        matches!(plan.held[0].reasons[0], HoldReason::NoWindow { high_us } if high_us > 3_000_000)
    );
    assert!(matches!(plan.outcome, Outcome::NotReachable { .. }));
    assert_eq!(status(&plan, "window"), RuleStatus::Bound);
}

/// The made-up keys with a number divisible by three expire in 2030.
#[test]
fn keys_that_expire_before_the_plan_begins_are_no_obstacle() {
    let cluster = Cluster::even(2).keys([Key::with_block_ms(0, 9_000)]);
    let goal = order(&[(0, 0)], "a", "b");
    let at = |starts_at_ms| PlanLimits {
        starts_at_ms,
        ..PlanLimits::default()
    };
    let before = plan(&cluster.input(), &goal, &at(None)).expect("a plan");
    assert!(before.batches.is_empty());
    assert_eq!(before.oversized[0].verdict, Verdict::Forbidden);
    assert_eq!(status(&before, "expiries"), RuleStatus::Unverified);
    let ttl = before
        .preflight
        .iter()
        .find(|check| check.rule == "expiries");
    assert_eq!(ttl.map(|check| check.on), Some(CheckedOn::Sources));

    let just_before = plan(&cluster.input(), &goal, &at(Some(1_899_999_999_999))).expect("a plan");
    assert!(just_before.batches.is_empty(), "it is still there");

    let after = plan(&cluster.input(), &goal, &at(Some(1_900_000_000_000))).expect("a plan");
    assert_eq!(after.outcome, Outcome::Reached);
    assert_eq!(after.batches[0].moves[0].expired_keys, 1);
    assert_eq!(
        after.totals.calls, 0,
        "nothing is left to move but the slot"
    );
    assert_eq!(after.oversized, []);
}

fn with_servers(mut cluster: Cluster, servers: &[&str]) -> Cluster {
    for (node, server) in cluster.nodes.iter_mut().zip(servers) {
        node.facts.server = (!server.is_empty()).then(|| (*server).to_owned());
    }
    cluster
}

#[test]
fn the_servers_decide_which_commands_move_slots() {
    for (servers, dialect) in [
        (
            ["valkey-9.0.1", "valkey-9.1.2"],
            Dialect::ClusterMigrateslots,
        ),
        (
            ["redis-8.4.0", "redis-8.6.3"],
            Dialect::ClusterMigrationImport,
        ),
        (["redis-8.2.1", "redis-8.6.3"], Dialect::SetslotMigrate),
        (["valkey-9.1.2", "redis-8.6.3"], Dialect::SetslotMigrate),
        (["valkey-9.1.2", ""], Dialect::SetslotMigrate),
        (["", ""], Dialect::SetslotMigrate),
    ] {
        let cluster = with_servers(Cluster::even(2), &servers);
        let found = plan(&cluster.input(), &rebalance(), &PlanLimits::default()).expect("a plan");
        assert_eq!(found.dialect, dialect, "{servers:?}");
    }
    let mut old = with_servers(Cluster::even(2), &["redis-8.2.1", "redis-8.6.3"]);
    old.mover = Mover::Atomic;
    let refused = plan(&old.input(), &rebalance(), &PlanLimits::default());
    assert!(
        matches!(&refused, Err(Error::NotAtomic { why }) if why.contains("Redis 8.2.1")),
        "{refused:?}"
    );
    let mut new = with_servers(Cluster::even(2), &["valkey-9.1.2"; 2]);
    new.mover = Mover::Migrate;
    let by_calls = plan(&new.input(), &rebalance(), &PlanLimits::default()).expect("a plan");
    assert_eq!(by_calls.dialect, Dialect::SetslotMigrate);
}

/// What MIGRATE must not touch is harmless where elements go one by one; a string of 300 MB is one command.
#[test]
fn giants_of_many_elements_move_where_the_servers_move_slots() {
    use preshard_parser::DataType;
    let giant = |slot, data_type| Key {
        payload_bytes: 300 << 20,
        data_type,
        ..Key::with_block_ms(slot, 30_000)
    };
    let keys = [
        giant(0, DataType::Zset),
        Key {
            restore_ns: 200_000_000,
            ..giant(1, DataType::String)
        },
        Key::with_block_ms(2, 1),
    ];
    let goal = order(&[(0, 2)], "a", "b");
    let moved = |servers: [&str; 2]| {
        let cluster = with_servers(Cluster::even(2).keys(keys.clone()), &servers);
        let plan = plan(&cluster.input(), &goal, &PlanLimits::default()).expect("a plan");
        let slots: Vec<u16> = plan
            .batches
            .iter()
            .flat_map(|batch| &batch.moves)
            .map(|one| one.slot)
            .collect();
        (slots, plan)
    };
    let (by_calls, _) = moved(["redis-8.0.2"; 2]);
    assert_eq!(by_calls, [2]);
    let (by_servers, plan) = moved(["valkey-9.1.2"; 2]);
    assert_eq!(by_servers, [0, 2], "the string stays");
    assert_eq!(plan.totals.calls, 0);
    assert_eq!(
        plan.oversized[0].rules,
        ["payload-limits", "atomic-migration"]
    );
    assert_eq!(status(&plan, "block-budget"), RuleStatus::NotApplicable);
    let asks = |word: &str| {
        plan.preflight
            .iter()
            .any(|check| check.expects.contains(word))
    };
    assert!(
        asks("1 key is large"),
        "nobody looked at the elements of the sorted set: {:?}",
        plan.preflight
    );
    assert_eq!(
        plan.batches.len(),
        2,
        "a task of 300 MB is alone, as replicas have 256 MB waiting at most"
    );
}

#[test]
fn a_node_that_does_not_take_what_others_dump_only_gives() {
    let keys = (0..40u16).map(|slot| Key::of_memory(slot * 400, 1_000_000));
    let cluster = with_servers(
        Cluster::even(2).keys(keys),
        &["redis-7.0.15", "redis-6.2.14"],
    );
    let order = order(&[(0, 0)], "a", "b");
    let plan_of =
        |goal: &Goal| plan(&cluster.input(), goal, &PlanLimits::default()).expect("a plan");
    let refused = plan_of(&order);
    assert!(refused.batches.is_empty());
    assert!(
        matches!(&refused.outcome, Outcome::NotReachable { reasons } if reasons[0].contains("does not take")),
        "{:?}",
        refused.outcome
    );
    let drained = plan_of(&drain(&["b"]));
    assert_eq!(
        drained.outcome,
        Outcome::Reached,
        "the older server gives all it has"
    );
    let stuck = plan_of(&drain(&["a"]));
    assert!(stuck.batches.is_empty(), "and takes nothing");
    assert_eq!(status(&stuck, "versions"), RuleStatus::Bound);
}

#[test]
fn a_service_gets_a_list_of_what_is_in_its_way() {
    let giant = |payload_bytes| Key {
        payload_bytes,
        ..Key::with_block_ms(7, 10)
    };
    for (payload_bytes, stays) in [(256_000_000, false), (256_000_001, true)] {
        let mut cluster = Cluster::even(2).with_new(1).keys([giant(payload_bytes)]);
        cluster.mover = Mover::Managed;
        let plan = plan(
            &cluster.input(),
            &add_nodes(&["new-1"]),
            &PlanLimits::default(),
        )
        .expect("a plan");
        assert_eq!(plan.dialect, Dialect::Managed);
        assert!(plan.batches.is_empty());
        assert_eq!(matches!(plan.outcome, Outcome::NotReachable { .. }), stays);
        assert_eq!(plan.outcome == Outcome::LeftToService, !stays);
        assert_eq!(plan.held.len(), usize::from(stays));
        assert!(
            plan.preflight
                .iter()
                .all(|check| check.rule == "preflight" || check.rule == "payload-limits")
        );
    }
}

/// Each node has a size of its own: what does not fit b goes to c.
#[test]
fn nodes_of_unequal_size_are_filled_to_their_own_brim() {
    let keys = (0..30u16).map(|slot| Key::of_memory(slot, 1_000_000));
    let mut cluster = Cluster::even(3).keys(keys);
    cluster.nodes[1].facts.maxmemory_bytes = Some(10_000_000);
    cluster.nodes[2].facts.maxmemory_bytes = Some(100_000_000);
    let plan = plan(&cluster.input(), &drain(&["a"]), &PlanLimits::default()).expect("a plan");
    assert_eq!(plan.outcome, Outcome::Reached);
    let [_, b, c] = &plan.nodes[..] else {
        panic!("three nodes")
    };
    assert!(
        b.after.memory_bytes <= 8_000_000,
        "{} bytes",
        b.after.memory_bytes
    );
    assert_eq!(b.after.memory_bytes + c.after.memory_bytes, 30_000_000);
}

/// A node that evicts, or has no replica, is not safe because somebody said so.
#[test]
fn what_is_stated_settles_a_check_only_where_it_is_safe() {
    let asked = |policy: &str, replicas: u32| {
        let mut cluster = Cluster::even(2).keys([Key::of_memory(0, 1_000)]);
        for node in &mut cluster.nodes {
            node.facts.maxmemory_bytes = Some(1 << 30);
            node.facts.maxmemory_policy = Some(policy.to_owned());
            node.facts.replicas = Some(replicas);
        }
        let goal = order(&[(0, 0)], "a", "b");
        let plan = plan(&cluster.input(), &goal, &PlanLimits::default()).expect("a plan");
        let asks = |rule: &str, word: &str| {
            plan.preflight.iter().any(|check| {
                let command = check.command.as_deref().unwrap_or_default();
                check.rule == rule && command.contains(word)
            })
        };
        [
            asks("memory-headroom", "maxmemory-policy"),
            asks("target-replica", "INFO replication"),
        ]
    };
    assert_eq!(asked("noeviction", 1), [false, false]);
    assert_eq!(asked("allkeys-lru", 1), [true, false]);
    assert_eq!(asked("noeviction", 0), [false, true]);
}
