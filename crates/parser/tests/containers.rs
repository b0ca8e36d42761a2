//! Snapshots of real servers in every wrapping: what comes out is what went in.

use std::io::{self, Read, Write as _};
use std::path::{Path, PathBuf};

use preshard_parser::source::{Container, OpenOptions, Source};

/// Every snapshot of every server.
fn snapshots() -> Vec<(PathBuf, Vec<u8>)> {
    let servers = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/servers");
    let mut found = Vec::new();
    for server in std::fs::read_dir(servers).expect("servers") {
        let server = server.expect("a server").path();
        for file in std::fs::read_dir(server).expect("files") {
            let path = file.expect("a file").path();
            if path.extension().is_some_and(|extension| extension == "rdb") {
                let bytes = std::fs::read(&path).expect("a snapshot");
                found.push((path, bytes));
            }
        }
    }
    assert!(found.len() >= 100, "only {} snapshots", found.len());
    found.sort();
    found
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).expect("encoded");
    encoder.finish().expect("encoded")
}

fn open(bytes: &[u8]) -> io::Result<Source> {
    let reader = io::Cursor::new(bytes.to_vec());
    Source::of_reader("-".into(), Box::new(reader), &OpenOptions::default())
}

/// What comes out, and why nothing more comes.
fn read(bytes: &[u8]) -> io::Result<(Vec<u8>, Option<io::Error>)> {
    let mut stream = open(bytes)?.stream()?;
    let mut out = Vec::new();
    let error = stream.read_to_end(&mut out).err();
    Ok((out, error))
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 3).expect("encoded")
}

fn lz4(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
    encoder.write_all(bytes).expect("encoded");
    encoder.finish().expect("encoded")
}

#[test]
fn every_container_gives_back_what_went_in() {
    for (path, bytes) in snapshots() {
        for (wrapped, container) in [
            (gzip(&bytes), Container::Gzip),
            (zstd(&bytes), Container::Zstd),
            (lz4(&bytes), Container::Lz4),
        ] {
            let (out, error) = read(&wrapped).expect("opens");
            assert!(
                error.is_none(),
                "{container} of {}: {error:?}",
                path.display()
            );
            assert!(out == bytes, "{container} of {}", path.display());
            assert_eq!(open(&wrapped).expect("opens").wrapping(), [container]);
        }
    }
}
