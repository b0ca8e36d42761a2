//! How far a file can be trusted is said by every command, in its words, its documents and its exit status.

use std::fs;
use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::documents::{assert_meets, validator};
use crate::run::{Ran, Scratch, fixture, sound};

const COMMANDS: &[u8] = b"*1\r\n$4\r\nPING\r\n";

/// Runs all commands on one file; their warnings must hold all of the words.
struct Runs {
    inspect: Ran,
    inspect_json: Value,
    keys: Ran,
    key_lines: usize,
    slots: Ran,
    slots_json: Value,
    plan: Ran,
}

fn run_all(content: &[u8], status: i32, words: &[&str]) -> Runs {
    let scratch = Scratch::new();
    scratch.write("dump.rdb", content);
    let run = |args: &[&str]| scratch.refuses(args, status, words);
    let json = |args: &[&str]| -> Value {
        let document = serde_json::from_str(&run(args).stdout).expect("a document");
        assert_meets(&validator(args[0]), &document, args[0]);
        document
    };
    let lines = run(&["keys", "dump.rdb", "--format", "ndjson"]);
    Runs {
        inspect: run(&["inspect", "dump.rdb"]),
        inspect_json: json(&["inspect", "dump.rdb", "--format", "json"]),
        keys: run(&["keys", "dump.rdb"]),
        key_lines: lines.stdout.lines().count(),
        slots: run(&["slots", "dump.rdb"]),
        slots_json: json(&["slots", "dump.rdb", "--format", "json"]),
        plan: scratch.run(&["plan", "dump.rdb", "--add", "1", "-o", "plan.json"]),
    }
}

/// A text without its layout.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

impl Runs {
    /// All outputs are marked, and no plan is made without consent.
    fn assert_marked(&self, whole_says: &str) {
        let whole = format!(" whole NO: {whole_says}");
        assert!(
            words(&self.inspect.stdout).contains(&whole),
            "{}",
            self.inspect.stdout
        );
        for ran in [&self.inspect, &self.keys, &self.slots] {
            assert!(ran.stdout.contains("PARTIAL: "), "{}", ran.stdout);
        }
        assert!(
            !words(&self.inspect.stdout).contains("are exact; memory"),
            "figures of a damaged file are called exact without a word:\n{}",
            self.inspect.stdout
        );
        assert_eq!(self.inspect_json["partial"], true);
        assert_eq!(self.inspect_json["files"][0]["whole"], false);
        assert_eq!(self.slots_json["partial"], true);
        assert_eq!(self.slots_json["inputs"][0]["whole"], false);
        assert_eq!(self.plan.status, 5, "{}", self.plan.stderr);
        assert!(
            self.plan.stderr.contains("--allow-partial"),
            "{}",
            self.plan.stderr
        );
        assert_eq!(self.plan.stdout, "");
    }

    /// No output is marked.
    fn assert_unmarked(&self) {
        assert!(
            words(&self.inspect.stdout).contains(" whole yes, "),
            "{}",
            self.inspect.stdout
        );
        for ran in [&self.inspect, &self.keys, &self.slots, &self.plan] {
            assert!(!ran.stdout.contains("PARTIAL"), "{}", ran.stdout);
        }
        assert!(
            words(&self.inspect.stdout).contains("Serialized and payload are exact; memory"),
            "{}",
            self.inspect.stdout
        );
        assert_eq!(self.inspect_json["partial"], false);
        assert_eq!(self.inspect_json["files"][0]["whole"], true);
        assert_eq!(self.slots_json["partial"], false);
        assert_eq!(self.slots_json["inputs"][0]["whole"], true);
        assert!([0, 4].contains(&self.plan.status), "{}", self.plan.stderr);
    }

    /// The verdict on the checksum, where documents give it.
    fn assert_checksum(&self, state: &str) {
        assert_eq!(self.inspect_json["files"][0]["checksum"]["state"], state);
        assert_eq!(self.slots_json["inputs"][0]["checksum"], state);
    }
}

/// The result is there, whole, and marked.
#[test]
fn a_wrong_checksum_marks_the_result_of_every_command() {
    let mut bytes = sound();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    let runs = run_all(
        &bytes,
        5,
        &["warning: dump.rdb: wrong checksum: the file says "],
    );
    runs.assert_marked("read to its end, but its checksum is wrong");
    runs.assert_checksum("wrong");
    assert_eq!(runs.key_lines, 191);
    assert_eq!(runs.slots_json["inputs"][0]["complete"], true);
}

#[test]
fn a_cut_marks_the_result_of_every_command() {
    let runs = run_all(
        &sound()[..9_000],
        5,
        &[
            "warning: dump.rdb: ",
            "truncated at offset 0x",
            "needed ",
            " keys before it",
        ],
    );
    runs.assert_marked("");
    runs.assert_checksum("not-reached");
    let keys = runs.inspect_json["files"][0]["damage"]["keys_before"].as_u64();
    assert_eq!(keys, Some(runs.key_lines as u64));
    assert_eq!(runs.slots_json["inputs"][0]["complete"], false);
}

#[test]
fn a_checksum_that_is_not_there_is_said_and_marks_nothing() {
    let off = fs::read(fixture("servers/redis-7.0/nochecksum.rdb")).expect("the snapshot");
    let runs = run_all(
        &off,
        0,
        &["no checksum: the server was told not to compute it"],
    );
    runs.assert_unmarked();
    runs.assert_checksum("off");

    let absent = fs::read(fixture("servers/redis-2.4.18/ttl.rdb")).expect("the snapshot");
    let runs = run_all(&absent, 0, &["no checksum: RDB 2 has none"]);
    runs.assert_unmarked();
    runs.assert_checksum("absent");
}

/// An append-only file with a snapshot at its head is no damage; that its commands are not read is said.
#[test]
fn commands_behind_are_said_and_mark_nothing() {
    let runs = run_all(
        &[&sound()[..], COMMANDS].concat(),
        0,
        &["the state after the snapshot is in 14 bytes of commands behind it, which are not read"],
    );
    runs.assert_unmarked();
    runs.assert_checksum("verified");
    let whole = "whole yes, with 14 bytes of commands behind the snapshot, not read";
    assert!(
        words(&runs.inspect.stdout).contains(whole),
        "{}",
        runs.inspect.stdout
    );
    let account = runs.inspect_json["files"][0]["account"]
        .as_array()
        .expect("an account");
    let commands = account.iter().find(|part| part["part"] == "commands");
    assert_eq!(commands.expect("a part")["bytes"], 14);
    assert_eq!(runs.key_lines, 191);
}

/// A plan from a file with a wrong checksum is made with consent only, and says what it is.
#[test]
fn a_plan_with_consent_is_marked() {
    let scratch = Scratch::new();
    let mut bytes = sound();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    scratch.write("dump.rdb", &bytes);
    let ran = scratch.run(&[
        "plan",
        "dump.rdb",
        "--add",
        "1",
        "-o",
        "plan.json",
        "--allow-partial",
    ]);
    assert!(
        [4, 5].contains(&ran.status),
        "exit {}: {}",
        ran.status,
        ran.stderr
    );
    assert!(ran.stdout.contains("PARTIAL: "), "{}", ran.stdout);
    let plan = fs::read(scratch.path().join("plan.json")).expect("a plan");
    let plan: Value = serde_json::from_slice(&plan).expect("JSON");
    assert_eq!(plan["partial"], true);
    assert_eq!(plan["inputs"][0]["checksum"], "wrong");
    assert_eq!(plan["inputs"][0]["whole"], false);
    assert_eq!(plan["inputs"][0]["complete"], true);
}

/// What the file says of itself and is not so stands in the text, in the document and among the warnings.
#[test]
fn a_claim_that_differs_is_told_three_times() {
    let scratch = Scratch::new();
    let sound = sound();
    // 7.0.15 becomes 7.2.15, which writes another version of the format; without checksum, for it would be wrong.
    let at = sound
        .windows(6)
        .position(|window| window == b"7.0.15")
        .expect("redis-ver");
    let mut bytes = sound;
    bytes[at + 2] = b'2';
    let end = bytes.len() - 8;
    bytes[end..].fill(0);
    scratch.write("dump.rdb", &bytes);
    let says = "the file says redis-ver 7.2.15; what was read: RDB 10 of the Redis family; that server writes RDB 11";
    let ran = scratch.refuses(
        &["inspect", "dump.rdb"],
        0,
        &[&format!("server that wrote the file: {says}")],
    );
    let text = words(&ran.stdout);
    assert!(text.contains(", 1 DIFFER server: "), "{}", ran.stdout);
    assert!(text.contains(says), "{}", ran.stdout);
    let ran = scratch.run(&["inspect", "dump.rdb", "--format", "json"]);
    let document: Value = serde_json::from_str(&ran.stdout).expect("a document");
    let claims = document["files"][0]["claims"].as_array().expect("claims");
    let server = claims.iter().find(|claim| claim["claim"] == "server");
    assert_eq!(server.expect("a claim")["verdict"], "differs");
}

/// Every snapshot of the fixtures: parts add up, in text too, and no claim differs.
#[test]
fn accounts_add_up_in_text_and_documents() {
    for path in crate::run::snapshots() {
        let path = path.to_str().expect("a path");
        let ran = crate::run::preshard(&["inspect", path, "--format", "json"]).expect_status(0);
        let document: Value = serde_json::from_str(&ran.stdout).expect("a document");
        let file = &document["files"][0];
        let length = fs::metadata(path).expect("the file").len();
        assert_eq!(file["bytes"].as_u64(), Some(length), "{path}");
        let parts = file["account"].as_array().expect("an account");
        let sum: u64 = parts.iter().filter_map(|part| part["bytes"].as_u64()).sum();
        assert_eq!(sum, length, "{path}");
        for claim in file["claims"].as_array().expect("claims") {
            assert_ne!(claim["verdict"], "differs", "{path}: {claim}");
        }
    }
    let path = fixture("servers/valkey-9.1/cluster.rdb");
    let ran = crate::run::preshard(&["inspect", path.to_str().expect("a path")]).expect_status(0);
    let text = words(&ran.stdout);
    let (_, sum) = text.split_once("33,414 bytes = ").expect("the sum");
    let numbers = sum.replace(',', "");
    let sum: u64 = numbers
        .split(' ')
        .filter_map(|word| word.parse::<u64>().ok())
        .sum();
    assert_eq!(sum, 33_414);
}

/// The file grows while `keys` waits for somebody to read its output: what it prints may be of neither file.
#[test]
fn a_file_that_changes_while_it_is_read_marks_the_result() {
    const KEYS: u32 = 20_000;
    let scratch = Scratch::new();
    let mut bytes = b"REDIS0010".to_vec();
    for key in 0..KEYS {
        bytes.extend([0, 4]);
        bytes.extend(key.to_be_bytes());
        bytes.extend([1, b'v']);
    }
    bytes.push(0xff);
    bytes.extend([0; 8]);
    let path = scratch.write("dump.rdb", &bytes);
    let mut child = Command::new(env!("CARGO_BIN_EXE_preshard"))
        .args(["keys", "dump.rdb", "--format", "ndjson"])
        .current_dir(scratch.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("preshard starts");
    let mut stdout = child.stdout.take().expect("a pipe");
    let mut output = vec![0];
    stdout.read_exact(&mut output).expect("a first byte");
    // A pipe holds less than the output: the program cannot have ended.
    let mut file = fs::File::options()
        .append(true)
        .open(&path)
        .expect("the file");
    file.write_all(b"more").expect("it grows");
    stdout.read_to_end(&mut output).expect("the rest");
    let ended = child.wait_with_output().expect("preshard ends");
    let stderr = String::from_utf8(ended.stderr).expect("text");
    assert_eq!(ended.status.code(), Some(5), "{stderr}");
    assert!(
        stderr.contains("warning: dump.rdb: the file was written to while it was read"),
        "{stderr}"
    );
    let lines = output.iter().filter(|&&byte| byte == b'\n').count();
    assert_eq!(lines, KEYS as usize);
}
