//! Snapshots of real servers in every wrapping: what comes out is what went in, or an error says why not.
//!
//! - `made`: the wrappings, by encoders of their own and by hand.
//! - `round_trips`: whole containers, however they are cut into frames, pieces and layers.
//! - `damage`: cut anywhere, flipped anywhere, followed by something else.
//! - `bounds`: what decodes to too much, or says that it will.
//! - `recorded`: what the usual tools and real servers made.
//! - `ways`: files, pipes and readers; what is done with a stream that is not read to its end.

mod bounds;
mod damage;
mod made;
mod recorded;
mod round_trips;
mod ways;

use std::io::{self, Read};
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
    assert!(found.len() >= 150, "only {} snapshots", found.len());
    found.sort();
    found
}

/// A snapshot of some hundred bytes.
fn small() -> Vec<u8> {
    let path = "../../fixtures/servers/redis-7.0/keys.rdb";
    let bytes = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(path));
    bytes.expect("a snapshot")
}

fn open(bytes: impl Into<Vec<u8>>) -> io::Result<Source> {
    open_with(bytes, &OpenOptions::default())
}

fn open_with(bytes: impl Into<Vec<u8>>, options: &OpenOptions) -> io::Result<Source> {
    let reader = io::Cursor::new(bytes.into());
    Source::of_reader("-".into(), Box::new(reader), options)
}

/// What comes out, and why nothing more comes.
fn read(source: &Source) -> (Vec<u8>, Option<io::Error>) {
    let mut out = Vec::new();
    let mut stream = source.stream().expect("a stream");
    let error = stream.read_to_end(&mut out).err();
    (out, error)
}

/// What comes out of a container that is sound.
#[track_caller]
fn decoded(bytes: impl Into<Vec<u8>>) -> (Vec<u8>, Vec<Container>) {
    let source = open(bytes).expect("opens");
    let (out, error) = read(&source);
    assert!(error.is_none(), "{:?}: {error:?}", source.wrapping());
    (out, source.wrapping().to_vec())
}
