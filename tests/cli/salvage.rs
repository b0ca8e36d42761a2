//! `--salvage`: every gap is named, every byte accounted for, and what may be touched is in no plan.

use std::fs;

use serde_json::Value;

use crate::documents::{assert_meets, validator};
use crate::run::{Scratch, fixture, sound};

const CLUSTER: &str = "clusters/shop-3x";
const NODE: &str = "redis-node-127.0.0.1-18040-c8bb812cc655e472d9849d49ce55a41a8f4a0145.rdb";
const NODE_ID: &str = "c8bb812cc655e472d9849d49ce55a41a8f4a0145";

/// The cluster's backup, with the snapshot of one node damaged.
fn damaged_cluster(damage: impl Fn(&mut Vec<u8>)) -> Scratch {
    let scratch = Scratch::new();
    for file in fs::read_dir(fixture(CLUSTER)).expect("the backup") {
        let path = file.expect("an entry").path();
        let name = path.file_name().expect("a name").to_str().expect("UTF-8");
        let mut bytes = fs::read(&path).expect("a file");
        if name == NODE {
            damage(&mut bytes);
        }
        scratch.write(&format!("backup/{name}"), bytes);
    }
    scratch
}

fn document(scratch: &Scratch, args: &[&str], status: i32) -> Value {
    let args = [args, &["--salvage", "--format", "json"]].concat();
    let document = serde_json::from_str(&scratch.refuses(&args, status, &[]).stdout).expect("JSON");
    assert_meets(&validator(args[0]), &document, args[0]);
    document
}

fn ranges(of: &Value) -> Vec<(u64, u64)> {
    let range = |range: &Value| {
        (
            range[0].as_u64().expect("a slot"),
            range[1].as_u64().expect("a slot"),
        )
    };
    of.as_array().expect("ranges").iter().map(range).collect()
}

/// Where a value lies: behind its name, which occurs once.
fn behind(bytes: &[u8], name: &str) -> usize {
    let mut places = bytes.windows(name.len()).enumerate();
    let at = places
        .position(|(_, window)| window == name.as_bytes())
        .expect("the name");
    at + name.len()
}

/// Parts add up to the file, and what was not read is what the gaps say.
fn assert_accounted(file: &Value) {
    let rows = file["account"].as_array().expect("an account");
    let bytes_of = |row: &Value| row["bytes"].as_u64().expect("bytes");
    assert_eq!(
        Some(rows.iter().map(bytes_of).sum()),
        file["file_bytes"].as_u64()
    );
    let unread = rows
        .iter()
        .filter(|row| row["part"] == "unread")
        .map(bytes_of)
        .sum::<u64>();
    let salvage = &file["salvage"];
    let gaps = salvage["gaps"].as_array().expect("gaps");
    assert_eq!(unread, gaps.iter().map(bytes_of).sum::<u64>());
    assert_eq!(salvage["unknown_bytes"].as_u64(), Some(unread));
}

#[test]
fn a_gap_is_named_in_text_and_json() {
    // The elements of a hash: its listpack says that it is longer than it is, in three places.
    let mut bytes = sound();
    let at = behind(&bytes, "k94");
    let whole = bytes.clone();
    for offset in [3, 11, 17] {
        bytes[at + offset] ^= 0xff;
    }
    let scratch = Scratch::new();
    scratch.write("dump.rdb", &bytes);
    let document = document(&scratch, &["inspect", "dump.rdb"], 5);
    let file = &document["files"][0];
    assert_accounted(file);
    let gap = &file["salvage"]["gaps"][0];
    let (offset, len) = (
        gap["offset"].as_u64().expect("an offset"),
        gap["bytes"].as_u64().expect("bytes"),
    );
    assert!(
        (offset..offset + len).contains(&(at as u64)),
        "{offset} {len} {at}"
    );
    assert!(len < 1_000, "{len} bytes for one damaged value");
    assert_eq!(gap["keys_missing"], 1);
    assert_eq!(file["totals"]["keys"], 190);
    // This file has no totals of slots, and the name that stands there may be damaged as well.
    assert_eq!(gap["slots"], Value::Null);
    assert_eq!(gap["lost_keys"][0]["key"]["text"], "k94");
    let names = format!("{len} bytes from offset {offset:#x} ({offset}) on are unknown");
    let text = scratch.refuses(
        &["inspect", "dump.rdb", "--salvage"],
        5,
        &[&names, "1 key is missing, of any slot"],
    );
    assert!(text.stdout.contains(&format!(
        "all but {len} bytes in 1 gap; 1 key is missing, of any slot"
    )));
    assert!(
        text.stdout.contains(&format!("{len} unread")),
        "{}",
        text.stdout
    );
    let slots = scratch
        .refuses(&["slots", "dump.rdb", "--salvage"], 5, &[])
        .stdout;
    assert!(slots.contains(">= 190"), "{slots}");

    // One changed byte is located, and the bytes that belong there are told.
    let mut bytes = whole.clone();
    bytes[at + 3] ^= 0xff;
    scratch.write("dump.rdb", &bytes);
    let document = self::document(&scratch, &["inspect", "dump.rdb"], 5);
    assert_accounted(&document["files"][0]);
    let gap = &document["files"][0]["salvage"]["gaps"][0];
    assert_eq!(gap["lost_keys"][0]["key"]["text"], "k94");
    assert_eq!(ranges(&gap["slots"]).len(), 1);
    assert_eq!(gap["repair"]["offset"].as_u64(), Some(at as u64 + 3));
    assert_eq!(gap["repair"]["bytes"], format!("{:02x}", whole[at + 3]));

    let both = ["keys", "dump.rdb", "--salvage", "--key", "k94"];
    scratch.refuses(&both, 2, &["--salvage", "--key"]);
}

/// Eight bytes of a string: nothing shows it but the checksum. A gap without bytes once lost count of the others.
#[test]
fn damage_that_only_the_checksum_shows_is_accounted_for() {
    let scratch = damaged_cluster(|bytes| bytes[16_503..16_511].fill(0));
    let file = &document(&scratch, &["inspect", &format!("backup/{NODE}")], 5)["files"][0];
    assert_accounted(file);
    assert_eq!(
        (&file["salvage"]["slots"], &file["salvage"]["keys_missing"]),
        (&Value::Null, &Value::Null)
    );
}

#[test]
fn a_plan_leaves_out_the_slots_that_damage_may_touch() {
    let plan = ["plan", "backup", "--add", "1"];
    let located = damaged_cluster(|bytes| {
        let at = bytes.len() / 2;
        bytes[at] ^= 0x10;
    });
    let refused = located.refuses(&plan, 5, &["--allow-partial"]);
    assert_eq!(refused.stdout, "");
    let inspected = document(&located, &["inspect", &format!("backup/{NODE}")], 5);
    let touched = ranges(&inspected["files"][0]["salvage"]["slots"]);
    assert_eq!(touched.len(), 1, "one key is lost");
    let planned = document(&located, &plan, 5);
    let held = planned["held"].as_array().expect("held slots");
    let is_held = |slot: u64| held.iter().any(|held| held["slot"] == slot);
    assert!(is_held(touched[0].0), "slot {} is held", touched[0].0);
    assert!(moved_from(&planned, NODE_ID) > 0, "what is certain moves");
    assert!(
        moved(&planned)
            .iter()
            .all(|(slot, _)| *slot != touched[0].0)
    );

    let anywhere = damaged_cluster(|bytes| bytes[16_503..16_511].fill(0));
    let planned = document(&anywhere, &plan, 5);
    assert_eq!(
        moved_from(&planned, NODE_ID),
        0,
        "any slot of the node may be touched"
    );
    assert!(!moved(&planned).is_empty(), "the other nodes give");
}

/// Slots that move, and the nodes that they leave.
fn moved(plan: &Value) -> Vec<(u64, &str)> {
    let batches = plan["batches"].as_array().expect("batches").iter();
    let moves = batches.flat_map(|batch| {
        let source = batch["source"].as_str().expect("a node");
        let moves = batch["moves"].as_array().expect("moves").iter();
        moves.map(move |each| (each["slot"].as_u64().expect("a slot"), source))
    });
    moves.collect()
}

fn moved_from(plan: &Value, node: &str) -> usize {
    moved(plan)
        .iter()
        .filter(|(_, source)| *source == node)
        .count()
}

/// Three databases that claim the largest number of keys there is: no sum of claims may break anything, and none is told
/// for a number of keys.
#[test]
fn absurd_counts_are_no_number_of_missing_keys() {
    let mut bytes = b"REDIS0011".to_vec();
    for db in 0..3 {
        bytes.extend([0xfe, db, 0xfb, 0x81]);
        bytes.extend(u64::MAX.to_be_bytes());
        bytes.extend(b"\x00\x00\x01k\x01v");
    }
    bytes.extend([0xff, 0, 0, 0, 0, 0, 0, 0, 0]);
    let scratch = Scratch::new();
    scratch.write("dump.rdb", &bytes);
    let file = &document(&scratch, &["inspect", "dump.rdb"], 5)["files"][0];
    assert_accounted(file);
    assert_eq!(file["salvage"]["keys_missing"], Value::Null);
    assert_eq!(file["salvage"]["slots"], Value::Null);
    assert_eq!(file["totals"]["keys"], 3);
}
