//! Scans of files that real servers wrote, and of files that no server would.

mod snapshot;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use preshard_analyzer::{Checksum, CostProfile, Error, FileScan, Progress, scan, scan_all};
use preshard_parser::Detail;
use preshard_parser::source::{Mmap, OpenOptions, Source};
use preshard_slots::Slot;
use serde_json::Value;
use snapshot::{
    Seen, Silent, Snapshot, fixture, in_pool, options, scan_bytes, scan_file, servers, warnings,
};

/// Every snapshot of a real server that comes with the server's answers.
fn answered_snapshots() -> Vec<(PathBuf, Vec<Value>)> {
    let mut found = Vec::new();
    for server in fs::read_dir(servers()).expect("fixtures/servers") {
        for file in fs::read_dir(server.expect("entry").path()).expect("server folder") {
            let path = file.expect("entry").path();
            let answers = path.with_extension("expect.jsonl");
            if path.extension().is_some_and(|e| e == "rdb") && answers.exists() {
                // The oldest servers were asked for some keys twice.
                let answers: BTreeMap<(u64, String), Value> = fs::read_to_string(&answers)
                    .expect("answers")
                    .lines()
                    .map(|line| {
                        let answer: Value = serde_json::from_str(line).expect("JSON line");
                        let key = [&answer["key"], &answer["key_b64"]].map(Value::to_string);
                        ((answer["db"].as_u64().expect("db"), key.concat()), answer)
                    })
                    .collect();
                found.push((path, answers.into_values().collect()));
            }
        }
    }
    found.sort_by(|left, right| left.0.cmp(&right.0));
    assert!(found.len() >= 150, "only {} snapshots found", found.len());
    found
}

/// What servers answered for each key, summed per slot, against the profile; and files are whole.
#[test]
fn profiles_of_real_files_hold_what_the_servers_answered() {
    let mut files_with_slot_info = 0;
    for (path, answers) in answered_snapshots() {
        let shown = path.display();
        let (scan, seen) = scan_file(&path, Mmap::Auto, Detail::Elements).expect("a snapshot");
        let FileScan { summary, profile } = &scan;
        assert_eq!(summary.damage, None, "{shown}");
        assert_eq!(summary.bytes_read, summary.bytes, "{shown}");
        assert_eq!(summary.keys, seen.len() as u64, "{shown}");
        let expected_checksum = if summary.header.version < 5 {
            Checksum::Absent
        } else if path.file_stem().is_some_and(|stem| stem == "nochecksum") {
            Checksum::Off
        } else {
            Checksum::Verified
        };
        assert_eq!(summary.checksum, expected_checksum, "{shown}");
        let told = warnings(&scan).contains(&"no-checksum");
        assert_eq!(told, expected_checksum != Checksum::Verified, "{shown}");

        let mut expected: BTreeMap<u64, (u64, u64)> = BTreeMap::new();
        for answer in &answers {
            let slot = answer["slot"].as_u64().expect("slot");
            let row = expected.entry(slot).or_default();
            row.0 += 1;
            row.1 += answer["dump_len"].as_u64().unwrap_or(0);
        }
        let sized = answers.iter().all(|answer| answer["dump_len"].is_u64());
        for slot in Slot::all() {
            let facts = profile.slot(slot);
            let (keys, payload_bytes) = expected
                .get(&u64::from(slot.number()))
                .copied()
                .unwrap_or_default();
            assert_eq!(facts.keys, keys, "{shown} slot {slot:?}");
            if sized {
                assert_eq!(facts.payload_bytes, payload_bytes, "{shown} slot {slot:?}");
            }
        }
        if let Some(check) = summary.slot_info {
            files_with_slot_info += 1;
            assert_eq!((check.differing, check.stray_keys), (0, 0), "{shown}");
            let occupied = expected.len() as u64;
            assert!(
                check.declared >= occupied,
                "{shown}: {check:?}, {occupied} slots hold keys"
            );
        }
        let unexpected: Vec<&str> = warnings(&scan)
            .into_iter()
            .filter(|name| !["modules", "no-checksum"].contains(name))
            .collect();
        assert!(unexpected.is_empty(), "{shown}: {:?}", summary.warnings);
    }
    assert!(files_with_slot_info >= 6, "{files_with_slot_info}");
}

/// The same totals, from two sides: the profile's rows and what the sink was handed.
#[test]
fn totals_by_type_database_and_slot_agree_with_the_keys() {
    for name in [
        "redis-8.6/mix.rdb",
        "valkey-9.1/cluster.rdb",
        "redis-7.0/multidb.rdb",
    ] {
        let (scan, seen) = scan_file(&fixture(name), Mmap::Auto, Detail::Counts).expect(name);
        let FileScan { summary, profile } = &scan;
        let sum = |of: &dyn Fn(&Seen) -> u64| seen.iter().map(of).sum::<u64>();
        let payload = sum(&|key| key.payload_bytes);
        let memory = sum(&|key| key.memory_bytes.unwrap_or(0));
        let block = sum(&|key| key.block_ns);
        let slots = || Slot::all().map(|slot| profile.slot(slot));
        assert_eq!(slots().map(|slot| slot.payload_bytes).sum::<u64>(), payload);
        assert_eq!(
            slots().map(|slot| slot.memory_bytes_estimate).sum::<u64>(),
            memory
        );
        assert_eq!(slots().map(|slot| slot.block_ns).sum::<u64>(), block);
        assert_eq!(
            summary
                .types
                .iter()
                .map(|row| row.payload_bytes)
                .sum::<u64>(),
            payload
        );
        assert_eq!(
            summary.types.iter().map(|row| row.keys).sum::<u64>(),
            summary.keys
        );
        assert_eq!(
            summary.databases.iter().map(|row| row.keys).sum::<u64>(),
            summary.keys
        );
        for row in &summary.databases {
            let keys = seen.iter().filter(|key| key.db == row.db).count();
            assert_eq!(row.keys, keys as u64, "{name} db {}", row.db);
        }
        // Each key is in exactly one of the two places that bounds are taken from.
        for slot in Slot::all() {
            let named = profile
                .named()
                .iter()
                .filter(|key| key.slot == slot)
                .count() as u64;
            let facts = profile.slot(slot);
            assert_eq!(facts.unnamed.keys() + named, facts.keys, "{name} {slot:?}");
        }
        for pair in profile.named().windows(2) {
            assert_eq!(pair[0].rank(&pair[1]), std::cmp::Ordering::Less, "{name}");
        }
    }
}

#[test]
fn what_a_file_says_of_itself_is_reported() {
    let (scan, _) = scan_file(
        &fixture("redis-7.0/cluster.rdb"),
        Mmap::Auto,
        Detail::Counts,
    )
    .expect("file");
    let summary = &scan.summary;
    assert_eq!(summary.header.to_string(), "REDIS0010");
    assert_eq!(
        summary.written_by.as_ref().map(ToString::to_string),
        Some("Redis 7.0.15".to_owned())
    );
    let year_2020 = 1_577_836_800;
    assert!(
        summary.written_at_s.is_some_and(|s| s > year_2020),
        "{:?}",
        summary.written_at_s
    );
    assert!(
        summary
            .used_memory_bytes
            .is_some_and(|bytes| bytes > 100_000)
    );
    let names: Vec<&str> = summary
        .aux
        .iter()
        .map(|field| field.name.as_str())
        .collect();
    assert_eq!(
        names,
        ["redis-ver", "redis-bits", "ctime", "used-mem", "aof-base"]
    );

    let written_by = |name: &str| {
        let (scan, _) = scan_file(&fixture(name), Mmap::Auto, Detail::Counts).expect(name);
        scan.summary.written_by.map(|server| server.to_string())
    };
    assert_eq!(
        written_by("valkey-8.0/cluster.rdb"),
        Some("Valkey 8.0.1".to_owned())
    );
    assert_eq!(
        written_by("redict-7.3/cluster.rdb"),
        Some("Redict 7.3.6".to_owned())
    );
    assert_eq!(
        written_by("redis-2.8.24/sets.rdb"),
        None,
        "no auxiliary fields before 3.2"
    );
}

#[test]
fn functions_and_modules_are_counted() {
    let scan_of = |name: &str| {
        scan_file(&fixture(name), Mmap::Auto, Detail::Counts)
            .expect(name)
            .0
    };
    assert_eq!(scan_of("redis-7.0/functions.rdb").summary.functions, 2);
    let vectors = scan_of("redis-8.0/vectorset.rdb");
    let module = &vectors.summary.modules[0];
    assert_eq!(module.name, "vectorset");
    assert!(module.keys > 0);
    assert!(warnings(&vectors).contains(&"modules"));
    let slots = Slot::all().map(|slot| vectors.profile.slot(slot).memory_unknown_keys);
    assert_eq!(
        slots.sum::<u64>(),
        module.keys,
        "modules have no memory estimate"
    );
}

/// More than one chunk by number, and values larger than a chunk.
fn long_snapshot() -> Vec<u8> {
    let mut snapshot = Snapshot::new("REDIS0010");
    snapshot.aux("redis-ver", "7.0.15").select_db(0);
    let large = vec![b'x'; 9 << 20];
    for i in 0..40_000u32 {
        let key = format!("key:{i}");
        match i {
            20_000 | 20_001 => snapshot.set(key.as_bytes(), &large),
            _ if i % 7 == 0 => snapshot
                .expiry(2_000_000_000_000)
                .set_of(key.as_bytes(), &[b"a", b"bb", b"ccc"]),
            _ => snapshot.set(key.as_bytes(), key.as_bytes()),
        };
    }
    snapshot.end()
}

#[test]
fn one_thread_and_several_mapped_and_read_give_the_same() {
    let file = tempfile::NamedTempFile::new().expect("temporary file");
    fs::write(file.path(), long_snapshot()).expect("written");
    let run = |threads, mmap| {
        in_pool(threads, || {
            scan_file(file.path(), mmap, Detail::Elements).expect("a snapshot")
        })
    };
    let serial = run(1, Mmap::Never);
    assert_eq!(serial.0.summary.keys, 40_000);
    assert_eq!(serial.0.summary.checksum, Checksum::Verified);
    let order: Vec<u64> = serial.1.iter().map(|key| key.offset).collect();
    assert!(order.is_sorted(), "the sink sees keys in file order");
    assert_eq!(serial.1.len(), 40_000);
    for (threads, mmap) in [(1, Mmap::Auto), (2, Mmap::Auto), (3, Mmap::Never)] {
        let other = run(threads, mmap);
        assert!(serial == other, "{threads} threads, {mmap:?}");
    }
}

#[test]
fn several_files_at_once_give_what_each_gives_alone() {
    let mut paths: Vec<PathBuf> = answered_snapshots()
        .into_iter()
        .map(|(path, _)| path)
        .collect();
    let no_snapshot = tempfile::NamedTempFile::new().expect("temporary file");
    paths.insert(7, no_snapshot.path().to_owned());
    let sources: Vec<Source> = paths
        .iter()
        .map(|path| Source::open(path, &OpenOptions::default()).expect("opens"))
        .collect();
    let cost = CostProfile::built_in("redis-7.0").expect("built in");
    let files: Vec<_> = sources
        .iter()
        .map(|source| (source, options(&cost, Detail::Counts)))
        .collect();
    for threads in [1, 3] {
        let scans = in_pool(threads, || scan_all(&files, &Silent));
        assert_eq!(scans.len(), paths.len());
        for (path, together) in paths.iter().zip(scans) {
            let alone = scan_file(path, Mmap::Auto, Detail::Counts).map(|(scan, _)| scan);
            match (together, alone) {
                (Ok(together), Ok(alone)) => assert!(together == alone, "{}", path.display()),
                (Err(Error::NotASnapshot(together)), Err(Error::NotASnapshot(alone))) => {
                    assert_eq!(together, alone);
                }
                (together, _) => panic!(
                    "{}: {:?}",
                    path.display(),
                    together.map(|scan| scan.summary)
                ),
            }
        }
    }
}

#[test]
fn progress_adds_up_to_the_file() {
    struct Sum(AtomicU64);
    impl Progress for Sum {
        fn advance(&self, bytes: u64) {
            self.0.fetch_add(bytes, Ordering::Relaxed);
        }
    }
    let file = tempfile::NamedTempFile::new().expect("temporary file");
    let bytes = long_snapshot();
    fs::write(file.path(), &bytes).expect("written");
    let source = Source::open(file.path(), &OpenOptions::default()).expect("opens");
    let cost = CostProfile::built_in("redis-7.0").expect("built in");
    let sum = Sum(AtomicU64::new(0));
    scan(&source, &options(&cost, Detail::Counts), &sum, &mut |_| {
        Ok(())
    })
    .expect("a snapshot");
    assert_eq!(sum.0.into_inner(), bytes.len() as u64);
}

#[test]
fn what_is_no_snapshot_is_named() {
    for (bytes, looks_like) in [
        (&b""[..], "an empty file"),
        (b"BZh91AY&SY", "a bzip2 file"),
        (b"*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n", "an append-only file"),
        (b"hello world, this is text", "text"),
    ] {
        match scan_bytes(bytes, Detail::Counts) {
            Err(error @ Error::NotASnapshot(_)) => {
                let message = error.to_string();
                assert!(message.contains(looks_like), "{message}");
            }
            other => panic!("{looks_like}: {:?}", other.map(|(scan, _)| scan.summary)),
        }
    }
}

#[test]
fn a_sink_that_fails_ends_the_scan() {
    let path = fixture("redis-7.0/mix.rdb");
    let source = Source::open(&path, &OpenOptions::default()).expect("opens");
    let cost = CostProfile::built_in("redis-7.0").expect("built in");
    let result = scan(
        &source,
        &options(&cost, Detail::Counts),
        &Silent,
        &mut |_| Err(io::Error::from(io::ErrorKind::BrokenPipe)),
    );
    match result {
        Err(Error::Sink(error)) => assert_eq!(error.kind(), io::ErrorKind::BrokenPipe),
        other => panic!("{:?}", other.map(|scan| scan.summary)),
    }
}
