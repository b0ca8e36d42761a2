//! What a snapshot claims of itself, against what is in it.

mod snapshot;

use preshard_analyzer::Warning;
use preshard_parser::Detail;
use preshard_slots::{Slot, SlotSet};
use snapshot::{Snapshot, scan_bytes};

/// Servers drop collections without elements when they load a file; streams and strings may be empty.
#[test]
fn collections_without_elements_are_no_keys() {
    let bytes = Snapshot::new("REDIS0011")
        .resize_db(2, 0)
        .set(b"string", b"")
        .set_of(b"set", &[])
        .set_listpack(b"listpack", 0, b"")
        .set_of(b"full", &[b"a"])
        .end();
    let (scan, seen) = scan_bytes(&bytes, Detail::Counts).expect("a snapshot");
    let names: Vec<String> = seen.iter().map(|key| key.key.escaped()).collect();
    assert_eq!(names, ["string", "full"]);
    assert_eq!((scan.summary.keys, scan.summary.empty_collections), (2, 2));
    assert_eq!(
        scan.summary.warnings,
        [Warning::EmptyCollections { keys: 2 }]
    );
}

#[test]
fn slot_totals_are_compared_slot_by_slot() {
    // CRC16 of "123456789" is 0x31c3: slot 12739 (the specification's example).
    let key = b"123456789";
    let slot = u64::from(Slot::of_key(key).number());
    assert_eq!(slot, 12_739);
    let other = b"a";
    let bytes = Snapshot::new("REDIS0012")
        .select_db(0)
        .slot_info(slot, 1, 0)
        .set(key, b"")
        .slot_info(slot, 2, 1)
        .expiry(1)
        .set(key, b"")
        .set(other, b"")
        .select_db(1)
        .set(key, b"")
        .slot_info(99_999, 0, 0)
        .end();
    let (scan, _) = scan_bytes(&bytes, Detail::Counts).expect("a snapshot");
    let check = scan.summary.slot_info.expect("declared");
    assert_eq!(
        (check.declared, check.differing, check.stray_keys),
        (3, 1, 2)
    );
    assert_eq!(
        scan.summary.warnings,
        [
            Warning::SlotInfoDiffers {
                differing: 1,
                declared: 3,
                db: 0,
                slot,
                declares: (2, 1),
                counted: (1, 1)
            },
            Warning::StrayKeys { keys: 2 }
        ]
    );
}

/// Valkey says the same in auxiliary fields; with a fourth number from 9.0 on.
#[test]
fn slot_totals_of_valkey_are_understood() {
    let bytes = Snapshot::new("VALKEY080")
        .aux("slot-info", "12739,1,0,0")
        .set(b"123456789", b"")
        .aux("slot-info", "15495,5,0,0")
        .set(b"a", b"")
        .end();
    let (scan, _) = scan_bytes(&bytes, Detail::Counts).expect("a snapshot");
    let check = scan.summary.slot_info.expect("declared");
    assert_eq!(
        (check.declared, check.differing, check.stray_keys),
        (2, 1, 0)
    );
    assert!(scan.summary.aux.is_empty(), "{:?}", scan.summary.aux);
}

#[test]
fn database_totals_are_compared() {
    let bytes = Snapshot::new("REDIS0010")
        .select_db(0)
        .resize_db(1, 0)
        .set(b"a", b"")
        .select_db(3)
        .resize_db(7, 2)
        .set(b"a", b"")
        .end();
    let (scan, _) = scan_bytes(&bytes, Detail::Counts).expect("a snapshot");
    assert_eq!(
        scan.summary.warnings,
        [Warning::DatabaseTotalsDiffer {
            databases: 1,
            db: 3,
            declares: (7, 2),
            counted: (1, 0)
        }]
    );
}

#[test]
fn slots_that_were_being_imported_are_told() {
    let bytes = Snapshot::new("VALKEY080")
        .slot_import(&[(5, 7), (7, 9), (16_383, 70_000), (20_000, 30_000), (9, 3)])
        .set(b"a", b"")
        .end();
    let (scan, _) = scan_bytes(&bytes, Detail::Counts).expect("a snapshot");
    let slots: SlotSet = [5, 6, 7, 8, 9, 16_383]
        .into_iter()
        .filter_map(Slot::new)
        .collect();
    assert_eq!(scan.summary.importing, slots);
    assert_eq!(scan.summary.warnings, [Warning::ImportInProgress { slots }]);
}

#[test]
fn more_databases_than_rows_are_told() {
    let mut snapshot = Snapshot::new("REDIS0010");
    for db in 0..1_030 {
        snapshot.select_db(db).set(b"a", b"");
    }
    let (scan, _) = scan_bytes(&snapshot.end(), Detail::Counts).expect("a snapshot");
    assert_eq!(scan.summary.keys, 1_030);
    assert_eq!(scan.summary.databases.len(), 1_024);
    assert_eq!(
        scan.summary.warnings,
        [Warning::Unlisted {
            what: "databases",
            keys: 6
        }]
    );
}
