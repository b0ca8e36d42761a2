//! Damage: every prefix and every flipped byte of what real servers wrote gives a result or one
//! error with an offset inside the file; a flipped byte never goes unnoticed where there is a checksum.

use std::fs;
use std::path::PathBuf;

use preshard_parser::{Detail, Error, ErrorKind, RdbReader, RecordKind, crc64};

/// Small snapshots that hold every encoding between them.
const SNAPSHOTS: &[&str] = &[
    "redis-2.2.15/ttl.rdb",
    "redis-2.4.18/hashes.rdb",
    "redis-2.6.17/zsets.rdb",
    "redis-3.2.13/multidb.rdb",
    "redis-4.0.14/lfu.rdb",
    "redis-5.0.14/streams.rdb",
    "redis-6.2/lists.rdb",
    "redis-6.2/lru.rdb",
    "redis-7.0/functions.rdb",
    "redis-7.0/keys.rdb",
    "redis-7.0/module.rdb",
    "redis-7.0-rc1/functions.rdb",
    "redis-7.2.6/streams.rdb",
    "redis-7.4-rc1/hfe.rdb",
    "redis-7.4.1/cluster.rdb",
    "redis-8.0/vectorset.rdb",
    "redis-8.6/hfe.rdb",
    "redis-8.6/module.rdb",
    "redis-8.6/streams.rdb",
    "redis-8.6/sets.rdb",
    "valkey-9.1/hfe.rdb",
    "valkey-9.1/module.rdb",
];

fn snapshot(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../fixtures/servers")
        .join(name);
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every offset of a small file, and evenly spread ones of a larger.
fn offsets(len: usize) -> impl Iterator<Item = usize> {
    (0..len).step_by(1 + len / 2_000)
}

/// Reads to the end and measures every value; the stored checksum and where it begins.
fn read_whole(bytes: &[u8]) -> Result<Option<(u64, u64)>, Error> {
    let mut reader = RdbReader::new(bytes)?;
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

#[test]
fn a_snapshot_cut_anywhere_is_truncated_there() {
    for name in SNAPSHOTS {
        let bytes = snapshot(name);
        for cut in offsets(bytes.len()) {
            let prefix = &bytes[..cut];
            let error = read_whole(prefix).expect_err("a prefix is no snapshot");
            if cut == 0 {
                assert!(
                    matches!(error.kind(), ErrorKind::Corrupt { found, .. } if found == "an empty file"),
                    "{error}"
                );
                continue;
            }
            assert!(error.is_truncated(), "{name} cut at {cut}: {error}");
            assert_eq!(error.offset(), cut as u64, "{name} cut at {cut}: {error}");
        }
    }
}

#[test]
fn a_flipped_byte_is_an_error_or_breaks_the_checksum() {
    for name in SNAPSHOTS {
        let mut bytes = snapshot(name);
        let has_checksum = read_whole(&bytes).expect("sound before").is_some();
        for at in offsets(bytes.len()) {
            for mask in [0x01, 0x80, 0xff] {
                bytes[at] ^= mask;
                match read_whole(&bytes) {
                    Err(error) => assert!(
                        error.offset() <= bytes.len() as u64,
                        "{name}, byte {at}: {error}"
                    ),
                    Ok(Some((stored, end))) => {
                        let covered = &bytes[..usize::try_from(end).expect("small file")];
                        assert_ne!(
                            stored,
                            crc64::checksum(covered),
                            "{name}, byte {at} ^ {mask:#x} went unnoticed"
                        );
                    }
                    // A changed version byte can make a file one that has no checksum.
                    Ok(None) => assert!(
                        !has_checksum || at < 9,
                        "{name}, byte {at} ^ {mask:#x} lost the checksum"
                    ),
                }
                bytes[at] ^= mask;
            }
        }
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
