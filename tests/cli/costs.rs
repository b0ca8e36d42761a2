//! What predictions are made from, and what changes them, is stated, in force and said.

use serde_json::Value;

use crate::run::{Scratch, fixture, preshard};

const CLUSTER: &str = "clusters/shop-3x";

fn keys(options: &[&str]) -> Vec<Value> {
    let input = fixture(CLUSTER);
    let input = input.to_str().expect("a path");
    let mut args = vec!["keys", input, "--format", "ndjson"];
    args.extend(options);
    let lines = preshard(&args).expect_status(0).stdout;
    lines
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect()
}

fn plan(options: &[&str]) -> Value {
    let input = fixture(CLUSTER);
    let input = input.to_str().expect("a path");
    let mut args = vec!["plan", input, "--add", "1", "--format", "json"];
    args.extend(options);
    serde_json::from_str(&preshard(&args).expect_status(0).stdout).expect("JSON")
}

fn block_ms(keys: &[Value]) -> f64 {
    keys.iter()
        .map(|key| key["block_ms_estimate"].as_f64().expect("a time"))
        .sum()
}

fn predicted_us(plan: &Value) -> u64 {
    let batches = plan["batches"].as_array().expect("batches").iter();
    batches
        .map(|batch| batch["predicted_us"].as_u64().expect("a time"))
        .sum()
}

#[test]
fn every_effect_changes_keys_and_plans_and_is_named() {
    let (plain_keys, plain_plan) = (keys(&[]), predicted_us(&plan(&[])));
    for (options, is_dearer, word) in [
        (
            &["--bandwidth", "100mbit"][..],
            true,
            "bandwidth 100 Mbit/s",
        ),
        (&["--node-round-trip", "2ms"], true, "round trip 2 ms"),
        (&["--tls-factor", "3"], true, "TLS factor 3"),
        (&["--migrate-copy"], false, "MIGRATE COPY"),
        (
            &["--lazyfree-lazy-server-del", "yes"],
            false,
            "lazyfree-lazy-server-del yes",
        ),
        (&["--rdbcompression", "no"], false, "rdbcompression no"),
    ] {
        let keys = keys(options);
        assert_eq!(keys.len(), plain_keys.len());
        let of = |key: &Value| key["block_ms_estimate"].as_f64().expect("a time");
        let moved = || keys.iter().map(of).zip(plain_keys.iter().map(of));
        match is_dearer {
            true => assert!(moved().all(|(now, plain)| now >= plain), "{options:?}"),
            // Strings that compress well are carried whole without compression, and others are cheaper.
            false => assert!(moved().any(|(now, plain)| now < plain), "{options:?}"),
        }
        assert_ne!(block_ms(&keys), block_ms(&plain_keys), "{options:?}");
        let plan = plan(options);
        if is_dearer {
            assert!(predicted_us(&plan) > plain_plan, "{options:?}");
        }
        let estimates = &plan["estimates"];
        assert_eq!(
            estimates["cost_effects"],
            serde_json::json!([word]),
            "{options:?}"
        );
        for said in [&estimates["cost_profile"], &plan["cost_profile"]] {
            let said = said.as_str().expect("a name");
            assert!(
                said.ends_with(&format!("with {word}")),
                "{options:?}: {said}"
            );
        }
    }
    assert_eq!(
        plan(&[])["estimates"]["cost_effects"],
        serde_json::json!([])
    );
}

#[test]
fn a_key_lies_in_its_range_and_the_range_is_told_last() {
    for options in [
        &[][..],
        &["--target", "valkey-9.1"],
        &["--target", "conservative"],
    ] {
        for key in keys(options) {
            let time = |name: &str| key[name].as_f64().expect("a time");
            let estimate = time("block_ms_estimate");
            assert!(
                time("block_ms_low") <= estimate && estimate <= time("block_ms_high"),
                "{key}"
            );
        }
    }
}

#[test]
fn settings_are_read_from_a_saved_configuration() {
    let scratch = Scratch::new();
    let saved = scratch.write(
        "config.txt",
        "maxmemory\n0\nrdbcompression\nno\nlazyfree-lazy-server-del\nyes\n",
    );
    let saved = saved.to_str().expect("a path");
    let effects = |options: &[&str]| plan(options)["estimates"]["cost_effects"].clone();
    assert_eq!(
        effects(&["--target-config", saved]),
        serde_json::json!(["rdbcompression no", "lazyfree-lazy-server-del yes"])
    );
    assert_eq!(
        effects(&["--target-config", saved, "--rdbcompression", "yes"]),
        serde_json::json!(["rdbcompression yes", "lazyfree-lazy-server-del yes"])
    );
}

#[test]
fn a_profile_is_a_name_or_a_file_and_one_that_cannot_be_used_is_named_with_its_line() {
    let named = keys(&["--cost-profile", "valkey-9.1"]);
    let as_target = keys(&["--target", "valkey-9.1"]);
    assert_eq!(block_ms(&named), block_ms(&as_target));

    let scratch = Scratch::new();
    scratch.write("dump.rdb", crate::run::sound());
    let built_in = include_str!("../../crates/analyzer/data/cost/redis-7.0.toml");
    scratch.write(
        "broken.toml",
        built_in.replace("byte_ns = 7.9", "byte_ns = fast"),
    );
    let line = built_in
        .lines()
        .position(|line| line.contains("byte_ns = 7.9"))
        .expect("there")
        + 1;
    for command in ["keys", "slots"] {
        scratch.refuses(
            &[command, "dump.rdb", "--cost-profile", "broken.toml"],
            1,
            &["broken.toml", &format!("line {line}")],
        );
    }
    // As it comes with the program it may be passed by file; changed, it must not be taken for that one.
    scratch.write("same.toml", built_in);
    scratch
        .run(&["keys", "dump.rdb", "--cost-profile", "same.toml"])
        .expect_status(0);
    scratch.write(
        "changed.toml",
        built_in.replace("byte_ns = 7.9", "byte_ns = 1.9"),
    );
    scratch.refuses(
        &["keys", "dump.rdb", "--cost-profile", "changed.toml"],
        1,
        &["changed.toml", "redis-7.0", "name of its own"],
    );
    scratch.refuses(
        &["keys", "dump.rdb", "--cost-profile", "redis-5.0"],
        2,
        &["redis-5.0", "known are"],
    );
}

#[test]
fn a_calibrated_profile_is_planned_with() {
    let scratch = Scratch::new();
    let log = fixture("costs/redis-7.0.csv");
    let log = log.to_str().expect("a path");
    let told = scratch
        .run(&[
            "calibrate",
            log,
            "--base",
            "redis-8.0",
            "--name",
            "ours",
            "-o",
            "ours.toml",
        ])
        .expect_status(0)
        .stdout;
    assert!(
        told.contains("75") && told.contains("hash-with-field-ttl"),
        "{told}"
    );
    let printed = scratch
        .run(&["calibrate", log, "--base", "redis-8.0", "--name", "ours"])
        .expect_status(0);
    let saved = std::fs::read_to_string(scratch.path().join("ours.toml")).expect("saved");
    assert_eq!(printed.stdout, saved);
    let profile = scratch.path().join("ours.toml");
    let plan = plan(&["--cost-profile", profile.to_str().expect("a path")]);
    assert_eq!(plan["cost_profile"], "ours");
    // Of a class that was measured, the time is that of the servers that were measured.
    let ours = block_ms(&keys(&[
        "--cost-profile",
        profile.to_str().expect("a path"),
        "--type",
        "set",
    ]));
    let built_in = block_ms(&keys(&["--type", "set"]));
    assert!(
        (0.75..=1.25).contains(&(ours / built_in)),
        "{ours}, {built_in}"
    );
}

#[test]
fn a_log_that_cannot_be_used_is_named_with_its_line() {
    let scratch = Scratch::new();
    scratch.write(
        "calls.csv",
        "type,elements,compressible_bytes,block_ms\nhash,5,0,1\nhash,5,0,soon\n",
    );
    scratch.refuses(
        &["calibrate", "calls.csv"],
        1,
        &["calls.csv", "line 3", "block_ms", "soon"],
    );
    scratch.write("bytes.csv", b"type,elements\n\xff,1\n");
    scratch.refuses(
        &["calibrate", "bytes.csv"],
        1,
        &["bytes.csv", "line 2", "UTF-8"],
    );
    scratch.refuses(&["calibrate", "none.csv"], 1, &["none.csv"]);
    scratch.write(
        "good.csv",
        "type,elements,compressible_bytes,block_ms\nhash,5,0,1\n",
    );
    scratch.refuses(
        &["calibrate", "good.csv", "--name", "redis-7.0"],
        2,
        &["--name redis-7.0"],
    );
    scratch.refuses(
        &["calibrate", "good.csv", "--base", "conservative"],
        2,
        &["conservative", "valkey-9.1"],
    );
}
