//! Damaged snapshots, judged by preshard and by the servers' own tools.
//!
//! The tests named `live_*` need the tools of real servers, which `cargo xtask test` installs.

use std::fs;
use std::path::{Path, PathBuf};

use preshard_analyzer::{
    Allocator, Checksum, CostProfile, FileSummary, MemoryModel, MemorySettings, Progress,
    ScanOptions, Target, scan_stream,
};
use preshard_parser::limits::CHECKSUM_VERSION_MIN;
use preshard_parser::{Detail, Family, Header, crc64};
use rayon::prelude::*;
use xtask::{CheckVerdict, Line, repository_root};

/// Words of the tools for what preshard does not look for, even when it looks into every element, and why
/// that is right. Anything else that a tool finds, preshard must find.
const NOT_LOOKED_FOR: &[(&str, &str)] = &[
    (
        "integrity check failed",
        "previous and back lengths, counts in headers, duplicates and order inside blobs: numbers come from walking \
         the entries forward, and no server writes such blobs",
    ),
    (
        "Duplicate ",
        "members and fields that are there twice: finding them takes memory that grows with the value",
    ),
    (
        "Consumer entry not found in group global PEL",
        "pending entries are counted, not compared",
    ),
    (
        "Pre-release function format not supported",
        "preshard reads what the release candidates of Redis 7.0 wrote",
    ),
];

/// Damage that the tools pass over: they go on behind any item of a module that they do not know, and may so
/// come to an end mark again; the module that loads the value would not.
const PASSED_OVER: &str = "module value damaged";

/// What the tools say of a score that is text and no number, which preshard passes over unless members are
/// asked for.
const BROKEN_TEXT_SCORE: &str = "Unexpected EOF reading RDB file";
const TEXT_SCORES_VERSION_MAX: u32 = 7;

#[test]
fn live_redis_7_check_rdb() {
    verdicts_agree(Line::Redis7, |header| {
        header.family == Family::Redis && header.version <= 10
    });
}

#[test]
fn live_valkey_9_check_rdb() {
    verdicts_agree(Line::Valkey9, |header| {
        header.family == Family::Valkey || header.version <= 11
    });
}

/// How often which verdicts met.
#[derive(Debug, Default)]
struct Tally {
    both_sound: u64,
    both_damaged: u64,
    wrong_checksum: u64,
    not_looked_for: u64,
    passed_over: u64,
    endless: u64,
}

fn verdicts_agree(line: Line, can_read: impl Fn(Header) -> bool) {
    let server = line
        .from_environment()
        .unwrap_or_else(|error| panic!("{error:#}"));
    println!("{}: {}", line.name(), server.version());
    let variants: Vec<Variant> = snapshots()
        .into_iter()
        .filter_map(|(name, sound)| {
            let header = judge(&sound).header;
            can_read(header).then(|| variants(&name, &sound, header))
        })
        .flatten()
        .collect();
    let folder = tempfile::tempdir().expect("a directory");
    let verdicts: Vec<Option<CheckVerdict>> = variants
        .par_iter()
        .enumerate()
        .map(|(index, variant)| {
            let path = folder.path().join(format!("{index}.rdb"));
            fs::write(&path, &variant.bytes).expect("written");
            let verdict = server.check_rdb(&path);
            fs::remove_file(&path).expect("removed");
            verdict.unwrap_or_else(|error| panic!("{}: {error:#}", variant.name))
        })
        .collect();
    let mut tally = Tally::default();
    let mut wrong = Vec::new();
    for (variant, verdict) in variants.iter().zip(&verdicts) {
        let Some(verdict) = verdict else {
            println!("{}: the tool does not come to an end", variant.name);
            tally.endless += 1;
            continue;
        };
        let ours = judge(&variant.bytes);
        if let Err(why) = compare(variant, &ours, verdict, &mut tally) {
            let damage = &ours.damage;
            wrong.push(format!(
                "{}: {why}\n  preshard: {damage:?}, {:?}, {} keys\n  the tool: {verdict:?}",
                variant.name, ours.checksum, ours.keys
            ));
        }
    }
    println!("{tally:?}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let enough = tally.both_sound > 100 && tally.both_damaged > 100 && tally.wrong_checksum > 25;
    assert!(enough, "{tally:?}");
    let all = variants.len() as u64;
    assert!(tally.endless * 100 <= all, "{tally:?} of {all}");
    assert!(tally.passed_over * 50 <= all, "{tally:?} of {all}");
    assert!(tally.not_looked_for * 10 <= all, "{tally:?} of {all}");
}

fn compare(
    variant: &Variant,
    ours: &FileSummary,
    tool: &CheckVerdict,
    tally: &mut Tally,
) -> Result<(), &'static str> {
    let keys = ours.keys + ours.empty_collections;
    if let Some(damage) = &ours.damage
        && damage.message.starts_with(PASSED_OVER)
    {
        tally.passed_over += 1;
        return match tool.keys_read > keys {
            true => Ok(()),
            false => Err("the tool did not come to the module value"),
        };
    }
    let Some(error) = &tool.error else {
        if ours.damage.is_some() || matches!(ours.checksum, Checksum::Wrong { .. }) {
            return Err("the tool finds nothing");
        }
        tally.both_sound += 1;
        return match tool.keys_read == keys {
            true => Ok(()),
            false => Err("another number of keys"),
        };
    };
    if let Some(damage) = &ours.damage {
        tally.both_damaged += 1;
        let is_cut = variant.cut_at.is_some();
        if is_cut && (variant.cut_at != Some(damage.offset) || error.offset > damage.offset) {
            return Err("the file ends elsewhere");
        }
        // The tool counts a key once it has read its name.
        let in_value = u64::from(error.doing == "read-object-value");
        let same_place = tool.keys_read == keys + in_value;
        // An attribute in front of a key may be what is broken, and the tool may be stricter with it or
        // with a value before.
        return match same_place || (!is_cut && tool.keys_read <= keys) {
            true => Ok(()),
            false => Err("not at the same key"),
        };
    }
    let is_known = NOT_LOOKED_FOR
        .iter()
        .any(|(words, _)| error.reason.contains(words));
    let is_text_score = error.reason == BROKEN_TEXT_SCORE
        && error.doing == "read-object-value"
        && ours.header.version <= TEXT_SCORES_VERSION_MAX;
    match ours.checksum {
        Checksum::Wrong { .. } => {
            tally.wrong_checksum += 1;
            Ok(())
        }
        _ if is_known || is_text_score => {
            tally.not_looked_for += 1;
            Ok(())
        }
        _ => Err("the tool finds more"),
    }
}

struct Silent;

impl Progress for Silent {
    fn advance(&self, _bytes: u64) {}
}

/// Preshard's verdict, as deep as it looks.
fn judge(bytes: &[u8]) -> FileSummary {
    let cost = CostProfile::built_in("redis-7.0").expect("built in");
    let options = ScanOptions {
        cost: &cost,
        memory: &MemoryModel::new(Target::Redis70, Allocator::Je3, MemorySettings::default()),
        detail: Detail::Elements,
        reference_ms: None,
        floor_block_ns: u64::MAX,
        floor_payload_bytes: u64::MAX,
        chunk_bytes: ScanOptions::CHUNK_BYTES,
        salvage: false,
    };
    let path = Path::new("variant.rdb");
    // The header is never damaged here.
    scan_stream(path, bytes, &options, &Silent, &mut |_| Ok(()))
        .expect("a snapshot")
        .summary
}

fn snapshots() -> Vec<(String, Vec<u8>)> {
    let servers = repository_root().join("fixtures/servers");
    let listed = |folder: PathBuf| {
        let files = fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
        files.map(|file| file.expect("entry").path())
    };
    let mut found: Vec<(String, Vec<u8>)> = listed(servers.clone())
        .flat_map(listed)
        .filter(|path| path.extension().is_some_and(|extension| extension == "rdb"))
        .map(|path| {
            let name = path.strip_prefix(&servers).expect("below").display();
            (name.to_string(), fs::read(&path).expect("readable"))
        })
        .collect();
    found.sort();
    found
}

/// A snapshot, or what was made of it.
struct Variant {
    name: String,
    bytes: Vec<u8>,
    cut_at: Option<u64>,
}

/// The snapshot as it is, cut somewhere, and with a changed byte: once with the checksum that it had, and
/// several times with the right one, so that it does not hide what else is wrong. The same at every run.
fn variants(name: &str, sound: &[u8], header: Header) -> Vec<Variant> {
    const HEADER_BYTES: usize = 9;
    const CHECKSUM_BYTES: usize = 8;
    const CHANGED: usize = 4;
    let mut random = Xorshift(crc64::checksum(name.as_bytes()) | 1);
    let cut = HEADER_BYTES + random.below(sound.len() - HEADER_BYTES);
    let mut variants = vec![
        Variant {
            name: name.to_owned(),
            bytes: sound.to_vec(),
            cut_at: None,
        },
        Variant {
            name: format!("{name} cut at {cut}"),
            bytes: sound[..cut].to_vec(),
            cut_at: Some(cut as u64),
        },
    ];
    for n in 0..CHANGED {
        let mut bytes = sound.to_vec();
        let end = bytes.len() - CHECKSUM_BYTES;
        let at = HEADER_BYTES + random.below(end - 1 - HEADER_BYTES);
        let byte = match n % 3 {
            0 => bytes[at] ^ (1 << random.below(8)),
            1 => [0x00, 0xff, 0x80, 0x81, 0xc3][random.below(5)],
            _ => random.below(256) as u8,
        };
        bytes[at] = byte;
        if header.version >= CHECKSUM_VERSION_MIN && n > 0 {
            let checksum = crc64::checksum(&bytes[..end]);
            bytes[end..].copy_from_slice(&checksum.to_le_bytes());
        }
        variants.push(Variant {
            name: format!("{name} with {byte:#04x} at {at}"),
            bytes,
            cut_at: None,
        });
    }
    variants
}

/// Marsaglia's xorshift.
struct Xorshift(u64);

impl Xorshift {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}
