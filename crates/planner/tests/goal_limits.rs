//! Slots that are to stay, plans that may move only so much, and balances of other things than memory.

mod made_up;

use made_up::{Cluster, Key, Numbers, add_nodes, drain, id, order, rebalance};
use preshard_planner::plan::{HoldReason, NodePlan, Outcome, Plan};
use preshard_planner::{Error, Goal, Measure, MoveOrder, PlanLimits, audit, plan};

/// Ten slots of 1 to 10 MB on a, nothing on b.
fn lopsided() -> Cluster {
    Cluster::even(2).keys((1..=10).map(|slot| Key::of_memory(slot, u64::from(slot) * 1_000_000)))
}

fn made(cluster: &Cluster, goal: &Goal) -> Plan {
    let plan = plan(&cluster.input(), goal, &PlanLimits::default()).expect("a plan");
    assert_eq!(audit(&plan), []);
    plan
}

fn moved(plan: &Plan) -> Vec<u16> {
    let moves = plan.batches.iter().flat_map(|batch| &batch.moves);
    let mut slots: Vec<u16> = moves.map(|one| one.slot).collect();
    slots.sort_unstable();
    slots
}

/// 55 MB in all. Of the 20 MB that may move, all must to come near two halves.
#[test]
fn what_is_to_stay_stays_and_the_rest_is_balanced_around_it() {
    let goal = Goal {
        keep: vec![(1, 1), (7, 10)],
        ..rebalance()
    };
    let plan = made(&lopsided(), &goal);
    // 20 MB may move, which are less than half.
    assert_eq!(moved(&plan), [2, 3, 4, 5, 6]);
    assert_eq!(plan.outcome, Outcome::ReachedAroundHeld);
    let held: Vec<u16> = plan.held.iter().map(|held| held.slot).collect();
    assert_eq!(held, [1, 7, 8, 9, 10]);
    assert!(
        plan.held
            .iter()
            .all(|held| held.reasons == [HoldReason::AskedToStay])
    );
    assert_eq!(plan.balance.imbalance_after, plan.balance.imbalance_bound);
}

#[test]
fn a_drained_node_keeps_what_is_to_stay_and_the_plan_says_so() {
    let goal = Goal {
        keep: vec![(3, 4)],
        ..drain(&["a"])
    };
    let plan = made(&lopsided(), &goal);
    let Outcome::NotReachable { reasons } = &plan.outcome else {
        panic!("{:?}", plan.outcome)
    };
    let expected = "a.example:6379 (a) cannot be emptied: 2 slots (3, 4) that the goal keeps where they are (6.7 MiB)";
    assert_eq!(reasons, &[expected]);
}

#[test]
fn contradictions_are_errors() {
    let ask = |goal: &Goal| {
        plan(&lopsided().input(), goal, &PlanLimits::default()).expect_err("a contradiction")
    };
    let both = Goal {
        keep: vec![(3, 4)],
        ..order(&[(4, 5)], "a", "b")
    };
    assert_eq!(
        ask(&both),
        Error::KeptAndMoved {
            slot: 4,
            to: "b.example:6379 (b)".to_owned()
        }
    );
    for range in [(5, 4), (0, 16_384)] {
        let goal = Goal {
            keep: vec![range],
            ..rebalance()
        };
        let (first, last) = range;
        assert_eq!(ask(&goal), Error::Range { first, last });
    }
}

/// With one move, the largest slot takes most off the fullest node.
#[test]
fn the_first_moves_are_those_that_help_most() {
    for (max_moves, slots, fullest, outcome) in [
        (1, vec![10], 45_000_000, Outcome::PartlyReached),
        (2, vec![9, 10], 36_000_000, Outcome::PartlyReached),
        // 28 and 27 of 55 MB are as even as slots of whole megabytes can be.
        (3, vec![8, 9, 10], 28_000_000, Outcome::Reached),
    ] {
        let goal = Goal {
            max_moves: Some(max_moves),
            ..rebalance()
        };
        let plan = made(&lopsided(), &goal);
        assert_eq!(moved(&plan), slots, "{max_moves} moves");
        assert_eq!(
            plan.nodes[0].after.memory_bytes, fullest,
            "{max_moves} moves"
        );
        assert_eq!(plan.outcome, outcome, "{max_moves} moves");
    }
}

/// Of 12 MB, 10 and 2 is the most that fits; what is left over moves nothing.
#[test]
fn bytes_are_spent_on_the_fullest_node() {
    let goal = Goal {
        max_bytes: Some(12_000_000),
        ..rebalance()
    };
    let plan = made(&lopsided(), &goal);
    assert_eq!(plan.totals.moved.memory_bytes, 12_000_000);
    let ended = plan.ended_early.expect("the whole goal moves more");
    assert_eq!(ended.memory_bytes_in_all, 27_000_000, "28 and 27 of 55 MB");
}

#[test]
fn limits_that_do_not_bind_change_nothing() {
    let without = made(&lopsided(), &rebalance());
    let goal = Goal {
        max_moves: Some(16_384),
        max_bytes: Some(1 << 40),
        ..rebalance()
    };
    let with = made(&lopsided(), &goal);
    assert_eq!(
        (with.batches, with.outcome),
        (without.batches, without.outcome)
    );
    assert_eq!(with.ended_early, None);
}

/// An order and a drain are what was asked for by name: they come before what only evens out.
#[test]
fn orders_come_first_then_drains_then_balance() {
    let cluster = Cluster::even(3).keys(
        [
            Key::of_memory(5, 1_000_000),
            Key::of_memory(6_000, 2_000_000),
        ]
        .into_iter()
        .chain((11_000..11_020).map(|slot| Key::of_memory(slot, 3_000_000))),
    );
    let goal = |max_moves| Goal {
        drain: vec![id("b")],
        moves: vec![MoveOrder {
            slots: vec![(5, 5)],
            from: id("a"),
            to: id("c"),
        }],
        max_moves: Some(max_moves),
        ..rebalance()
    };
    assert_eq!(moved(&made(&cluster, &goal(1))), [5]);
    assert_eq!(moved(&made(&cluster, &goal(2))), [5, 6_000]);
    let three = moved(&made(&cluster, &goal(3)));
    assert_eq!(three[..2], [5, 6_000]);
    assert!(three[2] >= 11_000, "{three:?}");
}

/// However little may move, no node ends fuller than the fullest was.
#[test]
fn a_plan_that_ends_early_makes_nothing_worse() {
    let mut numbers = Numbers(5);
    for round in 0..60 {
        let nodes = 2 + numbers.below(5) as u16;
        let keys: Vec<Key> = (0..200)
            .map(|_| Key::of_memory(numbers.below(16_384) as u16, numbers.log(12, 23)))
            .collect();
        let cluster = Cluster::even(nodes).with_new(1).keys(keys);
        let goal = Goal {
            rebalance: true,
            max_moves: Some(1 + numbers.below(20) as u32),
            max_bytes: (round % 2 == 0).then(|| numbers.log(16, 27)),
            ..add_nodes(&["new-1"])
        };
        let plan = made(&cluster, &goal);
        let most = |of: fn(&NodePlan) -> u64| plan.nodes.iter().map(of).max().unwrap_or(0);
        let (before, after) = (
            most(|node| node.before.memory_bytes),
            most(|node| node.after.memory_bytes),
        );
        assert!(after <= before, "round {round}: {before} to {after}");
        assert!(plan.totals.moved.slots <= goal.max_moves.unwrap_or(0));
    }
}

/// Six hundred small keys on a, a hundred large ones on b: even in memory only.
#[test]
fn other_things_than_memory_can_be_balanced() {
    let keys = || {
        let small = (0..600u16).map(|key| Key::of_memory(key % 60, 10_000));
        small.chain((0..100u16).map(|key| Key::of_memory(9_000 + key, 60_000)))
    };
    let cluster = Cluster::even(2).keys(keys());
    assert_eq!(made(&cluster, &rebalance()).outcome, Outcome::NothingToDo);
    let by_keys = Goal {
        balance_by: Measure::Keys,
        ..rebalance()
    };
    let plan = made(&cluster, &by_keys);
    let counts: Vec<u64> = plan.nodes.iter().map(|node| node.after.keys).collect();
    assert_eq!(counts, [350, 350]);
    assert_eq!((plan.balance.moved, plan.balance.least_moved), (250, 250));

    // Room is room for memory all the same: 8.1 MB each, of which a has 6 and b has 6 now.
    let room = PlanLimits {
        maxmemory_bytes: Some(9_000_000),
        headroom: 0.1,
        ..PlanLimits::default()
    };
    let short = preshard_planner::plan(&cluster.input(), &by_keys, &room).expect("a plan");
    assert_eq!(audit(&short), []);
    assert!(
        short
            .nodes
            .iter()
            .all(|node| node.after.memory_bytes <= 8_100_000),
        "{:?}",
        short.nodes
    );
}
