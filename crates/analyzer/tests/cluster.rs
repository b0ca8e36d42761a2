//! A real backup of a real cluster, against what the live cluster answered.

mod snapshot;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use preshard_analyzer::{AssembleError, Assembly, FileScan, Warning, assemble};
use preshard_parser::Detail;
use preshard_parser::source::Mmap;
use preshard_slots::{NodeId, Slot, Topology};
use serde_json::Value;
use snapshot::scan_file;

fn clusters() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/clusters")
}

fn topology() -> Topology {
    let text = fs::read(clusters().join("shop-3x/nodes.json")).expect("nodes.json");
    Topology::parse(&text).expect("a topology")
}

/// The snapshots of the backup by path, each with the node id at the end of its name.
fn scans() -> Vec<(NodeId, FileScan)> {
    let mut paths: Vec<PathBuf> = fs::read_dir(clusters().join("shop-3x"))
        .expect("the backup")
        .map(|entry| entry.expect("entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "rdb"))
        .collect();
    paths.sort();
    assert_eq!(paths.len(), 3);
    paths
        .iter()
        .map(|path| {
            let stem = path
                .file_stem()
                .and_then(|stem| stem.to_str())
                .expect("a name");
            let id = stem.rsplit('-').next().expect("an id");
            let (scan, _) = scan_file(path, Mmap::Auto, Detail::Counts).expect("a snapshot");
            (NodeId(id.to_owned()), scan)
        })
        .collect()
}

fn assembled() -> Assembly {
    let scans = scans().into_iter().map(|(id, scan)| (Some(id), scan));
    assemble(Some(&topology()), scans.collect()).expect("they fit")
}

/// What the live cluster said of one key.
struct Answer {
    key: Vec<u8>,
    dump_bytes: u64,
    expires: bool,
}

/// COUNTKEYSINSLOT of every slot that is not empty, and the keys.
fn answers() -> (BTreeMap<u16, u64>, Vec<Answer>) {
    let text = fs::read_to_string(clusters().join("shop-3x.answers.jsonl")).expect("answers");
    let mut lines = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON line"));
    let head = lines.next().expect("the head");
    assert_eq!(
        head["fields"],
        serde_json::json!(["key", "type", "length", "dump_bytes", "expires_at_ms"])
    );
    let counts = head["keys_in_slot"].as_object().expect("counts");
    let counts = counts.iter().map(|(slot, keys)| {
        (
            slot.parse().expect("a slot"),
            keys.as_u64().expect("a count"),
        )
    });
    let answers = lines.map(|answer| Answer {
        key: match answer[0].as_str() {
            Some(text) => text.as_bytes().to_vec(),
            None => STANDARD
                .decode(answer[0]["base64"].as_str().expect("base64"))
                .expect("base64"),
        },
        dump_bytes: answer[3].as_u64().expect("DUMP"),
        expires: !answer[4].is_null(),
    });
    (counts.collect(), answers.collect())
}

#[test]
fn every_slot_holds_what_the_live_cluster_answered() {
    let assembly = assembled();
    assert_eq!(assembly.warnings, []);
    assert_eq!(assembly.doubts, []);
    assert!(!assembly.partial);

    let (counts, answers) = answers();
    let mut expected: BTreeMap<u16, (u64, u64, u64)> = BTreeMap::new();
    for (slot, keys) in counts {
        expected.entry(slot).or_default().0 = keys;
    }
    for answer in answers {
        let row = expected
            .entry(Slot::of_key(&answer.key).number())
            .or_default();
        row.1 += answer.dump_bytes;
        row.2 += u64::from(answer.expires);
    }
    for slot in Slot::all() {
        let facts = assembly.profile.slot(slot);
        let found = (facts.keys, facts.payload_bytes, facts.expiring_keys);
        let expected = expected.get(&slot.number()).copied().unwrap_or_default();
        assert_eq!(found, expected, "{slot:?}: keys, payload, expiring keys");
    }
}

/// The cluster's README names the keys that were made to be too slow, and the crowded slot.
#[test]
fn the_giants_of_the_cluster_are_named_first() {
    let assembly = assembled();
    let worst: Vec<String> = assembly
        .profile
        .named()
        .iter()
        .take_while(|key| key.cost.block_ns >= 100_000_000 - 100_000)
        .map(|key| key.key.escaped())
        .collect();
    assert_eq!(worst.len(), 6, "{worst:?}");
    let of_kind = |kind: &str| worst.iter().filter(|key| key.contains(kind)).count();
    assert_eq!(
        (of_kind("visitors:"), of_kind("stock:"), of_kind("prices:")),
        (2, 3, 1),
        "{worst:?}"
    );
    let crowded = Slot::new(1_612).expect("a slot");
    assert!(assembly.profile.slot(crowded).keys >= 600);
    assert!(assembly.nodes[0].slots.contains(crowded));
}

#[test]
fn the_same_backup_without_names_or_without_topology() {
    let named = assembled();
    let unnamed = |topology: Option<&Topology>| {
        let scans = scans().into_iter().map(|(_, scan)| (None, scan));
        assemble(topology, scans.collect()).expect("they fit")
    };
    let by_slots = unnamed(Some(&topology()));
    assert!(by_slots.profile == named.profile && by_slots.nodes == named.nodes);
    let names: Vec<&str> = by_slots.warnings.iter().map(Warning::name).collect();
    assert_eq!(names, ["matched-by-slots"; 3]);

    let alone = unnamed(None);
    assert!(alone.profile == named.profile);
    for (guessed, node) in alone.nodes.iter().zip(&named.nodes) {
        assert!(guessed.slots.iter().all(|slot| node.slots.contains(slot)));
    }
}

#[test]
fn a_backup_and_a_topology_that_are_mixed_up_are_noticed() {
    let scans = || scans().into_iter();
    let missing = assemble(
        Some(&topology()),
        scans().take(2).map(|(id, scan)| (Some(id), scan)).collect(),
    )
    .expect("partial");
    assert!(missing.partial);
    assert_eq!(missing.doubts.len(), missing.nodes[2].slots.len());

    let first = scans().next().expect("three").0;
    let twice = scans()
        .map(|(_, scan)| (Some(first.clone()), scan))
        .collect();
    assert!(matches!(
        assemble(Some(&topology()), twice),
        Err(AssembleError::SameNodeTwice { .. })
    ));

    // The first two files have each other's names: no key is where its node owns the slot.
    let mut ids: Vec<NodeId> = scans().map(|(id, _)| id).collect();
    ids.swap(0, 1);
    let swapped = scans().zip(ids).map(|((_, scan), id)| (Some(id), scan));
    let swapped = assemble(Some(&topology()), swapped.collect());
    assert!(
        matches!(&swapped, Err(AssembleError::WrongNode { foreign, keys, .. }) if foreign == keys),
        "{swapped:?}"
    );
}
