//! What a plan says of nodes, slots and keys that it leaves alone, and of limits that nobody stated.

mod made_up;

use made_up::sound::{cluster, limits};
use made_up::{Cluster, Key, add_nodes, drain, id, order, rebalance};
use preshard_planner::plan::{Outcome, Plan, RuleReport, RuleStatus, Verdict};
use preshard_planner::{Error, Goal, PlanLimits, plan};

fn reasons(plan: &Plan) -> &[String] {
    match &plan.outcome {
        Outcome::NotReachable { reasons } => reasons,
        other => panic!("{other:?}"),
    }
}

/// Node c is not known; it would be the emptiest.
fn with_unknown() -> Cluster {
    let keys = (0..120).map(|slot| Key::of_memory(slot, 100_000));
    let mut cluster = Cluster::even(3)
        .with_new(1)
        .keys(keys.chain([Key::of_memory(12_000, 1_000_000)]));
    cluster.nodes[2].known = false;
    cluster
}

#[test]
fn a_node_that_is_not_known_has_no_part() {
    let cluster = with_unknown();
    let plan = plan(&cluster.input(), &rebalance(), &PlanLimits::default()).expect("a plan");
    assert_eq!(plan.outcome, Outcome::Reached);
    let c = &plan.nodes[2];
    assert!(!c.known && c.weight == 0.0);
    assert_eq!(c.before, c.after);
    assert_eq!(c.ideal_share, 1_000_000, "what was seen of it stays");
    assert_eq!(c.reachable_share, 1_000_000);
    let loads = [&plan.nodes[0], &plan.nodes[1]].map(|node| node.after.memory_bytes);
    assert_eq!(loads, [6_000_000, 6_000_000], "12 MB among the two others");
    assert_eq!(plan.balance.imbalance_before, 1.0);
    assert_eq!(plan.balance.imbalance_after, 0.0);
}

#[test]
fn what_is_asked_of_a_node_that_is_not_known_cannot_be_had() {
    let why = "what c.example:6379 (c) holds is not known";
    let of_it = "what it holds is not known";
    let table: [(Goal, &str, &str); 5] = [
        (drain(&["c"]), "c.example:6379 (c) cannot be emptied", of_it),
        (
            order(&[(3, 9)], "a", "c"),
            "nothing can be moved from a.example:6379 (a) to c",
            why,
        ),
        (
            order(&[(12_000, 12_000)], "c", "b"),
            "nothing can be moved from c.example:6379 (c)",
            why,
        ),
        (
            Goal {
                weights: vec![(id("c"), 2.0)],
                ..Goal::default()
            },
            "c.example:6379 (c) cannot be given a weight",
            of_it,
        ),
        (
            Goal {
                weights: vec![(id("c"), 0.0)],
                ..add_nodes(&["new-1"])
            },
            "c.example:6379 (c) cannot be emptied",
            of_it,
        ),
    ];
    for (goal, start, why) in table {
        let plan = plan(&with_unknown().input(), &goal, &PlanLimits::default()).expect("a plan");
        let reason = &reasons(&plan)[0];
        assert!(
            reason.starts_with(start) && reason.contains(why),
            "{goal:?}: {reason}"
        );
        let touched = plan
            .batches
            .iter()
            .any(|batch| batch.source == id("c") || batch.target == id("c"));
        assert!(!touched, "{goal:?}");
    }
    let mut nobody = with_unknown();
    nobody.nodes[1].known = false;
    assert_eq!(
        plan(&nobody.input(), &drain(&["a"]), &PlanLimits::default()),
        Err(Error::AllDrained)
    );
    nobody.nodes[0].known = false;
    nobody.nodes[3].known = false;
    let plan = plan(&nobody.input(), &rebalance(), &PlanLimits::default()).expect("a plan");
    assert!(reasons(&plan)[0].starts_with("nothing can be balanced"));
}

fn rule<'a>(plan: &'a Plan, name: &str) -> &'a RuleReport {
    plan.rules
        .iter()
        .find(|report| report.rule == name)
        .unwrap_or_else(|| panic!("no rule {name}"))
}

#[test]
fn held_slots_are_in_the_way_only_where_the_goal_wants_them_to_move() {
    // Giants on b only; a has the small keys.
    let keys = (0..100).map(|slot| Key::of_memory(slot, 300_000));
    let cluster = Cluster::even(2)
        .with_new(1)
        .keys(keys.chain([Key::with_block_ms(9_000, 80), Key::with_block_ms(9_001, 80)]));
    let table = [
        (
            order(&[(5, 9)], "a", "b"),
            [false, false],
            RuleStatus::Satisfied,
        ),
        (
            order(&[(9_001, 9_001)], "b", "a"),
            [false, true],
            RuleStatus::Bound,
        ),
        (drain(&["a"]), [false, false], RuleStatus::Satisfied),
        (drain(&["b"]), [true, true], RuleStatus::Bound),
        // b holds 6 of 36 MB and gives nothing.
        (add_nodes(&["new-1"]), [false, false], RuleStatus::Satisfied),
    ];
    for (goal, expected, status) in table {
        let plan = plan(&cluster.input(), &goal, &PlanLimits::default()).expect("a plan");
        let found: Vec<bool> = plan.held.iter().map(|held| held.in_the_way).collect();
        assert_eq!(found, expected, "{goal:?}");
        assert_eq!(rule(&plan, "pin-not-move").status, status, "{goal:?}");
        for key in &plan.oversized {
            let stays = if expected[usize::from(key.slot - 9_000)] {
                "Leave the slot where it is: this plan does."
            } else {
                "This plan does not touch it."
            };
            assert!(key.remedy.starts_with(stays), "{goal:?}: {}", key.remedy);
        }
    }
    let heavier = Goal {
        weights: vec![(id("b"), 0.1)],
        ..Goal::default()
    };
    let plan = plan(&cluster.input(), &heavier, &PlanLimits::default()).expect("a plan");
    assert!(
        plan.held.iter().all(|held| held.in_the_way),
        "b should give"
    );
}

#[test]
fn a_consented_key_is_not_told_to_stay() {
    let consent = PlanLimits {
        allow_oversized: true,
        ..PlanLimits::default()
    };
    let cluster = Cluster::even(2).keys([Key::with_block_ms(5, 80), Key::with_block_ms(9_000, 70)]);
    let plan = plan(&cluster.input(), &drain(&["a"]), &consent).expect("a plan");
    let found: Vec<_> = plan
        .oversized
        .iter()
        .map(|key| (key.slot, key.moves))
        .collect();
    assert_eq!(found, [(5, true), (9_000, false)]);
    let remedy = &plan.oversized[0].remedy;
    // 80 ms and 0.1 ms for the call itself, twice.
    for part in [
        "moves it by consent, in a call of its own",
        "80.1 ms",
        "160.2 ms",
        "CLUSTER NODES",
    ] {
        assert!(remedy.contains(part), "no {part:?} in {remedy}");
    }
    assert!(!remedy.contains("Leave the slot"), "{remedy}");
    assert!(
        plan.oversized[1]
            .remedy
            .starts_with("This plan does not touch it.")
    );
}

#[test]
fn limits_that_nobody_stated_leave_their_rules_unverified() {
    use RuleStatus::{Bound, Satisfied, Unverified};
    let small = Cluster::even(2).keys((0..9).map(|slot| Key::of_memory(slot, 3_000)));
    let statuses = |cluster: &Cluster, assumed: &[&str]| {
        let limits = PlanLimits {
            assumed: assumed.iter().map(|&name| name.to_owned()).collect(),
            ..PlanLimits::default()
        };
        let plan = plan(&cluster.input(), &rebalance(), &limits).expect("a plan");
        [
            "block-budget",
            "restore-failover-clock",
            "timeout-from-silence",
            "payload-limits",
        ]
        .map(|name| {
            let report = rule(&plan, name);
            (report.status, report.detail.contains("CONFIG GET"))
        })
    };
    assert_eq!(statuses(&small, &[]), [(Satisfied, false); 4]);
    assert_eq!(
        statuses(&small, &["cluster_node_timeout_ms"]),
        [
            (Unverified, true),
            (Unverified, true),
            (Unverified, true),
            (Satisfied, false)
        ]
    );
    assert_eq!(
        statuses(&small, &["replica_buffer_hard_bytes"]),
        [
            (Satisfied, false),
            (Satisfied, false),
            (Satisfied, false),
            (Unverified, true)
        ]
    );
    // Keys break three of the rules, and the defaults are named all the same.
    assert_eq!(
        statuses(
            &cluster(),
            &["cluster_node_timeout_ms", "proto_max_bulk_bytes"]
        )[..2],
        [(Bound, true), (Unverified, true)]
    );
}

#[test]
fn details_are_sentences() {
    let limits = PlanLimits {
        assumed: vec!["cluster_node_timeout_ms".to_owned()],
        ..limits()
    };
    let plan = plan(&cluster().input(), &add_nodes(&["new-1"]), &limits).expect("a plan");
    assert!(
        rule(&plan, "block-budget").detail.starts_with(
            "a call may block for 50 ms: the latency budget of 100 ms, divided by 2, since every prediction is taken \
             2 times; "
        ),
        "{}",
        rule(&plan, "block-budget").detail
    );
    assert!(
        rule(&plan, "block-budget").detail.ends_with(
            "nobody stated cluster-node-timeout 15000 ms, so the server's default stands in: compare with CONFIG GET \
             on every node"
        )
    );
    let preflight = rule(&plan, "preflight");
    assert_eq!(preflight.status, RuleStatus::Unverified);
    let checks: Vec<String> = plan
        .preflight
        .iter()
        .map(|check| format!("{:?} {}", check.command, check.expects))
        .collect();
    for word in [
        "--cluster check",
        "[ marks",
        "owner",
        "no older one",
        "MODULE LIST",
        "FUNCTION LIST",
        "offset",
        "bgsave",
        "cluster-node-timeout",
        "lazyfree-lazy-server-del",
    ] {
        let mut checks = checks.iter();
        assert!(checks.any(|check| check.contains(word)), "no {word:?}");
    }
    assert!(
        plan.oversized
            .iter()
            .any(|key| key.verdict == Verdict::Forbidden),
        "the cluster has a giant of each kind"
    );
}
