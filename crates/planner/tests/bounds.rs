//! The bounds of the balance, against every division there is.

mod made_up;

use made_up::{Cluster, Key, Numbers, add_nodes, drain, order, rebalance};
use preshard_planner::plan::{HoldReason, Outcome, Plan};
use preshard_planner::{Goal, PlanLimits, plan};

const NODES: usize = 3;
const PER_NODE: u16 = 16_384 / 3 + 1;

/// A small cluster as every division sees it.
struct Small {
    /// Home and memory of each slot, and whether a key pins it.
    slots: Vec<(usize, u64, bool)>,
    cluster: Cluster,
}

fn small(numbers: &mut Numbers) -> Small {
    let count = 3 + numbers.below(5);
    let mut slots: Vec<(usize, u64, bool)> = (0..count)
        .map(|_| {
            let home = numbers.below(NODES as u64) as usize;
            (home, numbers.log(18, 24), numbers.below(5) == 0)
        })
        .collect();
    slots.sort_unstable();
    let keys: Vec<Key> = slots
        .iter()
        .enumerate()
        .map(|(index, &(home, memory_bytes, pinned))| Key {
            memory_bytes: Some(memory_bytes),
            payload_bytes: 1_000,
            ..Key::with_block_ms(
                home as u16 * PER_NODE + index as u16,
                if pinned { 90 } else { 1 },
            )
        })
        .collect();
    Small {
        slots,
        cluster: Cluster::even(NODES as u16).keys(keys),
    }
}

/// What is asked, in the terms of the brute force.
#[derive(Clone, Copy, PartialEq)]
enum Asked {
    Balance,
    DrainA,
    BalanceAndDrainA,
    MoveFirst,
}

impl Asked {
    fn goal(self, small: &Small) -> Goal {
        match self {
            Asked::Balance => rebalance(),
            Asked::DrainA => drain(&["a"]),
            Asked::BalanceAndDrainA => Goal {
                rebalance: true,
                ..drain(&["a"])
            },
            Asked::MoveFirst => {
                let (home, ..) = small.slots[0];
                let slot = home as u16 * PER_NODE;
                let (from, to) = (["a", "b", "c"][home], ["a", "b", "c"][(home + 1) % 3]);
                order(&[(slot, slot)], from, to)
            }
        }
    }

    /// Where a slot may end, in any plan.
    fn places(self, small: &Small, index: usize, heed_pins: bool) -> Vec<usize> {
        let (home, _, pinned) = small.slots[index];
        if pinned && heed_pins {
            return vec![home];
        }
        match self {
            Asked::Balance => vec![0, 1, 2],
            Asked::DrainA if home != 0 => vec![home],
            // A drained node may keep what finds no room, but is given nothing.
            Asked::DrainA => vec![0, 1, 2],
            Asked::BalanceAndDrainA if home != 0 => vec![1, 2],
            Asked::BalanceAndDrainA => vec![0, 1, 2],
            Asked::MoveFirst if index == 0 => vec![(home + 1) % 3],
            Asked::MoveFirst => vec![home],
        }
    }
}

/// The least imbalance over every way to place the slots, and over the complete ones: those that leave nothing
/// on a drained node but what is pinned there.
fn least(small: &Small, asked: Asked, room: u64, heed_pins: bool) -> (Option<f64>, Option<f64>) {
    let mut before = [0u64; NODES];
    for &(home, bytes, _) in &small.slots {
        before[home] += bytes;
    }
    let drains = matches!(asked, Asked::DrainA | Asked::BalanceAndDrainA);
    let (mut any, mut complete) = (None::<f64>, None::<f64>);
    let total = 3usize.pow(small.slots.len() as u32);
    'division: for code in 0..total {
        let mut loads = [0u64; NODES];
        let mut left_behind = false;
        let mut digits = code;
        for (index, &(home, bytes, pinned)) in small.slots.iter().enumerate() {
            let place = digits % 3;
            digits /= 3;
            if !asked.places(small, index, heed_pins).contains(&place) {
                continue 'division;
            }
            loads[place] += bytes;
            left_behind |= drains && home == 0 && place == 0 && !(pinned && heed_pins);
        }
        if (0..NODES).any(|node| loads[node] > room.max(before[node])) {
            continue;
        }
        let part = if drains { &loads[1..] } else { &loads[..] };
        let sum: u64 = part.iter().sum();
        let imbalance = if sum == 0 {
            0.0
        } else {
            let most = part.iter().copied().max().unwrap_or(0) as f64;
            most * part.len() as f64 / sum as f64 - 1.0
        };
        any = Some(any.map_or(imbalance, |least| least.min(imbalance)));
        if !left_behind {
            complete = Some(complete.map_or(imbalance, |least| least.min(imbalance)));
        }
    }
    (any, complete)
}

fn is_complete(plan: &Plan) -> bool {
    !plan
        .held
        .iter()
        .any(|held| held.reasons.contains(&HoldReason::NoRoom))
}

#[test]
fn no_division_beats_the_bounds() {
    let mut numbers = Numbers(23);
    let (mut short, mut checked) = (0, 0);
    for round in 0..160 {
        let small = small(&mut numbers);
        let asked = [
            Asked::Balance,
            Asked::DrainA,
            Asked::BalanceAndDrainA,
            Asked::MoveFirst,
        ][round % 4];
        let maxmemory = (numbers.below(3) > 0).then(|| numbers.log(22, 26));
        let limits = PlanLimits {
            maxmemory_bytes: maxmemory,
            headroom: 0.25,
            ..PlanLimits::default()
        };
        let room = maxmemory.map_or(u64::MAX, |maxmemory| maxmemory * 3 / 4);
        let plan = plan(&small.cluster.input(), &asked.goal(&small), &limits).expect("a plan");
        let complete = is_complete(&plan);
        short += usize::from(!complete);
        for (heed_pins, bound) in [
            (true, plan.balance.imbalance_bound),
            (false, plan.balance.imbalance_bound_none_held),
        ] {
            let (any, whole) = least(&small, asked, room, heed_pins);
            if let Some(least) = if complete { whole } else { any } {
                checked += 1;
                assert!(
                    bound <= least + 2e-6,
                    "round {round}, pins {heed_pins}: {:?} under {maxmemory:?}, bound {bound}, but {least} can be had",
                    small.slots
                );
            }
        }
    }
    assert!(
        short > 10 && checked > 150,
        "{short} short of room, {checked} checked"
    );
}

/// Two nodes of unequal memory that only receive, and a drained one that keeps a giant: 30 of 40 MB lie on b
/// and cannot leave it.
#[test]
fn what_does_not_give_is_fixed() {
    let key = |slot, memory_bytes, block_ms| Key {
        memory_bytes: Some(memory_bytes),
        payload_bytes: 1_000,
        ..Key::with_block_ms(slot, block_ms)
    };
    let cluster = Cluster::even(3).keys([
        key(0, 2_000_000, 1),
        key(1, 50_000_000, 90),
        key(6_000, 30_000_000, 1),
        key(12_000, 8_000_000, 1),
    ]);
    let plan = plan(&cluster.input(), &drain(&["a"]), &PlanLimits::default()).expect("a plan");
    assert!(matches!(plan.outcome, Outcome::NotReachable { .. }));
    assert_eq!(
        plan.balance.imbalance_bound, 0.5,
        "30 of 40 MB on one of two"
    );
    assert_eq!(plan.balance.imbalance_after, 0.5);
    // Were the giant divisible and free, 60 MB could come beside 30.
    assert_eq!(plan.balance.imbalance_bound_none_held, 0.0);
}

fn reasons(plan: &Plan) -> String {
    match &plan.outcome {
        Outcome::NotReachable { reasons } => reasons.join("; "),
        other => panic!("{other:?}"),
    }
}

#[test]
fn maxmemory_that_stands_in_the_way_is_named() {
    let keys = || (0..300).map(|index| Key::of_memory((index % 3) * 5_462 + index / 3, 200_000));
    let cluster = Cluster::even(3).with_new(1).keys(keys());
    for (maxmemory_bytes, headroom, in_words) in [
        (16, 0.2, "may fill 80.0 % of it"),
        (64 << 20, 0.99, "may fill 1.0 % of it"),
    ] {
        let limits = PlanLimits {
            maxmemory_bytes: Some(maxmemory_bytes),
            headroom,
            ..PlanLimits::default()
        };
        let plan = plan(&cluster.input(), &add_nodes(&["new-1"]), &limits).expect("a plan");
        let reasons = reasons(&plan);
        for part in [in_words, "without that 0.0 %"] {
            assert!(reasons.contains(part), "{maxmemory_bytes}: {reasons}");
        }
    }
}

#[test]
fn an_added_node_that_gets_nothing_is_no_success() {
    let keys = |count: u16| (0..count).map(|slot| Key::of_memory(slot, 900_000));
    let tiny = PlanLimits {
        proto_max_bulk_bytes: 10,
        ..PlanLimits::default()
    };
    let cluster = Cluster::even(2).with_new(1).keys(keys(30));
    let held = plan(&cluster.input(), &add_nodes(&["new-1"]), &tiny).expect("a plan");
    let expected = "new-1 gets nothing, though its share would be 8.6 MiB: every slot that holds memory is held";
    assert_eq!(reasons(&held), expected);

    let one_slot = Cluster::even(2).with_new(1).keys(keys(1));
    let plan = plan(
        &one_slot.input(),
        &add_nodes(&["new-1"]),
        &PlanLimits::default(),
    )
    .expect("a plan");
    assert!(
        reasons(&plan).starts_with("new-1 gets nothing"),
        "{}",
        reasons(&plan)
    );
}

/// 90 MB on a node of 60 MB: what a new node is for. Headroom is 12 MB, the buffers of a call 3 payloads.
#[test]
fn a_source_over_maxmemory_can_give() {
    let moved = |payload_bytes| {
        let cluster = Cluster::even(1).with_new(1).keys((0..30).map(|slot| Key {
            payload_bytes,
            ..Key::with_block_ms(slot, 40)
        }));
        let limits = PlanLimits {
            maxmemory_bytes: Some(60_000_000),
            ..PlanLimits::default()
        };
        let plan = plan(&cluster.input(), &add_nodes(&["new-1"]), &limits).expect("a plan");
        plan.nodes[1].after.memory_bytes
    };
    assert_eq!(moved(4_000_000), 45_000_000, "3 * 4 MB are the headroom");
    assert_eq!(moved(4_000_001), 0, "a byte more is too much");
}
