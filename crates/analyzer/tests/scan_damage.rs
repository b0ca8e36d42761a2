//! Snapshots that are cut, flipped or broken: what is lost is told, what is whole is kept.

mod snapshot;

use std::fs;
use std::io::{self, Read, Write as _};

use preshard_analyzer::{Checksum, CostProfile, Error, Warning, scan, scan_stream};
use preshard_parser::Detail;
use preshard_parser::source::{Mmap, Source};
use snapshot::{Silent, Snapshot, fixture, in_pool, options, scan_bytes, scan_file, warnings};

/// Cut anywhere, a file gives the keys that lie whole before the cut, and says where it ends.
#[test]
fn every_prefix_gives_the_keys_before_the_cut() {
    let path = fixture("redis-4.0.14/lfu.rdb");
    let bytes = fs::read(&path).expect("fixture");
    let (_, all) = scan_file(&path, Mmap::Auto, Detail::Counts).expect("fixture");
    for cut in 0..bytes.len() {
        let result = scan_bytes(&bytes[..cut], Detail::Counts);
        if cut < 9 {
            assert!(
                matches!(result, Err(Error::NotASnapshot(_))),
                "cut at {cut}"
            );
            continue;
        }
        let (scan, seen) = result.unwrap_or_else(|error| panic!("cut at {cut}: {error}"));
        let damage = scan.summary.damage.as_ref().expect("damage");
        assert!(damage.truncated, "cut at {cut}: {damage}");
        assert_eq!(damage.offset, scan.summary.bytes_read);
        assert!(damage.offset <= cut as u64, "cut at {cut}: {damage}");
        assert_eq!(scan.summary.checksum, Checksum::NotReached);
        let whole = all.iter().take_while(|key| {
            let next = all.iter().find(|other| other.offset > key.offset);
            next.is_some_and(|next| next.offset <= cut as u64)
        });
        let least = whole.count();
        assert!(
            (least..=least + 1).contains(&seen.len()),
            "cut at {cut}: {} keys, at least {least} lie before it",
            seen.len()
        );
        assert_eq!(seen, all[..seen.len()], "cut at {cut}");
        assert_eq!(damage.keys_before, seen.len() as u64);
    }
}

#[test]
fn any_flipped_byte_is_noticed() {
    let path = fixture("redis-4.0.14/lfu.rdb");
    let bytes = fs::read(&path).expect("fixture");
    for at in 9..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[at] ^= 0x10;
        let (scan, _) = scan_bytes(&flipped, Detail::Elements).expect("header is sound");
        let noticed = scan.summary.damage.is_some()
            || matches!(scan.summary.checksum, Checksum::Wrong { .. })
            || scan.summary.checksum == Checksum::Absent;
        assert!(noticed, "byte {at}: {:?}", scan.summary.checksum);
    }
}

#[test]
fn a_wrong_checksum_is_told_and_keeps_the_result() {
    let mut bytes = Snapshot::new("REDIS0010")
        .set(b"a", b"1")
        .set(b"b", b"2")
        .end();
    let computed = u64::from_le_bytes(bytes[bytes.len() - 8..].try_into().expect("8 bytes"));
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    let (scan, seen) = scan_bytes(&bytes, Detail::Counts).expect("a snapshot");
    assert_eq!(seen.len(), 2);
    assert_eq!(scan.summary.damage, None);
    assert_eq!(
        scan.summary.checksum,
        Checksum::Wrong {
            stored: computed ^ (1 << 56),
            computed
        }
    );
    assert_eq!(warnings(&scan), ["wrong-checksum"]);
}

/// Of two broken values the first in the file is the one that is told, whichever thread is faster.
#[test]
fn the_first_broken_value_stops_the_scan() {
    let mut snapshot = Snapshot::new("REDIS0011");
    let sound = [0x01, 0x01, 0x02, 0x01];
    let broken = [0x01, 0x01, 0xe0, 0x01];
    for i in 0..3_000u32 {
        let key = format!("key:{i}");
        let body = if i == 1_234 || i == 1_500 || i == 2_999 {
            &broken
        } else {
            &sound
        };
        snapshot.set_listpack(key.as_bytes(), 2, body);
    }
    let bytes = snapshot.end();
    let run = |threads| {
        in_pool(threads, || {
            scan_bytes(&bytes, Detail::Elements).expect("file")
        })
    };
    let (scan, seen) = run(1);
    let damage = scan.summary.damage.as_ref().expect("damage");
    assert_eq!(seen.len(), 1_234);
    assert_eq!(damage.keys_before, 1_234);
    let (db, key) = damage.in_key.as_ref().expect("the key");
    assert_eq!((*db, key.escaped()), (0, "key:1234".to_owned()));
    assert!(damage.message.contains("key:1234"), "{damage}");
    assert_eq!(scan.summary.checksum, Checksum::NotReached);
    for threads in [2, 3] {
        let (other, other_seen) = run(threads);
        assert_eq!(other.summary.damage, scan.summary.damage);
        assert!(other.profile == scan.profile && other_seen == seen);
    }
}

#[test]
fn bytes_behind_the_end_are_counted() {
    let mut bytes = Snapshot::new("REDIS0010").set(b"a", b"1").end();
    bytes.extend(b"*1\r\n$4\r\nPING\r\n");
    let (scan, _) = scan_bytes(&bytes, Detail::Counts).expect("a snapshot");
    assert_eq!(scan.summary.trailing_bytes, 14);
    assert_eq!(scan.summary.bytes_read, scan.summary.bytes - 14);
    assert_eq!(scan.summary.checksum, Checksum::Verified);
    assert_eq!(
        scan.summary.warnings,
        [Warning::CommandsBehind { bytes: 14 }]
    );
    assert!(scan.summary.is_whole());
}

/// What was read of a file that is written to meanwhile may be neither its old content nor its new one.
#[test]
fn a_file_that_changes_while_it_is_read_is_not_whole() {
    let bytes = Snapshot::new("REDIS0010").set(b"a", b"1").end();
    let cost = CostProfile::built_in("redis-7.0").expect("built in");
    let options = options(&cost, Detail::Counts);
    for mmap in [Mmap::Auto, Mmap::Never] {
        for writes in [false, true] {
            let mut file = tempfile::NamedTempFile::new().expect("temporary file");
            file.write_all(&bytes).expect("written");
            let source = Source::open(file.path(), &mmap.into()).expect("it opens");
            let scan = scan(&source, &options, &Silent, &mut |_keys| match writes {
                true => file.write_all(b"more"),
                false => Ok(()),
            });
            let summary = scan.expect("a snapshot").summary;
            assert_eq!((summary.changed, summary.is_whole()), (writes, !writes));
            let warned = summary.warnings.contains(&Warning::SourceChanged);
            assert_eq!(warned, writes, "{:?}", summary.warnings);
        }
    }
}

/// Of an input that fails behind the snapshot all keys are told, and that it is damaged.
#[test]
fn an_input_that_fails_behind_the_snapshot_is_damaged() {
    struct Failing<'a>(&'a [u8]);
    impl Read for Failing<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            match self.0.is_empty() {
                true => Err(io::Error::other("the tape ran out")),
                false => self.0.read(into),
            }
        }
    }
    let bytes = Snapshot::new("REDIS0010").set(b"a", b"1").end();
    let cost = CostProfile::built_in("redis-7.0").expect("built in");
    let options = options(&cost, Detail::Counts);
    let scan = scan_stream(
        "-".as_ref(),
        Failing(&bytes),
        &options,
        &Silent,
        &mut |_| Ok(()),
    );
    let summary = scan.expect("a snapshot").summary;
    let damage = summary.damage.as_ref().expect("it fails");
    assert_eq!(damage.offset, bytes.len() as u64);
    assert!(damage.message.contains("the tape ran out"), "{damage}");
    assert_eq!((damage.keys_before, summary.keys), (1, 1));
    assert_eq!(summary.checksum, Checksum::Verified);
    assert!(!summary.is_whole());
}

/// What lies behind the new end reads as zeros, which decode as keys without a name: none may come out.
#[cfg(unix)]
#[test]
fn a_file_cut_short_while_it_is_mapped_gives_only_keys_that_were_in_it() {
    let mut snapshot = Snapshot::new("REDIS0011");
    let value = vec![b'v'; 300];
    for number in 0..60_000u32 {
        snapshot.set(format!("key:{number}").as_bytes(), &value);
    }
    let bytes = snapshot.end();
    let file = tempfile::NamedTempFile::new().expect("temporary file");
    let cost = CostProfile::built_in("redis-7.0").expect("built in");
    for threads in [1, 2] {
        fs::write(file.path(), &bytes).expect("written whole");
        let source = Source::open(file.path(), &Mmap::Auto.into()).expect("opens");
        assert!(source.bytes().is_some(), "mapped");
        let mut keys = 0u32;
        let scan = in_pool(threads, || {
            scan(
                &source,
                &options(&cost, Detail::Counts),
                &Silent,
                &mut |seen| {
                    for key in seen {
                        assert_eq!(key.key, format!("key:{keys}").as_bytes());
                        keys += 1;
                    }
                    file.as_file().set_len(1 << 20)
                },
            )
        })
        .expect("a snapshot");
        assert!((1..60_000).contains(&keys), "{keys} keys");
        assert_eq!(scan.summary.keys, u64::from(keys));
        let damage = scan.summary.damage.expect("told");
        assert!(damage.truncated, "{damage}");
        assert!(
            damage.message.contains("cut short while it was read"),
            "{damage}"
        );
    }
}
