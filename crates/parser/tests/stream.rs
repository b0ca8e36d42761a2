//! A snapshot that streams by tells what one in memory does: records, facts, first error, checksum.

#[path = "fuzz/both_roads.rs"]
mod both_roads;

use std::fs;
use std::path::{Path, PathBuf};

use both_roads::read_on_both_roads;
use preshard_parser::{Detail, Portion, RdbStream, RecordKind, Value};
use proptest::prelude::*;

fn fixtures() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/servers");
    let mut files: Vec<PathBuf> = fs::read_dir(root)
        .expect("the fixtures")
        .flat_map(|server| {
            fs::read_dir(server.expect("entry").path())
                .into_iter()
                .flatten()
        })
        .map(|file| file.expect("entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "rdb"))
        .collect();
    files.sort();
    assert!(files.len() > 150, "{} fixtures", files.len());
    files
}

/// Windows far smaller than most values, with pieces down to a byte.
#[test]
fn every_fixture_streams_as_it_reads() {
    for path in fixtures() {
        let bytes = fs::read(&path).expect("a fixture");
        for (pieces, window_bytes) in [
            (&[1][..], 256),
            (&[7, 0, 255], 300),
            (&[], 4_096),
            (&[], 1 << 20),
        ] {
            for detail in [Detail::Counts, Detail::Elements] {
                read_on_both_roads(&bytes, pieces, window_bytes, detail);
            }
        }
    }
}

/// The window really is too small: values were measured while they passed.
#[test]
fn long_values_are_not_held() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/servers");
    let bytes = fs::read(root.join("redis-7.0/lists.rdb")).expect("a fixture");
    let mut stream = RdbStream::with_window(&bytes[..], Detail::Counts, 256).expect("header");
    let portion = Portion {
        records: 1,
        bytes: 1,
    };
    let (mut windows, mut passed) = (0, 0);
    loop {
        let mut records = Vec::new();
        stream
            .next_records(portion, &mut records)
            .expect("a sound file");
        let Some(record) = records.pop() else { break };
        if let RecordKind::Entry(entry) = record.kind {
            match entry.value {
                Value::Window(_) => windows += 1,
                Value::Measured(measured) => {
                    passed += 1;
                    assert!(
                        measured.bytes > 200,
                        "{} bytes would have fitted",
                        measured.bytes
                    );
                }
            }
        }
    }
    assert!(windows > 0 && passed > 0, "{windows} held, {passed} passed");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    /// Damage of any kind is told in the same words, wherever the pieces end.
    #[test]
    fn damaged_fixtures_stream_as_they_read(
        file in 0..150usize,
        damages in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
        cut in prop::option::weighted(0.3, any::<prop::sample::Index>()),
        pieces in prop::collection::vec(any::<u8>(), 0..4),
        window_bytes in 256..2_000usize,
        deep: bool,
    ) {
        let mut bytes = fs::read(&fixtures()[file]).expect("a fixture");
        for (at, byte) in damages {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        let detail = if deep { Detail::Elements } else { Detail::Counts };
        // A run of interrupted calls alone would never end.
        let pieces: Vec<u8> = if pieces.iter().all(|&n| n == 0) { vec![1] } else { pieces };
        read_on_both_roads(&bytes, &pieces, window_bytes, detail);
    }
}
