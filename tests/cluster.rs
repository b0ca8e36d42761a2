//! The whole tool against clusters: what it reads from a backup is what the live cluster answered.
//!
//! The tests named `live_*` start real servers, which `cargo xtask test` installs.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use xtask::cluster::Cluster;
use xtask::corpus::Corpus;
use xtask::{Answers, KeyAnswer, Line, repository_root};

#[test]
fn live_redis_7() {
    live(Line::Redis7);
}

#[test]
fn live_valkey_9() {
    live(Line::Valkey9);
}

/// The bundled backup and what its cluster said when it was made.
#[test]
fn bundled_backup() {
    let directory = repository_root().join("fixtures/clusters/shop-3x");
    let answers = directory.with_extension("answers.jsonl");
    let answers = std::fs::read_to_string(answers).expect("answers");
    let answers = Answers::read(&answers).expect("answers");
    assert_eq!(answers.keys.len(), 5851, "keys answered for");
    assert_same(&directory, &answers);
}

fn live(line: Line) {
    let server = line
        .from_environment()
        .unwrap_or_else(|error| panic!("{error:#}"));
    println!("{}: {}", line.name(), server.version());
    let mut cluster = Cluster::start(&server, 3).expect("a cluster of three primaries");
    let mut corpus = Corpus::shop(2);
    let fields_expire = cluster.nodes()[0]
        .knows("HPEXPIREAT")
        .expect("COMMAND INFO");
    if fields_expire {
        corpus = corpus.with_field_expiries();
    }
    corpus.load(&mut cluster).expect("data");
    let answers = Answers::ask(&mut cluster).expect("answers");
    assert!(answers.keys.len() > 5000, "{} keys", answers.keys.len());

    let backup = tempfile::tempdir().expect("a directory");
    cluster.backup(backup.path()).expect("a backup");
    assert_same(backup.path(), &answers);
    assert_same_owners(backup.path(), &mut cluster);
}

fn preshard(arguments: &[&str], directory: &Path) -> Vec<u8> {
    let output = Command::new(env!("CARGO_BIN_EXE_preshard"))
        .args(arguments)
        .arg(directory)
        .output()
        .expect("preshard starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "preshard {arguments:?}: {said}");
    output.stdout
}

/// Holds every key, and the number of keys of every slot, against the answers.
fn assert_same(directory: &Path, answers: &Answers) {
    let mut missing = answers.keys.clone();
    let mut wrong = Vec::new();
    let ndjson = preshard(&["keys", "--format", "ndjson"], directory);
    for line in String::from_utf8(ndjson).expect("UTF-8").lines() {
        let record: Value = serde_json::from_str(line).expect("JSON");
        let key = match (&record["key"]["text"], &record["key"]["base64"]) {
            (Value::String(text), Value::Null) => text.as_bytes().to_vec(),
            (Value::Null, Value::String(code)) => STANDARD.decode(code).expect("base64"),
            other => panic!("a key is text or base64, not {other:?}"),
        };
        let read = KeyAnswer {
            value_type: record["type"].as_str().expect("type").to_owned(),
            length: record["elements"].as_u64().expect("elements"),
            dump_bytes: record["payload_bytes"].as_u64().expect("payload_bytes"),
            expires_at_ms: record["expires_at_ms"].as_i64(),
        };
        let name = key.escape_ascii().to_string();
        match missing.remove(&key) {
            None => wrong.push(format!("{name}: not on the cluster, or listed twice")),
            Some(said) if said != read => {
                wrong.push(format!("{name}: read {read:?}, cluster said {said:?}"));
            }
            Some(_) => {}
        }
    }
    wrong.extend(
        missing
            .keys()
            .map(|key| format!("{}: missing", key.escape_ascii())),
    );

    let read = keys_in_slot(directory);
    for (slot, &said) in (0u64..).zip(&answers.keys_in_slot) {
        let read = read.get(&slot).copied().unwrap_or(0);
        if read != said {
            wrong.push(format!(
                "slot {slot}: read {read} keys, cluster said {said}"
            ));
        }
    }
    assert_eq!(answers.keys_in_slot.len(), 16_384);
    let (count, of) = (wrong.len(), answers.keys.len());
    assert!(
        wrong.is_empty(),
        "{count} differences over {of} keys:\n{}",
        wrong.join("\n")
    );
}

fn slots_document(directory: &Path) -> Value {
    let json = preshard(&["slots", "--format", "json"], directory);
    serde_json::from_slice(&json).expect("JSON")
}

fn keys_in_slot(directory: &Path) -> BTreeMap<u64, u64> {
    let document = slots_document(directory);
    let rows = document["slots"].as_array().expect("slots");
    let count = |row: &Value| Some((row["slot"].as_u64()?, row["keys"].as_u64()?));
    rows.iter()
        .map(|row| count(row).expect("slot and keys"))
        .collect()
}

/// Holds each shard's id, address and slots against `CLUSTER NODES` of the live cluster.
fn assert_same_owners(directory: &Path, cluster: &mut Cluster) {
    let document = slots_document(directory);
    let shards = document["shards"].as_array().expect("shards");
    let mut read: Vec<String> = shards
        .iter()
        .map(|shard| {
            let text = |name: &str| shard[name].as_str().expect("a string").to_owned();
            let slots = shard["slots"].as_array().expect("slots").iter();
            let slots: Vec<String> = slots
                .map(|range| format!("{}-{}", range[0], range[1]))
                .collect();
            format!("{} {} {}", text("node"), text("address"), slots.join(" "))
        })
        .collect();
    read.sort();
    let nodes: String = cluster.nodes()[0]
        .query(redis::cmd("CLUSTER").arg("NODES"))
        .expect("CLUSTER NODES");
    let mut said: Vec<String> = nodes
        .lines()
        .map(|line| {
            let fields: Vec<&str> = line.split(' ').collect();
            let address = fields[1].split('@').next().expect("address");
            format!("{} {address} {}", fields[0], fields[8..].join(" "))
        })
        .collect();
    said.sort();
    assert_eq!(read, said);
}
