//! The list of keys that a plan moves, held against the plan and against the list of all keys.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde_json::Value;

use crate::documents::{assert_meets, validator};
use crate::run::{fixture, preshard, preshard_in};

fn lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).expect("a line of JSON"))
        .collect()
}

#[test]
fn every_key_of_a_slot_that_moves_is_listed_once_and_no_other() {
    let backup = fixture("clusters/shop-3x");
    let backup = backup.to_str().expect("a path");
    let mut lists = Vec::new();
    let scratch = tempfile::tempdir().expect("a scratch directory");
    let drain = [
        "plan",
        backup,
        "--drain",
        "127.0.0.1:18041",
        "--allow-oversized",
    ];
    for threads in ["1", "3"] {
        let more = [
            "--format",
            "json",
            "--key-list",
            "keys.ndjson",
            "--threads",
            threads,
        ];
        let ran = preshard_in(scratch.path(), &[&drain[..], &more].concat()).expect_status(0);
        let plan: Value = serde_json::from_str(&ran.stdout).expect("a plan");
        let list = fs::read_to_string(scratch.path().join("keys.ndjson")).expect("the list");
        lists.push((plan, list));
    }
    assert_eq!(lists[0], lists[1], "the same for any number of threads");
    let (plan, list) = &lists[0];

    let mut batch_of = BTreeMap::new();
    let mut heavy = BTreeSet::new();
    for batch in plan["batches"].as_array().expect("batches") {
        for one in batch["moves"].as_array().expect("moves") {
            batch_of.insert(
                one["slot"].clone().as_u64().expect("a slot"),
                batch["number"].clone(),
            );
            let calls = one["heavy"].as_array().expect("calls");
            heavy.extend(calls.iter().map(|call| call["key"].to_string()));
        }
    }
    let all = preshard(&["keys", backup, "--format", "ndjson"]).expect_status(0);
    let wanted: Vec<Value> = lines(&all.stdout)
        .into_iter()
        .filter(|key| batch_of.contains_key(&key["slot"].as_u64().expect("a slot")))
        .collect();
    let validator = validator("key-list");
    let found = lines(list);
    assert_eq!(found.len(), wanted.len());
    assert_eq!(
        found.len() as u64,
        plan["totals"]["moved"]["keys"].as_u64().expect("keys")
    );
    let mut own_calls = 0;
    for (found, wanted) in found.iter().zip(&wanted) {
        assert_meets(&validator, found, "a line");
        for field in ["db", "key", "slot", "payload_bytes", "block_ms_estimate"] {
            assert_eq!(found[field], wanted[field], "{field} of {wanted}");
        }
        assert_eq!(
            found["batch"],
            batch_of[&found["slot"].as_u64().expect("a slot")]
        );
        let own = heavy.contains(&wanted["key"].to_string());
        assert_eq!(found["moved_by"] == "own-call", own, "{found}");
        own_calls += u64::from(own);
    }
    assert!(own_calls > 1, "{own_calls} calls for single keys");
}

#[test]
fn what_cannot_be_read_twice_has_no_list() {
    let scratch = tempfile::tempdir().expect("a scratch directory");
    let backup = fixture("clusters/shop-3x");
    let backup = backup.to_str().expect("a path");
    preshard_in(scratch.path(), &["slots", backup, "--save", "saved.json"]).expect_status(0);
    let goals = [
        "plan",
        backup,
        "--goal",
        "rebalance",
        "--key-list",
        "keys.ndjson",
    ];
    assert_eq!(
        preshard_in(scratch.path(), &goals).status,
        2,
        "one list, and several plans"
    );
    for (input, path, said) in [
        ("saved.json", "keys.ndjson", "does not hold all keys"),
        (backup, "-", "wants the name of a file"),
    ] {
        let ran = preshard_in(
            scratch.path(),
            &["plan", input, "--rebalance", "--key-list", path],
        );
        assert_eq!(ran.status, 2);
        assert!(ran.stderr.contains(said), "{}", ran.stderr);
        assert!(!scratch.path().join("keys.ndjson").exists());
    }
}
