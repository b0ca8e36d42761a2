//! Replays the fuzz targets over their seeds; `entry` and `salvage` also over the small fixtures, each as it is and
//! damaged in a few thousand ways that are the same at every run.

#[path = "fuzz/blob.rs"]
mod blob;
#[path = "fuzz/container.rs"]
mod container;
#[path = "fuzz/entry.rs"]
mod entry;
#[path = "fuzz/lzf.rs"]
mod lzf;
#[path = "fuzz/models.rs"]
mod models;
#[path = "fuzz/salvage.rs"]
mod salvage;
#[path = "fuzz/seeds.rs"]
mod seeds;
#[path = "fuzz/stream.rs"]
mod stream;

use std::fs;
use std::path::{Path, PathBuf};

const SEED_BYTES_MAX: u64 = 4_096;
const MUTANTS_PER_SEED: u32 = 60;

fn files_below(folder: &Path, found: &mut Vec<PathBuf>) {
    for file in fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
    {
        let path = file.expect("entry").path();
        match path.is_dir() {
            true => files_below(&path, found),
            false => found.push(path),
        }
    }
}

/// Marsaglia's xorshift: damage that is the same at every run.
struct Xorshift(u64);

impl Xorshift {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}

fn mutate(bytes: &mut Vec<u8>, random: &mut Xorshift) {
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len());
        match random.below(5) {
            0 => bytes[at] = [0x00, 0x80, 0x81, 0xc3, 0xff][random.below(5)],
            1 => bytes[at] ^= 1 << random.below(8),
            2 => bytes.truncate(at.max(10)),
            3 => {
                bytes.remove(at);
                bytes.push(0);
            }
            _ => bytes.insert(at, random.below(256) as u8),
        }
    }
}

#[test]
fn no_seed_breaks_a_law() {
    seeds::replay("blob", blob::blob);
    seeds::replay("container", container::container);
    seeds::replay("entry", entry::entry);
    seeds::replay("lzf", lzf::lzf);
    seeds::replay("salvage", salvage::salvage);
    seeds::replay("stream", stream::stream);
}

#[test]
fn no_fixture_and_no_mutant_breaks_a_law() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures");
    let mut files = Vec::new();
    files_below(&fixtures.join("servers"), &mut files);
    files.retain(|path| path.extension().is_some_and(|e| e == "rdb"));
    files.sort();
    let mut random = Xorshift(0x9e37_79b9_7f4a_7c15);
    let mut replayed = 0;
    for path in files {
        let seed = fs::read(&path).expect("readable");
        entry::entry(&seed);
        if seed.len() as u64 > SEED_BYTES_MAX {
            continue;
        }
        salvage::salvage(&seed);
        for _ in 0..MUTANTS_PER_SEED {
            let mut mutant = seed.clone();
            mutate(&mut mutant, &mut random);
            entry::entry(&mutant);
            salvage::salvage(&mutant);
            replayed += 1;
        }
    }
    assert!(replayed > 4_000, "only {replayed} mutants");
}
