//! Every snapshot in `fixtures/servers`, read a second time by the crate `rdb`.

use serde_json::Value;

use crate::run::{Scratch, fixture, preshard, snapshots};
use crate::ways_in::piped;

/// What the second reader says of a file.
fn check(scratch: &Scratch, file: &str, mmap: &str) -> Value {
    let args = [
        "inspect",
        file,
        "--cross-check",
        "--format",
        "json",
        "--mmap",
        mmap,
    ];
    let ran = scratch.run(&args).expect_status(0);
    let document: Value = serde_json::from_str(&ran.stdout).expect("a document");
    document["files"][0]["cross_check"].clone()
}

#[test]
fn whatever_a_snapshot_is_wrapped_in_all_of_its_keys_are_compared() {
    let scratch = Scratch::new();
    let wrapped = |name: &str| fixture("wrapped").join(name);
    for name in [
        "dump.rdb",
        "gnu-gzip-1.12.gz",
        "pzstd-1.5.4.zst",
        "lz4-1.9.4-legacy.lz4",
    ] {
        scratch.write("dump", std::fs::read(wrapped(name)).expect("the fixture"));
        for mmap in ["auto", "never"] {
            let check = check(&scratch, "dump", mmap);
            assert_eq!(check["result"], "agrees", "{name}: {check:#}");
            // 18 keys, of which one is a stream.
            assert_eq!(check["keys_compared"], 17, "{name}: {check:#}");
            assert_eq!(check["differences"], Value::Array(Vec::new()), "{name}");
        }
    }
    for name in ["redis-7.0.marked", "redis-7.0.sized"] {
        scratch.write("dump", std::fs::read(wrapped(name)).expect("the fixture"));
        assert_eq!(
            check(&scratch, "dump", "auto")["keys_compared"],
            17,
            "{name}"
        );
    }
}

/// A wrapped file that the two read differently: the other reader takes the number of a database for 32 bits.
#[test]
fn a_difference_is_found_in_a_wrapped_snapshot_as_well() {
    let scratch = Scratch::new();
    // A database whose number has 64 bits, and in it the key k.
    let snapshot = b"REDIS0004\xfe\x81\0\0\0\x01\0\0\0\0\0\x01k\x01v\xff";
    scratch.write("dump.rdb", snapshot);
    scratch.write(
        "dump.zst",
        zstd::encode_all(&snapshot[..], 3).expect("encoded"),
    );
    let found = |file| {
        let ran = scratch.run(&["inspect", file, "--cross-check", "--format", "json"]);
        let document: Value = serde_json::from_str(&ran.stdout).expect("a document");
        (ran.status, document["files"][0]["cross_check"].clone())
    };
    let (status, check) = found("dump.rdb");
    assert_ne!(check["result"], "agrees", "{check:#}");
    assert_eq!(found("dump.zst"), (status, check));
}

#[test]
fn what_can_be_read_only_once_is_not_compared_but_refused() {
    let snapshot = std::fs::read(fixture("wrapped/dump.rdb")).expect("the fixture");
    let ran = piped(&["inspect", "-", "--cross-check"], &snapshot).expect_status(2);
    assert_eq!(ran.stdout, "");
    for words in ["--cross-check", "standard input", "only once"] {
        assert!(ran.stderr.contains(words), "{}", ran.stderr);
    }
}

#[test]
fn a_damaged_snapshot_is_not_given_to_the_second_reader() {
    let scratch = Scratch::new();
    let snapshot = std::fs::read(fixture("wrapped/dump.rdb")).expect("the fixture");
    scratch.write("cut.rdb", &snapshot[..snapshot.len() - 20]);
    let args = ["inspect", "cut.rdb", "--cross-check"];
    let ran = scratch.run(&args).expect_status(5);
    assert!(ran.stdout.contains("was not asked"), "{}", ran.stdout);
}

#[test]
fn the_second_reader_agrees_on_every_snapshot_that_it_knows() {
    let mut compared = 0;
    for path in snapshots() {
        let path = path.to_str().expect("a path");
        let ran =
            preshard(&["inspect", path, "--cross-check", "--format", "json"]).expect_status(0);
        let document: Value = serde_json::from_str(&ran.stdout).expect("a document");
        let file = &document["files"][0];
        let check = &file["cross_check"];
        match check["result"].as_str() {
            Some("agrees") => {
                // Every key was compared, or is among those that the other reader passes over.
                let mut seen = check["keys_compared"].as_u64().expect("a count");
                compared += seen;
                for what in check["not_compared"].as_array().expect("a list") {
                    if ["streams", "module values"].contains(&what["what"].as_str().expect("words"))
                    {
                        seen += what["keys"].as_u64().expect("a count");
                    }
                }
                let empty = file["empty_collections"].as_u64().expect("a count");
                let keys = file["totals"]["keys"].as_u64().expect("a count") + empty;
                assert_eq!(seen, keys, "{path}: {check:#}");
            }
            // What it does not know: the magic VALKEY, and a format that never left a release candidate.
            Some("unreadable") => assert!(
                path.contains("/valkey-9.1/") || path.contains("-rc1/"),
                "{path} was not compared: {check:#}"
            ),
            _ => panic!("{path}: {check:#}"),
        }
    }
    assert!(compared > 6_000, "only {compared} keys compared");
}
