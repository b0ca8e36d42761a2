//! What `MEMORY USAGE` is predicted to answer, against what servers answered (`fixtures/memory`, made by `cargo xtask
//! record-memory`; `fixtures/servers`).

#[path = "../../../fixtures/recorded.rs"]
#[allow(dead_code, reason = "each test file uses its own part")]
mod recorded;
#[allow(dead_code, reason = "each test file uses its own part")]
mod snapshot;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use preshard_analyzer::{
    Allocator, CostProfile, DataType, Detail, Loaded, MemoryModel, MemorySettings, ScanOptions,
    Source, Target, scan,
};
use preshard_parser::source::Mmap;
use recorded::KeyId;
use serde_json::Value;
use snapshot::{Silent, options, servers};

/// Standard deviations that a figure may be off where servers draw lots.
const DEVIATIONS: f64 = 3.0;

/// Producers of a stream are forgotten a while after their last entry (`stream-idmp-duration`), which this server did
/// when it loaded the stream.
const FORGOT_PRODUCERS: (&str, &str, &[u8]) = ("redis-8.6", "redis-8.6/streams.rdb", b"st:idmp");

/// What is predicted of a key.
#[derive(Debug, Clone)]
struct Predicted {
    data_type: DataType,
    reported: u64,
    variance: u64,
    loaded: Loaded,
}

/// How the names of keys begin that have metadata of a module (Redis 8.6).
const WITH_METADATA: &[u8] = b"km:";

/// What is predicted of the keys of a snapshot; `None` for those of modules, and with metadata of one.
fn predict(path: &Path, memory: &MemoryModel) -> BTreeMap<KeyId, Option<Predicted>> {
    let cost = CostProfile::built_in("redis-7.0").expect("built in");
    let options = ScanOptions {
        memory,
        ..options(&cost, Detail::Counts)
    };
    let source = Source::open(path, &Mmap::Auto.into()).expect("the file opens");
    let mut found = BTreeMap::new();
    scan(&source, &options, &Silent, &mut |keys| {
        for key in keys {
            let known = key.sizes.memory_usage_estimate.zip(key.loaded);
            assert!(
                known.is_some()
                    || key.data_type == DataType::Module
                    || key.key.starts_with(WITH_METADATA),
                "{}: memory of a {:?} is not known",
                path.display(),
                key.data_type
            );
            let predicted = known.map(|(reported, loaded)| Predicted {
                data_type: key.data_type,
                reported,
                variance: key.sizes.memory_variance,
                loaded,
            });
            found.insert((key.db, key.key.to_vec()), predicted);
        }
        Ok(())
    })
    .expect("a snapshot");
    found
}

/// Whether what a server reports of such keys hangs on lots that it draws: the levels of skip lists, and where it counts
/// them, entries that share their bucket.
fn is_drawn(target: Target, key: &Predicted) -> bool {
    match key.loaded {
        Loaded::Skiplist => true,
        Loaded::Hashtable => match target {
            Target::Valkey81 | Target::Valkey91 => true,
            Target::Valkey80 => key.data_type == DataType::Set,
            _ => false,
        },
        _ => false,
    }
}

/// Sums over the keys of a server.
#[derive(Debug, Default)]
struct Tally {
    certain: u64,
    drawn: u64,
    drawn_far_off: u64,
    rehashed: u64,
    rehashed_off: u64,
    unknown: u64,
    wrong: Vec<String>,
}

impl Tally {
    fn add(&mut self, target: Target, key: &Predicted, usage: u64, name: &dyn Fn() -> String) {
        let off = key.reported.abs_diff(usage);
        if is_drawn(target, key) {
            self.drawn += 1;
            // Sums of expectations are rounded once more.
            let deviation = (key.variance as f64).sqrt();
            self.drawn_far_off += u64::from(off as f64 > DEVIATIONS * deviation + 1.0);
        } else if (key.data_type, key.loaded) == (DataType::Hash, Loaded::Hashtable) {
            self.rehashed += 1;
            self.rehashed_off += u64::from(off > 0);
        } else {
            self.certain += 1;
            if off > 0 {
                self.wrong
                    .push(format!("{}: {usage}, predicted {key:?}", name()));
            }
        }
    }
}

fn allocator(name: &str) -> Allocator {
    // As Debian builds it, with a quantum of 16 bytes.
    match name {
        "jemalloc-5.3.0" => Allocator::Je4,
        "jemalloc-5.3.1" => Allocator::Je4p,
        other => panic!("{other} has no model"),
    }
}

/// `redis-7.0` and so on: the server, its allocator, and its answers by snapshot.
fn recording(line: &str) -> (Target, Allocator, Vec<Value>) {
    let path = servers()
        .with_file_name("memory")
        .join(format!("{line}.jsonl"));
    let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let mut lines = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let head = lines.next().expect("a first line");
    let target: Target = line.parse().expect("a line with a model");
    let allocator = allocator(head["allocator"].as_str().expect("allocator"));
    (target, allocator, lines.collect())
}

/// Every key of every snapshot that the server can load, against what it answered once it had loaded it.
///
/// A hash that is changed into a table while it is loaded may keep a second table, which some later command or the
/// server's clock does away with: one of a hundred may differ for that.
fn loaded(line: &str, snapshots_min: usize) {
    let (target, allocator, snapshots) = recording(line);
    assert!(snapshots.len() >= snapshots_min, "{}", snapshots.len());
    let mut tally = Tally::default();
    for recorded in &snapshots {
        let settings = MemorySettings {
            cluster: recorded["cluster"].as_bool().expect("cluster"),
            ..MemorySettings::default()
        };
        let model = MemoryModel::new(target, allocator, settings);
        let snapshot = recorded["snapshot"].as_str().expect("snapshot");
        let path = servers().join(snapshot);
        let predicted = predict(&path, &model);
        let listed = recorded::answers(&path.with_extension("expect.jsonl"));
        let answers = recorded["keys"].as_array().expect("keys");
        assert_eq!(answers.len(), listed.len(), "{snapshot}");
        for (id, answer) in listed.keys().zip(answers) {
            let has_expired = answer.is_null();
            if has_expired || (line, snapshot, &id.1[..]) == FORGOT_PRODUCERS {
                continue;
            }
            let Some(key) = predicted.get(id).expect("the key is read") else {
                tally.unknown += 1;
                continue;
            };
            let usage = answer[0].as_u64().expect("memory usage");
            let encoding = answer[1].as_str().expect("encoding");
            let name = || format!("{snapshot} db {} {}", id.0, id.1.escape_ascii());
            if key.loaded.name() != encoding {
                let name = name();
                tally
                    .wrong
                    .push(format!("{name}: {encoding}, predicted {key:?}"));
            } else {
                tally.add(target, key, usage, &name);
            }
        }
    }
    let Tally {
        certain,
        drawn,
        drawn_far_off,
        rehashed,
        rehashed_off,
        unknown,
        wrong,
    } = tally;
    let counts = format!(
        "{line}: {certain} certain keys, {} wrong; {drawn} drawn, {drawn_far_off} beyond {DEVIATIONS} deviations; \
         {rehashed} tables of hashes, {rehashed_off} off; {unknown} unknown",
        wrong.len()
    );
    println!("{counts}");
    assert!(wrong.is_empty(), "{counts}\n{}", wrong.join("\n"));
    assert!(drawn_far_off <= drawn.div_ceil(100), "{counts}");
    assert!(rehashed_off <= rehashed.div_ceil(100), "{counts}");
    assert!(certain >= 3_000 && drawn >= 40, "{counts}");
}

#[test]
fn loaded_by_redis_7_0() {
    loaded("redis-7.0", 79);
}

#[test]
fn loaded_by_redis_8_0() {
    loaded("redis-8.0", 142);
}

#[test]
fn loaded_by_redis_8_6() {
    loaded("redis-8.6", 161);
}

#[test]
fn loaded_by_valkey_8_0() {
    loaded("valkey-8.0", 108);
}

#[test]
fn loaded_by_valkey_8_1() {
    loaded("valkey-8.1", 108);
}

#[test]
fn loaded_by_valkey_9_1() {
    loaded("valkey-9.1", 127);
}

/// Why the server that made a key by commands may have answered otherwise than one that loads it: what a file does not
/// keep. `None` where nothing is left of how the key came to be.
fn history(key: &Predicted, name: &[u8]) -> Option<&'static str> {
    match (key.data_type, key.loaded, name) {
        (DataType::Stream, ..) => Some("the last node of a stream has room for 4096 bytes"),
        (_, Loaded::Hashtable | Loaded::Skiplist, _) => {
            Some("tables grow and shrink by steps, two of them at a time")
        }
        (DataType::String, _, b"hll:sparse" | b"appended") => {
            Some("strings that were appended to have room for more")
        }
        (DataType::String, _, b"lzf:long-match" | b"lzf:repeat") => {
            Some("a long argument of a command keeps the buffer that it was read into")
        }
        (DataType::List, _, b"list:compressed") => {
            Some("list-compress-depth was set for this list alone")
        }
        (DataType::Hash, _, b"{a}h3" | b"hfe:lp:persisted") => {
            Some("a table that was made for expiries stays when they are taken back")
        }
        (DataType::Module, ..) => {
            Some("vector sets count a few items for all, others once they have been loaded")
        }
        _ => None,
    }
}

const REMAINDER: &str =
    "glibc adds what is left of a free chunk, where that is too short to be one";

/// Remainders of 16 bytes, one for the key and one for its value at most.
fn is_with_remainders(predicted: u64, usage: u64) -> bool {
    usage == predicted + 16 || usage == predicted + 32
}

/// Every key of the snapshots of a server, against what it answered when it had made them by commands.
fn grown(line: &str, target: Target, allocator: Allocator, keys_min: u64) {
    let mut equal = 0;
    let mut differing: BTreeMap<&str, u64> = BTreeMap::new();
    let mut wrong = Vec::new();
    for (path, answers) in recorded::answered_snapshots(&servers()) {
        let folder = path.parent().and_then(Path::file_name).expect("a folder");
        if folder != line {
            continue;
        }
        let scene = path.file_stem().expect("a name").to_string_lossy();
        let settings = MemorySettings {
            cluster: scene == "cluster" || scene == "field_ttls_by_slot",
            ..MemorySettings::default()
        };
        let predicted = predict(&path, &MemoryModel::new(target, allocator, settings));
        for (id, answer) in recorded::answers(&answers) {
            let Some(key) = predicted.get(&id).expect("the key is read") else {
                continue;
            };
            let usage = answer["memory_usage"].as_u64().expect("memory usage");
            let encoding = answer["encoding"].as_str().expect("encoding");
            if (key.reported, key.loaded.name()) == (usage, encoding) {
                equal += 1;
            } else if let Some(reason) = history(key, &id.1) {
                *differing.entry(reason).or_default() += 1;
            } else if allocator == Allocator::Glibc && is_with_remainders(key.reported, usage) {
                *differing.entry(REMAINDER).or_default() += 1;
            } else {
                let name = id.1.escape_ascii();
                wrong.push(format!(
                    "{scene} {name}: {usage} as {encoding}, predicted {key:?}"
                ));
            }
        }
    }
    println!("{line}: {equal} equal, {differing:?}");
    assert!(wrong.is_empty(), "{line}:\n{}", wrong.join("\n"));
    assert!(equal >= keys_min, "{line}: {equal} equal, {differing:?}");
    let remainders = differing.get(REMAINDER).copied().unwrap_or(0);
    assert!(
        remainders * 20 <= equal,
        "{line}: {equal} equal, {differing:?}"
    );
}

#[test]
fn grown_on_the_server_that_saved_them() {
    for (line, keys_min) in [
        ("redis-7.0", 600),
        ("redis-8.0", 600),
        ("redis-8.6", 630),
        ("valkey-8.0", 310),
        ("valkey-8.1", 590),
        ("valkey-9.1", 620),
    ] {
        let (target, allocator, _) = recording(line);
        grown(line, target, allocator, keys_min);
    }
    // Built with the malloc of glibc.
    grown("redis-6.2", Target::Redis62, Allocator::Glibc, 580);
    grown("redis-7.2.6", Target::Redis72, Allocator::Glibc, 320);
    grown("redis-7.4.1", Target::Redis74, Allocator::Glibc, 330);
    // Without a model of its own, and that of the line that stands in fits.
    grown("redict-7.3", Target::Redis74, Allocator::Je4, 310);
}
