//! Damage: what real servers wrote, cut everywhere and changed everywhere, gives a result or one error with
//! an offset inside the file, the same in memory and streamed, in bounded memory; and a changed byte
//! never goes unnoticed where there is a checksum.

#[path = "fuzz/both_roads.rs"]
mod both_roads;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use preshard_parser::limits::{LZF_EXPANSION_MAX, LZF_INITIAL_BYTES};
use preshard_parser::{Detail, Error, ErrorKind, RdbReader, RecordKind, crc64};

/// Files up to this long are swept as they are, which are all scenes but the ones with every encoding at its
/// limits. Of the others one entry of each kind is swept in a file of its own, the one whose length is nearest
/// to this: the time grows with the square of the length.
const SWEPT_WHOLE_BYTES_MAX: u64 = 1_200;
const SWEPT_ENTRY_BYTES: u64 = 240;

/// Most memory that reading a damaged file may take at once, whatever its bytes claim: the initial room of a
/// decompressed key, and as much as half of it for windows, records and buffers while they grow; and for each
/// byte of the file the most that it can stand for when it is part of a compressed key.
const PEAK_BYTES: u64 = LZF_INITIAL_BYTES as u64 * 3 / 2;
const PEAK_BYTES_PER_BYTE: u64 = LZF_EXPANSION_MAX;

fn servers() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/servers")
}

fn snapshots() -> Vec<PathBuf> {
    let listed = |folder: &Path| {
        let files = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
        files
            .map(|file| file.expect("entry").path())
            .collect::<Vec<_>>()
    };
    let mut files: Vec<PathBuf> = listed(&servers())
        .iter()
        .flat_map(|folder| listed(folder))
        .collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "rdb"));
    files.sort();
    assert!(files.len() > 150, "{} snapshots", files.len());
    files
}

/// What is swept, by name: whole files, and single entries of longer ones.
fn swept() -> BTreeMap<String, Vec<u8>> {
    let mut swept = BTreeMap::new();
    for path in snapshots() {
        let bytes = fs::read(&path).expect("readable");
        let name = path
            .strip_prefix(servers())
            .expect("a fixture")
            .display()
            .to_string();
        if bytes.len() as u64 <= SWEPT_WHOLE_BYTES_MAX {
            swept.insert(name, bytes);
            continue;
        }
        let server = name.split('/').next().expect("a server");
        let mut reader = RdbReader::new(&bytes).expect("sound");
        while let Some(record) = reader.next_record().expect("sound") {
            let range = record.range;
            let RecordKind::Entry(entry) = record.kind else {
                continue;
            };
            // A compressed value and one that is not are of different kinds.
            let first_byte = bytes[entry.value_offset as usize] == 0xc3;
            let kind = format!("{server} {:?} {first_byte}", entry.value_type);
            let mut alone = bytes[..9].to_vec();
            alone.extend(&bytes[range.start as usize..range.end as usize]);
            alone.push(0xff);
            if reader.header().version >= 5 {
                alone.extend(crc64::checksum(&alone).to_le_bytes());
            }
            let distance = |bytes: &[u8]| SWEPT_ENTRY_BYTES.abs_diff(bytes.len() as u64);
            let kept = swept.entry(kind).or_insert_with(|| alone.clone());
            if distance(&alone) < distance(kept) {
                *kept = alone;
            }
        }
    }
    swept
}

/// Reads to the end and measures every value; the stored checksum and where it begins.
fn read_whole(bytes: &[u8]) -> Result<Option<(u64, u64)>, Error> {
    let mut reader = RdbReader::new(bytes)?.with_detail(Detail::Elements);
    while let Some(record) = reader.next_record()? {
        match record.kind {
            RecordKind::Entry(entry) => {
                entry.key.bytes()?;
                entry.measure(Detail::Counts)?;
                entry.measure(Detail::Elements)?;
            }
            RecordKind::End { checksum } => {
                return Ok(checksum
                    .filter(|&stored| stored != 0)
                    .map(|stored| (stored, record.range.end - 8)));
            }
            _ => {}
        }
    }
    Ok(None)
}

/// Reads in memory and streamed through a window that holds little, and compares; the most memory that it took.
fn peak_of_both_roads(bytes: &[u8], variant: usize) -> u64 {
    let detail = [Detail::Counts, Detail::Elements][variant % 2];
    let (pieces, window_bytes) = [(&[][..], 256), (&[1], 300), (&[0, 200, 3], 700)][variant % 3];
    let read = || both_roads::read_on_both_roads(bytes, pieces, window_bytes, detail);
    allocation_counter::measure(read).bytes_max
}

/// Sweeps one file with one kind of damage; the number of damaged files that were read.
fn sweep(
    name: &str,
    sound: &[u8],
    damage: impl Fn(&mut Vec<u8>, usize),
    mut law: impl FnMut(&[u8], usize),
) -> usize {
    let mut damaged = Vec::with_capacity(sound.len());
    for at in 0..sound.len() {
        damaged.clear();
        damaged.extend_from_slice(sound);
        damage(&mut damaged, at);
        let peak = peak_of_both_roads(&damaged, at);
        assert!(
            peak <= PEAK_BYTES + PEAK_BYTES_PER_BYTE * damaged.len() as u64,
            "{name}, damaged at {at}: {peak} bytes of memory for a file of {}",
            damaged.len()
        );
        law(&damaged, at);
    }
    sound.len()
}

#[test]
fn a_snapshot_cut_anywhere_is_truncated_there() {
    let mut cuts = 0;
    for (name, sound) in swept() {
        cuts += sweep(&name, &sound, Vec::truncate, |prefix, cut| {
            let error = read_whole(prefix).expect_err("a prefix is no snapshot");
            if cut == 0 {
                assert!(
                    matches!(error.kind(), ErrorKind::Corrupt { found, .. } if found == "an empty file"),
                    "{error}"
                );
                return;
            }
            assert!(error.is_truncated(), "{name} cut at {cut}: {error}");
            assert_eq!(error.offset(), cut as u64, "{name} cut at {cut}: {error}");
        });
    }
    assert!(cuts > 50_000, "only {cuts} cuts");
}

#[test]
fn a_flipped_bit_is_an_error_or_breaks_the_checksum() {
    let changes: usize = (0..8)
        .map(|bit| sweep_changes(|byte| byte ^ (1 << bit)))
        .sum();
    assert!(changes > 400_000, "only {changes} changes");
}

#[test]
fn a_changed_byte_is_an_error_or_breaks_the_checksum() {
    let changes =
        sweep_changes(|_| 0x00) + sweep_changes(|_| 0xff) + sweep_changes(|byte| byte ^ 0xff);
    assert!(changes > 150_000, "only {changes} changes");
}

fn sweep_changes(change: impl Fn(u8) -> u8) -> usize {
    let mut changes = 0;
    for (name, sound) in swept() {
        let has_checksum = read_whole(&sound).expect("sound before").is_some();
        let damage = |bytes: &mut Vec<u8>, at: usize| bytes[at] = change(bytes[at]);
        changes += sweep(&name, &sound, damage, |bytes, at| match read_whole(bytes) {
            _ if bytes[at] == sound[at] => {}
            Err(error) => assert!(
                error.offset() <= bytes.len() as u64,
                "{name}, byte {at}: {error}"
            ),
            Ok(Some((stored, end))) => {
                let covered = &bytes[..usize::try_from(end).expect("small file")];
                assert_ne!(
                    stored,
                    crc64::checksum(covered),
                    "{name}, byte {at} as {:#x} went unnoticed",
                    bytes[at]
                );
            }
            // A changed version byte can make a file one that has no checksum.
            Ok(None) => assert!(
                !has_checksum || at < 9,
                "{name}, byte {at} as {:#x} lost the checksum",
                bytes[at]
            ),
        });
    }
    changes
}

/// Found by fuzzing: an element that is longer than its ziplist, which is longer than the file. The file ends
/// first.
#[test]
fn an_element_that_goes_on_behind_a_string_that_is_cut_is_truncation() {
    // A ziplist of 16,000 bytes, whose first element takes 16,383, in a file that ends in its head.
    let head = [
        0x7e, 0x80, 0x80, 0x3e, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0x7f, 0xff,
    ];
    let bytes = [b"REDIS0006\x0a\x01k", &head[..]].concat();
    for detail in [Detail::Counts, Detail::Elements] {
        let mut reader = RdbReader::new(&bytes).expect("header").with_detail(detail);
        let error = reader.next_record().expect_err("cut");
        assert!(error.is_truncated(), "{error}");
        assert_eq!(error.offset(), bytes.len() as u64, "{error}");
    }
}

/// `valkey-check-rdb` refuses it; found by comparing verdicts.
#[test]
fn a_field_of_valkey_that_expires_before_the_epoch_is_damage() {
    let hash = |expiry: i64| {
        let field = [&[1, b'f', 1, b'v'], &expiry.to_le_bytes()[..]].concat();
        [b"VALKEY080\x16\x01k\x01", &field[..], &[0xff], &[0; 8]].concat()
    };
    for sound in [-1, 0, 1, i64::MAX] {
        assert_eq!(read_whole(&hash(sound)), Ok(None), "{sound}");
    }
    for broken in [-2, i64::MIN] {
        let error = read_whole(&hash(broken)).expect_err("no time");
        assert_eq!(error.offset(), 9 + 8, "{error}");
    }
}

/// Servers since 7.0 refuse a file for it, none writes it, and nobody could say what is above it.
#[test]
fn a_score_that_is_no_number_is_damage() {
    let zset = |score: f64| {
        let member = [&[1, b'm'], &score.to_le_bytes()[..]].concat();
        [b"REDIS0009\x05\x01k\x01", &member[..], &[0xff], &[0; 8]].concat()
    };
    for sound in [0.0, f64::INFINITY, f64::NEG_INFINITY, 5e-324] {
        assert_eq!(read_whole(&zset(sound)), Ok(None), "{sound}");
    }
    for broken in [f64::NAN, -f64::NAN] {
        let error = read_whole(&zset(broken)).expect_err("no number");
        assert_eq!(error.offset(), 9 + 6, "{error}");
    }
}

/// Servers refuse a file for such a string, and `redis-check-rdb` does; no length tells it.
#[test]
fn a_string_that_does_not_decompress_is_damage_to_those_who_look_into_it() {
    // "a", then nine times the byte before; a reference behind the beginning; bytes left over.
    let sound: (&[u8], u8) = (&[0, b'a', 0xe0, 0, 0], 10);
    let broken: [(&[u8], u8); 4] = [
        (&[0, b'a', 0xe0, 0, 1], 10),
        (&[0, b'a', 0xe0, 0, 0], 9),
        (&[0, b'a', 0xe0, 0, 0], 11),
        (&[0, b'a', 0xe0, 0, 0, 0, b'b'], 10),
    ];
    let measured = |(compressed, len): (&[u8], u8), detail| {
        let string = [&[0xc3, compressed.len() as u8, len], compressed].concat();
        // A list of one item, and a key behind it.
        let bytes = [b"REDIS0006\x01\x01k\x01", &string[..], b"\0\0\0"].concat();
        let mut reader = RdbReader::new(&bytes).expect("header").with_detail(detail);
        let record = reader.next_record().expect("framed").expect("an entry");
        let RecordKind::Entry(entry) = record.kind else {
            panic!("{:?} is no entry", record.kind)
        };
        entry.measure(detail).map_err(|error| error.offset())
    };
    for detail in [Detail::Counts, Detail::Elements] {
        let facts = measured(sound, detail).expect("sound");
        assert_eq!(facts.largest_element_bytes, Some(10));
    }
    for broken in broken {
        assert!(measured(broken, Detail::Counts).is_ok(), "{broken:?}");
        let offset = measured(broken, Detail::Elements).expect_err("broken");
        // Where the compressed bytes begin, or where more of them are missing.
        let end = 16 + broken.0.len() as u64;
        assert!(offset == 16 || offset == end, "{broken:?} at {offset}");
    }
}

#[test]
fn claims_of_enormous_lengths_are_refused_without_allocating_them() {
    let header = b"REDIS0013";
    let huge = [0x81, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
    let entry = |value_type: u8, value: &[&[u8]]| {
        [header.as_slice(), &[value_type, 1, b'k'], &value.concat()].concat()
    };
    let cases = [
        ("string", entry(0, &[&huge])),
        ("compressed string", entry(0, &[&[0xc3, 5], &huge, &[0; 5]])),
        (
            "compressed length",
            entry(0, &[&[0xc3], &huge, &[5], &[0; 5]]),
        ),
        ("list", entry(1, &[&huge])),
        ("quicklist", entry(18, &[&huge, &[2]])),
        ("stream nodes", entry(21, &[&huge])),
        (
            "pending of a consumer",
            entry(
                21,
                &[
                    &[
                        0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, b'g', 0, 0, 0, 0, 1, 1, b'c',
                    ],
                    &[0; 16],
                    &huge,
                ],
            ),
        ),
        ("key", [header.as_slice(), &[0], &huge].concat()),
        ("key metadata", [header.as_slice(), &[243], &huge].concat()),
    ];
    for (what, bytes) in cases {
        let error = read_whole(&bytes).expect_err(what);
        assert!(
            error.offset() >= 9 && error.offset() <= bytes.len() as u64,
            "{what}: {error}"
        );
    }
}
