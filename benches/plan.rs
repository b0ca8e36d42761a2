//! How long does planning take, and auditing?
//!
//! A cluster of six primaries with all 16384 slots, two million keys, unequal slots and some hundred keys that
//! cannot move:
//! - `add-two`: two nodes join and everything is balanced over eight.
//! - `drain-one`: one node is emptied.
//! - `what-ifs-64`: 64 goals beside each other, each plan audited, as `plan --sweep` makes them, on all cores.
//! - `audit`: every rule recomputed from the finished plan of `add-two`.
//!
//! A thousand nodes, all 16384 slots by Zipf's law, so that the largest slots are larger than any node's share:
//! - `thousand/rebalance`: every node has sixteen slots as they come.
//! - `thousand/add`: fifty nodes become a thousand.
//! - `thousand/drain`: a hundred of the thousand are emptied and the rest is balanced.
//!
//! The profile is built in memory from a seed; planning sees nothing else of a backup. Run with
//! `cargo bench --bench plan`.

#[path = "corpus/key_facts.rs"]
mod key_facts;
#[path = "corpus/random.rs"]
#[allow(dead_code, reason = "only numbers are needed here")]
mod random;

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use preshard_analyzer::{Allocator, SlotProfile, Tables, Target};
use preshard_planner::{
    Goal, Mover, NodeFacts, PlanInput, PlanLimits, PlanNode, Planner, audit, plan,
};
use preshard_slots::{NodeId, SLOT_COUNT, Slot, SlotSet};
use random::Random;
use rayon::prelude::*;

const KEYS: u64 = 2_000_000;
const PRIMARIES: u16 = 6;

/// Keys spread over the slots, three of four slots with twice as many as the rest; one key in 20 000
/// blocks for longer than any budget.
fn profile() -> SlotProfile {
    let mut random = Random::new("plan");
    let mut profile = SlotProfile::new(
        "redis-7.0",
        Tables::new(Target::Redis70, Allocator::Je3, true),
        5_000_000,
        1_000_000,
    );
    for i in 0..KEYS {
        let number = random.below(u64::from(SLOT_COUNT)) as u16;
        let number = if number.is_multiple_of(4) && i.is_multiple_of(2) {
            number + 1
        } else {
            number
        };
        let Some(slot) = Slot::new(number) else {
            continue;
        };
        let bytes = match random.below(20_000) {
            0 => 5_000_000 + random.below(100_000_000),
            1..100 => random.below(400_000),
            _ => 20 + random.below(1_000),
        };
        profile.add(&key_facts::of_string(i, slot, bytes));
    }
    profile.finish();
    profile
}

fn nodes(planned: u32) -> Vec<PlanNode> {
    let per_node = SLOT_COUNT.div_ceil(PRIMARIES);
    let primaries = (0..PRIMARIES).map(|index| PlanNode {
        id: NodeId(format!("{index:040x}")),
        address: format!("10.0.0.{index}:6379"),
        slots: Slot::all()
            .filter(|slot| slot.number() / per_node == index)
            .collect(),
        planned: false,
        known: true,
        facts: NodeFacts::default(),
    });
    primaries.chain(nodes_to_come(planned)).collect()
}

fn nodes_to_come(count: u32) -> impl Iterator<Item = PlanNode> {
    (1..=count).map(|index| PlanNode {
        id: NodeId(format!("new-{index}")),
        address: String::new(),
        slots: SlotSet::new(),
        planned: true,
        known: true,
        facts: NodeFacts::default(),
    })
}

fn planning(criterion: &mut Criterion) {
    let profile = profile();
    let limits = PlanLimits::default();
    let mut group = criterion.benchmark_group("plan");
    group.sample_size(10);

    let input = PlanInput {
        nodes: nodes(2),
        profile: &profile,
        doubts: &[],
        mover: Mover::default(),
    };
    let goal = Goal {
        rebalance: true,
        add: vec![NodeId("new-1".to_owned()), NodeId("new-2".to_owned())],
        ..Goal::default()
    };
    group.bench_function("add-two", |bencher| {
        bencher.iter(|| plan(black_box(&input), &goal, &limits).expect("a plan"));
    });
    let made = plan(&input, &goal, &limits).expect("a plan");
    assert!(made.totals.moved.slots > 1_000, "{:?}", made.totals);
    group.bench_function("audit", |bencher| {
        bencher.iter(|| assert!(audit(black_box(&made)).is_empty()));
    });

    let input = PlanInput {
        nodes: nodes(0),
        profile: &profile,
        doubts: &[],
        mover: Mover::default(),
    };
    let goal = Goal {
        drain: vec![NodeId(format!("{:040x}", 3))],
        ..Goal::default()
    };
    group.bench_function("drain-one", |bencher| {
        bencher.iter(|| plan(black_box(&input), &goal, &limits).expect("a plan"));
    });

    group.bench_function("what-ifs-64", |bencher| {
        bencher.iter(|| {
            let planner = Planner::new(black_box(&profile), &[], &limits).expect("a profile");
            let moved: u64 = (1..=64u32)
                .into_par_iter()
                .map(|added| {
                    let goal = Goal {
                        rebalance: true,
                        add: (1..=added)
                            .map(|number| NodeId(format!("new-{number}")))
                            .collect(),
                        ..Goal::default()
                    };
                    let plan = planner
                        .plan(nodes(added), Mover::Migrate, &goal)
                        .expect("a plan");
                    assert!(audit(&plan).is_empty());
                    u64::from(plan.totals.moved.slots)
                })
                .sum();
            assert!(moved > 64_000, "{moved}");
        });
    });
    group.finish();
}

/// One key a slot; which slot is how large is shuffled by a multiplication that no two slots share.
fn zipf() -> SlotProfile {
    let mut profile = SlotProfile::new(
        "redis-7.0",
        Tables::new(Target::Redis70, Allocator::Je3, true),
        5_000_000,
        1_000_000,
    );
    for slot in Slot::all() {
        let rank = u64::from(slot.number()) * 5_167 % u64::from(SLOT_COUNT) + 1;
        let bytes = 8_000_000_000 / rank;
        profile.add(&key_facts::of_string(rank, slot, bytes.min(2_000_000)));
        for part in 1..bytes / 2_000_000 {
            profile.add(&key_facts::of_string(part << 20 | rank, slot, 2_000_000));
        }
    }
    profile.finish();
    profile
}

fn many_nodes(owners: u32, planned: u32) -> Vec<PlanNode> {
    let owner = |slot: Slot| u32::from(slot.number()) * owners / u32::from(SLOT_COUNT);
    let mut nodes: Vec<PlanNode> = (0..owners)
        .map(|index| PlanNode {
            id: NodeId(format!("{index:040x}")),
            address: format!("10.0.0.{index}:6379"),
            slots: Slot::all().filter(|&slot| owner(slot) == index).collect(),
            planned: false,
            known: true,
            facts: NodeFacts::default(),
        })
        .collect();
    nodes.extend(nodes_to_come(planned));
    nodes
}

fn thousand(criterion: &mut Criterion) {
    let profile = zipf();
    let limits = PlanLimits::default();
    let mut group = criterion.benchmark_group("thousand");
    group.sample_size(10);
    let cases = [
        ("rebalance", many_nodes(1_000, 0), Goal::default()),
        (
            "add",
            many_nodes(50, 950),
            Goal {
                add: (1..=950).map(|n| NodeId(format!("new-{n}"))).collect(),
                ..Goal::default()
            },
        ),
        (
            "drain",
            many_nodes(1_000, 0),
            Goal {
                drain: (0..100).map(|n| NodeId(format!("{n:040x}"))).collect(),
                ..Goal::default()
            },
        ),
    ];
    for (name, nodes, goal) in cases {
        let input = PlanInput {
            nodes,
            profile: &profile,
            doubts: &[],
            mover: Mover::default(),
        };
        let goal = Goal {
            rebalance: true,
            ..goal
        };
        let made = plan(&input, &goal, &limits).expect("a plan");
        println!(
            "{name}: {:?}, {} slots move",
            made.balance, made.totals.moved.slots
        );
        group.bench_function(name, |bencher| {
            bencher.iter(|| plan(black_box(&input), &goal, &limits).expect("a plan"));
        });
    }
    group.finish();
}

criterion_group!(benches, planning, thousand);
criterion_main!(benches);
