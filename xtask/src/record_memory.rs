//! Records what servers answer of the memory of keys once they have loaded the snapshots of `fixtures/servers`, their own
//! and those of others.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::node::Node;
use crate::repository_root;
use crate::servers::Server;

/// A key by database and name.
type KeyId = (u64, Vec<u8>);

/// Has a server load every snapshot of `fixtures/servers`, each in a fresh process, and writes what it says of the keys
/// to `fixtures/memory/<line>.jsonl`.
///
/// # Errors
/// The server does not run, or holds keys that the snapshot's answers do not list.
pub fn record_memory(server: &Server) -> Result<()> {
    let mut lines = Vec::new();
    let mut head = Value::Null;
    for snapshot in snapshots()? {
        let name = snapshot_name(&snapshot);
        // The scene that a node of a cluster saved; in all others a server by itself did.
        let in_cluster = name.contains("/cluster.") || name.contains("_by_slot.");
        let node = Node::start_on_snapshot(server, in_cluster, Some(&snapshot));
        let mut node = match node {
            Ok(node) => node,
            Err(error) => {
                eprintln!("{name} is left out: {}", refusal(&format!("{error:#}")));
                continue;
            }
        };
        if head.is_null() {
            head = json!({
                "server": server.version(),
                "allocator": node.info("memory", "mem_allocator")?,
            });
        }
        let answers = ask(&mut node, &keys(&snapshot)?).context(name.clone())?;
        lines.push(json!({ "snapshot": name, "cluster": in_cluster, "keys": answers }));
    }
    let path = repository_root().join(format!("fixtures/memory/{}.jsonl", line_of(server)?));
    fs::create_dir_all(path.parent().context("a folder")?)?;
    let mut out = BufWriter::new(File::create(&path)?);
    for line in std::iter::once(&head).chain(&lines) {
        writeln!(out, "{line}")?;
    }
    out.flush()?;
    eprintln!("{}: {} snapshots", path.display(), lines.len());
    Ok(())
}

/// `redis-7.0` of `Redis server v=7.0.15`.
fn line_of(server: &Server) -> Result<String> {
    let said = server.version();
    let (vendor, version) = said.split_once(" server v=").context("no version")?;
    let mut numbers = version.split('.');
    let (major, minor) = numbers.next().zip(numbers.next()).context("no version")?;
    Ok(format!("{}-{major}.{minor}", vendor.to_lowercase()))
}

/// The snapshots that come with their servers' answers.
fn snapshots() -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for server in fs::read_dir(repository_root().join("fixtures/servers"))? {
        for file in fs::read_dir(server?.path())? {
            let path = file?.path();
            if path.extension().is_some_and(|extension| extension == "rdb") {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// `redis-7.0/mix.rdb`.
fn snapshot_name(path: &Path) -> String {
    let words: Vec<_> = path.iter().rev().take(2).collect();
    words
        .iter()
        .rev()
        .collect::<PathBuf>()
        .display()
        .to_string()
}

/// What of the server's log tells why it did not start.
fn refusal(log: &str) -> &str {
    let says = |line: &&str| {
        ["fatal", "Can't handle", "unknown", "Unknown", "module"]
            .iter()
            .any(|word| line.contains(word))
    };
    log.lines().find(says).unwrap_or("it does not start")
}

/// The keys of the snapshot, by database and the bytes of their names.
fn keys(snapshot: &Path) -> Result<BTreeSet<KeyId>> {
    let text = fs::read_to_string(snapshot.with_extension("expect.jsonl"))?;
    text.lines()
        .map(|line| {
            let answer: Value = serde_json::from_str(line)?;
            let name = match answer["key"].as_str() {
                Some(text) => text.as_bytes().to_vec(),
                None => STANDARD.decode(answer["key_b64"].as_str().context("no key")?)?,
            };
            Ok((answer["db"].as_u64().context("no db")?, name))
        })
        .collect()
}

/// Of each key `[MEMORY USAGE SAMPLES 0, OBJECT ENCODING]`, or `null` for one that has expired.
fn ask(node: &mut Node, keys: &BTreeSet<KeyId>) -> Result<Vec<Value>> {
    let mut answers = Vec::new();
    let mut selected = 0;
    for (db, name) in keys {
        if *db != selected {
            node.query::<()>(redis::cmd("SELECT").arg(db))?;
            selected = *db;
        }
        let mut usage = redis::cmd("MEMORY");
        usage.arg("USAGE").arg(name).arg("SAMPLES").arg(0);
        let usage: Option<u64> = node.query(&usage)?;
        let encoding: Option<String> =
            node.query(redis::cmd("OBJECT").arg("ENCODING").arg(name))?;
        answers.push(match usage.zip(encoding) {
            Some((usage, encoding)) => json!([usage, encoding]),
            None => Value::Null,
        });
    }
    let keyspace: String = node.query(redis::cmd("INFO").arg("keyspace"))?;
    let held: u64 = keyspace.lines().filter_map(keys_of_database).sum();
    let answered = answers.iter().filter(|answer| !answer.is_null()).count() as u64;
    if held != answered {
        bail!("{held} keys, {answered} answers: {keyspace}");
    }
    Ok(answers)
}

/// `db0:keys=40,expires=8,avg_ttl=0`.
fn keys_of_database(line: &str) -> Option<u64> {
    let (_, counts) = line.strip_prefix("db")?.split_once(":keys=")?;
    counts.split(',').next()?.parse().ok()
}
