//! What is asked, and what comes of it.

mod made_up;

use made_up::{Cluster, Key, add_nodes, drain, id, letter, order, rebalance};
use preshard_planner::plan::{HoldReason, Outcome, RuleStatus};
use preshard_planner::{Error, Goal, MoveOrder, PlanLimits, plan};

fn cluster() -> Cluster {
    Cluster::even(3).with_new(1).keys(
        (0..16_384u16)
            .step_by(64)
            .map(|slot| Key::of_memory(slot, 60_000)),
    )
}

fn outcome(cluster: &Cluster, goal: &Goal, limits: &PlanLimits) -> Outcome {
    plan(&cluster.input(), goal, limits)
        .expect("a plan")
        .outcome
}

#[test]
fn wrong_questions_are_errors_that_name_what_is_wrong() {
    let error = |goal: &Goal| {
        plan(&cluster().input(), goal, &PlanLimits::default())
            .expect_err("a wrong question")
            .to_string()
    };
    let weights = |weights: &[(&str, f64)]| Goal {
        weights: weights
            .iter()
            .map(|&(node, weight)| (id(node), weight))
            .collect(),
        ..Goal::default()
    };
    let both = |one: Goal, other: Goal| Goal {
        drain: [one.drain, other.drain].concat(),
        add: [one.add, other.add].concat(),
        weights: [one.weights, other.weights].concat(),
        moves: [one.moves, other.moves].concat(),
        ..Goal::default()
    };
    let table = [
        (
            Goal::default(),
            "the goal asks for nothing: rebalance, add, drain, weigh or move",
        ),
        (
            drain(&["z"]),
            "no node z among the primaries and planned nodes",
        ),
        (
            add_nodes(&["a"]),
            "node a.example:6379 (a) cannot be added: it owns 5461 slots already; rebalance takes it in as it is",
        ),
        (
            add_nodes(&["new-1", "new-1"]),
            "node new-1 is named twice under add",
        ),
        (
            both(add_nodes(&["new-1"]), drain(&["new-1"])),
            "node new-1 is both added and drained",
        ),
        (
            both(add_nodes(&["new-1"]), weights(&[("new-1", 0.0)])),
            "node new-1 is both added and drained",
        ),
        (
            both(drain(&["a"]), weights(&[("a", 2.0)])),
            "node a.example:6379 (a) is drained and has weight 2",
        ),
        (
            weights(&[("a", -1.0)]),
            "weight -1 of node a.example:6379 (a) is not 0 and not 0.000001 to 1000000",
        ),
        (
            weights(&[("a", 1e300)]),
            "weight 1e300 of node a.example:6379 (a) is not 0 and not 0.000001 to 1000000",
        ),
        (
            weights(&[("a", f64::NAN)]),
            "weight NaN of node a.example:6379 (a) is not 0 and not 0.000001 to 1000000",
        ),
        (
            weights(&[("a", 1.0), ("a", 2.0)]),
            "node a is named twice under weights",
        ),
        (
            drain(&["a", "b", "c"]),
            "nobody is left to take the slots: every other node is drained, not known, or empty and not added",
        ),
        (
            order(&[(5, 4)], "a", "b"),
            "5-4 is no range of slots 0 to 16383",
        ),
        (
            order(&[(16_000, 16_384)], "c", "b"),
            "16000-16384 is no range of slots 0 to 16383",
        ),
        (
            order(&[(6_000, 6_000)], "a", "c"),
            "slot 6000 cannot be moved from a.example:6379 (a): b.example:6379 (b) owns it",
        ),
        (
            order(&[(1, 1)], "a", "a"),
            "moves from a.example:6379 (a) to itself",
        ),
        (
            both(order(&[(1, 1)], "a", "b"), drain(&["b"])),
            "moves to b.example:6379 (b), which is drained",
        ),
        (
            both(order(&[(1, 9)], "a", "b"), order(&[(9, 9)], "a", "c")),
            "slot 9 is ordered to b.example:6379 (b) and to c.example:6379 (c)",
        ),
    ];
    for (goal, expected) in table {
        assert_eq!(error(&goal), expected, "{goal:?}");
    }
}

#[test]
fn inputs_that_contradict_themselves_are_errors() {
    let limits = PlanLimits::default();
    let mut twice = cluster();
    twice.nodes.push(twice.nodes[0].clone());
    assert_eq!(
        plan(&twice.input(), &rebalance(), &limits),
        Err(Error::NodeTwice {
            node: "a".to_owned()
        })
    );
    let shared = Cluster::new(&[&[(0, 9)], &[(9, 20)]]);
    assert_eq!(
        plan(&shared.input(), &rebalance(), &limits),
        Err(Error::SlotOwnedTwice {
            slot: 9,
            first: letter(0),
            second: letter(1)
        })
    );
    let unowned = Cluster::new(&[&[(0, 9)], &[(10, 20)]]);
    assert_eq!(
        plan(&unowned.input(), &order(&[(30, 30)], "a", "b"), &limits),
        Err(Error::NotOwned {
            slot: 30,
            from: "a.example:6379 (a)".to_owned(),
            owner: None
        })
    );
    let nobody = Cluster::new(&[]);
    assert_eq!(
        plan(&nobody.input(), &rebalance(), &limits),
        Err(Error::NoNodes)
    );
    let vast = Cluster::even(2).keys([Key {
        memory_bytes: Some(1 << 61),
        ..Key::of_memory(1, 1)
    }]);
    assert_eq!(
        plan(&vast.input(), &rebalance(), &limits),
        Err(Error::TooLarge {
            what: "memory in bytes"
        })
    );
}

#[test]
fn goals_combine() {
    let goal = Goal {
        drain: vec![id("b")],
        moves: vec![MoveOrder {
            slots: vec![(0, 63), (128, 200)],
            from: id("a"),
            to: id("c"),
        }],
        ..add_nodes(&["new-1"])
    };
    let plan = plan(&cluster().input(), &goal, &PlanLimits::default()).expect("a plan");
    assert_eq!(plan.outcome, Outcome::Reached);
    let after: Vec<u32> = plan.nodes.iter().map(|node| node.after.slots).collect();
    assert_eq!(after[1], 0, "b is drained: {after:?}");
    for slot in (0..=63).chain(128..=200) {
        let batch = plan
            .batches
            .iter()
            .find(|batch| batch.moves.iter().any(|slot_move| slot_move.slot == slot))
            .expect("an ordered slot moves");
        assert_eq!(
            (&batch.source, &batch.target),
            (&id("a"), &id("c")),
            "slot {slot}"
        );
    }
    assert!(plan.balance.imbalance_after < 0.02, "{:?}", plan.balance);
}

/// As `redis-cli --cluster rebalance` without `--cluster-use-empty-masters`.
#[test]
fn an_empty_node_takes_part_only_when_asked_for() {
    let skewed = Cluster::new(&[&[(0, 8_191)], &[(8_192, 16_383)], &[]])
        .keys((0..100).map(|slot| Key::of_memory(slot, 60_000)));
    let slots_of_c = |goal: &Goal| {
        let plan = plan(&skewed.input(), goal, &PlanLimits::default()).expect("a plan");
        plan.nodes[2].after.slots
    };
    assert_eq!(slots_of_c(&rebalance()), 0);
    let in_thirds = 33..=34;
    assert!(in_thirds.contains(&slots_of_c(&add_nodes(&["c"]))));
    let weighted = Goal {
        weights: vec![(id("c"), 1.0)],
        ..Goal::default()
    };
    assert!(in_thirds.contains(&slots_of_c(&weighted)));
}

#[test]
fn a_weight_of_zero_drains() {
    let goal = Goal {
        weights: vec![(id("a"), 0.0)],
        ..Goal::default()
    };
    let plan = plan(&cluster().input(), &goal, &PlanLimits::default()).expect("a plan");
    assert_eq!(
        (plan.outcome, plan.nodes[0].after.slots),
        (Outcome::Reached, 0)
    );
}

#[test]
fn a_balanced_cluster_has_nothing_to_do() {
    let even = Cluster::even(2).keys((0..64).flat_map(|slot| {
        [
            Key::of_memory(slot, 60_000),
            Key::of_memory(slot + 8_192, 60_000),
        ]
    }));
    assert_eq!(
        outcome(&even, &rebalance(), &PlanLimits::default()),
        Outcome::NothingToDo
    );
}

/// Held slots are worked around, and the plan says so and what it costs.
#[test]
fn a_giant_is_worked_around() {
    let mut keys: Vec<Key> = (0..300).map(|slot| Key::of_memory(slot, 60_000)).collect();
    keys.push(Key {
        memory_bytes: Some(12_000_000),
        ..Key::with_block_ms(400, 80)
    });
    let cluster = Cluster::even(2).with_new(1).keys(keys);
    let plan = plan(
        &cluster.input(),
        &add_nodes(&["new-1"]),
        &PlanLimits::default(),
    )
    .expect("a plan");
    assert_eq!(plan.outcome, Outcome::ReachedAroundHeld);
    // 12 MB stay on a; the other 18 MB are divided among b and new-1: 12 / 10 of the mean, less one.
    assert_eq!(plan.balance.imbalance_bound, 0.2);
    assert_eq!(plan.balance.imbalance_bound_none_held, 0.0);
    assert_eq!(plan.balance.imbalance_after, 0.2);
    let loads: Vec<u64> = plan
        .nodes
        .iter()
        .map(|node| node.after.memory_bytes)
        .collect();
    assert_eq!(loads, [12_000_000, 9_000_000, 9_000_000]);
}

#[test]
fn an_ordered_slot_that_is_held_is_an_obstacle_in_words() {
    let cluster = Cluster::even(2)
        .keys([Key::with_block_ms(5, 80)])
        .doubt(6, "open slot");
    let plan = plan(
        &cluster.input(),
        &order(&[(4, 6)], "a", "b"),
        &PlanLimits::default(),
    )
    .expect("a plan");
    assert_eq!(
        plan.outcome,
        Outcome::NotReachable {
            reasons: vec![
                "not all can be moved from a.example:6379 (a) to b.example:6379 (b): slot 5 with keys that cannot \
                 be moved within the limits (2.9 MiB)"
                    .to_owned(),
                "not all can be moved from a.example:6379 (a) to b.example:6379 (b): slot 6 in doubt (0.0 MiB)"
                    .to_owned(),
            ]
        }
    );
    assert_eq!(plan.totals.moved.slots, 1, "slot 4 moves all the same");
    let doubts: Vec<_> = plan
        .held
        .iter()
        .map(|held| (held.slot, held.reasons.len()))
        .collect();
    assert_eq!(doubts, [(5, 1), (6, 1)]);
    assert_eq!(
        plan.held[1].reasons,
        [HoldReason::Doubt {
            doubt: "open slot".to_owned()
        }]
    );
}

/// 20 MB to be drained; each of the others has room for 4 MB more under 80 % of 30 MB, and for the 8 KB that the table of
/// 120 keys and the one that it replaces may take.
#[test]
fn a_drain_stops_where_room_ends() {
    let keys = (0..300).map(|index| Key::of_memory((index % 3) * 5_461 + index / 3 + 3, 200_000));
    let cluster = Cluster::even(3).keys(keys);
    let limits = PlanLimits {
        maxmemory_bytes: Some(30_010_000),
        ..PlanLimits::default()
    };
    let plan = plan(&cluster.input(), &drain(&["a"]), &limits).expect("a plan");
    let Outcome::NotReachable { reasons } = &plan.outcome else {
        panic!("{:?}", plan.outcome)
    };
    assert!(
        reasons[0].starts_with(
            "a.example:6379 (a) cannot be emptied: 60 slots (43, 44, 45, 46, 47, 48, 49, 50 and others) without room"
        ) && reasons[0].ends_with("(11.4 MiB)"),
        "{reasons:?}"
    );
    let loads: Vec<u64> = plan
        .nodes
        .iter()
        .map(|node| node.after.memory_bytes)
        .collect();
    assert_eq!(loads, [12_000_000, 24_000_000, 24_000_000]);
    // Eight bytes for each of as many buckets as the next power of two: of 120 keys, and of the 100 that a had, whose
    // tables stay while a tenth of their buckets is in use. The keys of a expire.
    let tables: Vec<_> = plan
        .nodes
        .iter()
        .map(|node| node.tables_after_bytes)
        .collect();
    assert_eq!(tables, [8 * (128 + 128), 8 * (128 + 32), 8 * (128 + 32)]);
    let headroom: Vec<_> = plan.nodes.iter().map(|node| node.headroom_bytes).collect();
    assert_eq!(
        headroom,
        [
            Some(18_010_000 - 2_048),
            Some(6_010_000 - 1_280),
            Some(6_010_000 - 1_280)
        ]
    );
    let memory = plan
        .rules
        .iter()
        .find(|rule| rule.rule == "memory-headroom");
    assert_eq!(memory.map(|rule| rule.status), Some(RuleStatus::Bound));
}

/// The source must hold three payloads of a call besides what it has: 3 * 20 MB do not fit, 3 * 15 MB do.
#[test]
fn the_source_needs_room_for_the_buffers_of_a_call() {
    let key = |slot, payload_bytes| Key {
        payload_bytes,
        ..Key::with_block_ms(slot, 40)
    };
    let limits = PlanLimits {
        // The tables of one key that expires take 32 bytes each.
        maxmemory_bytes: Some(60_000_064),
        ..PlanLimits::default()
    };
    let moves = |payload_bytes| {
        let cluster = Cluster::even(2).keys([key(5, payload_bytes)]);
        let plan = plan(&cluster.input(), &order(&[(5, 5)], "a", "b"), &limits).expect("a plan");
        plan.totals.moved.slots
    };
    assert_eq!(moves(19_000_000), 1, "3 MB + 57 MB");
    assert_eq!(moves(19_000_001), 0, "3 bytes more than there are");
}

#[test]
fn batches_carry_what_replicas_can_buffer() {
    let keys = (0..40).map(|slot| Key {
        payload_bytes: 9 << 20,
        ..Key::with_block_ms(slot, 1)
    });
    let big = Key {
        payload_bytes: 80 << 20,
        ..Key::with_block_ms(50, 49)
    };
    let cluster = Cluster::even(2).keys(keys.chain([big]));
    let plan = plan(
        &cluster.input(),
        &order(&[(0, 50)], "a", "b"),
        &PlanLimits::default(),
    )
    .expect("a plan");
    // 7 * 9 MiB are 63; the ten slots without keys come first; the slot over 64 MiB is alone.
    let slots: Vec<u32> = plan
        .batches
        .iter()
        .map(|batch| batch.carries.slots)
        .collect();
    assert_eq!(slots, [17, 7, 7, 7, 7, 5, 1]);
    assert!(
        plan.batches
            .windows(2)
            .all(|pair| pair[0].worst_block_us <= pair[1].worst_block_us)
    );
}

/// Every oversized key has a remedy for its type that names no invented command or setting.
#[test]
fn remedies_fit_the_type() {
    use preshard_parser::DataType;
    let types = [
        (DataType::String, "GETRANGE"),
        (DataType::List, "LTRIM"),
        (DataType::Set, "SSCAN"),
        (DataType::Zset, "ZREMRANGEBYRANK"),
        (DataType::Hash, "HSCAN"),
        (DataType::Stream, "XTRIM"),
        (DataType::Array, "ARDELRANGE"),
        (DataType::PathHash, "PHDELPREFIX"),
        (DataType::Module, "module"),
    ];
    let keys = types.map(|(data_type, _)| Key {
        data_type,
        ..Key::with_block_ms(9, 80)
    });
    let cluster = Cluster::even(2).keys(keys);
    let plan = plan(&cluster.input(), &rebalance(), &PlanLimits::default()).expect("a plan");
    assert_eq!(plan.oversized.len(), types.len());
    for (data_type, word) in types {
        let key = plan
            .oversized
            .iter()
            .find(|key| key.data_type == data_type.name());
        let remedy = &key.expect("one key of each type").remedy;
        assert!(remedy.contains(word), "{data_type:?}: {remedy}");
        for invented in [
            "cluster-migration-timeout",
            "--pipeline",
            "--cluster-replace",
            "STABLE",
        ] {
            assert!(!remedy.contains(invented), "{data_type:?}: {remedy}");
        }
    }
}
