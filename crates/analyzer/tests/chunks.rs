//! However a file is divided among threads, and whichever way it is read, the answer is the same.
//!
//! The plain way that all others are held against is the stream: it frames records one after the other, measures each
//! value by itself and guesses nothing.

mod snapshot;

use std::io::Write as _;
use std::path::{Path, PathBuf};

use preshard_analyzer::{
    CostProfile, Disregard, FileScan, KeyFacts, ScanOptions, scan, scan_all, scan_but_for,
    scan_stream,
};
use preshard_parser::Detail;
use preshard_parser::source::{Mmap, Source};
use tempfile::NamedTempFile;

use snapshot::{MEMORY, Silent, Snapshot, in_pool, servers};

fn options(cost: &CostProfile, chunk_bytes: usize) -> ScanOptions<'_> {
    ScanOptions {
        cost,
        memory: &MEMORY,
        detail: Detail::Counts,
        reference_ms: Some(1_800_000_000_000),
        floor_block_ns: 20_000,
        floor_payload_bytes: 300,
        chunk_bytes,
        salvage: false,
    }
}

/// A file, and what the plain way says of it.
struct Case {
    source: Source,
    expected: FileScan,
    keys: Vec<String>,
}

impl Case {
    fn new(path: &Path) -> Case {
        let source = Source::open(path, &Mmap::Auto.into()).expect("opens");
        let cost = CostProfile::built_in("redis-7.0").expect("built in");
        let bytes = std::fs::read(path).expect("readable");
        let mut keys = Vec::new();
        let mut expected = scan_stream(
            path,
            &*bytes,
            &options(&cost, ScanOptions::CHUNK_BYTES),
            &Silent,
            &mut |found| {
                keys.extend(found.iter().map(describe));
                Ok(())
            },
        )
        .expect("a snapshot");
        expected.summary.file_bytes = source.file_bytes();
        expected.summary.wrapping = source.wrapping().to_vec();
        Case {
            source,
            expected,
            keys,
        }
    }

    /// Holds every division against the plain way.
    fn check(&self, chunks: &[usize], threads: &[usize]) {
        let cost = CostProfile::built_in("redis-7.0").expect("built in");
        for &threads in threads {
            for &chunk_bytes in chunks {
                let options = options(&cost, chunk_bytes);
                let place = format!(
                    "{}, {threads} threads, chunks of {chunk_bytes}",
                    self.source.path().display()
                );
                let totals = in_pool(threads, || scan_all(&[(&self.source, options)], &Silent))
                    .remove(0)
                    .expect("a snapshot");
                assert_same(&totals, &self.expected, &place);
                let (each, keys) = in_pool(threads, || {
                    let mut keys = Vec::new();
                    let mut sink = |found: &[KeyFacts<'_>]| {
                        keys.extend(found.iter().map(describe));
                        Ok(())
                    };
                    let each = scan(&self.source, &options, &Silent, &mut sink);
                    (each.expect("a snapshot"), keys)
                });
                assert_same(&each, &self.expected, &place);
                assert!(keys == self.keys, "{place}: keys differ");
            }
        }
    }
}

fn describe(key: &KeyFacts<'_>) -> String {
    format!("{key:?}")
}

fn assert_same(found: &FileScan, expected: &FileScan, place: &str) {
    let mut found = found.clone();
    // Only a file that was opened has layers.
    found.summary.layers.clone_from(&expected.summary.layers);
    assert_eq!(found.summary, expected.summary, "{place}");
    assert!(
        found.profile == expected.profile,
        "{place}: profiles differ"
    );
}

fn fixtures() -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(servers())
        .expect("the fixtures")
        .flat_map(|server| std::fs::read_dir(server.expect("listed").path()).expect("a folder"))
        .map(|file| file.expect("listed").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "rdb"))
        .collect();
    files.sort();
    assert!(files.len() > 100, "the fixtures are there");
    files
}

#[test]
fn fixtures_are_the_same_in_any_chunks() {
    for path in fixtures() {
        let case = Case::new(&path);
        let length = usize::try_from(case.expected.summary.bytes).expect("small");
        case.check(&[length / 3 + 1, length / 11 + 1], &[1, 2]);
    }
}

/// Many keys of all that the fast way takes, and of what it does not, in two databases.
fn small_keys() -> Vec<u8> {
    let mut file = Snapshot::new("REDIS0011");
    file.aux("redis-ver", "7.2.0").aux("ctime", "1790000000");
    for db in 0..2u64 {
        file.select_db(db).resize_db(9_000, 1_800);
        for n in 0..9_000u64 {
            if n % 5 == 0 {
                file.expiry(1_780_000_000_000 + n.cast_signed() * 7_000_000);
            }
            let key = format!(
                "user:{}:name{}",
                n * 7_919 % 9_000,
                "x".repeat((n % 61) as usize)
            );
            let value = "v".repeat((n * 31 % 500) as usize);
            match n % 23 {
                3 => {
                    file.set_of(key.as_bytes(), &[b"a", b"bcd", value.as_bytes()]);
                }
                7 => {
                    file.freq(200).set(key.as_bytes(), value.as_bytes());
                }
                _ => {
                    file.set(key.as_bytes(), value.as_bytes());
                }
            }
        }
    }
    file.end()
}

/// A file of these bytes.
fn written(bytes: &[u8]) -> NamedTempFile {
    let mut file = NamedTempFile::new().expect("temporary file");
    file.write_all(bytes).expect("written");
    file
}

#[test]
fn small_keys_are_the_same_in_any_chunks() {
    let file = written(&small_keys());
    let case = Case::new(file.path());
    assert_eq!(case.expected.summary.keys, 18_000);
    case.check(&[1_000, 4_096, 65_536, 1 << 20], &[1, 2, 3, 8]);
}

/// Values that hold runs of records, so that most guesses are wrong: some end with the value, some do not.
#[test]
fn values_that_hold_records_change_nothing() {
    let mut inner = Snapshot::new("");
    for n in 0..300 {
        inner.set(format!("inner:{n}").as_bytes(), &[b'i'; 40]);
    }
    let mut file = Snapshot::new("REDIS0011");
    file.select_db(0);
    for n in 0..200usize {
        let mut value = vec![b'z'; n % 7];
        value.extend(&inner.0);
        value.extend(vec![b'y'; n % 3]);
        file.set(format!("outer:{n}").as_bytes(), &value);
        file.set(format!("plain:{n}").as_bytes(), b"value");
    }
    let file = written(&file.end());
    let case = Case::new(file.path());
    assert_eq!(case.expected.summary.keys, 400);
    assert!(!case.keys.iter().any(|key| key.contains("inner:")));
    case.check(&[700, 4_096, 20_000, 100_000], &[1, 2, 3, 8]);
}

/// Wherever a file is cut or changed, all ways say the same, down to the offset of the error.
#[test]
fn damage_is_the_same_in_any_chunks() {
    let whole = small_keys();
    let whole = &whole[..60_000];
    for at in (200..whole.len()).step_by(4_801) {
        let mut changed = whole.to_vec();
        changed[at] ^= 0x91;
        for bytes in [&whole[..at], &changed[..]] {
            let file = written(bytes);
            Case::new(file.path()).check(&[777, 9_000], &[1, 2]);
        }
    }
}

/// A second key without a name is damage, even where the first was in another chunk.
#[test]
fn what_depends_on_records_in_front_is_told_by_them() {
    let mut file = Snapshot::new("REDIS0011");
    file.select_db(3).set(b"", b"first");
    for n in 0..500 {
        file.set(format!("key:{n}").as_bytes(), b"value");
    }
    file.expiry(1_790_000_000_000).select_db(4);
    for n in 0..500 {
        file.set(format!("key:{n}").as_bytes(), b"value");
    }
    file.select_db(3).set(b"", b"second");
    for n in 0..500 {
        file.set(format!("key:{n}").as_bytes(), b"value");
    }
    let file = written(&file.end());
    let case = Case::new(file.path());
    assert!(case.expected.summary.damage.is_some());
    case.check(&[300, 1_000, 5_000], &[1, 2, 3]);
}

/// A list of the longest strings has no use for those that are shorter than what it holds: it comes out the same whether
/// or not it says so, and everything is counted.
#[test]
fn what_is_disregarded_is_missed_by_nobody() {
    let file = written(&small_keys());
    let case = Case::new(file.path());
    let cost = CostProfile::built_in("redis-7.0").expect("built in");
    for (threads, chunk_bytes) in [(1, 10_000), (2, 3_000), (3, 100_000)] {
        let options = options(&cost, chunk_bytes);
        let (scanned, mut longest, seen) = in_pool(threads, || {
            let disregard = Disregard::default();
            let (mut longest, mut seen) = (Vec::new(), 0);
            let mut sink = |found: &[KeyFacts<'_>]| {
                for key in found {
                    seen += 1;
                    longest.push((key.sizes.payload_bytes, describe(key)));
                }
                if longest.len() > 2_000 {
                    longest.sort_by(|a, b| b.cmp(a));
                    longest.truncate(300);
                    let (bar, _) = longest[299];
                    disregard.strings(&options, |key| key.sizes.payload_bytes < bar);
                }
                Ok(())
            };
            let scanned = scan_but_for(&case.source, &options, &Silent, &disregard, &mut sink);
            (scanned.expect("a snapshot"), longest, seen)
        });
        longest.sort_by(|a, b| b.cmp(a));
        longest.truncate(300);
        let mut expected: Vec<&String> = case.keys.iter().collect();
        expected.sort();
        let place = format!("{threads} threads, chunks of {chunk_bytes}");
        assert_same(&scanned, &case.expected, &place);
        assert!(seen < case.keys.len(), "{place}: all were handed out");
        let bar = longest[299].0;
        let above: Vec<&String> = longest
            .iter()
            .filter(|(payload_bytes, _)| *payload_bytes > bar)
            .map(|(_, key)| key)
            .collect();
        assert!(above.len() > 100, "{place}: {} above {bar}", above.len());
        assert!(above.iter().all(|key| expected.binary_search(key).is_ok()));
        let expected_above = case
            .keys
            .iter()
            .filter(|key| payload_bytes(key) > bar)
            .count();
        assert_eq!(above.len(), expected_above, "{place}");
    }
}

/// From a description.
fn payload_bytes(key: &str) -> u64 {
    let (_, behind) = key.split_once("payload_bytes: ").expect("described");
    let digits = behind.split(',').next().expect("a number");
    digits.parse().expect("a number")
}
