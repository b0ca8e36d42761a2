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
mod writer;

use std::fs;
use std::path::{Path, PathBuf};

use random::Random;
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
        corpus("small", SMALL_KEYS, small),
        corpus("mixed", MIXED_KEYS, mixed),
        corpus("big", BIG_KEYS, big),
    ]
}

fn corpus(name: &'static str, keys: u64, build: fn(&mut Writer, &mut Random, u64)) -> Corpus {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("bench-corpus");
    let path = folder.join(format!("{name}-{keys}-{VERSION}.rdb"));
    if !path.exists() {
        let mut writer = Writer::new(keys);
        build(&mut writer, &mut Random::new(name), keys);
        fs::create_dir_all(&folder).expect("target/bench-corpus can be made");
        let unfinished = path.with_extension("part");
        fs::write(&unfinished, writer.end()).expect("the corpus can be written");
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

fn small(w: &mut Writer, random: &mut Random, keys: u64) {
    for i in 0..keys {
        let value = random.bytes(48..=80);
        w.string(format!("user:{i}:name").as_bytes(), &value);
    }
}

fn mixed(w: &mut Writer, random: &mut Random, keys: u64) {
    for i in 0..keys {
        if random.below(2) == 0 {
            w.expiry(1_900_000_000_000 + random.below(1 << 30) as i64);
        }
        let tag = random.below(20_000);
        let key = match random.below(4) {
            0 => format!("{{tenant:{tag}}}:item:{i}"),
            _ => format!("object:{i}"),
        };
        let key = key.as_bytes();
        // One key in a few thousand is large: these make about a third of the bytes.
        let n = if random.below(2_500) == 0 { 20_000 } else { 0 };
        let more = random.below(100);
        match random.below(100) {
            0..30 => w.string(key, &random.bytes(8..=200)),
            30..38 => w.integer(key, random.below(1 << 31) as i32),
            38..44 => w.compressed_string(key, &random.bytes(16..=16), 20 + random.below(400)),
            44..58 if n == 0 => w.hash_listpack(key, random, 1..=40),
            44..58 => w.hash(key, random, n),
            58..64 => w.hash(key, random, n + 20 + more),
            64..68 => w.intset(key, random, 1..=300),
            68..76 => w.set(key, random, n + 10 + more),
            76..82 => w.zset_listpack(key, random, 1..=60),
            82..87 => w.zset(key, random, n + 130 + more),
            87..95 => w.list(key, random, 1 + n / 500 + more % 3),
            _ => w.stream(key, random, 1 + n / 500 + more % 3),
        }
    }
}

fn big(w: &mut Writer, random: &mut Random, keys: u64) {
    for i in 0..keys {
        let key = format!("giant:{i}");
        let key = key.as_bytes();
        match i % 6 {
            0 => w.string(key, &random.bytes(16_000_000..=16_000_000)),
            1 => w.hash(key, random, 250_000),
            2 => w.set(key, random, 500_000),
            3 => w.zset(key, random, 400_000),
            4 => w.list(key, random, 1_200),
            _ => w.stream(key, random, 1_500),
        }
    }
}
