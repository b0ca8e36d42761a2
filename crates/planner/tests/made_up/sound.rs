//! Sound plans over one cluster that meets every rule.

use preshard_planner::plan::Plan;
use preshard_planner::{Goal, Mover, PlanLimits, audit, plan};

use super::{Cluster, Key, add_nodes, drain, order, rebalance};

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
    let plan = sound_on(&cluster(), goal, limits);
    assert!(plan.batches.len() > 1, "{} batches", plan.batches.len());
    plan
}

fn sound_on(cluster: &Cluster, goal: &Goal, limits: &PlanLimits) -> Plan {
    let plan = plan(&cluster.input(), goal, limits).expect("a plan");
    assert_eq!(audit(&plan), [], "the plan to be broken is sound");
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

/// Two pairs of nodes, each with mild slots and a giant: the mild ones move side by side, the giants do not.
pub fn side_by_side() -> Plan {
    let mild = (0..20u16).flat_map(|slot| [slot, 8_192 + slot]);
    let keys = mild.map(|slot| Key::with_block_ms(slot, 1));
    let giants = [
        Key::with_block_ms(20, 30),
        Key::with_block_ms(8_192 + 20, 35),
    ];
    let cluster = Cluster::even(4).keys(keys.chain(giants));
    let mut goal = order(&[(0, 20)], "a", "b");
    goal.moves.extend(order(&[(8_192, 8_212)], "c", "d").moves);
    let limits = PlanLimits {
        batches_side_by_side: 8,
        slots_per_batch_max: 5,
        prediction_low: 0.5,
        prediction_high: 1.5,
        ..PlanLimits::default()
    };
    let plan = sound_on(&cluster, &goal, &limits);
    let widths: Vec<usize> = plan
        .schedule
        .waves
        .iter()
        .map(|wave| wave.batches.len())
        .collect();
    assert_eq!(widths, [2, 2, 2, 2, 1, 1]);
    plan
}

pub fn windowed() -> Plan {
    let limits = PlanLimits {
        slots_per_batch_max: 5,
        window_ms: Some(1_000),
        ..limits()
    };
    let plan = sound(&order(&[(8_000, 8_500), (9_000, 9_900)], "b", "c"), &limits);
    assert!(
        plan.schedule.windows > Some(2),
        "{:?}",
        plan.schedule.windows
    );
    plan
}

/// Keys with a number divisible by three expire in 2030, the plan begins in 2031.
pub fn dated() -> Plan {
    let limits = PlanLimits {
        starts_at_ms: Some(1_930_000_000_000),
        ..limits()
    };
    let plan = sound(&drain(&["a"]), &limits);
    let mut moves = plan.batches.iter().flat_map(|batch| &batch.moves);
    assert!(moves.any(|slot_move| slot_move.expired_keys > 0));
    plan
}

fn on_servers(server: &str) -> Cluster {
    let mut cluster = cluster();
    for node in &mut cluster.nodes {
        node.facts.server = Some(server.to_owned());
    }
    cluster
}

/// The servers move the slots themselves, by `CLUSTER MIGRATESLOTS`.
pub fn by_valkey() -> Plan {
    sound_on(
        &on_servers("valkey-9.1.2"),
        &add_nodes(&["new-1"]),
        &limits(),
    )
}

/// By `CLUSTER MIGRATION IMPORT`.
pub fn by_redis() -> Plan {
    sound_on(&on_servers("redis-8.6.3"), &drain(&["a"]), &limits())
}

/// The node that joins is smaller than the others.
pub fn unequal() -> Plan {
    let mut cluster = cluster();
    cluster.nodes[3].facts.maxmemory_bytes = Some(30_000_000);
    let plan = sound_on(&cluster, &add_nodes(&["new-1"]), &limits());
    assert!(plan.nodes[3].after.memory_bytes > 20_000_000);
    plan
}

/// Nobody stated how much nodes may hold.
pub fn roomless() -> Plan {
    sound(&rebalance(), &PlanLimits::default())
}

/// A service with an item that it refuses.
pub fn managed() -> Plan {
    let mut cluster = cluster();
    cluster.mover = Mover::Managed;
    let plan = sound_on(&cluster, &add_nodes(&["new-1"]), &limits());
    assert_eq!(plan.oversized.len(), 1);
    plan
}

/// No more than twenty slots may move.
pub fn cut_short() -> Plan {
    let goal = Goal {
        max_moves: Some(20),
        ..add_nodes(&["new-1"])
    };
    let plan = sound_on(&cluster(), &goal, &limits());
    assert!(plan.ended_early.is_some());
    plan
}
