//! JSON documents: they meet their schemas, and they are the same for any number of threads and any way to read.

use serde_json::Value;

use crate::run::{fixture, preshard, snapshots};

/// The fields of a line of NDJSON, in their order: other tools read them.
const KEY_FIELDS: [&str; 36] = [
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
    "largest_element_bytes",
    "element_bytes",
    "broken_nodes",
    "fields_with_ttl",
    "fields_expired",
    "first_field_expiry_ms",
    "last_field_expiry_ms",
    "groups",
    "consumers",
    "pending",
    "unowned",
    "deleted_entries",
    "template",
    "module",
    "memory_usage_estimate",
    "memory_deviation_bytes",
    "loaded_encoding",
    "block_ms_low",
    "block_ms_high",
];

/// A validator for the schema that the tool prints.
pub fn validator(document: &str) -> jsonschema::Validator {
    let printed = preshard(&["schema", document]).expect_status(0).stdout;
    let schema: Value = serde_json::from_str(&printed).expect("a schema is JSON");
    jsonschema::validator_for(&schema).expect("a schema that can be used")
}

/// Fails with everything that a document does against its schema.
pub fn assert_meets(validator: &jsonschema::Validator, document: &Value, what: &str) {
    let wrong: Vec<String> = validator
        .iter_errors(document)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(wrong.is_empty(), "{what}:\n{}", wrong.join("\n"));
}

#[test]
fn the_schema_that_is_printed_is_the_one_in_the_tree() {
    for document in ["plan", "inspect", "slots", "keys"] {
        let printed = preshard(&["schema", document]).expect_status(0).stdout;
        let kept = crate::run::root().join(format!("crates/report/schema/{document}.json"));
        let kept = std::fs::read_to_string(kept).expect("the schema in the tree");
        assert_eq!(printed, kept, "{document}");
    }
}

#[test]
fn every_line_of_keys_meets_its_schema_and_keeps_its_fields() {
    let validator = validator("keys");
    let mut lines = 0;
    for path in snapshots() {
        let path = path.to_str().expect("a path");
        let ran = preshard(&["keys", path, "--format", "ndjson"]).expect_status(0);
        for line in ran.stdout.lines() {
            lines += 1;
            let value: Value = serde_json::from_str(line).expect("a line of JSON");
            assert_meets(&validator, &value, line);
            let fields: Vec<&String> = value.as_object().expect("an object").keys().collect();
            assert_eq!(fields, KEY_FIELDS, "{line}");
        }
    }
    assert!(lines > 7_000, "only {lines} lines");
}

#[test]
fn inspect_and_slots_meet_their_schemas() {
    let inspect = validator("inspect");
    let slots = validator("slots");
    for path in snapshots() {
        let path = path.to_str().expect("a path");
        for (command, validator) in [("inspect", &inspect), ("slots", &slots)] {
            let ran = preshard(&[command, path, "--format", "json"]).expect_status(0);
            let document: Value = serde_json::from_str(&ran.stdout).expect("a document");
            assert_meets(validator, &document, path);
            assert_eq!(document["format_version"], 1, "{path}");
            assert_eq!(document["tool"]["name"], "preshard", "{path}");
            // Every memory figure is marked for what it is.
            let estimates = match command {
                "inspect" => &document["files"][0]["estimates"],
                _ => &document["estimates"],
            };
            let precision = estimates["memory_precision"].as_str();
            assert!(
                matches!(precision, Some("modelled" | "stand-in")),
                "{path}: {precision:?}"
            );
        }
    }
}

/// A schema that lets everything pass proves nothing.
#[test]
fn the_schemas_refuse_what_is_wrong() {
    let path = fixture("servers/redis-7.0/cluster.rdb");
    let path = path.to_str().expect("a path");
    for command in ["inspect", "slots"] {
        let validator = validator(command);
        let ran = preshard(&[command, path, "--format", "json"]).expect_status(0);
        let sound: Value = serde_json::from_str(&ran.stdout).expect("a document");
        let mut version = sound.clone();
        version["format_version"] = "one".into();
        assert!(
            !validator.is_valid(&version),
            "{command}: a version in words"
        );
        let mut missing = sound.clone();
        missing.as_object_mut().expect("an object").remove("tool");
        assert!(!validator.is_valid(&missing), "{command}: no tool");
        let mut more = sound.clone();
        more["surprise"] = 1.into();
        assert!(
            !validator.is_valid(&more),
            "{command}: a field nobody knows"
        );
    }
}

#[test]
fn outputs_do_not_depend_on_threads_or_on_how_files_are_read() {
    for snapshot in ["servers/redis-8.6/mix.rdb", "servers/redis-7.0/cluster.rdb"] {
        let path = fixture(snapshot);
        let path = path.to_str().expect("a path");
        for args in [
            &["keys", path, "--format", "ndjson"][..],
            &["keys", path, "--format", "csv"],
            &["keys", path, "--top", "50"],
            &["inspect", path, "--format", "json"],
            &["slots", path, "--format", "json"],
            &["slots", path, "--format", "csv"],
        ] {
            let one = preshard(&[args, &["--threads", "1"]].concat()).expect_status(0);
            for other in [
                &["--threads", "2"][..],
                &["--threads", "7"],
                &["--mmap", "never"],
            ] {
                let ran = preshard(&[args, other].concat()).expect_status(0);
                assert_eq!(one.stdout, ran.stdout, "{args:?} {other:?}");
                assert_eq!(one.stderr, ran.stderr, "{args:?} {other:?}");
            }
        }
    }
}
