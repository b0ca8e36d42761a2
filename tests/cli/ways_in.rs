//! Every way a snapshot can come in: the answers are the same.

use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

use crate::run::{Ran, Scratch, fixture};

/// One snapshot as the usual tools compress it.
const COMPRESSED: [&str; 8] = [
    "gnu-gzip-1.12.gz",
    "gnu-gzip-1.12-members.gz",
    "zstd-1.5.4-long.zst",
    "zstd-1.5.4-unchecked.zst",
    "pzstd-1.5.4.zst",
    "lz4-1.9.4.lz4",
    "lz4-1.9.4-linked.lz4",
    "lz4-1.9.4-legacy.lz4",
];

fn wrapped(name: &str) -> Vec<u8> {
    fs::read(fixture("wrapped").join(name)).expect("the fixture")
}

/// Runs `preshard` with bytes on its standard input.
pub fn piped(args: &[&str], input: &[u8]) -> Ran {
    let mut child = Command::new(env!("CARGO_BIN_EXE_preshard"))
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("preshard starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    // A run that refuses its arguments reads nothing.
    let _ = stdin.write_all(input);
    drop(stdin);
    let output = child.wait_with_output().expect("preshard ends");
    Ran {
        status: output.status.code().expect("no signal ended preshard"),
        stdout: String::from_utf8(output.stdout).expect("output is UTF-8"),
        stderr: String::from_utf8(output.stderr).expect("messages are UTF-8"),
    }
}

#[test]
fn every_way_in_gives_the_same_keys_and_slots() {
    let scratch = Scratch::new();
    for command in [
        &["keys", "--format", "ndjson"][..],
        &["keys"],
        &["slots", "--format", "csv"],
    ] {
        let (name, options) = command.split_first().expect("a command");
        let file = [&[*name, "snapshot"], options].concat();
        let stdin = [&[*name, "-"], options].concat();
        scratch.write("snapshot", wrapped("dump.rdb"));
        let of_file = scratch.run(&file).expect_status(0);
        let of_stdin = piped(&stdin, &wrapped("dump.rdb")).expect_status(0);
        let renamed = of_file.stdout.replace("snapshot", "-");
        if options.contains(&"ndjson") {
            assert_eq!(of_stdin.stdout, renamed);
            assert_eq!(renamed.lines().count(), 18);
        }
        for way in COMPRESSED {
            scratch.write("snapshot", wrapped(way));
            for mmap in ["auto", "never"] {
                let ran = scratch.run(&[&file[..], &["--mmap", mmap]].concat());
                assert_eq!(ran.stdout, of_file.stdout, "{way}, {}", ran.stderr);
                assert_eq!((ran.status, ran.stderr), (0, of_file.stderr.clone()));
            }
            let ran = piped(&stdin, &wrapped(way));
            assert_eq!(ran.stdout, of_stdin.stdout, "{way}, {}", ran.stderr);
            assert_eq!((ran.status, ran.stderr), (0, of_stdin.stderr.clone()));
        }
    }
}

/// What a server sent to a replica holds the same 18 keys.
#[test]
fn captures_of_replication_are_snapshots() {
    for server in ["redis-7.0", "redis-8.6", "valkey-9.1"] {
        for kind in ["marked", "sized"] {
            let capture = wrapped(&format!("{server}.{kind}"));
            let scratch = Scratch::new();
            scratch.write("capture", &capture);
            let args = ["keys", "capture", "--format", "ndjson"];
            let of_file = scratch.run(&args).expect_status(0).stdout;
            assert_eq!(of_file.lines().count(), 18, "{server}, {kind}");
            assert!(of_file.contains("{tag}:expiring"));
            let read = scratch.run(&[&args[..], &["--mmap", "never"]].concat());
            assert_eq!(read.expect_status(0).stdout, of_file);
            let of_stdin = piped(&["keys", "-", "--format", "ndjson"], &capture);
            assert_eq!(of_stdin.expect_status(0).stdout.lines().count(), 18);
        }
    }
}

#[test]
fn standard_input_is_there_once() {
    let ran = piped(&["keys", "-", "-"], &wrapped("dump.rdb")).expect_status(2);
    assert!(ran.stderr.contains("only once"), "{}", ran.stderr);
    let ran = piped(&["keys", "-"], b"").expect_status(1);
    let said = "cannot read standard input";
    assert!(ran.stderr.contains(said), "{}", ran.stderr);
    assert!(ran.stderr.contains("an empty file"), "{}", ran.stderr);
}

#[test]
fn a_compressed_snapshot_that_was_cut_tells_both_places_and_keeps_its_keys() {
    let scratch = Scratch::new();
    let whole = wrapped("gnu-gzip-1.12.gz");
    scratch.write("cut.gz", &whole[..500]);
    let ran = scratch.refuses(
        &["keys", "cut.gz", "--format", "ndjson"],
        5,
        &["cut.gz", "gzip truncated at offset 0x1f4 (500) of the file"],
    );
    assert!(ran.stdout.lines().count() > 5, "{}", ran.stdout);

    let mut damaged = whole.clone();
    damaged[whole.len() - 8] ^= 1;
    scratch.write("damaged.gz", &damaged);
    let words = ["damaged.gz", "gzip damaged at offset", "checksum"];
    let ran = scratch.refuses(&["keys", "damaged.gz", "--format", "ndjson"], 5, &words);
    assert_eq!(ran.stdout.lines().count(), 18);

    scratch.write("nothing.gz", &whole[..15]);
    scratch.refuses(
        &["keys", "nothing.gz"],
        5,
        &[
            "cannot read nothing.gz",
            "gzip truncated at offset 0xf (15)",
        ],
    );
}

#[test]
fn what_no_snapshot_is_in_is_named_with_its_wrapping() {
    let scratch = Scratch::new();
    let mut others = wrapped("gnu-gzip-1.12.gz");
    for _ in 0..2 {
        // A gzip of one stored block, whose trailer nobody comes to.
        let length = u16::try_from(others.len()).expect("small");
        let mut outer = b"\x1f\x8b\x08\0\0\0\0\0\0\x03\x01".to_vec();
        outer.extend(length.to_le_bytes());
        outer.extend((!length).to_le_bytes());
        outer.extend(others);
        others = outer;
    }
    scratch.write("twice.gz", &others);
    let ran = scratch.run(&["keys", "twice.gz", "--format", "ndjson"]);
    assert_eq!(ran.stdout.lines().count(), 18, "{}", ran.stderr);

    let text = b"no snapshot, but text";
    let mut gzip = b"\x1f\x8b\x08\0\0\0\0\0\0\x03\x01\x15\0\xea\xff".to_vec();
    gzip.extend(text);
    scratch.write("text.gz", &gzip);
    scratch.refuses(
        &["keys", "text.gz"],
        1,
        &["cannot read what text.gz holds (gzip)", "found text"],
    );
}

#[test]
fn more_than_was_allowed_is_refused() {
    let scratch = Scratch::new();
    scratch.write("dump.gz", wrapped("gnu-gzip-1.12.gz"));
    let held = wrapped("dump.rdb").len();
    let keys = |most: usize| {
        let most = most.to_string();
        let args = [
            "keys",
            "dump.gz",
            "--format",
            "ndjson",
            "--max-decompressed",
        ];
        scratch.run(&[&args[..], &[&most]].concat())
    };
    assert_eq!(keys(held).expect_status(0).stdout.lines().count(), 18);
    let ran = keys(held - 1).expect_status(5);
    let said = format!(
        "it decodes to more than {} bytes; --max-decompressed SIZE allows more",
        held - 1
    );
    assert!(ran.stderr.contains(&said), "{}", ran.stderr);
    let args = ["keys", "dump.gz", "--max-decompressed", "0"];
    scratch.refuses(&args, 2, &["--max-decompressed", "more than 0"]);
}

/// In a directory, a snapshot is what holds one, whatever it is called; what calls itself one must be one.
#[test]
fn directories_hold_snapshots_that_are_compressed() {
    let scratch = Scratch::new();
    let id = "0123456789abcdef0123456789abcdef01234567";
    let name = format!("redis-node-10.0.0.1-7000-{id}.rdb.zst");
    scratch.write(&format!("backup/{name}"), wrapped("pzstd-1.5.4.zst"));
    scratch.write("backup/checksums.sha256", "0123  dump.rdb\n");
    scratch.write(
        "backup/other.gz",
        b"\x1f\x8b\x08\0\0\0\0\0\0\x03\x01\x05\0\xfa\xffhello",
    );
    scratch.write(
        "backup/nodes.json",
        format!(
            r#"[{{"name":"{id}","host":"10.0.0.1","port":7000,"replicate":null,"slots":[[0,16383]],"slots_count":16384,"flags":"master","current_epoch":1}}]"#
        ),
    );
    let ran = scratch.run(&["slots", "backup", "--format", "json"]);
    let document: serde_json::Value = serde_json::from_str(&ran.stdout).expect("JSON");
    let inputs = document["inputs"].as_array().expect("inputs");
    assert_eq!(inputs.len(), 1, "{}", ran.stderr);
    assert_eq!(inputs[0]["node"], id);
    assert_eq!(ran.status, 0, "{}", ran.stderr);

    scratch.write("backup/dump.rdb.xz", b"\xfd7zXZ\0\0\x04");
    let words = ["backup/dump.rdb.xz", "an xz file"];
    scratch.refuses(&["slots", "backup"], 1, &words);
}
