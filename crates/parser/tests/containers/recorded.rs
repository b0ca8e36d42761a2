//! What the usual tools made of one snapshot, and what real servers sent to a replica; `fixtures/README.md` says how.

use std::fs;
use std::path::{Path, PathBuf};

use preshard_parser::limits::TRAILING_LOOKED_AT_BYTES;
use preshard_parser::source::{Container, Mmap, OpenOptions, Source, Trailing};
use preshard_parser::{Family, Header, RdbReader, RecordKind};

use crate::read;

fn wrapped() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/wrapped")
}

#[test]
fn what_the_usual_tools_compress_comes_out_as_it_was() {
    let snapshot = fs::read(wrapped().join("dump.rdb")).expect("the snapshot");
    for (name, container) in [
        ("gnu-gzip-1.12.gz", Container::Gzip),
        ("gnu-gzip-1.12-members.gz", Container::Gzip),
        ("zstd-1.5.4-long.zst", Container::Zstd),
        ("zstd-1.5.4-unchecked.zst", Container::Zstd),
        ("pzstd-1.5.4.zst", Container::Zstd),
        ("lz4-1.9.4.lz4", Container::Lz4),
        ("lz4-1.9.4-linked.lz4", Container::Lz4),
        ("lz4-1.9.4-legacy.lz4", Container::Lz4),
    ] {
        let source = Source::open(&wrapped().join(name), &OpenOptions::default()).expect(name);
        assert_eq!(source.wrapping(), [container], "{name}");
        let (out, error) = read(&source);
        assert!(error.is_none() && out == snapshot, "{name}: {error:?}");
    }
}

/// Each server held 18 keys when it was asked for its snapshot, and was given a command then.
#[test]
fn what_servers_send_to_a_replica_is_a_snapshot_and_what_they_sent_next() {
    for (server, family, version) in [
        ("redis-7.0", Family::Redis, 10),
        ("redis-8.6", Family::Redis, 13),
        ("valkey-9.1", Family::Valkey, 80),
    ] {
        for kind in ["marked", "sized"] {
            let path = wrapped().join(format!("{server}.{kind}"));
            let mapped = Source::open(&path, &OpenOptions::default()).expect("opens");
            let bytes = mapped.bytes().expect("mapped");
            let mut reader = RdbReader::new(bytes).expect("a header");
            assert_eq!(reader.header(), Header { family, version });
            let mut keys = 0;
            while let Some(record) = reader.next_record().expect("sound") {
                keys += u64::from(matches!(record.kind, RecordKind::Entry(_)));
            }
            assert_eq!(keys, 18, "{server}, {kind}");

            let rest = reader.rest();
            let first = &rest[..rest.len().min(TRAILING_LOOKED_AT_BYTES)];
            let trailing = Trailing::judge(first, rest.len() as u64, mapped.wrapping());
            let snapshot_bytes = reader.offset();
            match (mapped.wrapping(), trailing) {
                ([Container::CaptureMarked { .. }], Trailing::EndMark { bytes_behind }) => {
                    assert_eq!(kind, "marked");
                    let behind =
                        &rest[rest.len() - usize::try_from(bytes_behind).expect("small")..];
                    assert_eq!(
                        Trailing::judge(behind, bytes_behind, &[]),
                        Trailing::Commands
                    );
                }
                ([Container::CaptureSized { bytes }], Trailing::Commands) => {
                    assert_eq!(kind, "sized");
                    assert_eq!(*bytes, snapshot_bytes, "{server} said how long it is");
                }
                other => panic!("{server}, {kind}: {other:?}"),
            }

            let streamed = Source::open(&path, &Mmap::Never.into()).expect("opens");
            assert_eq!(streamed.wrapping(), mapped.wrapping());
            let (out, error) = read(&streamed);
            assert!(
                error.is_none() && out == bytes,
                "{server}, {kind}: {error:?}"
            );
        }
    }
}
