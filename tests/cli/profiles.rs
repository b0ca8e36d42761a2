//! Saved profiles: they answer as the backup does, and nothing in one is believed unchecked.

use std::fs;
use std::path::PathBuf;

use flate2::Compression;
use flate2::write::GzEncoder;
use preshard_report::ProfileDocument;
use serde_json::{Value, json};

use crate::documents::{assert_meets, validator};
use crate::run::{Scratch, fixture, preshard, sound};

const CLUSTER: &str = "clusters/shop-3x";

fn text(path: &std::path::Path) -> &str {
    path.to_str().expect("a path that is text")
}

/// Saves what is in an input.
fn save(scratch: &Scratch, input: &str, name: &str, more: &[&str]) -> PathBuf {
    let path = scratch.path().join(name);
    let args = [&["slots", input, "--save", text(&path)], more].concat();
    preshard(&args).expect_status(0);
    path
}

/// A document without what names the profile that its inputs were read from, and without hash tags, which profiles do not hold.
fn but_for_the_profile(document: &str) -> Value {
    let mut document: Value = serde_json::from_str(document).expect("a document");
    for input in document["inputs"].as_array_mut().expect("inputs") {
        input["saved_in"] = Value::Null;
    }
    for slot in document["ruled_slots"].as_array_mut().into_iter().flatten() {
        slot["tags"] = Value::Null;
        slot["other_tags"] = Value::Null;
    }
    document
}

#[test]
fn plans_and_slots_are_those_of_the_backup() {
    let scratch = Scratch::new();
    let inputs = [
        CLUSTER,
        "servers/redis-7.0/cluster.rdb",
        "servers/valkey-8.1/cluster.rdb",
    ];
    for (number, input) in inputs.into_iter().enumerate() {
        let backup = fixture(input);
        let saved = save(&scratch, text(&backup), &format!("{number}.json"), &[]);
        for question in [
            &["slots"][..],
            &["plan", "--add", "2"],
            &["plan", "--rebalance", "--maxmemory", "100mb"],
            // These limits ask for names from higher floors on than those that were saved with.
            &["plan", "--add", "1", "--latency-budget", "400ms"],
            &["plan", "--add", "1", "--allow-oversized"],
        ] {
            let ask = |input: &str| {
                let args = [
                    &question[..1],
                    &[input],
                    &question[1..],
                    &["--format", "json"],
                ]
                .concat();
                preshard(&args)
            };
            let (of_backup, of_saved) = (ask(text(&backup)), ask(text(&saved)));
            assert_eq!(of_backup.status, of_saved.status, "{input} {question:?}");
            assert_eq!(of_backup.stderr, of_saved.stderr, "{input} {question:?}");
            assert_ne!(
                of_backup.stdout, of_saved.stdout,
                "nothing names the profile"
            );
            let same =
                but_for_the_profile(&of_backup.stdout) == but_for_the_profile(&of_saved.stdout);
            assert!(same, "{input} {question:?}");
        }
    }
}

#[test]
fn text_is_the_same_from_either() {
    let scratch = Scratch::new();
    let backup = fixture(CLUSTER);
    let saved = save(&scratch, text(&backup), "saved", &[]);
    for question in ["slots", "plan"] {
        let goal: &[&str] = if question == "plan" {
            &["--add", "1"]
        } else {
            &[]
        };
        let ask = |input| preshard(&[&[question, input], goal].concat()).expect_status(0);
        assert_eq!(ask(text(&backup)).stdout, ask(text(&saved)).stdout);
    }
}

#[test]
fn what_is_saved_meets_its_schema_and_is_the_same_for_any_number_of_threads() {
    let scratch = Scratch::new();
    let validator = validator("profile");
    for (number, input) in [CLUSTER, "servers/redis-8.6/cluster.rdb"]
        .into_iter()
        .enumerate()
    {
        let backup = fixture(input);
        let one = save(
            &scratch,
            text(&backup),
            &format!("{number}-1"),
            &["--threads", "1"],
        );
        let four = save(
            &scratch,
            text(&backup),
            &format!("{number}-4"),
            &["--threads", "4"],
        );
        let one = fs::read_to_string(one).expect("a profile");
        assert_eq!(one, fs::read_to_string(four).expect("a profile"));
        let document: Value = serde_json::from_str(&one).expect("JSON");
        assert_meets(&validator, &document, input);
        assert!(
            document["files"][0]["slots"]
                .as_array()
                .is_some_and(|rows| !rows.is_empty()),
            "{input}: no rows"
        );
    }
}

#[test]
fn a_profile_of_profiles_holds_what_they_hold() {
    let scratch = Scratch::new();
    let backup = fixture(CLUSTER);
    let all = save(&scratch, text(&backup), "all", &[]);
    let again = save(&scratch, text(&all), "again", &[]);
    let read = |path| fs::read_to_string(path).expect("a profile");
    assert_eq!(read(&all), read(&again));
}

/// Each shard is saved where it lies; who owns what is said when they are put together.
#[test]
fn shards_that_were_saved_apart_make_the_cluster() {
    let scratch = Scratch::new();
    let backup = fixture(CLUSTER);
    let mut shards: Vec<PathBuf> = fs::read_dir(&backup)
        .expect("the backup")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "rdb"))
        .collect();
    shards.sort();
    assert_eq!(shards.len(), 3);
    let topology = backup.join("nodes.json");
    let ask = |inputs: &[&str]| {
        let goal = [
            "--topology",
            text(&topology),
            "--add",
            "1",
            "--format",
            "json",
        ];
        let ran = preshard(&[&["plan"], inputs, &goal].concat()).expect_status(0);
        but_for_the_profile(&ran.stdout)
    };
    let snapshots: Vec<&str> = shards.iter().map(|path| text(path)).collect();
    let saved: Vec<PathBuf> = (0..)
        .zip(&snapshots)
        .map(|(number, path)| save(&scratch, path, &format!("shard-{number}"), &[]))
        .collect();
    let saved: Vec<&str> = saved.iter().map(|path| text(path)).collect();
    let expected = ask(&snapshots);
    assert_eq!(ask(&saved), expected, "three profiles");
    assert_eq!(
        ask(&[snapshots[0], saved[1], snapshots[2]]),
        expected,
        "one among snapshots"
    );
    assert_eq!(
        ask(&[saved[0], snapshots[1], saved[2]]),
        expected,
        "a snapshot among them"
    );
}

/// Every host calls its snapshot `dump.rdb`: the files must not be taken for one node's.
#[test]
fn snapshots_of_one_name_stay_apart() {
    let scratch = Scratch::new();
    let backup = fixture(CLUSTER);
    let mut args = vec!["plan".to_owned()];
    for entry in fs::read_dir(&backup).expect("the backup") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|extension| extension == "rdb") {
            let host = format!("host-{}", args.len());
            scratch.write(
                &format!("{host}/dump.rdb"),
                fs::read(path).expect("a snapshot"),
            );
            let saved = scratch.path().join(format!("{host}.json"));
            crate::run::preshard_in(
                &scratch.path().join(host),
                &["slots", "dump.rdb", "--save", text(&saved)],
            )
            .expect_status(0);
            args.push(text(&saved).to_owned());
        }
    }
    args.extend(["--rebalance", "--format", "json"].map(str::to_owned));
    let plan: Value =
        serde_json::from_str(&preshard(&args).expect_status(0).stdout).expect("a plan");
    let nodes = plan["nodes"].as_array().expect("nodes");
    assert_eq!(nodes.len(), 3);
    for node in nodes {
        let id = node["id"].as_str().expect("an id");
        assert!(id.ends_with("dump.rdb") && id.contains("host-"), "{id}");
    }
}

#[test]
fn a_compressed_profile_is_read() {
    let scratch = Scratch::new();
    let saved = save(&scratch, text(&fixture(CLUSTER)), "saved", &[]);
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    std::io::Write::write_all(&mut packed, &fs::read(&saved).expect("a profile")).expect("memory");
    scratch.write("packed", packed.finish().expect("memory"));
    let plain = preshard(&["slots", text(&saved)]).expect_status(0);
    assert_eq!(
        scratch.run(&["slots", "packed"]).expect_status(0).stdout,
        plain.stdout
    );
}

#[test]
fn damage_is_kept() {
    let scratch = Scratch::new();
    let whole = sound();
    scratch.write("cut.rdb", &whole[..whole.len() / 2]);
    let saved = scratch
        .run(&["slots", "cut.rdb", "--save", "cut.json"])
        .expect_status(5);
    let read = scratch.run(&["slots", "cut.json"]).expect_status(5);
    assert_eq!(saved.stdout, read.stdout);
    assert_eq!(saved.stderr, read.stderr);
    scratch.refuses(&["plan", "cut.json", "--add", "1"], 5, &["--allow-partial"]);
    scratch.refuses(
        &["slots", "cut.json", "--salvage"],
        2,
        &["cut.rdb in cut.json", "--salvage, and was saved without"],
    );
}

#[test]
fn what_a_profile_does_not_hold_is_refused_by_name() {
    let scratch = Scratch::new();
    scratch.write("dump.rdb", sound());
    scratch
        .run(&["slots", "dump.rdb", "--save", "saved"])
        .expect_status(0);
    for (args, words) in [
        (
            &["keys", "saved"][..],
            &["saved is a saved profile", "`keys`"][..],
        ),
        (
            &["inspect", "saved"],
            &["saved is a saved profile", "`inspect`"],
        ),
        (
            &["keys", "saved", "--key", "x"],
            &["saved is a saved profile"],
        ),
        (
            &["plan", "saved", "--add", "1", "--target", "valkey-8.0"],
            &["dump.rdb in saved", "--target", "redis-7.0"],
        ),
        (
            &["plan", "saved", "--add", "1", "--allocator", "glibc"],
            &["dump.rdb in saved", "--allocator", "je3"],
        ),
        (&["slots", "saved", "--standalone"], &["--standalone"]),
        (
            &[
                "plan",
                "saved",
                "dump.rdb",
                "--add",
                "1",
                "--allocator",
                "glibc",
            ],
            &["--allocator"],
        ),
        (
            &["slots", "dump.rdb", "--save", "dump.rdb"],
            &["--save dump.rdb is an input"],
        ),
        (
            &["slots", "saved", "-o", "saved"],
            &["-o saved is an input"],
        ),
        (
            &["slots", "dump.rdb", "--save", "-"],
            &["--save wants the name of a file"],
        ),
    ] {
        scratch.refuses(args, 2, words);
    }
    scratch
        .run(&["slots", "dump.rdb", "--standalone", "--save", "alone"])
        .expect_status(0);
    scratch.refuses(
        &["plan", "alone", "--add", "1"],
        2,
        &["outside of cluster mode"],
    );
    scratch.write("config", "hash-max-listpack-entries 1\n");
    scratch.refuses(
        &["slots", "saved", "--target-config", "config"],
        2,
        &["--target-config, and was saved with other settings"],
    );
}

#[test]
fn names_that_were_not_saved_are_said_to_be_missing() {
    let scratch = Scratch::new();
    scratch.write("dump.rdb", sound());
    scratch
        .run(&["slots", "dump.rdb", "--save", "saved"])
        .expect_status(0);
    let args = ["plan", "saved", "--add", "1", "--latency-budget", "20ms"];
    let ran = scratch.run(&args).expect_status(0);
    assert!(
        ran.stderr
            .contains("names keys from a predicted block of 2400 us"),
        "{}",
        ran.stderr
    );
}

/// The profile of the sound snapshot, changed and sealed again, as a file.
fn changed(scratch: &Scratch, name: &str, change: impl FnOnce(&mut Value)) {
    scratch.write("dump.rdb", sound());
    // Low floors, so that one key is named.
    let args = [
        "slots",
        "dump.rdb",
        "--save",
        "saved",
        "--latency-budget",
        "10ms",
    ];
    scratch.run(&args).expect_status(0);
    let saved = fs::read_to_string(scratch.path().join("saved")).expect("a profile");
    let mut value: Value = serde_json::from_str(&saved).expect("JSON");
    change(&mut value);
    let mut document: ProfileDocument = serde_json::from_value(value).expect("a profile");
    document.seal();
    scratch.write(name, serde_json::to_vec(&document).expect("JSON"));
}

#[test]
fn a_profile_that_contradicts_itself_is_refused_where_it_does() {
    let scratch = Scratch::new();
    changed(&scratch, "sound", |_| {});
    scratch.run(&["slots", "sound"]).expect_status(0);

    type Change = fn(&mut Value);
    let cases: &[(&str, Change, &[&str])] = &[
        (
            "no files",
            |it| it["files"] = json!([]),
            &["files: expected at least one"],
        ),
        (
            "slot beyond the last",
            |it| it["files"][0]["slots"][3][0] = json!(16_384),
            &[
                "row 4 of slots",
                "expected a slot from 0 to 16383, found 16384",
            ],
        ),
        (
            "slots out of order",
            |it| {
                let rows = it["files"][0]["slots"].as_array_mut();
                rows.expect("rows").swap(2, 3);
            },
            &["slot 220", "expected a slot above 335, found 220"],
        ),
        (
            "keys that nothing counts",
            |it| it["files"][0]["slots"][0][1] = json!(7),
            &["slot 49", "expected 6 keys", "found 7"],
        ),
        (
            "bins whose keys overflow",
            |it| {
                it["files"][0]["slots"][0][12][0][1] = json!(u64::MAX);
                it["files"][0]["slots"][0][12][1][1] = json!(u64::MAX);
            },
            &["slot 49", "bins whose keys can be summed"],
        ),
        (
            "more memory than there is",
            |it| it["files"][0]["slots"][0][6] = json!(u64::MAX),
            &["the sum over all slots", "memory bytes"],
        ),
        (
            "an understated worst block",
            |it| it["files"][0]["slots"][0][11] = json!(1),
            &["slot 49", "expected a worst block of", "found 1"],
        ),
        (
            "an understated largest payload",
            |it| it["files"][0]["slots"][0][10] = json!(1),
            &[
                "slot 49",
                "expected a largest payload of 122 bytes",
                "found 1",
            ],
        ),
        (
            "a bin that is none",
            |it| it["files"][0]["slots"][0][12][0][0] = json!(496),
            &["row 1 of slots", "expected a bin of 0 to 495", "[496,"],
        ),
        (
            "a key of another slot",
            |it| it["files"][0]["named"][0][1] = json!({ "text": "no such key" }),
            &["expected", "found"],
        ),
        (
            "a type that is none",
            |it| it["files"][0]["named"][0][2] = json!("table"),
            &[
                "named key 1",
                "expected the name of a type, found \"table\"",
            ],
        ),
        (
            "a key below the floor",
            |it| it["files"][0]["floor_block_ns"] = json!(u64::MAX),
            &["named key 1", "expected a block of 18446744073709551615 ns"],
        ),
        (
            "a memory model of nobody",
            |it| it["files"][0]["basis"]["memory_model"] = json!("mongo-1-je3-cluster"),
            &["basis.memory_model", "mongo-1-je3-cluster"],
        ),
        (
            "a whole file that was changed",
            |it| it["files"][0]["changed"] = json!(true),
            &["whole", "expected false"],
        ),
        (
            "ranges that end before they begin",
            |it| it["files"][0]["importing"] = json!([[7, 5]]),
            &["importing", "[7,5]"],
        ),
        (
            "keys that are not in the slots",
            |it| it["files"][0]["keys"] = json!(1),
            &["keys: expected 191", "found 1"],
        ),
    ];
    for (what, change, words) in cases {
        changed(&scratch, "hostile", change);
        let words = [&["cannot read hostile"], *words].concat();
        println!("{what}");
        scratch.refuses(&["plan", "hostile", "--add", "1"], 1, &words);
    }
}

#[test]
fn a_profile_that_is_not_as_it_was_saved_is_refused() {
    let scratch = Scratch::new();
    changed(&scratch, "sealed", |_| {});
    let saved = fs::read_to_string(scratch.path().join("saved")).expect("a profile");
    for (changed, words) in [
        (
            saved.replacen("\"format_version\":1", "\"format_version\":2", 1),
            &["format_version: expected 1, found 2"][..],
        ),
        (
            saved.replacen("\"format_version\":1,", "", 1),
            &["format_version: expected 1, found none"],
        ),
        (
            saved.replacen("\"bytes\":18307", "\"bytes\":18308", 1),
            &["checksum: expected", "changed since it was saved"],
        ),
        (
            saved.replacen("\"bytes\":18307", "\"bytes\":-1", 1),
            &["invalid value: integer `-1`, expected u64 at line 14"],
        ),
        (
            saved.replacen("\"bytes\":18307", "\"bytes\":NaN", 1),
            &["expected value at line 14"],
        ),
        (
            saved.replacen("\"bytes\":18307", "\"bytes\":1e99", 1),
            &["expected u64 at line 14"],
        ),
        (
            saved.replacen("\"bytes\":18307", "\"bytes\":99999999999999999999", 1),
            &["expected u64 at line 14"],
        ),
        (
            saved.replacen("\"bytes\":18307", "\"bytes\":18307,\n\"more\":1", 1),
            &["unknown field `more`", "line 15"],
        ),
        (saved.clone() + "{}", &["trailing characters at line"]),
        (
            saved[..saved.len() / 2].to_owned(),
            &["EOF while parsing", "at line"],
        ),
    ] {
        assert_ne!(changed, saved, "{words:?}");
        scratch.write("bad", changed);
        let words = [&["cannot read bad"], words].concat();
        scratch.refuses(&["plan", "bad", "--add", "1"], 1, &words);
    }
}
