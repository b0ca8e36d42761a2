//! Sound plans over one cluster that meets every rule.

use preshard_planner::plan::Plan;
use preshard_planner::{Goal, PlanLimits, audit, plan};

use super::{Cluster, Key, add_nodes, drain, order};

/// A cluster that meets every rule: swept slots, heavy keys, giants of each kind, a doubt, an unowned range.
pub fn cluster() -> Cluster {
    let mut keys = Vec::new();
    for slot in (0..16_000u16).step_by(40) {
        for _ in 0..3 {
            keys.push(Key::of_memory(slot, 40_000 + u64::from(slot)));
        }
    }
    // More keys than a call may carry, so that the sweep is bound by time.
    keys.extend((0..300).map(|_| Key::of_memory(40, 250_000)));
    keys.extend([
        Key::with_block_ms(80, 20),
        Key::with_block_ms(80, 30),
        Key::with_block_ms(120, 48),
        Key::with_block_ms(160, 70),
        Key::with_block_ms(200, 9_000),
        Key {
            payload_bytes: 300 << 20,
            ..Key::with_block_ms(240, 40)
        },
        Key {
            nameless: true,
            ..Key::with_block_ms(280, 60)
        },
    ]);
    let mut ranges: Vec<Vec<(u16, u16)>> = vec![vec![(0, 7_999)], vec![(8_000, 12_999)]];
    ranges.push(vec![(13_000, 16_300)]);
    let ranges: Vec<&[(u16, u16)]> = ranges.iter().map(Vec::as_slice).collect();
    Cluster::new(&ranges)
        .with_new(1)
        .keys(keys)
        .doubt(320, "the slot is open")
}

pub fn limits() -> PlanLimits {
    PlanLimits {
        maxmemory_bytes: Some(400_000_000),
        ..PlanLimits::default()
    }
}

pub fn sound(goal: &Goal, limits: &PlanLimits) -> Plan {
    let cluster = cluster();
    let plan = plan(&cluster.input(), goal, limits).expect("a plan");
    assert_eq!(audit(&plan), [], "the plan to be broken is sound");
    assert!(plan.batches.len() > 1, "{} batches", plan.batches.len());
    plan
}

pub fn added() -> Plan {
    sound(&add_nodes(&["new-1"]), &limits())
}

/// Drains the node that has the heavy keys; by consent, one giant moves.
pub fn drained() -> Plan {
    let consent = PlanLimits {
        allow_oversized: true,
        ..limits()
    };
    sound(&drain(&["a"]), &consent)
}

pub fn ordered() -> Plan {
    sound(
        &order(&[(8_000, 8_500), (9_000, 9_900)], "b", "c"),
        &PlanLimits {
            slots_per_batch_max: 5,
            ..limits()
        },
    )
}

/// The same without consent: the giant is held.
pub fn drained_strictly() -> Plan {
    sound(&drain(&["a"]), &limits())
}
