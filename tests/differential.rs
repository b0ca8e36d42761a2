//! The whole tool against what real servers answered: every key of every snapshot, and per slot.

#[path = "../fixtures/recorded.rs"]
mod recorded;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use preshard_parser::source::{OpenOptions, Source};
use preshard_parser::{RdbReader, RecordKind, SlotInfo};
use recorded::KeyId;
use serde_json::Value;

fn preshard(arguments: &[&str], input: &Path) -> Output {
    let output = Command::new(env!("CARGO_BIN_EXE_preshard"))
        .args(arguments)
        .arg(input)
        .output()
        .expect("preshard starts");
    assert!(
        output.status.success(),
        "preshard {arguments:?} {}: {}\n{}",
        input.display(),
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

fn json_lines(bytes: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(bytes).expect("JSON is UTF-8");
    text.lines()
        .map(|line| serde_json::from_str(line).expect("a JSON object a line"))
        .collect()
}

fn answered_snapshots() -> Vec<(PathBuf, PathBuf)> {
    recorded::answered_snapshots(&Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/servers"))
}

fn reported(ndjson: &[u8]) -> Vec<(KeyId, Value)> {
    json_lines(ndjson)
        .into_iter()
        .map(|record| {
            let key = match (&record["key"]["text"], &record["key"]["base64"]) {
                (Value::String(text), Value::Null) => text.as_bytes().to_vec(),
                (Value::Null, Value::String(code)) => STANDARD.decode(code).expect("base64"),
                other => panic!("a key is text or base64, not {other:?}"),
            };
            ((record["db"].as_u64().expect("db"), key), record)
        })
        .collect()
}

/// Exceptions: a fact that the server could not tell is null in its answer; a module's own count
/// cannot be read without the module; `ttl_approx` marks expiries that were asked in whole seconds.
fn differences(record: &Value, answer: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut compare = |ours: &str, theirs: &str| {
        if record[ours] != answer[theirs] {
            wrong.push(format!(
                "{ours}: file {}, server {}",
                record[ours], answer[theirs]
            ));
        }
    };
    let module = record["type"] == "module";
    if !module {
        compare("type", "type");
        if !answer["length"].is_null() {
            compare("elements", "length");
        }
    }
    compare("slot", "slot");
    if answer["ttl_approx"].is_null() {
        compare("expires_at_ms", "ttl_ms_abs");
    }
    if !answer["dump_len"].is_null() {
        compare("payload_bytes", "dump_len");
    }
    if !answer["freq"].is_null() {
        compare("lfu", "freq");
    }
    wrong
}

#[test]
fn keys_are_what_their_servers_said() {
    let mut wrong = Vec::new();
    let mut compared = 0;
    for (snapshot, answers) in answered_snapshots() {
        let output = preshard(&["keys", "--format", "ndjson"], &snapshot);
        let mut expected = recorded::answers(&answers);
        for (id, record) in reported(&output.stdout) {
            let name = id.1.escape_ascii().to_string();
            match expected.remove(&id) {
                Some(answer) => {
                    compared += 1;
                    let found = differences(&record, &answer);
                    wrong.extend(
                        found
                            .iter()
                            .map(|d| format!("{}: db {} {name}: {d}", snapshot.display(), id.0)),
                    );
                }
                None => wrong.push(format!(
                    "{}: db {} {name}: not on the server, or listed twice",
                    snapshot.display(),
                    id.0
                )),
            }
        }
        wrong.extend(
            expected
                .keys()
                .map(|id| format!("{}: {id:?} is missing", snapshot.display())),
        );
    }
    assert!(
        wrong.is_empty(),
        "{} differences over {compared} keys:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(compared > 7_000, "only {compared} keys compared");
}

/// Keys and expiring keys per slot as the file itself claims them, all databases together.
fn claimed_per_slot(snapshot: &Path) -> BTreeMap<u64, (u64, u64)> {
    let source = Source::open(snapshot, &OpenOptions::default()).expect("open");
    let mut reader = RdbReader::new(source.bytes().expect("mapped")).expect("header");
    let mut claimed = BTreeMap::new();
    while let Some(record) = reader.next_record().expect("record") {
        let info = match record.kind {
            RecordKind::SlotInfo(info) => info,
            RecordKind::Aux { name, value }
                if *name.bytes().expect("name") == *SlotInfo::AUX_NAME =>
            {
                SlotInfo::parse(&value.bytes().expect("value")).expect("slot-info")
            }
            _ => continue,
        };
        let (keys, expiring) = claimed.entry(info.slot).or_insert((0, 0));
        *keys += info.keys;
        *expiring += info.expiring_keys;
    }
    claimed
}

#[test]
fn slots_hold_what_the_file_itself_says() {
    let mut files = 0;
    for (snapshot, answers) in answered_snapshots() {
        if snapshot.file_stem().is_none_or(|stem| stem != "cluster") {
            continue;
        }
        let output = preshard(&["slots", "--format", "json"], &snapshot);
        let document: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let counted: BTreeMap<u64, (u64, u64)> = document["slots"]
            .as_array()
            .expect("slots")
            .iter()
            .map(|row| {
                let number = |name: &str| {
                    row[name]
                        .as_u64()
                        .unwrap_or_else(|| panic!("{name} in {row}"))
                };
                (number("slot"), (number("keys"), number("expiring_keys")))
            })
            .collect();

        let mut answered: BTreeMap<u64, (u64, u64)> = BTreeMap::new();
        for answer in recorded::answers(&answers).values() {
            let (keys, expiring) = answered
                .entry(answer["slot"].as_u64().expect("slot"))
                .or_insert((0, 0));
            *keys += 1;
            *expiring += u64::from(!answer["ttl_ms_abs"].is_null());
        }
        assert_eq!(
            counted,
            answered,
            "slots of {} against the server's answers",
            snapshot.display()
        );

        let claimed = claimed_per_slot(&snapshot);
        if !claimed.is_empty() {
            files += 1;
            assert_eq!(
                counted,
                claimed,
                "slots of {} against the file's own slot info",
                snapshot.display()
            );
        }
    }
    assert!(files >= 6, "only {files} snapshots carry slot info");
}

#[test]
fn every_snapshot_passes_the_second_reader() {
    let mut compared = 0;
    for (snapshot, _) in answered_snapshots() {
        let output = preshard(&["inspect", "--cross-check", "--format", "json"], &snapshot);
        let document: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let check = &document["files"][0]["cross_check"];
        let bytes = fs::read(&snapshot).expect("snapshot");
        // All that the second reader cannot open: another magic, and the functions of a release candidate.
        let unreadable =
            bytes.starts_with(b"VALKEY") || snapshot.ends_with("redis-7.0-rc1/functions.rdb");
        let expected = if unreadable { "unreadable" } else { "agrees" };
        assert_eq!(
            check["result"],
            expected,
            "{}: {check:#}",
            snapshot.display()
        );
        compared += check["keys_compared"].as_u64().expect("keys compared");
    }
    assert!(compared > 6_000, "only {compared} keys compared");
}
