//! Where verdicts change, by hand and from keys that were measured on real servers.

use preshard_analyzer::Cost;
use preshard_planner::plan::Verdict::{self, Fits, Forbidden, Oversized, OwnCall, PayloadLimit};
use preshard_planner::{Error, PlanLimits, verdict};

const MS: u64 = 1_000_000;
const MIB: u64 = 1 << 20;

#[track_caller]
fn assert_verdicts(limits: &PlanLimits, table: &[(&str, u64, u64, u64, Verdict)]) {
    for &(what, block_ns, restore_ns, payload_bytes, expected) in table {
        let cost = Cost {
            block_ns,
            restore_ns,
        };
        let found = verdict(cost, payload_bytes, limits);
        assert_eq!(
            found, expected,
            "{what}: block {block_ns} ns, RESTORE {restore_ns} ns, payload {payload_bytes}"
        );
    }
}

/// L = 100 ms, N = 15 s, f = 2 and 0.1 ms for the call itself: a key may block for 49.9 ms, by consent for
/// 3749.9 ms; its own call from 4.9 ms on. T = 4 R + 1000 ms stays below N up to R = 3499.75 ms.
#[test]
fn edges_at_the_defaults() {
    assert_verdicts(
        &PlanLimits::default(),
        &[
            ("nothing", 0, 0, 0, Fits),
            ("a tenth of the limit", 4_900_000, 0, 0, Fits),
            ("just over a tenth", 4_900_001, 0, 0, OwnCall),
            ("a tenth of the payload", 0, 0, 256 * MIB / 10, Fits),
            ("just over a tenth of it", 0, 0, 256 * MIB / 10 + 1, OwnCall),
            ("all of the budget", 49_900_000, 0, 0, OwnCall),
            ("just over the budget", 49_900_001, 0, 0, Oversized),
            ("all of half the clock", 3_749_900_000, 0, 0, Oversized),
            ("just over half the clock", 3_749_900_001, 0, 0, Forbidden),
            ("the slowest RESTORE", 0, 3_499_750_000, 0, Fits),
            (
                "a RESTORE whose timeout is N",
                0,
                3_499_750_001,
                0,
                Forbidden,
            ),
            (
                "a payload under the replicas' limit",
                0,
                0,
                256 * MIB - 1,
                OwnCall,
            ),
            (
                "a payload at the replicas' limit",
                0,
                0,
                256 * MIB,
                PayloadLimit,
            ),
            (
                "over the budget and the payload",
                60 * MS,
                0,
                256 * MIB,
                PayloadLimit,
            ),
            (
                "over the clock and the payload",
                4_000 * MS,
                0,
                256 * MIB,
                Forbidden,
            ),
        ],
    );
}

/// With a short clock and a long budget, rule 1 is about N/2: 1.25 s here.
#[test]
fn edges_where_the_clock_is_shorter_than_the_budget() {
    let limits = PlanLimits {
        latency_budget_ms: 10_000,
        cluster_node_timeout_ms: 5_000,
        call_fixed_us: 0,
        ..PlanLimits::default()
    };
    assert_verdicts(
        &limits,
        &[
            ("all of N/2", 1_250 * MS, 0, 0, OwnCall),
            ("just over N/2", 1_250 * MS + 1, 0, 0, Forbidden),
            ("T just below N", 0, 999_750_000, 0, Fits),
            ("T at N", 0, 999_750_001, 0, Forbidden),
        ],
    );
}

/// Where N is long, rule 2 forbids before rule 3 does: T < N asks for 4 R + 1000 < N, R < N/4 - 250 ms, which
/// is always less than N/4. So rule 3 is the one that is met first, whatever N is.
#[test]
fn the_timeout_always_forbids_before_the_clock() {
    for clock_ms in [1_001, 2_000, 15_000, 60_000, 3_600_000] {
        let limits = PlanLimits {
            cluster_node_timeout_ms: clock_ms,
            ..PlanLimits::default()
        };
        let slowest_us = (clock_ms - 1_001) * 250;
        assert_verdicts(
            &limits,
            &[
                ("T = N - 1", 0, slowest_us * 1_000, 0, Fits),
                ("T = N", 0, slowest_us * 1_000 + 1, 0, Forbidden),
            ],
        );
    }
}

/// A factor that no binary fraction expresses must not move an edge.
#[test]
fn edges_at_a_factor_of_one_point_seven() {
    let limits = PlanLimits {
        safety_factor: 1.7,
        latency_budget_ms: 85,
        call_fixed_us: 0,
        ..PlanLimits::default()
    };
    assert_verdicts(
        &limits,
        &[
            ("1.7 * 50 ms = 85 ms", 50 * MS, 0, 0, OwnCall),
            ("a microsecond more", 50 * MS + 1, 0, 0, Oversized),
        ],
    );
}

/// Blocks and payloads as measured on Redis 7.0 (10 MB is a different thing for each type).
#[test]
fn ten_megabytes_of_each_type() {
    assert_verdicts(
        &PlanLimits::default(),
        &[
            (
                "string, incompressible, 10 MB",
                92_600_000,
                11_300_000,
                10_000_016,
                Oversized,
            ),
            (
                "string that compresses, 10 MB in memory",
                9_100_000,
                4_760_000,
                113_684,
                OwnCall,
            ),
            (
                "set of 2 M integers",
                2_100 * MS,
                800 * MS,
                10_000_000,
                Oversized,
            ),
            (
                "list of 1 M short elements",
                116 * MS,
                31_500_000,
                10_028_146,
                Oversized,
            ),
            (
                "hash of 10 k short fields",
                4_300_000,
                1_230_000,
                218_825,
                Fits,
            ),
            (
                "hash of 100 k short fields",
                89_800_000,
                16_100_000,
                2_288_174,
                Oversized,
            ),
            (
                "hash of 5 M short fields",
                12_099 * MS,
                3_515 * MS,
                123_857_136,
                Forbidden,
            ),
            (
                "string of 256 MB",
                2_276 * MS,
                290 * MS,
                256_000_016,
                Oversized,
            ),
            (
                "string of 300 MB",
                2_670 * MS,
                340 * MS,
                300_000_016,
                PayloadLimit,
            ),
            (
                "list of 560 x 1 MB, which blocked twice for nothing",
                7_280 * MS,
                1_960 * MS,
                560_000_000,
                Forbidden,
            ),
        ],
    );
}

#[test]
fn limits_that_make_no_sense_are_named() {
    type Spoil = fn(&mut PlanLimits);
    let table: [(&str, Spoil); 17] = [
        ("the latency budget is", |limits| {
            limits.latency_budget_ms = 0;
        }),
        ("the latency budget is", |limits| {
            limits.latency_budget_ms = u64::MAX;
        }),
        ("the node timeout (cluster-node-timeout) is", |limits| {
            limits.cluster_node_timeout_ms = 1_000;
        }),
        ("the node timeout (cluster-node-timeout) is", |limits| {
            limits.cluster_node_timeout_ms = u64::MAX;
        }),
        ("the safety factor is", |limits| limits.safety_factor = 0.99),
        ("the safety factor is", |limits| {
            limits.safety_factor = f64::NAN;
        }),
        ("the safety factor is", |limits| {
            limits.safety_factor = f64::INFINITY;
        }),
        (
            "the number of keys per call is 0, but must be at least 1",
            |limits| limits.keys_per_call_max = 0,
        ),
        (
            "the number of slots per batch is 0, but must be at least 1",
            |limits| {
                limits.slots_per_batch_max = 0;
            },
        ),
        (
            "proto-max-bulk-len is 0 bytes, but must be 1 byte to 1 EiB",
            |limits| {
                limits.proto_max_bulk_bytes = 0;
            },
        ),
        ("client-query-buffer-limit is 0 bytes", |limits| {
            limits.client_query_buffer_bytes = 0;
        }),
        ("the hard output buffer limit for replicas is", |limits| {
            limits.replica_buffer_hard_bytes = 0;
        }),
        ("the soft output buffer limit for replicas is", |limits| {
            limits.replica_buffer_soft_bytes = u64::MAX;
        }),
        (
            "maxmemory is 0 bytes, but must be 1 byte to 1 EiB",
            |limits| limits.maxmemory_bytes = Some(0),
        ),
        ("the headroom is", |limits| limits.headroom = 1.0),
        ("the headroom is", |limits| limits.headroom = -0.1),
        (
            "the latency budget is 100 ms, divided by the safety factor of 2, but must leave room for a key",
            |limits| limits.call_fixed_us = 50_001,
        ),
    ];
    PlanLimits::default()
        .validate()
        .expect("the defaults make sense");
    for (expected, spoil) in table {
        let mut limits = PlanLimits::default();
        spoil(&mut limits);
        match limits.validate() {
            Err(error @ Error::Limit { .. }) => assert!(
                error.to_string().starts_with(expected),
                "expected {expected}, got {error}"
            ),
            other => panic!("{expected} of {limits:?}: got {other:?}"),
        }
    }
}
