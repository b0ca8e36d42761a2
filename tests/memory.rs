//! What a snapshot takes in memory, predicted, against servers that load it.
//!
//! The tests start real servers, which `cargo xtask test` installs. Each prints a table of what `MEMORY USAGE` answered,
//! for the README of `crates/memory`.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::time::{Duration, Instant};

use preshard_analyzer::{
    Allocator, CostProfile, Detail, FileScan, MemoryModel, MemorySettings, MemoryTarget, Progress,
    ScanOptions, Server as SnapshotServer, Source, scan,
};
use preshard_parser::source::OpenOptions;
use xtask::variety::Variety;
use xtask::{Line, Node, Server};

/// Most that a prediction may be off, of what was measured.
const OFF_MAX: f64 = 0.001;
/// As long as tables may take to move into larger ones.
const PATIENCE: Duration = Duration::from_secs(30);
/// Readings in a row that say the same when nothing moves any more.
const SAME_READINGS: u32 = 10;
/// What the clock of a server changes without end: small tables of slots, a few at a time, and buffers.
const STIR_BYTES: u64 = 1_024;
const READING_EVERY: Duration = Duration::from_millis(150);

const SEED: u64 = 86;

#[test]
fn live_redis_7() {
    live(Line::Redis7);
}

#[test]
fn live_redis_8_0() {
    live(Line::Redis80);
}

#[test]
fn live_redis_8_6() {
    live(Line::Redis86);
}

#[test]
fn live_valkey_8_1() {
    live(Line::Valkey81);
}

#[test]
fn live_valkey_9() {
    live(Line::Valkey9);
}

fn live(line: Line) {
    let server = line
        .from_environment()
        .unwrap_or_else(|error| panic!("{error:#}"));
    let measured = [false, true].map(|in_cluster| measure(&server, in_cluster));
    for Measured {
        name,
        predicted,
        grown,
    } in measured
    {
        let off = predicted as f64 / grown as f64 - 1.0;
        assert!(
            off.abs() <= OFF_MAX,
            "{name}: predicted {predicted}, used_memory grew by {grown}, {:+.4} %",
            off * 100.0
        );
    }
}

struct Measured {
    name: String,
    predicted: u64,
    grown: u64,
}

fn measure(server: &Server, in_cluster: bool) -> Measured {
    let folder = tempfile::tempdir().expect("a directory");
    let snapshot = folder.path().join("dump.rdb");
    let empty = {
        let mut node = start(server, in_cluster, None);
        let empty = settled(&mut node);
        let fields_expire = node.knows("HPEXPIREAT").expect("COMMAND INFO");
        Variety::new(SEED, fields_expire)
            .load(&mut node)
            .expect("data");
        node.query::<()>(&redis::cmd("SAVE")).expect("saved");
        std::fs::copy(node.folder().join("dump.rdb"), &snapshot).expect("a snapshot");
        empty
    };
    let mut node = start(server, in_cluster, Some(&snapshot));
    let grown = settled(&mut node) - empty;
    let model = model_of(&mut node, in_cluster);
    let (scan, keys) = predict(&snapshot, &model);
    let memory = scan.loaded_memory();
    assert_eq!(memory.unknown_keys, 0);
    let predicted = memory.used_bytes();
    let name = format!("{}, {}", server.version(), model.name());
    println!(
        "{name}: {} keys, predicted {predicted}, used_memory grew by {grown}, {:+.4} %",
        scan.summary.keys,
        (predicted as f64 / grown as f64 - 1.0) * 100.0
    );
    print_table(&mut node, &keys);
    Measured {
        name,
        predicted,
        grown,
    }
}

fn start(server: &Server, in_cluster: bool, snapshot: Option<&Path>) -> Node {
    let node = Node::start_on_snapshot(server, in_cluster, snapshot);
    node.unwrap_or_else(|error| panic!("{}: {error:#}", server.version()))
}

/// `used_memory` when it no longer changes: after a load, tables move into larger ones for a while, which frees the old
/// ones only in the end.
fn settled(node: &mut Node) -> u64 {
    let deadline = Instant::now() + PATIENCE;
    let (mut last, mut same) = (0, 0);
    while same < SAME_READINGS || tables_on_the_move(node) > 0 {
        assert!(Instant::now() < deadline, "used_memory does not settle");
        std::thread::sleep(READING_EVERY);
        let used = node.info("memory", "used_memory").expect("INFO");
        let used: u64 = used.parse().expect("a number");
        let is_same = used.abs_diff(last) <= STIR_BYTES;
        same = if is_same { same + 1 } else { 0 };
        last = used;
    }
    last
}

/// Main tables that are between two sizes; servers before 7.4 do not tell, and make theirs in one piece.
fn tables_on_the_move(node: &mut Node) -> u64 {
    let stats: HashMap<String, redis::Value> = node
        .query(redis::cmd("MEMORY").arg("STATS"))
        .expect("MEMORY STATS");
    match stats.get("db.dict.rehashing.count") {
        Some(redis::Value::Int(count)) => u64::try_from(*count).expect("a number"),
        Some(other) => panic!("{other:?} is no number"),
        None => 0,
    }
}

/// The model of the server's own line; that of another would say nothing of it.
fn model_of(node: &mut Node, in_cluster: bool) -> MemoryModel {
    let mut version = |field| node.info("server", field);
    let aux = match version("valkey_version") {
        Ok(version) => (b"valkey-ver", version),
        Err(_) => (b"redis-ver\0", version("redis_version").expect("INFO")),
    };
    let name = aux.0.strip_suffix(b"\0").unwrap_or(aux.0);
    let server = SnapshotServer::from_aux(name, aux.1.as_bytes());
    let target = MemoryTarget::for_server(server.as_ref());
    assert!(target.is_own, "{}", target.basis);
    // Debian builds jemalloc with a quantum of 16 bytes.
    let allocator = match &*node.info("memory", "mem_allocator").expect("INFO") {
        "jemalloc-5.3.0" => Allocator::Je4,
        "jemalloc-5.3.1" => Allocator::Je4p,
        "libc" => Allocator::Glibc,
        other => panic!("{other} has no model"),
    };
    let settings = MemorySettings {
        cluster: in_cluster,
        ..MemorySettings::default()
    };
    MemoryModel::new(target.target, allocator, settings)
}

/// A key, its row of the table, and what MEMORY USAGE is predicted to answer.
struct Key {
    name: Vec<u8>,
    kind: String,
    usage: u64,
}

struct Silent;

impl Progress for Silent {
    fn advance(&self, _bytes: u64) {}
}

fn predict(snapshot: &Path, model: &MemoryModel) -> (FileScan, Vec<Key>) {
    let cost = CostProfile::built_in("redis-7.0").expect("built in");
    let options = ScanOptions {
        cost: &cost,
        memory: model,
        detail: Detail::Counts,
        reference_ms: None,
        floor_block_ns: u64::MAX,
        floor_payload_bytes: u64::MAX,
        chunk_bytes: ScanOptions::CHUNK_BYTES,
        salvage: false,
    };
    let source = Source::open(snapshot, &OpenOptions::default()).expect("the snapshot opens");
    let mut found = Vec::new();
    let scan = scan(&source, &options, &Silent, &mut |keys| {
        found.extend(keys.iter().map(|key| {
            let loaded = key.loaded.expect("known");
            let mut kind = format!("{} {}", key.data_type.name(), loaded.name());
            if key.value.fields_with_ttl > 0 {
                kind.push_str(", fields with TTLs");
            }
            Key {
                name: key.key.to_vec(),
                kind,
                usage: key.sizes.memory_usage_estimate.expect("known"),
            }
        }));
        Ok(())
    });
    (scan.expect("a snapshot"), found)
}

/// Sums over the keys of a row.
#[derive(Default)]
struct Row {
    keys: u64,
    equal: u64,
    predicted: u64,
    answered: u64,
}

fn print_table(node: &mut Node, keys: &[Key]) {
    let mut rows: BTreeMap<&str, Row> = BTreeMap::new();
    for chunk in keys.chunks(1_000) {
        let mut questions = redis::pipe();
        for key in chunk {
            let usage = questions.cmd("MEMORY").arg("USAGE");
            usage.arg(&key.name).arg("SAMPLES").arg(0);
        }
        let answers: Vec<u64> = node.query_all(&questions).expect("MEMORY USAGE");
        for (key, answer) in chunk.iter().zip(answers) {
            for kind in [key.kind.as_str(), "~ all"] {
                let row = rows.entry(kind).or_default();
                row.keys += 1;
                row.equal += u64::from(key.usage == answer);
                row.predicted += key.usage;
                row.answered += answer;
            }
        }
    }
    for (kind, row) in rows {
        println!(
            "  {kind:36} {:6} keys, {:6.2} % equal, sum {:+.4} %",
            row.keys,
            row.equal as f64 / row.keys as f64 * 100.0,
            (row.predicted as f64 / row.answered as f64 - 1.0) * 100.0
        );
    }
}
