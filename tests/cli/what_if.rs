//! Goals beside each other, and backups beside each other.

use serde_json::Value;

use crate::documents::{assert_meets, validator};
use crate::run::{Scratch, fixture, preshard};

const CLUSTER: &str = "clusters/shop-3x";

fn json(args: &[&str], status: i32) -> Value {
    let ran = preshard(&[args, &["--format", "json"]].concat()).expect_status(status);
    serde_json::from_str(&ran.stdout).expect("a document")
}

#[test]
fn each_row_is_what_the_plan_for_it_comes_to() {
    let backup = fixture(CLUSTER);
    let backup = backup.to_str().expect("text");
    let maxmemory = ["--maxmemory", "64mb"];
    let goals = ["add=1", "add=2 weights=new-1=2", "rebalance"];
    let mut args = vec!["plan", backup, "--sweep", "shards=4..5"];
    for goal in goals {
        args.extend(["--goal", goal]);
    }
    args.extend(maxmemory);
    let compared = json(&args, 0);
    assert_meets(&validator("compare"), &compared, "compare");
    let rows = compared["goals"].as_array().expect("rows");
    let names: Vec<&str> = rows.iter().filter_map(|row| row["goal"].as_str()).collect();
    assert_eq!(
        names,
        [
            "add=1",
            "add=2 weights=new-1=2",
            "rebalance",
            "shards=4",
            "shards=5"
        ]
    );
    let single: [&[&str]; 5] = [
        &["--add", "1"],
        &["--add", "2", "--weights", "new-1=2"],
        &["--rebalance"],
        &["--add", "1", "--rebalance"],
        &["--add", "2", "--rebalance"],
    ];
    for (row, goal) in rows.iter().zip(single) {
        let plan = json(&[&["plan", backup], goal, &maxmemory[..]].concat(), 0);
        assert_eq!(row["outcome"], plan["outcome"]["result"], "{goal:?}");
        assert_eq!(row["moved"], plan["totals"]["moved"], "{goal:?}");
        assert_eq!(
            row["worst_block_us"], plan["totals"]["worst_block_us"],
            "{goal:?}"
        );
        assert_eq!(row["takes"], plan["schedule"]["takes"], "{goal:?}");
        assert_eq!(row["held_slots"], plan["totals"]["held_slots"], "{goal:?}");
        assert_eq!(
            row["imbalance_after"], plan["balance"]["imbalance_after"],
            "{goal:?}"
        );
        let targets: Vec<&Value> = plan["batches"]
            .as_array()
            .expect("batches")
            .iter()
            .map(|batch| &batch["target"])
            .collect();
        let least_room = plan["nodes"].as_array().expect("nodes").iter();
        let least_room = least_room
            .filter(|node| targets.contains(&&node["id"]))
            .filter_map(|node| node["headroom_bytes"].as_i64())
            .min();
        assert_eq!(
            row["fullest_target"]["headroom_bytes"].as_i64(),
            least_room,
            "{goal:?}"
        );
    }
}

#[test]
fn fewer_shards_drain_those_that_hold_least() {
    let backup = fixture(CLUSTER);
    let backup = backup.to_str().expect("text");
    let slots = json(&["slots", backup], 0);
    let shards = slots["shards"].as_array().expect("shards");
    let emptiest = shards
        .iter()
        .min_by_key(|shard| shard["memory_bytes_estimate"].as_u64())
        .and_then(|shard| shard["node"].as_str())
        .expect("a shard");
    let args = ["plan", backup, "--allow-oversized", "--sweep", "shards=2"];
    let row = json(&args, 0)["goals"][0].clone();
    let args = [
        "plan",
        backup,
        "--allow-oversized",
        "--rebalance",
        "--drain",
        emptiest,
    ];
    let plan = json(&args, 0);
    assert_eq!(row["shards"], 2);
    assert_eq!(row["moved"], plan["totals"]["moved"]);
}

#[test]
fn comparisons_are_the_same_for_any_number_of_threads() {
    let backup = fixture(CLUSTER);
    let args = [
        "plan",
        backup.to_str().expect("text"),
        "--sweep",
        "shards=1..9",
        "--format",
        "csv",
    ];
    let with = |threads| {
        preshard(&[&args[..], &["--threads", threads]].concat())
            .expect_status(0)
            .stdout
    };
    let one = with("1");
    assert_eq!(one, with("4"));
    assert_eq!(one.lines().count(), 10);
    assert!(
        one.lines()
            .nth(1)
            .is_some_and(|line| line.starts_with("shards=1,not-reachable,")),
        "{one}"
    );
}

#[test]
fn what_makes_no_sense_is_refused_by_name() {
    let scratch = Scratch::new();
    let backup = fixture(CLUSTER);
    let backup = backup.to_str().expect("text");
    for (more, words) in [
        (
            &["--goal", "drain=nobody"][..],
            &["drain=nobody", "no such node"][..],
        ),
        (
            &["--goal", "grow"],
            &["--goal \"grow\"", "expected rebalance"],
        ),
        (
            &["--sweep", "shards=9..3"],
            &["--sweep shards=9..3", "shards=6..24"],
        ),
        (
            &["--sweep", "shards=1..1000", "--goal", "rebalance"],
            &["1001 goals", "1000 are compared"],
        ),
        (
            &["--goal", "rebalance", "-o", "plan.json"],
            &["cannot be used with"],
        ),
        (
            &["--rebalance", "--format", "csv"],
            &["--format csv is for several goals"],
        ),
    ] {
        scratch.refuses(&[&["plan", backup], more].concat(), 2, words);
    }
    // A goal that only makes no sense for this cluster is a row.
    let nodes: Vec<String> = json(&["slots", backup], 0)["shards"]
        .as_array()
        .expect("shards")
        .iter()
        .map(|shard| format!("drain={}", shard["node"].as_str().expect("a node")))
        .collect();
    let rows = json(
        &[
            "plan",
            backup,
            "--goal",
            &nodes.join(" "),
            "--goal",
            "add=1",
        ],
        0,
    );
    assert_eq!(rows["goals"][0]["outcome"], "refused");
    assert_eq!(rows["goals"][1]["outcome"], "reached");
}

/// Two snapshots of one server whose keys are known: what they differ in is counted from the keys themselves.
#[test]
fn growth_is_what_the_keys_say() {
    let (old, new) = (
        fixture("servers/redis-7.0/cluster.rdb"),
        fixture("servers/redis-7.0/mix.rdb"),
    );
    let [old, new] = [&old, &new].map(|path| path.to_str().expect("text"));
    let keys = |path: &str| -> Vec<Value> {
        let ran = preshard(&["keys", path, "--format", "ndjson"]).expect_status(0);
        ran.stdout
            .lines()
            .map(|line| serde_json::from_str(line).expect("a key"))
            .collect()
    };
    let limits = ["--latency-budget", "3ms"];
    let diff = json(
        &[&["diff", old, new, "--top", "100000"], &limits[..]].concat(),
        0,
    );
    assert_meets(&validator("diff"), &diff, "diff");
    let sides = [("old", keys(old)), ("new", keys(new))];
    for (side, keys) in &sides {
        assert!(keys.len() > 20, "{side}");
        let payload: u64 = keys
            .iter()
            .filter_map(|key| key["payload_bytes"].as_u64())
            .sum();
        assert_eq!(diff["total"][side]["keys"], keys.len(), "{side}");
        assert_eq!(diff["total"][side]["payload_bytes"], payload, "{side}");
        let prefix = |key: &Value| -> Option<String> {
            let name = key["key"]["text"].as_str()?;
            Some(
                name.find(':')
                    .map_or(String::new(), |end| name[..=end].to_owned()),
            )
        };
        for row in diff["prefixes"]["rows"].as_array().expect("rows") {
            let Some(wanted) = row["prefix"]["text"].as_str() else {
                continue;
            };
            let alike: Vec<&Value> = keys
                .iter()
                .filter(|key| prefix(key).as_deref() == Some(wanted))
                .collect();
            if wanted.is_empty() {
                // Names that are no text have no prefix that this test can tell.
                continue;
            }
            let payload: u64 = alike
                .iter()
                .filter_map(|key| key["payload_bytes"].as_u64())
                .sum();
            assert_eq!(row["growth"][side]["keys"], alike.len(), "{side} {wanted}");
            assert_eq!(
                row["growth"][side]["payload_bytes"], payload,
                "{side} {wanted}"
            );
        }
        for row in diff["slots"]["rows"].as_array().expect("rows") {
            let in_slot = keys.iter().filter(|key| key["slot"] == row["slot"]).count();
            assert_eq!(
                row["growth"][side]["keys"], in_slot,
                "{side} slot {}",
                row["slot"]
            );
        }
    }
    assert_eq!(diff["prefixes"]["one_of"], 1);
    let named = diff["keys"]["rows"].as_array().expect("rows");
    assert!(!named.is_empty(), "no key is named");

    let same = json(&[&["diff", old, old], &limits[..]].concat(), 0);
    for list in ["shards", "slots", "prefixes", "keys"] {
        assert_eq!(same[list]["differing"], 0, "{list}");
    }
}

#[test]
fn saved_profiles_are_compared_without_prefixes() {
    let scratch = Scratch::new();
    let (old, new) = (
        fixture("servers/redis-7.0/cluster.rdb"),
        fixture("servers/redis-7.0/mix.rdb"),
    );
    let [old, new] = [&old, &new].map(|path| path.to_str().expect("text"));
    scratch
        .run(&["slots", old, "--save", "old"])
        .expect_status(0);
    let saved = scratch
        .run(&["diff", "old", new, "--format", "json"])
        .expect_status(0);
    let saved: Value = serde_json::from_str(&saved.stdout).expect("a document");
    let read = json(&["diff", old, new], 0);
    for part in ["total", "shards", "slots", "keys"] {
        assert_eq!(saved[part], read[part], "{part}");
    }
    assert!(saved["prefixes"].is_null());
    let text = scratch.run(&["diff", "old", new]).expect_status(0).stdout;
    assert!(
        text.contains("Prefixes: not known of a saved profile"),
        "{text}"
    );
    scratch.refuses(
        &["diff", "old", new, "--target", "valkey-8.0"],
        2,
        &["--target"],
    );
}
