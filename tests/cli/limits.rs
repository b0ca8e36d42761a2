//! Limits from a file and from a saved configuration, and which commands move the slots.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::run::{Ran, fixture, preshard_in};

/// A plan for the bundled cluster, in a directory with these files.
fn plan(files: &[(&str, &str)], more: &[&str]) -> Ran {
    let scratch = tempfile::tempdir().expect("a scratch directory");
    for (name, text) in files {
        fs::write(scratch.path().join(name), text).expect("written");
    }
    plan_in(scratch.path(), more)
}

fn plan_in(scratch: &Path, more: &[&str]) -> Ran {
    let backup = fixture("clusters/shop-3x");
    let args = ["plan", backup.to_str().expect("a path"), "--add", "1"];
    preshard_in(scratch, &[&args, more].concat())
}

fn document(files: &[(&str, &str)], more: &[&str], status: i32) -> Value {
    let ran = plan(files, &[more, &["--format", "json"]].concat()).expect_status(status);
    serde_json::from_str(&ran.stdout).expect("a plan is JSON")
}

const FILE: &str = r#"
latency-budget = "50ms"
node-timeout = "30s"
safety-factor = 3
keys-per-call = 40
maxmemory = "1gb"
headroom = 0.25
side-by-side = 2
blocked-share = 0.3
window = "2h"
start = 2026-11-22T20:00:00Z
allow-oversized = true

[node."127.0.0.1:18041"]
maxmemory = "2gb"
maxmemory-policy = "noeviction"
replicas = 2
server = "redis-7.0.15"
modules = ["bf"]

[node.new-1]
server = "redis-7.2.4"
maxmemory = "512mb"
"#;

#[test]
fn a_file_states_limits_and_what_is_known_of_single_nodes() {
    let plan = document(&[("limits.toml", FILE)], &["--limits", "limits.toml"], 0);
    let limits = &plan["limits"];
    for (name, value) in [
        ("latency_budget_ms", 50.into()),
        ("cluster_node_timeout_ms", 30_000.into()),
        ("safety_factor", 3.0.into()),
        ("keys_per_call_max", 40.into()),
        ("maxmemory_bytes", (1u64 << 30).into()),
        ("headroom", 0.25.into()),
        ("batches_side_by_side", 2.into()),
        ("blocked_share", 0.3.into()),
        ("window_ms", 7_200_000.into()),
        ("starts_at_ms", 1_795_377_600_000_u64.into()),
        ("allow_oversized", true.into()),
    ] {
        assert_eq!(limits[name], Value::clone(&value), "{name}");
    }
    let node = |address: &str| {
        let nodes = plan["nodes"].as_array().expect("nodes");
        let node = nodes.iter().find(|node| node["address"] == address);
        node.expect("a node")["facts"].clone()
    };
    assert_eq!(node("127.0.0.1:18041")["maxmemory_bytes"], 2u64 << 30);
    assert_eq!(node("127.0.0.1:18041")["replicas"], 2);
    assert_eq!(node("127.0.0.1:18041")["modules"][0], "bf");
    assert_eq!(
        node("127.0.0.1:18040")["maxmemory_bytes"],
        1u64 << 30,
        "that of all"
    );
    assert_eq!(
        node("127.0.0.1:18040")["server"],
        "redis-7.0.15",
        "as its backup tells"
    );
    assert_eq!(node("")["server"], "redis-7.2.4");
    assert_eq!(node("")["maxmemory_bytes"], 512 << 20);
}

#[test]
fn the_command_line_counts_before_the_file_and_the_file_before_a_saved_configuration() {
    let config = "cluster-node-timeout\n5000\nproto-max-bulk-len\n268435456\nmaxmemory\n0\n\
                  client-output-buffer-limit\nnormal 0 0 0 slave 134217728 33554432 60 pubsub 33554432 8388608 60\n";
    let file = "node-timeout = \"30s\"\n";
    let files = [("limits.toml", file), ("config.txt", config)];
    let all = [
        "--target-config",
        "config.txt",
        "--limits",
        "limits.toml",
        "--node-timeout",
        "20s",
    ];
    let timeout =
        |more: &[&str]| document(&files, more, 0)["limits"]["cluster_node_timeout_ms"].clone();
    assert_eq!(timeout(&all), 20_000);
    assert_eq!(timeout(&all[..4]), 30_000);
    assert_eq!(timeout(&all[..2]), 5_000);

    let limits = &document(&files, &all[..2], 0)["limits"];
    assert_eq!(limits["proto_max_bulk_bytes"], 256 << 20);
    assert_eq!(limits["replica_buffer_hard_bytes"], 128 << 20);
    assert_eq!(limits["replica_buffer_soft_bytes"], 32 << 20);
    assert_eq!(
        limits["assumed"],
        serde_json::json!(["client_query_buffer_bytes"])
    );
}

#[test]
fn files_of_limits_that_make_no_sense_are_refused_in_one_sentence() {
    for (text, said) in [
        ("latency = \"50ms\"", "latency"),
        ("latency-budget = 50", "a time needs its unit"),
        ("headroom = 2", "headroom"),
        ("maxmemory = [1]", "maxmemory: expected text or a number"),
        ("limits = \"other.toml\"", "names no other"),
        ("node = 3", "node"),
        (
            "[node.\"127.0.0.1:18041\"]\nmemory = 1",
            "memory: expected server, maxmemory",
        ),
        (
            "[node.\"127.0.0.1:18041\"]\nserver = \"memcached\"",
            "expected a name such as redis-7.0.15",
        ),
        (
            "[node.\"127.0.0.1:18041\"]\nreplicas = -1",
            "expected a count",
        ),
        (
            "[node.\"10.9.9.9:1\"]\nreplicas = 1",
            "no node \"10.9.9.9:1\"",
        ),
        ("latency-budget = ", "TOML"),
        ("\u{1b}[31m = 1", ""),
    ] {
        let ran = plan(&[("limits.toml", text)], &["--limits", "limits.toml"]);
        assert!(
            [1, 2].contains(&ran.status),
            "{text}: status {}",
            ran.status
        );
        assert!(ran.stdout.is_empty(), "{text}");
        assert!(ran.stderr.contains(said), "{text}: {}", ran.stderr);
        assert!(!ran.stderr.contains('\u{1b}'), "{text}: {:?}", ran.stderr);
    }
    let ran = plan(&[], &["--limits", "missing.toml"]);
    assert_eq!(ran.status, 1);
    assert!(ran.stderr.contains("missing.toml"), "{}", ran.stderr);
}

/// Redis 7.0 cannot move slots by itself; a service is only told what is in its way, which at this size is nothing.
#[test]
fn who_moves_the_slots_can_be_chosen() {
    let dialect = |more: &[&str], status| document(&[], more, status)["dialect"].clone();
    assert_eq!(dialect(&[], 0), "setslot-migrate");
    assert_eq!(dialect(&["--mover", "migrate"], 0), "setslot-migrate");
    let managed = document(&[], &["--mover", "managed"], 0);
    assert_eq!(managed["dialect"], "managed");
    assert_eq!(managed["outcome"]["result"], "left-to-service");
    assert_eq!(managed["batches"], serde_json::json!([]));
    let refused = plan(&[], &["--mover", "atomic"]);
    assert_eq!(refused.status, 2);
    assert!(
        refused.stderr.contains("Redis 7.0.15, which cannot"),
        "{}",
        refused.stderr
    );

    let newer: String = ["127.0.0.1:18040", "127.0.0.1:18041", "127.0.0.1:18042"]
        .map(|node| format!("[node.\"{node}\"]\nserver = \"valkey-9.1.2\"\n"))
        .concat();
    let files = [("upgraded.toml", newer.as_str())];
    let plan = document(&files, &["--limits", "upgraded.toml"], 0);
    assert_eq!(plan["dialect"], "cluster-migrateslots");
    assert_eq!(plan["totals"]["calls"], 0);
    assert_eq!(
        plan["held"],
        serde_json::json!([]),
        "nothing that has many elements is in the way"
    );
}
