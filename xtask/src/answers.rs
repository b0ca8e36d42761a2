//! What a live cluster says about its keys and slots: the truth that tests hold the reading of a
//! backup against.

use std::collections::BTreeMap;
use std::io::Write;

use anyhow::{Context, Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use preshard_slots::{SLOT_COUNT, Slot};
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::node::Node;

/// Everything that a cluster answered.
#[derive(Debug, Default)]
pub struct Answers {
    /// Every key of every node.
    pub keys: BTreeMap<Vec<u8>, KeyAnswer>,
    /// `CLUSTER COUNTKEYSINSLOT` of each slot, asked of its owner.
    pub keys_in_slot: Vec<u64>,
}

/// What a server said about a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyAnswer {
    /// `TYPE`.
    pub value_type: String,
    /// `STRLEN`, `LLEN`, `SCARD`, `ZCARD`, `HLEN` or `XLEN`.
    pub length: u64,
    /// Length of what `DUMP` returned, bytes.
    pub dump_bytes: u64,
    /// `PEXPIRETIME`: absolute, milliseconds; `None` without expiry.
    pub expires_at_ms: Option<i64>,
}

impl Answers {
    /// Asks every node for all of its keys, and for the count of every slot.
    ///
    /// # Errors
    /// A command that the server refuses.
    pub fn ask(cluster: &mut Cluster) -> Result<Answers> {
        let mut answers = Answers::default();
        for node in cluster.nodes() {
            ask_keys(node, &mut answers.keys)?;
        }
        for slot in Slot::all() {
            let mut count = redis::cmd("CLUSTER");
            count.arg("COUNTKEYSINSLOT").arg(slot.number());
            let owner = cluster.owner_index(slot);
            answers
                .keys_in_slot
                .push(cluster.nodes()[owner].query(&count)?);
        }
        Ok(answers)
    }

    /// Writes the answers as lines of JSON: first an object with the names of the fields and
    /// the slots that are not empty, then an array for each key, in the order of their bytes.
    ///
    /// # Errors
    /// Whatever `out` has.
    pub fn write(&self, out: &mut impl Write) -> Result<()> {
        let counted = Slot::all()
            .zip(&self.keys_in_slot)
            .filter(|(_, count)| **count > 0);
        let slots: serde_json::Map<String, Value> = counted
            .map(|(slot, count)| (slot.to_string(), json!(count)))
            .collect();
        let head = json!({
            "fields": ["key", "type", "length", "dump_bytes", "expires_at_ms"],
            "keys_in_slot": slots,
        });
        writeln!(out, "{head}")?;
        for (key, answer) in &self.keys {
            let key = match std::str::from_utf8(key) {
                Ok(text) => json!(text),
                Err(_) => json!({ "base64": STANDARD.encode(key) }),
            };
            let KeyAnswer {
                value_type,
                length,
                dump_bytes,
                expires_at_ms,
            } = answer;
            writeln!(
                out,
                "{}",
                json!([key, value_type, length, dump_bytes, expires_at_ms])
            )?;
        }
        Ok(())
    }

    /// Reads what [`Answers::write`] wrote.
    ///
    /// # Errors
    /// A line that is not of that form.
    pub fn read(text: &str) -> Result<Answers> {
        let mut lines = text.lines();
        let head: Value = serde_json::from_str(lines.next().context("no first line")?)?;
        let slots = head["keys_in_slot"]
            .as_object()
            .context("no keys_in_slot")?;
        let mut keys_in_slot = vec![0; usize::from(SLOT_COUNT)];
        for (slot, count) in slots {
            keys_in_slot[slot.parse::<Slot>()?.index()] = count.as_u64().context("no count")?;
        }
        let mut keys = BTreeMap::new();
        for line in lines {
            let (key, value_type, length, dump_bytes, expires_at_ms): (Value, _, _, _, _) =
                serde_json::from_str(line)?;
            let key = match &key {
                Value::String(text) => text.clone().into_bytes(),
                key => STANDARD.decode(key["base64"].as_str().context("no key")?)?,
            };
            let answer = KeyAnswer {
                value_type,
                length,
                dump_bytes,
                expires_at_ms,
            };
            keys.insert(key, answer);
        }
        Ok(Answers { keys, keys_in_slot })
    }
}

fn ask_keys(node: &mut Node, answers: &mut BTreeMap<Vec<u8>, KeyAnswer>) -> Result<()> {
    let keys: Vec<Vec<u8>> = node.query(redis::cmd("KEYS").arg("*"))?;
    for chunk in keys.chunks(200) {
        let mut types = redis::pipe();
        for key in chunk {
            types.cmd("TYPE").arg(key);
        }
        let types: Vec<String> = node.query_all(&types)?;
        let mut rest = redis::pipe();
        for (key, value_type) in chunk.iter().zip(&types) {
            rest.cmd(length_command(value_type)?).arg(key);
            rest.cmd("DUMP").arg(key);
            rest.cmd("PEXPIRETIME").arg(key);
        }
        let rest: Vec<(u64, Vec<u8>, i64)> = node
            .query_all::<Vec<redis::Value>>(&rest)?
            .chunks_exact(3)
            .map(|three| redis::from_redis_value(redis::Value::Array(three.to_vec())))
            .collect::<Result<_, _>>()?;
        for ((key, value_type), (length, dump, expires_at_ms)) in chunk.iter().zip(types).zip(rest)
        {
            let answer = KeyAnswer {
                value_type,
                length,
                dump_bytes: dump.len() as u64,
                expires_at_ms: (expires_at_ms >= 0).then_some(expires_at_ms),
            };
            if answers.insert(key.clone(), answer).is_some() {
                bail!("key {} is on two nodes", key.escape_ascii());
            }
        }
    }
    Ok(())
}

fn length_command(value_type: &str) -> Result<&'static str> {
    Ok(match value_type {
        "string" => "STRLEN",
        "list" => "LLEN",
        "set" => "SCARD",
        "zset" => "ZCARD",
        "hash" => "HLEN",
        "stream" => "XLEN",
        other => bail!("no length command for type {other}"),
    })
}
