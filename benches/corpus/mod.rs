//! Snapshots to measure with, built from a seed into `target/bench-corpus` and kept there.
//!
//! Three shapes, as speed depends on nothing more than on how large keys are:
//! - `small`: a million string keys of 48 to 80 bytes. Bound by work per key.
//! - `mixed`: every type and encoding that RDB 10 has, half of the keys with an expiry, some values
//!   compressed, a few of megabytes. What a backup looks like.
//! - `big`: sixteen values of 4 to 16 MB. Bound by memory, and by how well one value keeps all threads busy.
//!
//! `redis-check-rdb` 7.0.15 accepts all three, and so does the `rdb` crate.

#![allow(dead_code, reason = "each bench uses its own part")]

mod random;
mod shapes;
pub mod values;
mod writer;

use std::fs;
use std::path::{Path, PathBuf};

pub use random::Random;
use writer::Writer;

/// One file of the corpus.
pub struct Corpus {
    pub name: &'static str,
    pub path: PathBuf,
    pub bytes: u64,
    pub keys: u64,
}

/// Raise it when the builders below change, so that kept files are built anew.
const VERSION: u32 = 1;
const SMALL_KEYS: u64 = 1_000_000;
const MIXED_KEYS: u64 = 60_000;
const BIG_KEYS: u64 = 16;

/// All files, built where they are missing.
pub fn all() -> [Corpus; 3] {
    [
        kept("small", SMALL_KEYS),
        kept("mixed", MIXED_KEYS),
        kept("big", BIG_KEYS),
    ]
}

/// The file of this shape with so many keys, built where it is missing.
pub fn kept(name: &'static str, keys: u64) -> Corpus {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("bench-corpus");
    let path = folder.join(format!("{name}-{keys}-{VERSION}.rdb"));
    if !path.exists() {
        fs::create_dir_all(&folder).expect("target/bench-corpus can be made");
        let unfinished = path.with_extension("part");
        shapes::write(name, keys, &unfinished);
        fs::rename(&unfinished, &path).expect("the corpus can be renamed");
    }
    let bytes = fs::metadata(&path).expect("the corpus is there").len();
    Corpus {
        name,
        path,
        bytes,
        keys,
    }
}
