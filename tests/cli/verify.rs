//! Whether a plan holds, by the command line.

use std::fs;
use std::path::Path;

use preshard_report::ProfileDocument;
use preshard_slots::Slot;
use serde_json::{Value, json};

use crate::documents::{assert_meets, validator};
use crate::run::{Scratch, fixture, preshard};

const CLUSTER: &str = "clusters/shop-3x";

/// A plan for the cluster, in a file of its own.
fn planned(scratch: &Scratch) -> Value {
    let backup = fixture(CLUSTER);
    let plan = scratch.path().join("plan.json");
    let [backup, plan] = [&backup, &plan].map(|path| path.to_str().expect("text"));
    preshard(&["plan", backup, "--add", "1", "-o", plan]).expect_status(0);
    let text = fs::read_to_string(plan).expect("the plan");
    serde_json::from_str(&text).expect("JSON")
}

fn verify(scratch: &Scratch, more: &[&str], status: i32) -> Value {
    let args = [&["verify", "plan.json", "--format", "json"], more].concat();
    let ran = scratch.run(&args).expect_status(status);
    serde_json::from_str(&ran.stdout).expect("a document")
}

fn names(document: &Value, severity: &str) -> Vec<String> {
    let findings = document["findings"].as_array().expect("findings").iter();
    let alike = findings.filter(|finding| finding["severity"] == severity);
    alike
        .map(|finding| finding["name"].as_str().expect("a name").to_owned())
        .collect()
}

fn write(path: &Path, document: &Value) {
    fs::write(path, document.to_string()).expect("a file");
}

#[test]
fn a_plan_holds_against_its_own_backup_and_what_was_saved_of_it() {
    let scratch = Scratch::new();
    planned(&scratch);
    let backup = fixture(CLUSTER);
    let backup = backup.to_str().expect("text");
    scratch
        .run(&["slots", backup, "--save", "saved"])
        .expect_status(0);
    let validator = validator("verify");
    for input in [&[backup][..], &["saved"], &[]] {
        let document = verify(&scratch, input, 0);
        assert_meets(&validator, &document, &input.join(" "));
        assert_eq!(document["verdict"], "holds", "{input:?}");
        assert_eq!(document["moved"].is_null(), input.is_empty());
    }
    let text = scratch
        .run(&["verify", "plan.json", "saved"])
        .expect_status(0);
    assert!(
        text.stdout.starts_with("plan.json: holds\n"),
        "{}",
        text.stdout
    );
}

/// The profile of the cluster with a key of 60 ms more, in a slot that the plan moves.
#[test]
fn a_key_that_cannot_move_voids_the_plan() {
    let scratch = Scratch::new();
    let plan = planned(&scratch);
    let backup = fixture(CLUSTER);
    scratch
        .run(&["slots", backup.to_str().expect("text"), "--save", "saved"])
        .expect_status(0);
    let saved = fs::read_to_string(scratch.path().join("saved")).expect("a profile");
    let mut saved: Value = serde_json::from_str(&saved).expect("JSON");
    let slot = plan["batches"][0]["moves"][0]["slot"]
        .as_u64()
        .expect("a slot");
    let name = (0..)
        .map(|number| format!("grown:{number}"))
        .find(|name| u64::from(Slot::of_key(name.as_bytes()).number()) == slot)
        .expect("a name for each slot");
    for file in saved["files"].as_array_mut().expect("files") {
        let Some(row) = file["slots"]
            .as_array_mut()
            .expect("rows")
            .iter_mut()
            .find(|row| row[0] == slot)
        else {
            continue;
        };
        let add =
            |value: &mut Value, more: u64| *value = json!(value.as_u64().expect("a number") + more);
        add(&mut row[1], 1);
        add(&mut row[4], 20_000_000);
        add(&mut row[5], 20_000_011);
        add(&mut row[6], 30_000_000);
        add(&mut row[9], 60_000_000);
        row[10] = json!(20_000_011);
        row[11] = json!(60_000_000);
        add(&mut file["keys"], 1);
        let key = json!([
            0, { "text": name }, "hash", "hashtable", 100_000, null, 20_000_000, 20_000_011, 30_000_000, 30_000_000, 0,
            60_000_000, 20_000_000, 9
        ]);
        let named = file["named"].as_array_mut().expect("names");
        let worse = named
            .iter()
            .take_while(|key| key[11].as_u64() >= Some(60_000_000))
            .count();
        named.insert(worse, key);
    }
    let mut document: ProfileDocument = serde_json::from_value(saved).expect("a profile");
    document.seal();
    scratch.write("grown", serde_json::to_vec(&document).expect("JSON"));

    let found = verify(&scratch, &["grown"], 3);
    assert_eq!(found["verdict"], "void");
    let first = &found["findings"][0];
    assert_eq!(first["name"], "new-oversized-key");
    assert_eq!(first["slot"], slot);
    assert_eq!(first["key"]["text"], name);
    assert_eq!(
        first["figures"][0],
        json!({ "what": "block_us", "planned": null, "now": 60_100, "limit": 50_000 })
    );
    let text = scratch
        .run(&["verify", "plan.json", "grown"])
        .expect_status(3);
    let said = format!("slot {slot}, key {name}: a key that cannot be moved within the limits");
    assert!(text.stdout.contains(&said), "{}", text.stdout);
}

#[test]
fn a_plan_that_somebody_changed_is_void_whatever_a_backup_holds() {
    let scratch = Scratch::new();
    let mut plan = planned(&scratch);
    plan["batches"][0]["moves"][0]["sweep"]["timeout_ms"] = json!(1);
    write(&scratch.path().join("plan.json"), &plan);
    let found = verify(&scratch, &[], 3);
    assert_eq!(names(&found, "void"), ["audit"]);
    let message = found["findings"][0]["message"].as_str().expect("words");
    assert!(message.contains("timeout-from-silence"), "{message}");
}

#[test]
fn age_counts_from_backup_to_backup() {
    let scratch = Scratch::new();
    let plan = planned(&scratch);
    let written = plan["inputs"].as_array().expect("inputs").iter();
    let oldest = written
        .filter_map(|input| input["written_at_s"].as_i64())
        .min()
        .expect("a time");
    let at = |seconds: i64| (oldest + seconds).to_string();
    let found = verify(&scratch, &["--now", &at(3_600), "--max-age", "1h"], 0);
    assert_eq!(found["age_s"], 3_600);
    let found_early = verify(&scratch, &["--now", &at(-1), "--max-age", "1h"], 3);
    assert_eq!(names(&found_early, "void"), ["too-young"]);
    let found = verify(&scratch, &["--now", &at(3_601), "--max-age", "1h"], 3);
    assert_eq!(names(&found, "void"), ["too-old"]);
    let found = verify(&scratch, &["--max-age", "1h"], 3);
    assert_eq!(names(&found, "void"), ["age-unknown"]);
}

#[test]
fn what_is_no_plan_is_refused_where_it_is_none() {
    let scratch = Scratch::new();
    let plan = planned(&scratch);
    let text = serde_json::to_string_pretty(&plan).expect("JSON");
    let keys = plan["batches"][0]["moves"][0]["keys"].to_string();
    for (changed, words) in [
        (
            text.replacen("\"format_version\": 1", "\"format_version\": 2", 1),
            &["expected 1, found 2"][..],
        ),
        (
            text.replacen("\"number\": 1,", "\"number\": -1,", 1),
            &["expected u32 at line"],
        ),
        (
            text.replacen(&format!("\"keys\": {keys},"), "\"keys\": 1e9,", 1),
            &["expected u64 at line"],
        ),
        (
            text.replacen("\"moves\": [\n", "\"moves\": [{},\n", 1),
            &["missing field `slot` at line"],
        ),
        (text.clone() + "[]", &["trailing characters at line"]),
        (
            text[..text.len() / 3].to_owned(),
            &["EOF while parsing", "at line"],
        ),
        (
            "REDIS0011".to_owned(),
            &["expected value at line 1 column 1"],
        ),
    ] {
        assert_ne!(changed, text, "{words:?}");
        scratch.write("bad.json", changed);
        scratch.refuses(
            &["verify", "bad.json"],
            1,
            &[&["cannot read bad.json"], words].concat(),
        );
    }
    let backup = fixture(CLUSTER);
    scratch
        .run(&["slots", backup.to_str().expect("text"), "--save", "saved"])
        .expect_status(0);
    scratch.refuses(&["verify", "saved"], 2, &["saved is a saved profile"]);
    // What was computed for another server cannot be compared.
    let args = [
        "slots",
        backup.to_str().expect("text"),
        "--target",
        "valkey-8.0",
        "--save",
        "other",
    ];
    scratch.run(&args).expect_status(0);
    scratch.refuses(
        &["verify", "plan.json", "other"],
        2,
        &["in other cannot be looked at with cost profile redis-7.0"],
    );
}
