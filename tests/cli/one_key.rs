//! One key with its members, found in any file and by any way in.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::documents::{assert_meets, validator};
use crate::run::{Ran, Scratch, fixture, preshard, snapshots};
use crate::ways_in::piped;

fn lines(ran: &Ran) -> Vec<Value> {
    let line = |line| serde_json::from_str(line).expect("a line of JSON");
    ran.stdout.lines().map(line).collect()
}

/// A key as `--key` and `--key-base64` take it, from how NDJSON tells it.
fn spelled(key: &Value) -> [&str; 2] {
    match (key["text"].as_str(), key["base64"].as_str()) {
        // No key of the fixtures with a backslash is looked for by its plain text.
        (Some(text), None) => ["--key", text],
        (None, Some(code)) => ["--key-base64", code],
        _ => panic!("a key is text or base64, not {key}"),
    }
}

/// Of each snapshot the first key of each type and encoding.
#[test]
fn members_of_every_encoding_meet_their_schema_and_end_in_the_record_of_the_key() {
    let validator = validator("members");
    let mut looked_at = 0;
    for path in snapshots() {
        let path = path.to_str().expect("a path");
        let small =
            path.contains("redis-2.4") || path.contains("redis-3.2") || path.contains("redis-5.0");
        if !(small
            || path.contains("redis-8.6")
            || path.contains("redis-7.4")
            || path.contains("valkey-9.1"))
        {
            continue;
        }
        let records = lines(&preshard(&["keys", path, "--format", "ndjson"]).expect_status(0));
        let mut kinds = Vec::new();
        for record in records {
            let kind = (record["type"].clone(), record["encoding"].clone());
            if kinds.contains(&kind)
                || record["key"]["text"]
                    .as_str()
                    .is_some_and(|text| text.contains('\\'))
            {
                continue;
            }
            kinds.push(kind);
            looked_at += 1;
            let [option, key] = spelled(&record["key"]);
            let db = record["db"].to_string();
            let args = [
                "keys",
                path,
                option,
                key,
                "--db",
                &db,
                "--members",
                "--format",
                "ndjson",
            ];
            let members = lines(&preshard(&args).expect_status(0));
            for line in &members {
                assert_meets(&validator, line, key);
            }
            let [first, members @ .., last] = &members[..] else {
                panic!("{args:?}: only {members:?}")
            };
            assert_eq!(
                (&first["kind"], &first["key"]),
                (&"key".into(), &record["key"])
            );
            assert_eq!(last["kind"], "summary", "{args:?}");
            assert_eq!(last["record"], record, "{args:?}");
            let of_kind =
                |kind: &str| members.iter().filter(|line| line["kind"] == kind).count() as u64;
            let elements = match record["type"].as_str() {
                Some("string") => members
                    .iter()
                    .filter_map(|line| line["bytes"].as_u64())
                    .sum(),
                Some("list") => of_kind("item"),
                Some("set" | "zset") => of_kind("member"),
                Some("hash") => of_kind("field"),
                Some("stream") => members
                    .iter()
                    .filter(|line| line["deleted"] == false)
                    .count() as u64,
                _ => continue,
            };
            assert_eq!(record["elements"], elements, "{args:?}");
        }
    }
    assert!(looked_at > 150, "only {looked_at} keys");
}

#[test]
fn every_way_in_and_every_format_gives_the_same_members() {
    let scratch = Scratch::new();
    let bytes = fs::read(fixture("wrapped/dump.rdb")).expect("the snapshot");
    scratch.write("snapshot", &bytes);
    scratch.write(
        "gz",
        fs::read(fixture("wrapped/gnu-gzip-1.12.gz")).expect("the fixture"),
    );
    scratch.write(
        "zst",
        fs::read(fixture("wrapped/zstd-1.5.4-long.zst")).expect("the fixture"),
    );
    let records = lines(
        &scratch
            .run(&["keys", "snapshot", "-f", "ndjson"])
            .expect_status(0),
    );
    let key = spelled(&records[records.len() / 2]["key"]);
    for format in ["text", "ndjson", "csv"] {
        let options = [key[0], key[1], "--members", "--format", format];
        let run = |input: &[&str]| {
            scratch
                .run(&[&["keys"], input, &options].concat())
                .expect_status(0)
                .stdout
        };
        let mapped = run(&["snapshot"]);
        assert_eq!(run(&["snapshot", "--mmap", "never"]), mapped);
        for other in ["gz", "zst"] {
            assert_eq!(
                run(&[other]).replace(other, "snapshot"),
                mapped,
                "{format} of {other}"
            );
        }
        let stdin = piped(&[&["keys", "-"], &options[..]].concat(), &bytes)
            .expect_status(0)
            .stdout;
        let renamed = mapped.replace("snapshot", "-");
        assert_eq!(stdin, renamed, "{format} of standard input");
    }
}

/// Any name can be asked for: as it is printed, and in base64.
#[test]
fn odd_names_are_found_by_what_was_printed() {
    use base64::Engine as _;
    let path = fixture("servers/redis-8.6/keys.rdb");
    let path = path.to_str().expect("a path");
    let csv = preshard(&["keys", path, "--format", "csv"])
        .expect_status(0)
        .stdout;
    let names: Vec<String> = csv::Reader::from_reader(csv.as_bytes())
        .records()
        .map(|row| row.expect("a row")[2].to_owned())
        .collect();
    let records = lines(&preshard(&["keys", path, "--format", "ndjson"]).expect_status(0));
    assert_eq!(names.len(), records.len());
    for (name, record) in names.iter().zip(&records) {
        let bytes = match record["key"]["text"].as_str() {
            Some(text) => text.as_bytes().to_vec(),
            None => base64::engine::general_purpose::STANDARD
                .decode(record["key"]["base64"].as_str().expect("base64"))
                .expect("base64"),
        };
        let code = base64::engine::general_purpose::STANDARD.encode(bytes);
        for spelled in [["--key", name.as_str()], ["--key-base64", &code]] {
            let args = [&["keys", path, "--format", "ndjson"], &spelled[..]].concat();
            let found = lines(&preshard(&args).expect_status(0));
            assert_eq!(found, std::slice::from_ref(record), "{spelled:?}");
        }
    }
}

#[test]
fn a_key_is_shown_in_every_database_and_file_that_has_it() {
    let path = fixture("servers/redis-7.0/multidb.rdb");
    let path = path.to_str().expect("a path");
    let records = lines(&preshard(&["keys", path, "--format", "ndjson"]).expect_status(0));
    let twice = records
        .iter()
        .find(|record| {
            records
                .iter()
                .filter(|other| other["key"] == record["key"])
                .count()
                > 1
        })
        .expect("a key that several databases have");
    let [option, key] = spelled(&twice["key"]);
    let all: Vec<&Value> = records
        .iter()
        .filter(|record| record["key"] == twice["key"])
        .collect();
    let args = ["keys", path, path, option, key, "--format", "ndjson"];
    let found = lines(&preshard(&args).expect_status(0));
    assert_eq!(found.iter().collect::<Vec<_>>(), [&all[..], &all].concat());
    let db = all[1]["db"].to_string();
    let found = lines(&preshard(&[&args[..], &["--db", &db]].concat()).expect_status(0));
    assert_eq!(found, [all[1].clone(), all[1].clone()]);
    let nowhere = preshard(&[&args[..], &["--db", "77,78"]].concat()).expect_status(1);
    assert!(
        nowhere
            .stderr
            .contains("in any of 2 files, database 77, 78"),
        "{}",
        nowhere.stderr
    );
}

/// What a server would refuse to load is shown all the same, and told.
#[test]
fn a_key_that_is_there_twice_is_shown_twice() {
    let scratch = Scratch::new();
    scratch.write(
        "dump.rdb",
        b"REDIS0004\xfe\0\0\x01k\x01a\x01\x01k\x02\x01b\x01c\xff",
    );
    let ran = scratch
        .run(&[
            "keys",
            "dump.rdb",
            "--key",
            "k",
            "--members",
            "-f",
            "ndjson",
        ])
        .expect_status(0);
    let kinds: Vec<Value> = lines(&ran)
        .iter()
        .map(|line| line["kind"].clone())
        .collect();
    assert_eq!(
        kinds,
        ["key", "piece", "summary", "key", "item", "item", "summary"]
    );
    assert!(
        ran.stderr.contains("2 times in database 0"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_key_that_is_not_there_is_a_failure_and_in_a_damaged_file_perhaps_none() {
    let scratch = Scratch::new();
    let whole = b"REDIS0004\xfe\0\0\x01k\x01a\0\x01l\x01b\xff";
    scratch.write("whole.rdb", whole);
    scratch.write("cut.rdb", &whole[..whole.len() - 3]);
    for format in ["text", "ndjson", "csv"] {
        for members in [&[][..], &["--members"]] {
            let args = [
                &["keys", "whole.rdb", "-f", format, "--key", "a\\nb"],
                members,
            ]
            .concat();
            let ran = scratch.refuses(&args, 1, &["no key \"a\\nb\" in whole.rdb"]);
            assert_eq!(ran.stdout, "");
            let args = [&["keys", "cut.rdb", "-f", format, "--key", "l"], members].concat();
            let ran = scratch.refuses(&args, 5, &["truncated"]);
            let is_marked = ran.stdout.to_lowercase().contains("incomplete");
            assert_eq!(is_marked, format == "text" || !members.is_empty());
            assert!(!ran.stdout.contains("\"summary\""), "{}", ran.stdout);
            let args = [&["keys", "cut.rdb", "-f", format, "--key", "m"], members].concat();
            let ran = scratch.refuses(&args, 5, &["truncated", "in what can be read of cut.rdb"]);
            assert_eq!(ran.stdout, "");
            let args = [&["keys", "cut.rdb", "-f", format, "--key", "k"], members].concat();
            let ran = scratch.refuses(&args, 5, &["truncated"]);
            assert!(ran.stdout.contains('k'));
        }
    }
    scratch.refuses(&["keys", "whole.rdb", "--key", "k", "-o", "out"], 0, &[]);
    scratch.refuses(&["keys", "whole.rdb", "--key", "m", "-o", "none"], 1, &[]);
    assert!(scratch.path().join("out").exists() && !scratch.path().join("none").exists());
}

#[test]
fn rows_of_several_files_say_which_they_are_from() {
    let scratch = Scratch::new();
    scratch.write("a.rdb", b"REDIS0004\xfe\0\0\x01k\x01a\xff");
    scratch.write("b.rdb", b"REDIS0004\xfe\x03\x02\x01k\x01\x01b\xff");
    let args = [
        "keys",
        "a.rdb",
        "b.rdb",
        "--key",
        "k",
        "--members",
        "-f",
        "csv",
    ];
    let ran = scratch.run(&args).expect_status(0);
    let mut rows = csv::Reader::from_reader(ran.stdout.as_bytes());
    let rows: Vec<_> = rows.deserialize().map(|row| row.expect("a row")).collect();
    let keys = rows
        .iter()
        .filter(|row: &&BTreeMap<String, String>| row["kind"] == "key");
    let places: Vec<_> = keys
        .map(|row| ["file", "database", "type"].map(|column| row[column].as_str()))
        .collect();
    assert_eq!(places, [["a.rdb", "0", "string"], ["b.rdb", "3", "set"]]);
}

/// A blob that is broken inside costs its own members; an empty collection is none.
#[test]
fn what_a_server_would_stumble_over_is_told() {
    let scratch = Scratch::new();
    // A list of three listpacks; the string in the second claims to be longer than its listpack.
    let listpack = |entry: &[u8]| {
        let total = u8::try_from(7 + entry.len()).expect("short");
        [&[2, total, total, 0, 0, 0, 1, 0], entry, &[0xff]].concat()
    };
    let nodes = [
        listpack(b"\x82hi\x03"),
        listpack(b"\xbfhi\x03"),
        listpack(b"\x82ho\x03"),
    ]
    .concat();
    scratch.write(
        "broken.rdb",
        [&b"REDIS0004\x12\x01k\x03"[..], &nodes, b"\xff"].concat(),
    );
    let args = ["keys", "broken.rdb", "--key", "k", "--members"];
    let ran = scratch
        .run(&[&args[..], &["-f", "ndjson"]].concat())
        .expect_status(0);
    let told = lines(&ran);
    let kinds: Vec<&Value> = told.iter().map(|line| &line["kind"]).collect();
    assert_eq!(kinds, ["key", "item", "broken", "item", "summary"]);
    assert_eq!(
        (&told[3]["index"], &told[3]["value"]["text"]),
        (&2.into(), &"ho".into())
    );
    assert_eq!(told[4]["record"]["elements"], 3);
    assert_eq!(told[4]["record"]["largest_element_bytes"], Value::Null);
    assert_eq!(told[4]["record"]["broken_nodes"], 1);
    let text = scratch.run(&args).expect_status(0).stdout;
    assert!(text.contains("BROKEN: blob damaged at offset"), "{text}");
    let inspected = scratch
        .run(&["inspect", "broken.rdb", "--elements"])
        .expect_status(0)
        .stdout;
    assert!(inspected.contains("BROKEN"), "{inspected}");

    scratch.write("empty.rdb", b"REDIS0004\x01\x01k\0\xff");
    let args = ["keys", "empty.rdb", "--key", "k", "--members"];
    let ran = scratch
        .run(&[&args[..], &["-f", "ndjson"]].concat())
        .expect_status(0);
    let kinds: Vec<Value> = lines(&ran)
        .iter()
        .map(|line| line["kind"].clone())
        .collect();
    assert_eq!(kinds, ["key", "dropped"]);
    let text = scratch.run(&args).expect_status(0).stdout;
    assert!(text.contains("servers drop such a key"), "{text}");
}

/// Times are compared with the one that is asked for, and otherwise with that of the file.
#[test]
fn what_is_past_depends_on_the_time_that_is_asked_for_alone() {
    let path = fixture("servers/valkey-9.1/hfe.rdb");
    let path = path.to_str().expect("a path");
    let expired = |now: &[&str]| {
        let keys =
            lines(&preshard(&[&["keys", path, "-f", "ndjson"], now].concat()).expect_status(0));
        let of_keys: u64 = keys
            .iter()
            .filter_map(|key| key["fields_expired"].as_u64())
            .sum();
        let inspected =
            preshard(&[&["inspect", path, "-f", "json"], now].concat()).expect_status(0);
        let document: Value = serde_json::from_str(&inspected.stdout).expect("JSON");
        let types = document["files"][0]["types"]
            .as_array()
            .expect("types")
            .clone();
        let of_types: u64 = types
            .iter()
            .filter_map(|row| row["fields_expired"].as_u64())
            .sum();
        assert_eq!(of_keys, of_types, "{now:?}");
        of_keys
    };
    let answers =
        fs::read_to_string(fixture("servers/valkey-9.1/hfe.expect.jsonl")).expect("answers");
    let with_ttl: u64 = answers
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).expect("JSON")["field_ttl"].as_u64())
        .sum();
    assert_eq!(expired(&[]), 0);
    assert_eq!(expired(&["--now", "1900-01-01T00:00:00Z"]), 0);
    assert_eq!(expired(&["--now", "2999-01-01T00:00:00Z"]), with_ttl);
    let some = expired(&["--now", "2030-03-17T17:46:40.001Z"]);
    assert!(0 < some && some < with_ttl, "{some} of {with_ttl}");
}

/// `head` has seen enough long before a list of a million items is through.
#[test]
fn a_reader_that_goes_away_ends_it_quietly() {
    let scratch = Scratch::new();
    let items = b"\x04item".repeat(1 << 20);
    scratch.write(
        "dump.rdb",
        [&b"REDIS0004\x01\x01k\x80\0\x10\0\0"[..], &items, b"\xff"].concat(),
    );
    for format in ["text", "ndjson", "csv"] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_preshard"))
            .args(["keys", "dump.rdb", "--key", "k", "--members", "-f", format])
            .current_dir(scratch.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("preshard starts");
        let mut stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut line = String::new();
        stdout.read_line(&mut line).expect("a line");
        drop(stdout);
        let output = child.wait_with_output().expect("preshard ends");
        assert_eq!(output.status.code(), Some(0), "{format}");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{format}");
    }
}

/// A string of several bytes a character, in pieces of a few bytes: text stays text, and nothing is lost.
#[test]
fn pieces_end_between_characters() {
    let scratch = Scratch::new();
    let text = "Größenwahn, 大きさ, 😀 ".repeat(40);
    let len = u32::try_from(text.len()).expect("short").to_be_bytes();
    scratch.write(
        "dump.rdb",
        [b"REDIS0004\0\x01k\x80", &len[..], text.as_bytes(), b"\xff"].concat(),
    );
    for bytes in ["1", "2", "3", "5", "64", "4096"] {
        let args = [
            "keys",
            "dump.rdb",
            "--key",
            "k",
            "--members",
            "-f",
            "ndjson",
            "--member-bytes",
            bytes,
        ];
        let mut joined = String::new();
        for line in lines(&scratch.run(&args).expect_status(0)) {
            if line["kind"] == "piece" {
                assert_eq!(line["at"], joined.len(), "pieces of {bytes}");
                joined.push_str(line["value"]["text"].as_str().expect("text"));
            }
        }
        assert_eq!(joined, text, "pieces of {bytes}");
    }
}

#[test]
fn members_cannot_steer_the_terminal() {
    let scratch = Scratch::new();
    let hostile = "a\u{1b}[2J\r\n\u{202e}\u{9b}b";
    let len = u8::try_from(hostile.len()).expect("short");
    let string = [&[len], hostile.as_bytes()].concat();
    scratch.write(
        "dump.rdb",
        [b"REDIS0004\x04\x01k\x01", &string[..], &string, b"\xff"].concat(),
    );
    for format in ["text", "ndjson", "csv"] {
        let ran = scratch
            .run(&["keys", "dump.rdb", "--key", "k", "--members", "-f", format])
            .expect_status(0);
        let hidden = |c: char| c != '\n' && (c.is_control() || c == '\u{202e}');
        assert!(!ran.stdout.contains(hidden), "{format}: {:?}", ran.stdout);
    }
}
