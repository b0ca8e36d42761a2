//! The calls of one slot, against the keys themselves.

mod made_up;

use made_up::{Cluster, FLOOR_BLOCK_NS, Key, Numbers, order};
use preshard_planner::plan::{HoldReason, SlotMove, Verdict};
use preshard_planner::{PlanLimits, plan};

/// How slot 7 moves when it holds these keys.
fn slot_move(keys: Vec<Key>, limits: &PlanLimits) -> SlotMove {
    let cluster = Cluster::even(2).keys(keys);
    let plan = plan(&cluster.input(), &order(&[(7, 7)], "a", "b"), limits).expect("a plan");
    let batch = plan.batches.into_iter().next().expect("the slot moves");
    batch.moves.into_iter().next().expect("the slot moves")
}

fn held_for(keys: Vec<Key>, limits: &PlanLimits) -> Vec<HoldReason> {
    let cluster = Cluster::even(2).keys(keys);
    let plan = plan(&cluster.input(), &order(&[(7, 7)], "a", "b"), limits).expect("a plan");
    assert!(plan.batches.is_empty(), "{:?}", plan.batches);
    plan.held
        .into_iter()
        .next()
        .expect("the slot is held")
        .reasons
}

fn small(block_us: u64, payload_bytes: u64) -> Key {
    Key {
        block_ns: block_us * 1_000,
        restore_ns: block_us * 300,
        payload_bytes,
        ..Key::of_memory(7, 1_000)
    }
}

/// The server may return any keys: the worst hundred, a hundred at random, the worst and the largest together.
#[test]
fn no_choice_of_keys_breaks_the_budget_of_a_sweep() {
    let mut numbers = Numbers(3);
    for round in 0..40 {
        let limits = PlanLimits {
            replica_buffer_hard_bytes: 1 << numbers.below(10).saturating_add(18),
            latency_budget_ms: 10 + 2 * numbers.below(50),
            ..PlanLimits::default()
        };
        let part = limits.replica_buffer_hard_bytes / 10;
        let keys: Vec<Key> = (0..200 + numbers.below(2_000))
            .map(|_| small(1 + numbers.log(1, 11), numbers.below(part.min(99_000))))
            .collect();
        let heavy_limit_us = limits.latency_budget_ms * 500 / 10;
        let moved = slot_move(keys.clone(), &limits);
        let sweep = moved.sweep.expect("a sweep");

        // Keys below the floor have no name and are swept in any case.
        let mut swept: Vec<&Key> = keys
            .iter()
            .filter(|key| {
                key.block_ns < FLOOR_BLOCK_NS || key.block_ns / 1_000 + 100 <= heavy_limit_us
            })
            .collect();
        assert_eq!(moved.heavy.len() + swept.len(), keys.len(), "round {round}");
        let n = sweep.keys_per_call as usize;
        for by in [
            |key: &Key| key.block_ns,
            |key: &Key| key.payload_bytes,
            |key: &Key| key.block_ns.wrapping_mul(0x9e37_79b9_7f4a_7c15),
        ] {
            swept.sort_by_key(|key| std::cmp::Reverse(by(key)));
            for call in swept.chunks(n) {
                let block_ns: u64 = call.iter().map(|key| key.block_ns).sum();
                let payload: u64 = call.iter().map(|key| key.payload_bytes).sum();
                let restore_ns = call.iter().map(|key| key.restore_ns).max().unwrap_or(0);
                let block_us = 100 + block_ns.div_ceil(1_000);
                assert!(
                    2 * block_us <= limits.latency_budget_ms * 1_000,
                    "round {round}: {block_us} us"
                );
                assert!(
                    block_us <= sweep.worst_block_us,
                    "round {round}: {block_us} us"
                );
                assert!(
                    payload < limits.replica_buffer_hard_bytes,
                    "round {round}: {payload} bytes"
                );
                assert!(
                    payload <= sweep.payload_bytes_max,
                    "round {round}: {payload} bytes"
                );
                let silence_ms = (4 * restore_ns).div_ceil(1_000_000);
                assert!(
                    sweep.timeout_ms >= 1_000 + silence_ms,
                    "round {round}: {}",
                    sweep.timeout_ms
                );
            }
        }
        // Nor is it much smaller than it must be: one key more, each an eighth dearer, would be too much.
        if n < 100 && swept.len() > n {
            swept.sort_by_key(|key| std::cmp::Reverse(key.block_ns));
            let block_ns: u64 = swept[..=n].iter().map(|key| key.block_ns * 9 / 8).sum();
            swept.sort_by_key(|key| std::cmp::Reverse(key.payload_bytes));
            let most = swept[0].payload_bytes * (n as u64 + 1);
            assert!(
                2 * (100 + block_ns.div_ceil(1_000)) > limits.latency_budget_ms * 1_000
                    || most >= limits.replica_buffer_hard_bytes,
                "round {round}: {n} keys a call could be more"
            );
        }
    }
}

#[test]
fn heavy_keys_leave_before_the_sweep_worst_last() {
    let keys = vec![
        small(40_000, 5_000),
        small(20, 500),
        small(10_000, 5_000),
        small(30, 500),
        small(10_000, 4_000),
    ];
    let moved = slot_move(keys, &PlanLimits::default());
    let heavy: Vec<(u64, u64)> = moved
        .heavy
        .iter()
        .map(|call| (call.block_us, call.payload_bytes))
        .collect();
    assert_eq!(heavy, [(10_100, 4_000), (10_100, 5_000), (40_100, 5_000)]);
    let sweep = moved.sweep.expect("a sweep");
    assert_eq!((sweep.keys, sweep.keys_per_call, sweep.calls), (2, 2, 1));
    assert_eq!(moved.worst_block_us, 40_100);
    // 40 ms block with a RESTORE of 12 ms: 4 * 12 + 1000.
    assert_eq!(moved.heavy[2].timeout_ms, 1_048);
}

#[test]
fn a_slot_without_keys_needs_no_call() {
    let moved = slot_move(vec![], &PlanLimits::default());
    assert_eq!((moved.predicted_us, moved.worst_block_us), (0, 0));
    assert_eq!((moved.heavy.len(), moved.sweep), (0, None));
}

/// A key without a name cannot be moved alone, so a sweep must be able to carry it, if need be one key a call.
#[test]
fn keys_without_a_name_are_swept_as_long_as_one_fits_a_call() {
    let nameless = |block_us| Key {
        nameless: true,
        ..small(block_us, 1_000)
    };
    let limits = PlanLimits::default();
    let moved = slot_move(vec![nameless(30_000), nameless(10), nameless(10)], &limits);
    let sweep = moved.sweep.expect("a sweep");
    assert_eq!((sweep.keys, moved.heavy.len()), (3, 0));
    assert!(sweep.worst_block_us >= 30_100, "{sweep:?}");

    let moved = slot_move(vec![nameless(30_000), nameless(30_000)], &limits);
    assert_eq!(
        moved.sweep.map(|sweep| (sweep.keys_per_call, sweep.calls)),
        Some((1, 2))
    );

    // 49.9 ms is the most there may be, and the bin's upper edge is not held against the key.
    let moved = slot_move(vec![nameless(49_900)], &limits);
    assert_eq!(moved.worst_block_us, 50_000);
    for allow_oversized in [false, true] {
        let limits = PlanLimits {
            allow_oversized,
            ..limits.clone()
        };
        assert_eq!(
            held_for(vec![nameless(49_901), nameless(10)], &limits),
            [HoldReason::OversizedUnnamed {
                worst_block_us: 50_001,
                worst_restore_us: 14_971,
                payload_bytes_max: 1_000
            }]
        );
    }
}

#[test]
fn reasons_are_listed_worst_first() {
    let keys = vec![
        small(60_000, 1_000),
        small(4_000_000, 1_000),
        small(1_000, 300 << 20),
        small(70_000, 1_000),
    ];
    let reasons = held_for(keys, &PlanLimits::default());
    let listed: Vec<(String, Verdict)> = reasons
        .into_iter()
        .map(|reason| match reason {
            HoldReason::OversizedKey { key, verdict } => (key.escaped(), verdict),
            other => panic!("{other:?}"),
        })
        .collect();
    let expected = [
        ("key:1", Verdict::Forbidden),
        ("key:2", Verdict::PayloadLimit),
        ("key:3", Verdict::Oversized),
        ("key:0", Verdict::Oversized),
    ];
    assert_eq!(
        listed,
        expected.map(|(key, verdict)| (key.to_owned(), verdict))
    );
}
