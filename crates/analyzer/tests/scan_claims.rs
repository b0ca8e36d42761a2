//! What a snapshot claims of itself, against what is in it.

mod snapshot;

use std::collections::BTreeMap;
use std::fs;

use preshard_analyzer::{Claim, ClaimKind, ClaimVerdict, FileScan, Warning};
use preshard_parser::Detail;
use preshard_parser::source::Mmap;
use preshard_slots::{Slot, SlotSet};
use snapshot::{Snapshot, fixture, scan_bytes, scan_file, servers, warnings};

const AGREES: ClaimVerdict = ClaimVerdict::Agrees;
const DIFFERS: ClaimVerdict = ClaimVerdict::Differs;

#[track_caller]
fn scanned(snapshot: &mut Snapshot) -> FileScan {
    scan_bytes(&snapshot.end(), Detail::Counts)
        .expect("a snapshot")
        .0
}

/// The one claim of a kind; and where it differs, there is a warning of it.
#[track_caller]
fn claim(scan: &FileScan, kind: ClaimKind) -> Claim {
    let of_kind = |claim: &&Claim| claim.kind == kind;
    let claims: Vec<Claim> = scan
        .summary
        .claims
        .iter()
        .filter(of_kind)
        .cloned()
        .collect();
    let [claim] = claims.as_slice() else {
        panic!("{kind:?}: {claims:?}");
    };
    let warned = scan
        .summary
        .warnings
        .contains(&Warning::ClaimDiffers(claim.clone()));
    assert_eq!(
        warned,
        claim.verdict == DIFFERS,
        "{:?}",
        scan.summary.warnings
    );
    claim.clone()
}

fn is_open(claim: &Claim) -> bool {
    matches!(claim.verdict, ClaimVerdict::NotComparable(_))
}

/// Real servers tell the truth of themselves, all that can be compared.
#[test]
fn the_claims_of_real_files_are_true() {
    let mut agreed: BTreeMap<ClaimKind, u64> = BTreeMap::new();
    let mut open: BTreeMap<ClaimKind, u64> = BTreeMap::new();
    for server in fs::read_dir(servers()).expect("fixtures/servers") {
        for file in fs::read_dir(server.expect("entry").path()).expect("a server's files") {
            let path = file.expect("entry").path();
            if path.extension().is_none_or(|extension| extension != "rdb") {
                continue;
            }
            let (scan, _) = scan_file(&path, Mmap::Auto, Detail::Counts).expect("a snapshot");
            for claim in &scan.summary.claims {
                let kinds = match claim.verdict {
                    ClaimVerdict::Agrees => &mut agreed,
                    ClaimVerdict::NotComparable(_) => &mut open,
                    ClaimVerdict::Differs => panic!("{}: {claim:?}", path.display()),
                };
                *kinds.entry(claim.kind).or_default() += 1;
            }
        }
    }
    let least = |kind, least| {
        let found = agreed.get(&kind).copied().unwrap_or_default();
        assert!(found >= least, "{kind:?}: {found} agree");
    };
    least(ClaimKind::FormatVersion, 150);
    least(ClaimKind::Server, 150);
    least(ClaimKind::WrittenAt, 150);
    least(ClaimKind::AppendOnly, 150);
    least(ClaimKind::DatabaseTotals, 150);
    least(ClaimKind::SlotTotals, 7);
    least(ClaimKind::FieldTtlTotals, 2);
    let open: Vec<ClaimKind> = open.into_keys().collect();
    assert_eq!(open, [ClaimKind::WordSize, ClaimKind::UsedMemory]);
}

/// Servers drop collections without elements when they load a file; streams and strings may be empty.
#[test]
fn collections_without_elements_are_no_keys() {
    let bytes = Snapshot::new("REDIS0011")
        .select_db(0)
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
    let scan = scanned(
        Snapshot::new("REDIS0012")
            .select_db(0)
            .slot_info(5, 0, 0)
            .slot_info(slot, 1, 0)
            .set(key, b"")
            .slot_info(slot, 2, 1)
            .expiry(1)
            .set(key, b"")
            .set(other, b"")
            .slot_info(slot - 1, 0, 0)
            .select_db(1)
            .set(key, b"")
            .slot_info(slot, 0, 0)
            .slot_info(99_999, 0, 0)
            .aux("slot-info", "1,x,3"),
    );
    let check = scan.summary.slot_info.expect("declared");
    assert_eq!(
        (check.declared, check.differing, check.stray_keys),
        (6, 1, 2)
    );
    assert_eq!((check.repeated, check.out_of_order), (1, 1));
    assert_eq!((check.out_of_range, check.unreadable), (1, 1));
    let claim = claim(&scan, ClaimKind::SlotTotals);
    assert_eq!(claim.verdict, DIFFERS);
    assert_eq!(claim.claimed, "totals of 7 slots");
    assert_eq!(
        claim.found,
        "1 of 6 differ, first db 0 slot 12739: 2 keys (1 expiring) declared, 1 key (1 expiring) found; 2 keys outside the \
         section of their slot; 1 of slots that there are not; 1 of slots declared before; 1 out of the order of slots; \
         1 not readable"
    );
    assert_eq!(
        warnings(&scan),
        ["slot-info-differs", "databases-in-cluster"]
    );
}

/// Valkey says the same in auxiliary fields; with a fourth number from 9.0 on.
#[test]
fn slot_totals_of_valkey_are_understood() {
    let scan = scanned(
        Snapshot::new("VALKEY080")
            .aux("slot-info", "12739,1,0,0")
            .set(b"123456789", b"")
            .aux("slot-info", "15495,5,0,2")
            .set(b"a", b""),
    );
    let check = scan.summary.slot_info.expect("declared");
    assert_eq!(
        (check.declared, check.differing, check.stray_keys),
        (2, 1, 0)
    );
    assert!(scan.summary.aux.is_empty(), "{:?}", scan.summary.aux);
    let field_ttls = claim(&scan, ClaimKind::FieldTtlTotals);
    assert_eq!(field_ttls.verdict, DIFFERS);
    assert_eq!(field_ttls.claimed, "2 keys in 2 slots");
    assert_eq!(field_ttls.found, "0 keys; 1 of 2 slots differ");
}

/// A server of Valkey 9.1 with field TTLs in two databases: it counts the hashes that have any.
#[test]
fn field_ttls_by_slot_are_those_that_the_server_counted() {
    let path = fixture("valkey-9.1/field_ttls_by_slot.rdb");
    let (scan, _) = scan_file(&path, Mmap::Auto, Detail::Counts).expect("a snapshot");
    let answers = fs::read_to_string(path.with_extension("expect.jsonl")).expect("answers");
    let with_ttl = answers.matches("\"field_ttl\":").count();
    let claim = claim(&scan, ClaimKind::FieldTtlTotals);
    assert_eq!(claim.verdict, AGREES);
    assert_eq!(claim.claimed, format!("{with_ttl} keys in 4 slots"));
    assert_eq!(claim.found, format!("{with_ttl} keys"));
}

#[test]
fn database_totals_are_compared() {
    let scan = scanned(
        Snapshot::new("REDIS0010")
            .select_db(0)
            .resize_db(1, 0)
            .set(b"a", b"")
            .select_db(3)
            .resize_db(7, 2)
            .set(b"a", b""),
    );
    let claim = claim(&scan, ClaimKind::DatabaseTotals);
    assert_eq!(claim.verdict, DIFFERS);
    assert_eq!(claim.claimed, "8 keys (2 expiring)");
    assert_eq!(
        claim.found,
        "2 keys (0 expiring); 1 of 2 databases differ, first db 3: 7 keys (2 expiring) declared, 1 key (0 expiring) found"
    );
    assert_eq!(warnings(&scan), ["database-totals-differ"]);
    let declared: Vec<_> = scan
        .summary
        .databases
        .iter()
        .map(|row| row.declared)
        .collect();
    assert_eq!(declared, [Some((1, 0)), Some((7, 2))]);
}

/// No server writes sizes before it selects a database, or twice.
#[test]
fn sizes_of_databases_in_odd_places_are_told() {
    let scan = scanned(
        Snapshot::new("REDIS0010")
            .resize_db(9, 9)
            .select_db(0)
            .resize_db(1, 0)
            .set(b"a", b""),
    );
    let claim = claim(&scan, ClaimKind::DatabaseTotals);
    assert_eq!(claim.verdict, DIFFERS);
    assert_eq!(
        claim.found,
        "1 key (0 expiring); 1 declared for a database that was declared before; 1 declared before a database was selected"
    );
}

#[test]
fn totals_of_a_file_that_was_cut_are_not_compared() {
    let mut snapshot = Snapshot::new("REDIS0012");
    let key = b"123456789";
    snapshot
        .select_db(0)
        .resize_db(2, 0)
        .slot_info(12_739, 2, 0);
    snapshot.set(key, b"1");
    let (scan, _) = scan_bytes(&snapshot.0, Detail::Counts).expect("a snapshot");
    assert!(scan.summary.damage.is_some());
    assert!(is_open(&claim(&scan, ClaimKind::DatabaseTotals)));
    assert!(is_open(&claim(&scan, ClaimKind::SlotTotals)));
    assert!(warnings(&scan).is_empty(), "{:?}", scan.summary.warnings);
}

/// Which server line writes which version: the table of the format notes, with a file of each of the lines marked.
#[test]
fn a_server_that_never_writes_such_a_file_is_told() {
    let verdict = |header: &str, name: &str, version: &str| {
        let scan = scanned(Snapshot::new(header).aux(name, version));
        claim(&scan, ClaimKind::Server).verdict
    };
    for (header, name, version) in [
        ("REDIS0007", "redis-ver", "3.2.13"),
        ("REDIS0009", "redis-ver", "6.2.14"),
        ("REDIS0010", "redis-ver", "7.0.15"),
        ("REDIS0010", "redis-ver", "6.9.240"),
        ("REDIS0012", "redis-ver", "7.3.6"),
        ("REDIS0012", "redis-ver", "8.2.1"),
        ("REDIS0011", "valkey-ver", "8.1.1"),
        ("VALKEY080", "valkey-ver", "9.0.0"),
    ] {
        assert_eq!(verdict(header, name, version), AGREES, "{header} {version}");
    }
    for (header, name, version) in [
        ("REDIS0009", "redis-ver", "7.0.15"),
        ("REDIS0011", "redis-ver", "7.0.15"),
        ("REDIS0011", "valkey-ver", "9.0.0"),
        ("VALKEY080", "valkey-ver", "8.1.1"),
        ("VALKEY080", "redis-ver", "7.2.4"),
    ] {
        assert_eq!(
            verdict(header, name, version),
            DIFFERS,
            "{header} {version}"
        );
    }
    for (header, name, version) in [
        ("REDIS0009", "redis-ver", "6.9.240"),
        ("REDIS0009", "redis-ver", "6.3.4"),
        ("REDIS0009", "redis-ver", "255.255.255"),
        ("REDIS0009", "redis-ver", "unstable"),
    ] {
        let verdict = verdict(header, name, version);
        assert!(
            matches!(verdict, ClaimVerdict::NotComparable(_)),
            "{version}"
        );
    }
}

#[test]
fn what_is_newer_than_the_format_is_told() {
    let sound = scanned(Snapshot::new("REDIS0011").set_listpack(b"s", 1, &[1, 1]));
    assert_eq!(claim(&sound, ClaimKind::FormatVersion).verdict, AGREES);

    let newer = scanned(
        Snapshot::new("REDIS0010")
            .set(b"a", b"1")
            .set_listpack(b"s", 1, &[1, 1]),
    );
    let claim = claim(&newer, ClaimKind::FormatVersion);
    assert_eq!(claim.verdict, DIFFERS);
    assert_eq!(claim.claimed, "RDB 10 of the Redis family");
    assert_eq!(
        claim.found,
        "nothing newer than version 11 (first a set in encoding listpack at offset 0xe)"
    );
    assert_eq!(warnings(&newer), ["format-version-differs"]);
}

#[test]
fn fields_that_contradict_each_other_are_told() {
    let differing = |snapshot: &mut Snapshot| -> Vec<(String, String)> {
        let claims = scanned(snapshot).summary.claims;
        let differing = claims.into_iter().filter(|claim| claim.verdict == DIFFERS);
        differing
            .map(|claim| (claim.claimed, claim.found))
            .collect()
    };
    let pair = |claimed: &str, found: &str| (claimed.to_owned(), found.to_owned());
    assert_eq!(
        differing(
            Snapshot::new("REDIS0011")
                .aux("redis-ver", "7.2.4")
                .aux("valkey-ver", "8.0.1")
                .aux("ctime", "5")
                .aux("ctime", "5")
                .aux("ctime", "6")
                .aux("used-mem", "a lot")
                .aux("mvcc-tstamp", "1")
                .aux("mvcc-tstamp", "2")
        ),
        [
            pair("valkey-ver = \"8.0.1\"", "redis-ver = \"7.2.4\" as well"),
            pair("ctime = \"6\"", "ctime = \"5\" as well"),
            pair("used-mem = \"a lot\"", "no number"),
        ]
    );
}

/// Fields that cannot be shown are there all the same.
#[test]
fn fields_that_cannot_be_shown_are_counted() {
    let long = "x".repeat(2_000);
    let mut snapshot = Snapshot::new("REDIS0007");
    snapshot
        .aux("long", &long)
        .aux(&long, "")
        .aux("lua", "return 1")
        .aux("lua", &long);
    // A compressed value: two bytes that are to give eight, and refer to what there is not.
    snapshot
        .byte(250)
        .string(b"broken")
        .byte(0xc3)
        .length(2)
        .length(8);
    snapshot.byte(0x20).byte(0);
    for n in 0..70 {
        snapshot.aux(&format!("field-{n}"), "");
    }
    let summary = scanned(&mut snapshot).summary;
    let shown = |at: usize| {
        let field = &summary.aux[at];
        (
            field.name.as_str(),
            field.value.as_deref(),
            field.value_bytes,
        )
    };
    assert_eq!(shown(0), ("long", None, 2_000));
    assert_eq!(shown(1), ("broken", None, 8));
    assert_eq!(shown(2), ("field-0", Some(""), 0));
    assert_eq!(summary.aux.len(), 64);
    assert_eq!((summary.aux_unlisted, summary.scripts), (1 + 8, 2));
    assert_eq!(
        summary.warnings,
        [Warning::UnreadableAuxFields { fields: 1 }]
    );
}

#[test]
fn keys_that_had_expired_when_the_file_was_written_are_counted() {
    let mut snapshot = Snapshot::new("REDIS0010");
    snapshot.aux("ctime", "1000");
    for expiry_ms in [-1, 999_999, 1_000_000, 1_000_001, 9_000_000] {
        snapshot.expiry(expiry_ms).set(b"a", b"");
    }
    let scan = scanned(snapshot.set(b"b", b""));
    assert_eq!(scan.summary.expired_when_written, Some(2));
    let past = claim(&scan, ClaimKind::WrittenAt);
    assert_eq!(past.found, "2 of 5 expiries were past then");
    assert!(is_open(&past));

    let none = scanned(
        Snapshot::new("REDIS0010")
            .aux("ctime", "1")
            .expiry(1_000)
            .set(b"a", b""),
    );
    assert_eq!(claim(&none, ClaimKind::WrittenAt).verdict, AGREES);

    let late = scanned(
        Snapshot::new("REDIS0010")
            .expiry(1)
            .set(b"a", b"")
            .aux("ctime", "1000"),
    );
    assert_eq!(late.summary.expired_when_written, None);
    assert!(is_open(&claim(&late, ClaimKind::WrittenAt)));
}

#[test]
fn the_memory_of_a_server_is_compared_and_never_wrong() {
    let scan = scanned(
        Snapshot::new("REDIS0010")
            .aux("used-mem", "1000")
            .set(b"a", b""),
    );
    let estimate = scan.loaded_memory().used_bytes();
    let claim = claim(&scan, ClaimKind::UsedMemory);
    assert!(is_open(&claim));
    let share = format!("{}.{} %", estimate / 10, estimate % 10);
    assert!(
        claim.found.contains(&share),
        "{claim:?}, estimated {estimate}"
    );
    assert_eq!(scan.summary.used_memory_bytes, Some(1_000));
}

#[test]
fn a_server_of_32_bits_holds_no_more_than_it_can_address() {
    let verdict = |bits: &str, used: &str| {
        let mut snapshot = Snapshot::new("REDIS0010");
        let scan = scanned(snapshot.aux("redis-bits", bits).aux("used-mem", used));
        claim(&scan, ClaimKind::WordSize).verdict
    };
    assert_eq!(verdict("32", "4294967295"), AGREES);
    assert_eq!(verdict("32", "4294967296"), DIFFERS);
    assert_eq!(verdict("16", "1"), DIFFERS);
    assert!(matches!(verdict("64", "1"), ClaimVerdict::NotComparable(_)));
}

/// `aof-preamble` says that commands follow; `aof-base` that they are in files of their own.
#[test]
fn commands_behind_are_compared_with_what_the_file_announces() {
    let look = |name: &str, value: &str, behind: &[u8]| {
        let mut bytes = Snapshot::new("REDIS0009").aux(name, value).end();
        bytes.extend(behind);
        let (scan, _) = scan_bytes(&bytes, Detail::Counts).expect("a snapshot");
        assert!(scan.summary.is_whole());
        let commands = Warning::CommandsBehind { bytes: 14 };
        let told = scan.summary.warnings.contains(&commands);
        assert_eq!(told, !behind.is_empty(), "{:?}", scan.summary.warnings);
        let elsewhere = scan.summary.warnings.contains(&Warning::WritesElsewhere);
        assert_eq!(elsewhere, (name, value) == ("aof-base", "1"));
        claim(&scan, ClaimKind::AppendOnly).verdict
    };
    let commands = b"*1\r\n$4\r\nPING\r\n";
    assert_eq!(look("aof-preamble", "1", commands), AGREES);
    assert_eq!(look("aof-preamble", "0", b""), AGREES);
    assert_eq!(look("aof-base", "0", b""), AGREES);
    assert_eq!(look("aof-preamble", "0", commands), DIFFERS);
    assert_eq!(look("aof-base", "1", commands), DIFFERS);
    for open in [look("aof-preamble", "1", b""), look("aof-base", "1", b"")] {
        assert!(matches!(open, ClaimVerdict::NotComparable(_)), "{open:?}");
    }
}

#[test]
fn attributes_that_no_key_has_are_told() {
    let scan = scanned(
        Snapshot::new("REDIS0010")
            .expiry(1)
            .freq(3)
            .expiry(2)
            .set(b"a", b"")
            .expiry(3)
            .aux("between", "")
            .set(b"b", b"")
            .freq(1)
            .select_db(0)
            .expiry(4),
    );
    assert_eq!(scan.summary.expiring_keys, 2);
    assert_eq!(
        scan.summary.warnings,
        [Warning::LostAttributes {
            replaced: 1,
            without_key: 2
        }]
    );
}

/// A server has sixteen databases by default.
#[test]
fn databases_that_a_server_may_refuse_are_told() {
    let scan = scanned(Snapshot::new("REDIS0010").select_db(15).set(b"a", b""));
    assert!(warnings(&scan).is_empty(), "{:?}", scan.summary.warnings);
    let scan = scanned(Snapshot::new("REDIS0010").select_db(16));
    assert_eq!(
        scan.summary.warnings,
        [Warning::DatabaseBeyondDefault { db: 16 }]
    );
}

/// The names are those of the libraries that the fixture's server was given; a release candidate of 7.0 kept them apart from
/// their source.
#[test]
fn functions_are_told_by_name() {
    for (name, expected) in [
        ("redis-7.0/functions.rdb", [Some("lib1"), Some("lib2")]),
        ("valkey-9.1/functions.rdb", [Some("lib1"), Some("lib2")]),
    ] {
        let (scan, _) = scan_file(&fixture(name), Mmap::Auto, Detail::Counts).expect(name);
        assert_eq!(scan.summary.functions, 2, "{name}");
        let mut names: Vec<Option<&str>> = scan
            .summary
            .libraries
            .iter()
            .map(|library| library.name.as_deref())
            .collect();
        names.sort_unstable();
        assert_eq!(names, expected, "{name}");
    }
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
        [
            Warning::DatabaseBeyondDefault { db: 1_029 },
            Warning::Unlisted {
                what: "databases",
                keys: 6
            }
        ]
    );
}
