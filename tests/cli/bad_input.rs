//! Each kind of bad input: one clear error or warning with file, offset and expectation; nothing lost,
//! nothing guessed in silence.

use std::fs;

use crate::run::{Scratch, fixture, sound};

const NODE_A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const NODE_B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

fn backup_name(node: &str) -> String {
    format!("redis-node-10.0.0.1-7000-{node}.rdb")
}

fn nodes_json(nodes: &[(&str, &str)]) -> String {
    let nodes: Vec<String> = nodes
        .iter()
        .enumerate()
        .map(|(at, (id, slots))| {
            let (first, last) = slots.split_once('-').expect("first-last");
            let count = last.parse::<u32>().expect("a slot") - first.parse::<u32>().expect("a slot") + 1;
            format!(
                r#"{{"name":"{id}","host":"10.0.0.{}","port":7000,"replicate":null,"slots":[[{first},{last}]],"slots_count":{count},"flags":"master","current_epoch":1}}"#,
                at + 1
            )
        })
        .collect();
    format!("[{}]", nodes.join(","))
}

// --- what is no snapshot at all

#[test]
fn a_missing_file_is_named() {
    let scratch = Scratch::new();
    for command in ["inspect", "keys", "slots"] {
        let ran = scratch.refuses(
            &[command, "nowhere.rdb"],
            1,
            &[
                "error: cannot open nowhere.rdb",
                "Caused by:\n  1: ",
                "No such file",
            ],
        );
        assert_eq!(ran.stdout, "");
    }
    scratch.refuses(&["plan", "nowhere.rdb", "--rebalance"], 1, &["nowhere.rdb"]);
}

#[test]
fn other_kinds_of_file_are_called_by_their_name() {
    let scratch = Scratch::new();
    for (name, content, looks_like) in [
        ("empty", &b""[..], "an empty file"),
        ("bzip2", b"BZh91AY&SY\0\0", "a bzip2 file"),
        (
            "aof",
            b"*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n",
            "an append-only file",
        ),
        ("text", b"hello, this is no snapshot\n", "text"),
        ("json", b"{\"a\": 1}\n", "JSON text"),
        ("zeros", &[0; 64], "zeros"),
    ] {
        scratch.write(name, content);
        scratch.refuses(
            &["keys", name],
            1,
            &[
                &format!("error: cannot read {name}\n"),
                "at offset 0x0 (0)",
                "expected REDIS or VALKEY",
                looks_like,
            ],
        );
    }
}

#[test]
fn a_directory_without_backups_says_what_it_holds() {
    let scratch = Scratch::new();
    fs::create_dir(scratch.path().join("bare")).expect("a directory");
    scratch.refuses(
        &["inspect", "bare"],
        1,
        &["bare: no snapshot", "it holds nothing"],
    );
    scratch.write("other/notes.txt", "hello");
    scratch.refuses(
        &["inspect", "other"],
        1,
        &["other: no snapshot", "nodes.json", "notes.txt"],
    );
}

#[test]
fn a_directory_with_something_that_only_calls_itself_a_snapshot_is_refused() {
    let scratch = Scratch::new();
    scratch.write("backup/a.rdb", sound());
    scratch.write("backup/b.rdb", "hello");
    scratch.refuses(&["inspect", "backup"], 1, &["backup/b.rdb", "text"]);
}

// --- damage

#[test]
fn a_snapshot_cut_anywhere_tells_where_and_keeps_what_came_before() {
    let scratch = Scratch::new();
    let sound = sound();
    let mut keys_before = 0;
    for length in (0..sound.len()).step_by(997).chain([sound.len() - 1]) {
        scratch.write("cut.rdb", &sound[..length]);
        let ran = scratch.run(&["keys", "cut.rdb", "--format", "ndjson"]);
        assert!(
            !ran.stderr.contains("panicked"),
            "cut at {length}: {}",
            ran.stderr
        );
        let keys = ran.stdout.lines().count();
        assert!(
            keys >= keys_before,
            "cut at {length}: {keys} keys, {keys_before} when it was shorter"
        );
        keys_before = keys;
        let expected = if length < 9 { 1 } else { 5 };
        let ran = ran.expect_status(expected);
        assert!(
            ran.stderr.contains("cut.rdb") && ran.stderr.contains("at offset 0x"),
            "cut at {length}: {}",
            ran.stderr
        );
    }
    assert_eq!(keys_before, 191, "a missing last byte costs no key");
}

/// What a copy leaves that was interrupted, or a disk that lost blocks. Three zeros have the form of a key without name.
#[test]
fn a_hole_of_zeros_is_no_multitude_of_keys() {
    let scratch = Scratch::new();
    let mut holed = sound();
    let end = holed.len();
    holed[9_000..end - 9].fill(0);
    scratch.write("holed.rdb", &holed);
    let ran = scratch.refuses(
        &["keys", "holed.rdb", "--format", "ndjson"],
        5,
        &["at offset 0x2", "at most one key without a name"],
    );
    scratch.write("cut.rdb", &holed[..9_000]);
    let cut = scratch.run(&["keys", "cut.rdb", "--format", "ndjson"]);
    // The value that the hole begins in may be sound in form, and the first three zeros behind it are.
    let [keys, sound] = [&ran, &cut].map(|ran| ran.stdout.lines().count());
    assert!(
        sound >= 19 && keys <= sound + 2,
        "{keys} keys, {sound} before the hole"
    );
}

#[test]
fn damage_is_reported_by_every_command_and_planning_needs_consent() {
    let scratch = Scratch::new();
    let sound = sound();
    scratch.write("cut.rdb", &sound[..9_000]);
    let said = ["warning: cut.rdb: ", "truncated at offset 0x", "more byte"];
    let ran = scratch.refuses(&["inspect", "cut.rdb"], 5, &said);
    assert!(ran.stdout.contains("whole        NO: "), "{}", ran.stdout);
    scratch.refuses(&["slots", "cut.rdb"], 5, &said);
    let plan = ["plan", "cut.rdb", "--add", "1", "-o", "plan.json"];
    let ran = scratch.refuses(&plan, 5, &said);
    assert!(ran.stderr.contains("--allow-partial"), "{}", ran.stderr);
    assert_eq!(ran.stdout, "");
    assert!(
        !scratch.path().join("plan.json").exists(),
        "a plan was written"
    );

    let ran = scratch.run(&[&plan[..], &["--allow-partial"]].concat());
    assert!(
        [4, 5].contains(&ran.status),
        "exit {}: {}",
        ran.status,
        ran.stderr
    );
    assert!(ran.stdout.contains("PARTIAL"), "{}", ran.stdout);
}

#[test]
fn a_wrong_checksum_is_told_with_both_sums() {
    let scratch = Scratch::new();
    let mut bytes = sound();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    scratch.write("dump.rdb", &bytes);
    let ran = scratch.refuses(
        &["inspect", "dump.rdb"],
        5,
        &[
            "warning: dump.rdb: wrong checksum",
            "the file says",
            "its bytes give",
        ],
    );
    assert!(ran.stdout.contains("checksum     WRONG"), "{}", ran.stdout);
    assert!(ran.stdout.contains("keys         191"), "{}", ran.stdout);
    scratch.refuses(&["keys", "dump.rdb"], 5, &["wrong checksum"]);
    scratch.refuses(&["plan", "dump.rdb", "--add", "1"], 5, &["--allow-partial"]);
}

#[test]
fn unknown_versions_and_types_are_named_with_their_numbers() {
    let scratch = Scratch::new();
    let mut bytes = sound();
    bytes[5..9].copy_from_slice(b"0099");
    scratch.write("future.rdb", &bytes);
    scratch.refuses(&["keys", "future.rdb"], 1, &["future.rdb", "version 99"]);

    // The type byte of the tenth key becomes 200, which no server writes.
    scratch.write("sound.rdb", sound());
    let lines = scratch
        .run(&["keys", "sound.rdb", "--format", "ndjson"])
        .stdout;
    let tenth: serde_json::Value =
        serde_json::from_str(lines.lines().nth(9).expect("ten keys")).expect("JSON");
    let offset = tenth["offset"].as_u64().expect("an offset") as usize;
    let mut bytes = sound();
    bytes[offset] = 200;
    scratch.write("type.rdb", &bytes);
    let ran = scratch.refuses(
        &["keys", "type.rdb", "--format", "ndjson"],
        5,
        &["type.rdb", &format!("({offset})"), "200"],
    );
    assert_eq!(ran.stdout.lines().count(), 9, "the keys before are told");
}

#[test]
fn every_single_damaged_byte_of_a_small_snapshot_is_noticed() {
    let scratch = Scratch::new();
    let sound = fs::read(fixture("servers/redis-7.0/keys.rdb")).expect("the snapshot");
    for at in (0..sound.len()).step_by(13) {
        let mut bytes = sound.clone();
        bytes[at] ^= 0x10;
        scratch.write("dump.rdb", &bytes);
        let ran = scratch.run(&["inspect", "dump.rdb"]);
        assert!(
            matches!(ran.status, 1 | 5) && ran.stderr.contains("dump.rdb"),
            "byte {at} flipped: exit {}\n{}",
            ran.status,
            ran.stderr
        );
        assert!(
            !ran.stderr.contains("panicked"),
            "byte {at}: {}",
            ran.stderr
        );
    }
}

#[test]
fn bytes_after_the_end_are_a_warning() {
    let scratch = Scratch::new();
    let mut bytes = sound();
    bytes.extend_from_slice(b"more");
    scratch.write("dump.rdb", &bytes);
    scratch.refuses(
        &["inspect", "dump.rdb"],
        0,
        &["warning: dump.rdb: 4 bytes after the end"],
    );
}

// --- files and topologies that do not fit together

#[test]
fn the_same_shard_twice_is_refused() {
    let scratch = Scratch::new();
    scratch.write("nodes.json", nodes_json(&[(NODE_A, "0-16383")]));
    for directory in ["monday", "tuesday"] {
        scratch.write(&format!("{directory}/{}", backup_name(NODE_A)), sound());
    }
    let args = ["slots", "monday", "tuesday", "--topology", "nodes.json"];
    scratch.refuses(&args, 1, &["monday/", "tuesday/", NODE_A]);
    let args = ["slots", "monday", "tuesday"];
    scratch.refuses(&args, 1, &["monday/", "tuesday/", NODE_A]);
}

#[test]
fn without_topology_two_files_with_keys_of_one_slot_are_refused() {
    let scratch = Scratch::new();
    scratch.write("a.rdb", sound());
    scratch.write("b.rdb", sound());
    scratch.refuses(
        &["slots", "a.rdb", "b.rdb"],
        1,
        &["a.rdb", "b.rdb", "slot "],
    );
}

#[test]
fn without_topology_the_output_says_so() {
    let scratch = Scratch::new();
    scratch.write("a.rdb", sound());
    scratch.refuses(
        &["slots", "a.rdb"],
        0,
        &["warning: no topology", "--topology"],
    );
}

#[test]
fn two_shards_that_own_one_slot_are_refused() {
    let scratch = Scratch::new();
    let nodes = nodes_json(&[(NODE_A, "0-8000"), (NODE_B, "8000-16383")]);
    scratch.write("backup/nodes.json", nodes);
    scratch.write(&format!("backup/{}", backup_name(NODE_A)), sound());
    scratch.refuses(
        &["slots", "backup"],
        1,
        &["backup/nodes.json", "slot 8000", NODE_A, NODE_B],
    );
}

#[test]
fn a_topology_that_does_not_know_the_file_is_refused() {
    let scratch = Scratch::new();
    scratch.write("backup/nodes.json", nodes_json(&[(NODE_A, "0-16383")]));
    scratch.write(&format!("backup/{}", backup_name(NODE_B)), sound());
    scratch.refuses(&["slots", "backup"], 1, &[&backup_name(NODE_B), NODE_B]);
}

#[test]
fn keys_in_a_slot_that_the_node_does_not_own_are_left_out_and_told() {
    let scratch = Scratch::new();
    // All keys lie in the file of node A, which owns the lower three quarters only.
    let nodes = nodes_json(&[(NODE_A, "0-12287"), (NODE_B, "12288-16383")]);
    scratch.write("backup/nodes.json", nodes);
    scratch.write(&format!("backup/{}", backup_name(NODE_A)), sound());
    let ran = scratch.refuses(
        &["slots", "backup", "--format", "json"],
        5,
        &["does not own", "no file for node bbbbbbbb"],
    );
    let document: serde_json::Value = serde_json::from_str(&ran.stdout).expect("JSON");
    let slots = document["slots"].as_array().expect("rows");
    assert!(!slots.is_empty());
    for row in slots {
        assert!(row["slot"].as_u64() < Some(12_288), "{row}");
    }
    assert!(!document["doubts"].as_array().expect("doubts").is_empty());
}

/// A backup of the bundled cluster without the snapshot of its last shard, and the id of that.
fn without_last_shard(scratch: &Scratch) -> &'static str {
    const LAST: &str = "734e0c738301eca75d5149a14399a6d0d7059213";
    for entry in fs::read_dir(fixture("clusters/shop-3x")).expect("the cluster") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().and_then(|name| name.to_str());
        let name = name.expect("a name");
        if !name.contains(LAST) {
            let content = fs::read(&path).expect("a file");
            scratch.write(&format!("backup/{name}"), content);
        }
    }
    LAST
}

#[test]
fn a_missing_shard_is_told_by_every_command() {
    let scratch = Scratch::new();
    let missing = without_last_shard(&scratch);
    let said = format!("no file for node {missing}");
    for args in [
        &["inspect", "backup"][..],
        &["keys", "backup"],
        &["keys", "backup", "--format", "ndjson"],
        &["slots", "backup"],
        &["plan", "backup", "--add", "1"],
        &["plan", "backup", "--add", "1", "--allow-partial"],
    ] {
        scratch.refuses(args, 5, &[&said]);
    }
    let ran = scratch.run(&["inspect", "backup"]);
    assert!(ran.stdout.contains("PARTIAL: "), "{}", ran.stdout);
    let ran = scratch.run(&["inspect", "backup", "--format", "json"]);
    let document: serde_json::Value = serde_json::from_str(&ran.stdout).expect("JSON");
    assert_eq!(document["partial"], true);
}

/// Names that tell no node cannot say which shard is missing, but how many are.
#[test]
fn missing_shards_are_counted_where_names_tell_nothing() {
    let scratch = Scratch::new();
    let nodes = nodes_json(&[(NODE_A, "0-8191"), (NODE_B, "8192-16383")]);
    scratch.write("backup/nodes.json", nodes);
    scratch.write("backup/dump.rdb", sound());
    scratch.refuses(&["keys", "backup"], 5, &["at least 1 of the primaries"]);
    scratch.write("backup/other.rdb", sound());
    scratch.run(&["keys", "backup"]).expect_status(0);
}

#[test]
fn snapshots_that_do_not_fit_their_topology_are_told_by_inspect() {
    let scratch = Scratch::new();
    let nodes = nodes_json(&[(NODE_A, "0-8191")]);
    scratch.write("backup/nodes.json", nodes);
    scratch.write(&format!("backup/{}", backup_name(NODE_B)), sound());
    let ran = scratch.refuses(&["inspect", "backup"], 5, &["backup/nodes.json", NODE_B]);
    assert!(
        ran.stdout.contains("whole        yes"),
        "the file itself is reported: {}",
        ran.stdout
    );
}

/// A node of which nothing is known is no empty node.
#[test]
fn unknown_figures_are_no_zeros() {
    let scratch = Scratch::new();
    let missing = &without_last_shard(&scratch)[..8];
    let row = |text: &str| {
        let line = text.lines().find(|line| line.contains(missing));
        let line = line.unwrap_or_else(|| panic!("no row of {missing} in\n{text}"));
        line.split_whitespace()
            .skip(2)
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let slots = scratch.run(&["slots", "backup"]).stdout;
    assert_eq!(row(&slots), ["5,461", "?", "?", "?", "?", "?", "?"]);
    let plan = ["plan", "backup", "--rebalance", "--allow-partial"];
    let ran = scratch.run(&plan).expect_status(5);
    let unknown = ["?"; 7];
    let expected = [&["5,461", "5,461"][..], &unknown].concat();
    assert_eq!(row(&ran.stdout), expected, "{}", ran.stdout);
    let ran = scratch.run(&[&plan[..], &["--format", "json"]].concat());
    let document: serde_json::Value = serde_json::from_str(&ran.stdout).expect("JSON");
    let nodes = document["nodes"].as_array().expect("nodes");
    let at = nodes.iter().position(|node| {
        node["id"]
            .as_str()
            .is_some_and(|id| id.starts_with(missing))
    });
    let share = &document["shares"][at.expect("the node")];
    assert!(
        share["before"].is_null() && share["after"].is_null(),
        "{share}"
    );
}

#[test]
fn a_damaged_topology_is_told_with_its_place() {
    let scratch = Scratch::new();
    let nodes = nodes_json(&[(NODE_A, "0-16383")]);
    scratch.write("backup/nodes.json", &nodes[..nodes.len() - 4]);
    scratch.write(&format!("backup/{}", backup_name(NODE_A)), sound());
    scratch.refuses(
        &["slots", "backup"],
        1,
        &["backup/nodes.json", "Caused by:"],
    );
    scratch.write("dump.rdb", sound());
    scratch.refuses(
        &["slots", "dump.rdb", "--topology", "dump.rdb"],
        1,
        &["dump.rdb is no topology"],
    );
    scratch.refuses(
        &["slots", "dump.rdb", "--topology", "none.json"],
        1,
        &["cannot read topology none.json"],
    );
}

#[test]
fn topologies_that_contradict_each_other_are_refused() {
    let scratch = Scratch::new();
    for (directory, node, owner) in [("a", NODE_A, NODE_A), ("b", NODE_B, NODE_B)] {
        scratch.write(
            &format!("{directory}/nodes.json"),
            nodes_json(&[(owner, "0-16383")]),
        );
        scratch.write(&format!("{directory}/{}", backup_name(node)), sound());
    }
    scratch.refuses(
        &["slots", "a", "b"],
        1,
        &["a/nodes.json", "b/nodes.json", "slot 0", "--topology"],
    );
}

#[test]
fn append_only_files_beside_a_snapshot_are_not_passed_over_in_silence() {
    let scratch = Scratch::new();
    scratch.write("data/dump.rdb", sound());
    scratch.write("data/appendonly.aof", "*1\r\n$4\r\nPING\r\n");
    scratch.refuses(
        &["inspect", "data"],
        0,
        &["warning: ", "data/appendonly.aof", "not read"],
    );
}

/// A data directory knows its own node: the one that nodes.conf calls `myself`.
#[test]
fn a_data_directory_tells_its_node_and_the_owners() {
    let scratch = Scratch::new();
    let conf =
        fs::read_to_string(fixture("topologies/redis-8.6-plain/nodes.conf")).expect("a nodes.conf");
    // The snapshot is of a cluster that was cut otherwise: its keys lie in all slots.
    let conf = conf
        .replace(" 0-5460", " 0-12287")
        .replace(" 5461-10922", " 12288-14335")
        .replace(" 10923-16383", " 14336-16383");
    let myself = conf
        .lines()
        .find(|line| line.contains("myself"))
        .and_then(|line| line.split(' ').next())
        .expect("a node that is myself");
    scratch.write("data/nodes.conf", &conf);
    scratch.write("data/dump.rdb", sound());
    let ran = scratch
        .run(&["slots", "data", "--format", "json"])
        .expect_status(5);
    let document: serde_json::Value = serde_json::from_str(&ran.stdout).expect("JSON");
    assert_eq!(document["inputs"][0]["node"], myself, "{}", ran.stderr);
    assert_eq!(document["topology"], "data/nodes.conf");
    assert_eq!(document["partial"], true, "the other shards have no backup");
    // Who looks at one server's directory does not miss the others.
    scratch.run(&["keys", "data"]).expect_status(0);
    let ran = scratch.run(&["inspect", "data"]).expect_status(0);
    assert_eq!(ran.stderr, "");
}
