//! Damaged snapshots, judged by preshard and by the servers' own tools.
//!
//! The tests named `live_*` need the tools of real servers, which `cargo xtask test` installs.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use preshard_analyzer::{Checksum, CostProfile, FileScan, Progress, Rough1, ScanOptions, scan_stream};
use preshard_parser::{Detail, Family, Header, crc64};
use rayon::prelude::*;
use xtask::{CheckVerdict, Line, Server, repository_root};

#[test]
fn live_redis_7_check_rdb() {
    agree(Line::Redis7, |header| {
        header.family == Family::Redis && header.version <= 10
    });
}

#[test]
fn live_valkey_9_check_rdb() {
    agree(Line::Valkey9, |header| {
        header.family == Family::Valkey || header.version <= 11
    });
}

/// Damaged copies of each snapshot, of each kind.
const DAMAGED_EACH: usize = 4;

struct Silent;

impl Progress for Silent {
    fn advance(&self, _bytes: u64) {}
}

fn scan(bytes: &[u8]) -> Result<FileScan, preshard_analyzer::Error> {
    let cost = CostProfile::built_in("redis-7.0").expect("built in");
    let options = ScanOptions {
        cost: &cost,
        memory: &Rough1,
        detail: Detail::Elements,
        floor_block_ns: u64::MAX,
        floor_payload_bytes: u64::MAX,
    };
    scan_stream(Path::new("damaged"), bytes, &options, &Silent, &mut |_| Ok(()))
}

fn agree(line: Line, reads: impl Fn(Header) -> bool) {
    let server = line.from_environment().unwrap_or_else(|error| panic!("{error:#}"));
    let folder = tempfile::tempdir().expect("a directory");
    let mut variants = Vec::new();
    for path in snapshots() {
        let sound = fs::read(&path).expect("readable");
        let header = scan(&sound).expect("sound").summary.header;
        if !reads(header) { continue; }
        variants.extend(damaged(&path, &sound, header));
    }
    let lines: Vec<String> = variants.par_iter().enumerate().map(|(i,(name, bytes))| {
        let path = folder.path().join(format!("{i}.rdb"));
        fs::write(&path, bytes).expect("written");
        let check = server.check_rdb(&path);
        let _ = fs::remove_file(&path);
        let ours = scan(bytes);
        let o = match &ours { Err(e) => format!("NOT {e}"), Ok(s) => format!("{:?} {:?} keys {} empty {}", s.summary.damage.as_ref().map(|d| (d.offset, d.message.clone())), s.summary.checksum, s.summary.keys, s.summary.empty_collections)};
        let c = match &check { Err(e) => format!("FAIL {e:#}"), Ok(c) => format!("{:?}", c)};
        format!("{name} len {}\n   O {o}\n   C {c}", bytes.len())
    }).collect();
    for l in lines { println!("{l}"); }
}

fn snapshots() -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(repository_root().join("fixtures/servers")).expect("fixtures")
        .flat_map(|server| fs::read_dir(server.expect("entry").path()).expect("server"))
        .map(|file| file.expect("entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "rdb"))
        .collect();
    found.sort();
    found
}

struct Xorshift(u64);

impl Xorshift {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}

fn damaged(path: &Path, sound: &[u8], header: Header) -> Vec<(String, Vec<u8>)> {
    let name = path.strip_prefix(repository_root()).expect("below").display().to_string();
    let mut random = Xorshift(crc64::checksum(name.as_bytes()) | 1);
    let mut variants = vec![(format!("{name} sound"), sound.to_vec())];
    for _ in 0..1 {
        let at = 9 + random.below(sound.len() - 9);
        variants.push((format!("{name} cut at {at}"), sound[..at].to_vec()));
    }
    for n in 0..DAMAGED_EACH {
        let at = 9 + random.below(sound.len() - 18);
        let mut bytes = sound.to_vec();
        let byte = match n % 3 { 0 => bytes[at] ^ (1 << random.below(8)), 1 => [0, 0xff, 0x80, 0x81, 0xc3][random.below(5)], _ => random.below(256) as u8 };
        if bytes[at] == byte { continue; }
        bytes[at] = byte;
        let end = bytes.len() - 8;
        if header.version >= 5 && n > 0 {
            let sum = crc64::checksum(&bytes[..end]);
            bytes[end..].copy_from_slice(&sum.to_le_bytes());
        }
        variants.push((format!("{name} byte {at} = {byte:#04x} fixed {}", n>0), bytes));
    }
    variants
}
