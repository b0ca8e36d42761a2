//! The account of a file: which bytes are what, and that there are no others.

mod snapshot;

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use preshard_analyzer::{CostProfile, FileSummary, PartKind, ScanOptions, scan, scan_stream};
use preshard_parser::source::{Mmap, Source};
use preshard_parser::{Detail, crc64};
use snapshot::{Silent, Snapshot, fixture, options, scan_bytes, scan_file, servers, warnings};

#[path = "../../../fixtures/recorded.rs"]
mod recorded;

/// Bytes by part; and they are all bytes.
#[track_caller]
fn account(summary: &FileSummary) -> BTreeMap<PartKind, (u64, u64)> {
    let parts: BTreeMap<PartKind, (u64, u64)> = summary
        .account
        .iter()
        .map(|part| (part.kind, (part.count, part.bytes)))
        .collect();
    assert_eq!(parts.len(), summary.account.len(), "a part stands twice");
    let sum: u64 = parts.values().map(|(_, bytes)| bytes).sum();
    assert_eq!(sum, summary.bytes, "{parts:?}");
    parts
}

/// Small files of several families and versions, with expiries, functions, metadata of modules and slot totals.
fn small_fixtures() -> Vec<PathBuf> {
    let names = [
        "redis-2.2.15/ttl.rdb",
        "redis-4.0.14/lfu.rdb",
        "redis-7.0/functions.rdb",
        "redis-8.6/module.rdb",
        "valkey-9.1/functions.rdb",
    ];
    names.map(fixture).to_vec()
}

/// Bytes that a server takes to write a key's name, where it cannot compress it: integers that print back alike have a
/// form of their own.
fn name_bytes(name: &[u8]) -> Option<u64> {
    if name.len() > 20 {
        return None;
    }
    let integer = std::str::from_utf8(name)
        .ok()
        .and_then(|text| text.parse::<i64>().ok())
        .filter(|number| number.to_string().as_bytes() == name);
    Some(match integer {
        Some(-128..=127) => 2,
        Some(-32_768..=32_767) => 3,
        Some(-2_147_483_648..=2_147_483_647) => 5,
        _ => 1 + name.len() as u64,
    })
}

/// The servers' own answers give the bytes of values, names and expiries a second time.
#[test]
fn parts_of_real_files_are_what_the_servers_answers_make_them() {
    let mut with_exact_names = 0;
    let mut with_exact_values = 0;
    for (path, answers) in recorded::answered_snapshots(&servers()) {
        let shown = path.display();
        let (scan, _) = scan_file(&path, Mmap::Auto, Detail::Counts).expect("a snapshot");
        let summary = &scan.summary;
        let parts = account(summary);
        let part = |kind| parts.get(&kind).copied().unwrap_or_default();
        let answers = recorded::answers(&answers);
        let keys = answers.len() as u64;

        assert_eq!(part(PartKind::Header), (1, 9), "{shown}");
        let end = if summary.header.version < 5 { 1 } else { 9 };
        assert_eq!(part(PartKind::End), (1, end), "{shown}");
        assert_eq!(part(PartKind::TypeBytes), (keys, keys), "{shown}");
        for absent in [
            PartKind::Unread,
            PartKind::CaptureEnd,
            PartKind::Commands,
            PartKind::Trailing,
            PartKind::EmptyCollections,
            PartKind::OtherRecords,
        ] {
            assert_eq!(part(absent), (0, 0), "{shown}: {absent:?}");
        }

        // DUMP returns the value and eleven bytes; of keys with metadata those too.
        let dumps: Option<u64> = answers
            .values()
            .map(|answer| Some(answer["dump_len"].as_u64()? - 11))
            .sum();
        let has_metadata = path.ends_with("redis-8.6/module.rdb");
        if let (Some(dumps), false) = (dumps, has_metadata) {
            with_exact_values += 1;
            assert_eq!(part(PartKind::Values), (keys, dumps), "{shown}");
        }
        let rows: u64 = summary.types.iter().map(|row| row.serialized_bytes).sum();
        assert_eq!(part(PartKind::Values), (keys, rows), "{shown}");

        let names: Option<u64> = answers.keys().map(|(_, name)| name_bytes(name)).sum();
        if let Some(names) = names {
            with_exact_names += 1;
            assert_eq!(part(PartKind::KeyNames), (keys, names), "{shown}");
        }

        let scene = path.file_stem().and_then(|stem| stem.to_str());
        if !matches!(scene, Some("lru" | "lfu")) && !has_metadata {
            let expiring = answers
                .values()
                .filter(|answer| !answer["ttl_ms_abs"].is_null())
                .count() as u64;
            let each = if summary.header.version < 3 { 5 } else { 9 };
            let expected = (expiring, expiring * each);
            assert_eq!(part(PartKind::KeyAttributes), expected, "{shown}");
        }
    }
    assert!(with_exact_names > 50, "{with_exact_names}");
    assert!(with_exact_values > 120, "{with_exact_values}");
}

#[test]
fn every_prefix_of_a_file_adds_up() {
    for path in small_fixtures() {
        let bytes = fs::read(&path).expect("a fixture");
        let shown = path.display();
        let (whole, _) = scan_bytes(&bytes, Detail::Elements).expect("a snapshot");
        let whole = account(&whole.summary);
        for cut in 9..bytes.len() {
            let (scan, _) = scan_bytes(&bytes[..cut], Detail::Elements).expect("a snapshot");
            let parts = account(&scan.summary);
            // The parts of the whole file, or less of them; where the record that was cut begins, nothing more.
            for (kind, (count, part_bytes)) in &parts {
                if *kind == PartKind::Unread {
                    continue;
                }
                let of_whole = whole.get(kind).copied().unwrap_or_default();
                assert!(
                    *count <= of_whole.0 && *part_bytes <= of_whole.1,
                    "{shown} cut at {cut}: {kind:?} {count} {part_bytes}, of the whole {of_whole:?}"
                );
            }
            let unread = parts.get(&PartKind::Unread).map_or(0, |part| part.1);
            let damage = scan.summary.damage.as_ref().expect("it is cut");
            assert!(
                damage.offset - (cut as u64 - unread) <= unread,
                "{shown} cut at {cut}: {unread} bytes unread, {damage}"
            );
        }
    }
}

#[test]
fn files_with_a_flipped_byte_add_up() {
    for path in small_fixtures() {
        let bytes = fs::read(&path).expect("a fixture");
        for at in (9..bytes.len()).step_by(3) {
            let mut flipped = bytes.clone();
            flipped[at] ^= 0xff;
            let (scan, _) = scan_bytes(&flipped, Detail::Elements).expect("the header is sound");
            account(&scan.summary);
        }
    }
}

/// Each record of a snapshot put together by hand, counted while it is put together.
#[test]
fn each_record_belongs_to_its_part() {
    let mut snapshot = Snapshot::new("VALKEY080");
    let mut expected: BTreeMap<PartKind, (u64, u64)> = BTreeMap::from([(PartKind::Header, (1, 9))]);
    let mut add = |snapshot: &mut Snapshot, kind, what: &dyn Fn(&mut Snapshot) -> &mut Snapshot| {
        let before = snapshot.0.len();
        what(snapshot);
        let part = expected.entry(kind).or_default();
        part.0 += 1;
        part.1 += (snapshot.0.len() - before) as u64;
    };
    use PartKind as P;
    let s = &mut snapshot;
    add(s, P::AuxFields, &|s| s.aux("valkey-ver", "9.1.2"));
    add(s, P::AuxFields, &|s| s.aux("slot-info-2", ""));
    add(s, P::ModuleAux, &|s| s.module_aux());
    add(s, P::Functions, &|s| s.function("#!lua name=a\n"));
    add(s, P::SlotImports, &|s| s.slot_import(&[(1, 2)]));
    add(s, P::Databases, &|s| s.select_db(300));
    add(s, P::Databases, &|s| s.resize_db(70, 1));
    add(s, P::EnterpriseFields, &|s| s.byte(121).length(99));
    add(s, P::SlotTotals, &|s| s.slot_info(1, 2, 3));
    add(s, P::SlotTotals, &|s| s.aux("slot-info", "1,2,3,4"));
    add(s, P::SlotTotals, &|s| s.aux("slot-info", "?"));
    // Attributes of one key are one piece, unless another record comes between.
    add(s, P::KeyAttributes, &|s| s.expiry(5).freq(1));
    add(s, P::AuxFields, &|s| s.aux("between", "x"));
    add(s, P::KeyAttributes, &|s| s.expiry(6));
    add(s, P::TypeBytes, &|s| s.byte(0));
    add(s, P::KeyNames, &|s| s.string(&[b'k'; 100]));
    add(s, P::Values, &|s| s.string(&[b'v'; 70_000]));
    add(s, P::TypeBytes, &|s| s.byte(0));
    add(s, P::KeyNames, &|s| s.byte(0xc0).byte(7));
    add(s, P::Values, &|s| s.byte(0xc1).byte(7).byte(7));
    add(s, P::EmptyCollections, &|s| s.expiry(1).set_of(b"e", &[]));
    add(s, P::KeyAttributes, &|s| s.expiry(7));
    let unfinished = snapshot.0.clone();
    let ended = snapshot.end();

    let cases: [(&[u8], Option<PartKind>); 3] = [
        (b"", None),
        (b"*1\r\n$4\r\nPING\r\n", Some(P::Commands)),
        (b"junk", Some(P::Trailing)),
    ];
    for (behind, part) in cases {
        let bytes = [&ended, behind].concat();
        let (scan, _) = scan_bytes(&bytes, Detail::Counts).expect("a snapshot");
        let mut expected = expected.clone();
        expected.insert(P::End, (1, 9));
        expected.extend(part.map(|kind| (kind, (1, behind.len() as u64))));
        assert_eq!(account(&scan.summary), expected);
        assert_eq!(scan.summary.trailing_bytes, behind.len() as u64);
        assert_eq!(streamed(&bytes), scan.summary.account);
    }

    // Cut in front of the end: the last expiry has no key, and is not read.
    let (scan, _) = scan_bytes(&unfinished, Detail::Counts).expect("a snapshot");
    let attributes = expected.get_mut(&P::KeyAttributes).expect("there are some");
    *attributes = (attributes.0 - 1, attributes.1 - 9);
    expected.insert(P::Unread, (1, 9));
    assert_eq!(account(&scan.summary), expected);
    assert_eq!(streamed(&unfinished), scan.summary.account);
}

/// The checksum of a snapshot covers attributes that no key follows.
#[test]
fn attributes_in_front_of_the_end_do_not_spoil_the_checksum() {
    let bytes = Snapshot::new("REDIS0010").set(b"a", b"1").expiry(5).end();
    let covered = bytes.len() - 8;
    let stored = u64::from_le_bytes(bytes[covered..].try_into().expect("8 bytes"));
    assert_eq!(stored, crc64::checksum(&bytes[..covered]));
    let (scan, _) = scan_bytes(&bytes, Detail::Counts).expect("a snapshot");
    assert_eq!(scan.summary.checksum, preshard_analyzer::Checksum::Verified);
}

fn streamed(bytes: &[u8]) -> Vec<preshard_analyzer::Part> {
    let cost = CostProfile::built_in("redis-7.0").expect("built in");
    let options = options(&cost, Detail::Counts);
    let scan = scan_stream(Path::new("-"), bytes, &options, &Silent, &mut |_| Ok(()));
    scan.expect("a snapshot").summary.account
}

/// Captures of replication: what is in front of the snapshot is no part of it, what is behind is told.
#[test]
fn captures_are_accounted_for_behind_the_snapshot() {
    const MARK: &[u8] = b"0123456789abcdef0123456789abcdef01234567";
    const COMMAND: &[u8] = b"*1\r\n$4\r\nPING\r\n";
    let snapshot = Snapshot::new("REDIS0011")
        .aux("aof-base", "0")
        .set(b"a", b"1")
        .end();
    let sized = |bytes: usize| format!("${bytes}\r\n").into_bytes();
    let marked = [b"$EOF:", MARK, b"\r\n"].concat();
    let exact = sized(snapshot.len());
    let false_length = sized(snapshot.len() + 14);
    let mark = (PartKind::CaptureEnd, (1, 40));
    let command = (PartKind::Commands, (1, 14));
    type Case<'a> = (
        &'a [u8],
        Vec<u8>,
        &'a [(PartKind, (u64, u64))],
        &'a [&'a str],
    );
    let cases: [Case<'_>; 8] = [
        (&exact, vec![], &[], &[]),
        (&exact, COMMAND.to_vec(), &[command], &["commands-behind"]),
        (
            &false_length,
            COMMAND.to_vec(),
            &[command],
            &["commands-behind", "capture-length-differs"],
        ),
        (&marked, MARK.to_vec(), &[mark], &[]),
        (
            &marked,
            [MARK, COMMAND].concat(),
            &[mark, command],
            &["commands-behind"],
        ),
        (
            &marked,
            MARK[..39].to_vec(),
            &[(PartKind::Trailing, (1, 39))],
            &["trailing-bytes"],
        ),
        (
            &marked,
            b"something else".to_vec(),
            &[(PartKind::Trailing, (1, 14))],
            &["capture-mark-missing", "trailing-bytes"],
        ),
        (
            &false_length,
            COMMAND[..13].to_vec(),
            &[(PartKind::Commands, (1, 13))],
            &["commands-behind", "capture-length-differs"],
        ),
    ];
    for (front, behind, expected, warned) in cases {
        let mut file = tempfile::NamedTempFile::new().expect("temporary file");
        let bytes = [front, &snapshot, &behind].concat();
        file.write_all(&bytes).expect("written");
        for mmap in [Mmap::Auto, Mmap::Never] {
            let (scan, _) = scan_file(file.path(), mmap, Detail::Counts).expect("a snapshot");
            let summary = &scan.summary;
            assert_eq!(summary.bytes, (snapshot.len() + behind.len()) as u64);
            let parts = account(summary);
            let beyond: Vec<_> = parts
                .into_iter()
                .filter(|&(kind, _)| kind > PartKind::End)
                .collect();
            assert_eq!(beyond, expected, "{}", bytes.escape_ascii());
            assert_eq!(warnings(&scan), warned, "{}", bytes.escape_ascii());
            // Bytes are missing of the mark, or of the length that is stated.
            let is_cut = matches!(behind.len(), 39 | 13);
            assert_eq!(summary.is_whole(), !is_cut, "{}", bytes.escape_ascii());
            let [layer] = &summary.layers[..] else {
                panic!("{:?}", summary.layers);
            };
            assert_eq!(
                (layer.bytes, layer.whole),
                (Some(front.len() as u64), !is_cut)
            );
            assert_eq!(layer.behind, []);
            assert_eq!(front.len() as u64 + summary.bytes, bytes.len() as u64);
        }
    }
}

/// A value of 20 MB is longer than the window of a stream.
#[test]
fn a_value_that_streams_by_is_accounted_for() {
    let value = vec![b'v'; 20 << 20];
    let bytes = Snapshot::new("REDIS0010")
        .expiry(5)
        .set(b"long", &value)
        .end();
    let (scan, _) = scan_bytes(&bytes, Detail::Counts).expect("a snapshot");
    let parts = account(&scan.summary);
    // The length of the value takes nine bytes in the form the test writes.
    assert_eq!(parts[&PartKind::Values], (1, 9 + (20 << 20)));
    assert_eq!(streamed(&bytes), scan.summary.account);
}

/// Whole files of servers, and their damage, through a real file of each family.
#[test]
fn a_damaged_value_leaves_its_record_and_all_behind_unread() {
    for name in ["redis-7.0/cluster.rdb", "valkey-9.1/cluster.rdb"] {
        let mut bytes = fs::read(fixture(name)).expect("a fixture");
        let (_, seen) = scan_bytes(&bytes, Detail::Counts).expect("a snapshot");
        let tenth = &seen[10];
        bytes[usize::try_from(tenth.offset).expect("an offset")] = 200;
        let (scan, _) = scan_bytes(&bytes, Detail::Counts).expect("a snapshot");
        let parts = account(&scan.summary);
        assert_eq!(parts[&PartKind::TypeBytes], (10, 10), "{name}");
        let attributes = if tenth.expires_at_ms.is_some() { 9 } else { 0 };
        let unread = bytes.len() as u64 - (tenth.offset - attributes);
        assert!(
            parts[&PartKind::Unread].1 == unread,
            "{name}: {parts:?}, expected {unread}"
        );
    }
}

/// With one value broken in the middle, and kept all the same what is behind it, the gap is a part like any other.
#[test]
fn what_is_salvaged_and_what_is_not_add_up() {
    for name in ["redis-7.0/cluster.rdb", "valkey-9.1/cluster.rdb"] {
        let sound = fs::read(fixture(name)).expect("a fixture");
        let (_, seen) = scan_bytes(&sound, Detail::Elements).expect("a snapshot");
        let whole = seen.len() as u64;
        for broken in seen.iter().step_by(20) {
            let mut bytes = sound.clone();
            bytes[usize::try_from(broken.offset).expect("an offset")] = 200;
            let mut file = tempfile::NamedTempFile::new().expect("temporary file");
            file.write_all(&bytes).expect("written");
            let source = Source::open(file.path(), &Mmap::Auto.into()).expect("it opens");
            let cost = CostProfile::built_in("redis-7.0").expect("built in");
            let options = ScanOptions {
                salvage: true,
                ..options(&cost, Detail::Elements)
            };
            let scan = scan(&source, &options, &Silent, &mut |_| Ok(())).expect("a snapshot");
            let parts = account(&scan.summary);
            let salvage = scan.summary.salvage.as_ref().expect("there is a gap");
            let gaps = (salvage.gaps.len() as u64, salvage.unknown_bytes);
            assert_eq!(parts[&PartKind::Unread], gaps, "{name}: {parts:?}");
            let kept = parts[&PartKind::TypeBytes].0;
            assert_eq!(kept, scan.summary.keys, "{name}");
            assert!(kept < whole, "{name}: {kept} of {whole}");
        }
    }
}
