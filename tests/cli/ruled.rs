//! What the largest slots are made of, held against the list of all keys.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::run::{fixture, preshard, preshard_in};

fn number(value: &Value) -> u64 {
    value
        .as_u64()
        .unwrap_or_else(|| panic!("{value} is no number"))
}

#[test]
fn slots_of_a_quarter_of_a_node_are_told_with_their_tags() {
    let backup = fixture("clusters/shop-3x");
    let backup = backup.to_str().expect("a path");
    let planned = preshard(&["plan", backup, "--add", "1", "--format", "json"]).expect_status(0);
    let plan: Value = serde_json::from_str(&planned.stdout).expect("a plan");
    let all = preshard(&["keys", backup, "--format", "ndjson"]).expect_status(0);

    let nodes = plan["nodes"].as_array().expect("nodes");
    let memory: u64 = nodes
        .iter()
        .map(|node| number(&node["before"]["memory_bytes"]))
        .sum();
    let mean = memory / nodes.len() as u64;
    let mut of_slot: BTreeMap<u64, u64> = BTreeMap::new();
    let mut of_tag: BTreeMap<(u64, String), (u64, u64)> = BTreeMap::new();
    for line in all.stdout.lines() {
        let key: Value = serde_json::from_str(line).expect("a line of JSON");
        let (slot, bytes) = (number(&key["slot"]), number(&key["memory_bytes_estimate"]));
        *of_slot.entry(slot).or_default() += bytes;
        let tag = of_tag
            .entry((slot, key["hash_tag"].to_string()))
            .or_default();
        tag.0 += 1;
        tag.1 += bytes;
    }
    let wanted: BTreeMap<u64, u64> = of_slot
        .into_iter()
        .filter(|(_, bytes)| *bytes >= mean.div_ceil(4))
        .collect();
    assert!(!wanted.is_empty(), "the cluster has giants");

    let ruled = plan["ruled_slots"].as_array().expect("slots");
    let found: BTreeMap<u64, u64> = ruled
        .iter()
        .map(|slot| (number(&slot["slot"]), number(&slot["memory_bytes"])))
        .collect();
    assert_eq!(found, wanted);
    for slot in ruled {
        let at = number(&slot["slot"]);
        let tags = slot["tags"].as_array().expect("tags");
        let told = tags.len() as u64 + number(&slot["other_tags"]);
        assert_eq!(
            told,
            of_tag.keys().filter(|(slot, _)| *slot == at).count() as u64
        );
        for tag in tags {
            let wanted = of_tag[&(at, tag["hash_tag"].to_string())];
            assert_eq!(
                (number(&tag["keys"]), number(&tag["memory_bytes"])),
                wanted,
                "{tag}"
            );
        }
    }
}

#[test]
fn a_saved_profile_does_not_tell_of_tags() {
    let scratch = tempfile::tempdir().expect("a scratch directory");
    let backup = fixture("clusters/shop-3x");
    let backup = backup.to_str().expect("a path");
    preshard_in(scratch.path(), &["slots", backup, "--save", "saved.json"]).expect_status(0);
    let args = ["plan", "saved.json", "--add", "1", "--format", "json"];
    let planned = preshard_in(scratch.path(), &args).expect_status(0);
    let plan: Value = serde_json::from_str(&planned.stdout).expect("a plan");
    let ruled = plan["ruled_slots"].as_array().expect("slots");
    assert!(!ruled.is_empty());
    assert!(ruled.iter().all(|slot| slot["tags"].is_null()));
}
