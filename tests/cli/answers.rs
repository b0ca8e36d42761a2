//! Every snapshot in `fixtures/servers`, through the whole tool, against what its server said of each key.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::run::{preshard, snapshots};

type Keys = BTreeMap<(u64, Vec<u8>), Value>;

/// The fields of NDJSON, in their order: other tools read them.
const FIELDS: [&str; 17] = [
    "db",
    "key",
    "type",
    "encoding",
    "elements",
    "slot",
    "hash_tag",
    "expires_at_ms",
    "serialized_bytes",
    "payload_bytes",
    "memory_bytes_estimate",
    "block_ms_estimate",
    "idle_s",
    "lfu",
    "file",
    "offset",
    "verdict",
];

#[test]
fn ndjson_tells_of_each_key_what_its_server_said() {
    let mut wrong = Vec::new();
    let mut keys = 0;
    for path in snapshots() {
        let recorded = path.with_extension("expect.jsonl");
        if !recorded.exists() {
            continue;
        }
        let mut expected = read(&fs::read_to_string(&recorded).expect("answers"), "key_b64");
        let ran = preshard(&["keys", path.to_str().expect("a path"), "--format", "ndjson"])
            .expect_status(0);
        for ((db, key), found) in read(&ran.stdout, "") {
            let Some(answer) = expected.remove(&(db, key.clone())) else {
                wrong.push(format!("{}: db {db} {key:?} is not in the answers", path.display()));
                continue;
            };
            keys += 1;
            wrong.extend(differences(&path, &found, &answer));
        }
        for key in expected.keys() {
            wrong.push(format!("{}: {key:?} is missing", path.display()));
        }
    }
    assert!(keys > 7_000, "only {keys} keys compared");
    assert!(wrong.is_empty(), "{} differences\n{}", wrong.len(), wrong.join("\n"));
}

/// Reads lines of answers, or of our own output, by database and key.
fn read(text: &str, base64_field: &str) -> Keys {
    let mut keys = Keys::new();
    for line in text.lines() {
        let value: Value = serde_json::from_str(line).expect("a line of JSON");
        let text = if base64_field.is_empty() {
            let fields: Vec<_> = value.as_object().expect("an object").keys().collect();
            assert_eq!(fields, FIELDS, "fields of {line}");
            (&value["key"]["text"], &value["key"]["base64"])
        } else {
            (&value["key"], &value[base64_field])
        };
        let key = match text {
            (Value::String(text), _) => text.as_bytes().to_vec(),
            (_, Value::String(code)) => STANDARD.decode(code).expect("base64"),
            _ => panic!("no key in {line}"),
        };
        let db = value["db"].as_u64().expect("a database");
        let before = keys.insert((db, key), value);
        assert!(before.is_none(), "the same key twice: {line}");
    }
    keys
}

fn differences(path: &Path, found: &Value, answer: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut compare = |field: &str, expected: &Value| {
        if found[field] != *expected {
            wrong.push(format!(
                "{}: {} {field} is {}, the server said {expected}",
                path.display(),
                found["key"],
                found[field]
            ));
        }
    };
    let is_module = found["type"] == "module";
    if is_module {
        // The server names the module's type; the file only tells that it is a module's.
        compare("elements", &Value::Null);
    } else {
        compare("type", &answer["type"]);
        compare("elements", &answer["length"]);
    }
    compare("slot", &answer["slot"]);
    // The oldest servers could be asked for an expiry in whole seconds only.
    if answer["ttl_approx"].is_null() {
        compare("expires_at_ms", &answer["ttl_ms_abs"]);
    }
    // They had no DUMP either.
    if !answer["dump_len"].is_null() {
        compare("payload_bytes", &answer["dump_len"]);
    }
    if !answer["freq"].is_null() {
        compare("lfu", &answer["freq"]);
    }
    wrong
}

#[test]
fn the_second_reader_agrees_on_every_snapshot_that_it_knows() {
    let mut compared = 0;
    let mut unread = Vec::new();
    for path in snapshots() {
        let path = path.to_str().expect("a path");
        let ran = preshard(&["inspect", path, "--cross-check", "--format", "json"]).expect_status(0);
        let document: Value = serde_json::from_str(&ran.stdout).expect("a document");
        let check = &document["files"][0]["cross_check"];
        match check["result"].as_str() {
            Some("agrees") => compared += check["keys_compared"].as_u64().expect("a count"),
            Some("unreadable") => unread.push((path.to_owned(), check["not_compared"].to_string())),
            _ => panic!("{path}: {check:#}"),
        }
    }
    assert!(compared > 6_000, "only {compared} keys compared");
    // What it does not know: the magic VALKEY, and formats that never left a release candidate.
    for (path, why) in unread {
        assert!(
            path.contains("/valkey-9.1/") || path.contains("-rc1/"),
            "{path} was not compared: {why}"
        );
    }
}
