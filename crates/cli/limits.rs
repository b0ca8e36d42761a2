//! The limits in force: what the command line states, then what a file states, then the servers' defaults.
//!
//! The file is TOML with the names of the options. Each of its entries is read as the option of that name would be, so that
//! both take the same values and refuse the same ones.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use clap::Parser;
use preshard_analyzer::{CostProfile, MemorySettings};
use preshard_planner::{NodeFacts, PlanLimits, server_named};
use preshard_report::document::SavedBasis;

use crate::args::{LimitArgs, PlanLimitArgs};
use crate::exit::Refusal;
use crate::input::shown;
use crate::size::{parse_maxmemory, parse_size};

/// Keys with this part of what a call may have are listed by name: the planner gives keys above a tenth a
/// call of their own, and plans more exactly the more of them it knows.
const FLOOR_PART: u64 = 20;
/// Keys of this payload are listed by name whatever they cost: the size that people call big.
const FLOOR_PAYLOAD_BYTES: u64 = 10_000_000;
/// Longest file of limits: a thousand nodes take a tenth of it.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// What was stated, on the command line or in a file.
#[derive(Debug, Default)]
pub struct Stated {
    keys: LimitArgs,
    plan: PlanLimitArgs,
    /// What the file states of single nodes, by the names that it uses for them.
    pub nodes: BTreeMap<String, NodeFacts>,
}

/// A file's entries as options.
#[derive(Debug, Parser)]
#[command(no_binary_name = true, disable_help_flag = true)]
struct FileArgs {
    #[command(flatten)]
    keys: LimitArgs,
    #[command(flatten)]
    plan: PlanLimitArgs,
}

impl Stated {
    /// Joins the command line with the file that it names.
    ///
    /// # Errors
    /// When the file cannot be read, or is not a file of limits.
    pub fn new(keys: LimitArgs, plan: PlanLimitArgs) -> Result<Stated> {
        let stated = match &keys.limits {
            None => Stated::default(),
            Some(path) => {
                let text = read(path).with_context(|| format!("cannot read {}", shown(path)))?;
                Stated::parse(&text).with_context(|| format!("cannot use {}", shown(path)))?
            }
        };
        Ok(Stated {
            keys: keys.or(&stated.keys),
            plan: plan.or(&stated.plan),
            nodes: stated.nodes,
        })
    }

    /// Takes what nobody stated from a saved configuration of a target, where there is one.
    ///
    /// # Errors
    /// When a setting in it cannot be read.
    pub fn or_settings(mut self, saved: Option<&str>) -> Result<Stated> {
        let Some(text) = saved else { return Ok(self) };
        let size = |name: &'static str| -> Result<Option<u64>> {
            let value = MemorySettings::find(text, name);
            let bytes = value.map(|value| {
                parse_size(&value).map_err(|error| anyhow::anyhow!("{name} is {value:?}: {error}"))
            });
            bytes.transpose()
        };
        let timeout = MemorySettings::find(text, "cluster-node-timeout");
        let timeout = timeout.and_then(|ms| ms.parse::<u64>().ok());
        let (hard, soft) = replica_buffer(text).unzip();
        let file = LimitArgs {
            node_timeout: timeout,
            proto_max_bulk_len: size("proto-max-bulk-len")?,
            client_query_buffer: size("client-query-buffer-limit")?,
            replica_buffer_hard: hard.filter(|&bytes| bytes > 0),
            ..LimitArgs::default()
        };
        self.keys = self.keys.or(&file);
        self.plan.maxmemory = self.plan.maxmemory.or(size("maxmemory")?);
        let soft = soft.filter(|&bytes| bytes > 0);
        self.plan.replica_buffer_soft = self.plan.replica_buffer_soft.or(soft);
        Ok(self)
    }

    fn parse(text: &str) -> Result<Stated> {
        let table: toml::Table = text.parse()?;
        let mut nodes = BTreeMap::new();
        let mut words = Vec::new();
        for (name, value) in table {
            match (name.as_str(), value) {
                ("node", toml::Value::Table(table)) => {
                    for (node, facts) in table {
                        let facts = node_facts(facts).with_context(|| format!("node {node:?}"))?;
                        nodes.insert(node, facts);
                    }
                }
                ("limits", _) => anyhow::bail!("limits: a file of limits names no other"),
                (_, toml::Value::Boolean(true)) => words.push(format!("--{name}")),
                (_, toml::Value::Boolean(false)) => {}
                (_, value) => words.push(format!("--{name}={}", in_words(&name, &value)?)),
            }
        }
        let args = FileArgs::try_parse_from(words).map_err(|error| {
            let text = error.to_string();
            let first = text.lines().next().unwrap_or_default();
            anyhow::anyhow!("{}", first.trim_start_matches("error: ").replace("--", ""))
        })?;
        Ok(Stated {
            keys: args.keys,
            plan: args.plan,
            nodes,
        })
    }
}

fn read(path: &Path) -> Result<String> {
    let mut text = String::new();
    File::open(path)?
        .take(FILE_BYTES_MAX)
        .read_to_string(&mut text)?;
    Ok(text)
}

/// Hard and soft limit of `client-output-buffer-limit` for replicas, which older servers call slaves; its value is one text of
/// many words.
fn replica_buffer(text: &str) -> Option<(u64, u64)> {
    let (_, behind) = text.split_once("client-output-buffer-limit")?;
    let mut words = behind.split(|c: char| c.is_whitespace() || c == '"');
    words.find(|word| ["replica", "slave"].contains(word))?;
    let mut sizes = words.filter(|word| !word.is_empty()).map(parse_size);
    Some((sizes.next()?.ok()?, sizes.next()?.ok()?))
}

fn in_words(name: &str, value: &toml::Value) -> Result<String> {
    match value {
        toml::Value::String(text) => Ok(text.clone()),
        toml::Value::Integer(number) => Ok(number.to_string()),
        toml::Value::Float(number) => Ok(number.to_string()),
        toml::Value::Datetime(instant) => Ok(instant.to_string()),
        other => anyhow::bail!(
            "{name}: expected text or a number, found {}",
            other.type_str()
        ),
    }
}

fn node_facts(value: toml::Value) -> Result<NodeFacts> {
    let toml::Value::Table(table) = value else {
        anyhow::bail!("expected a table of facts, found {}", value.type_str());
    };
    let mut facts = NodeFacts::default();
    for (name, value) in table {
        match (name.as_str(), &value) {
            ("server", toml::Value::String(server)) => {
                if server_named(server).is_none() {
                    anyhow::bail!(
                        "server: expected a name such as redis-7.0.15 or valkey-9.1.2, found {server:?}"
                    );
                }
                facts.server = Some(server.clone());
            }
            ("maxmemory", _) => {
                let bytes = parse_maxmemory(&in_words(&name, &value)?)
                    .map_err(|error| anyhow::anyhow!("maxmemory: {error}"))?;
                facts.maxmemory_bytes = Some(bytes).filter(|&bytes| bytes > 0);
            }
            ("maxmemory-policy", toml::Value::String(policy)) => {
                facts.maxmemory_policy = Some(policy.clone());
            }
            ("replicas", toml::Value::Integer(count)) => {
                let count = u32::try_from(*count).context("replicas: expected a count")?;
                facts.replicas = Some(count);
            }
            ("modules", toml::Value::Array(names)) => {
                let names = names.iter().map(|name| name.as_str().map(str::to_owned));
                let names: Option<Vec<String>> = names.collect();
                facts.modules = Some(names.context("modules: expected a list of names")?);
            }
            _ => anyhow::bail!(
                "{name}: expected server, maxmemory, maxmemory-policy, replicas or modules, as text, number or list"
            ),
        }
    }
    Ok(facts)
}

impl LimitArgs {
    fn or(self, file: &LimitArgs) -> LimitArgs {
        LimitArgs {
            limits: self.limits,
            latency_budget: self.latency_budget.or(file.latency_budget),
            node_timeout: self.node_timeout.or(file.node_timeout),
            safety_factor: self.safety_factor.or(file.safety_factor),
            proto_max_bulk_len: self.proto_max_bulk_len.or(file.proto_max_bulk_len),
            client_query_buffer: self.client_query_buffer.or(file.client_query_buffer),
            replica_buffer_hard: self.replica_buffer_hard.or(file.replica_buffer_hard),
        }
    }
}

impl PlanLimitArgs {
    fn or(self, file: &PlanLimitArgs) -> PlanLimitArgs {
        PlanLimitArgs {
            keys_per_call: self.keys_per_call.or(file.keys_per_call),
            slots_per_batch: self.slots_per_batch.or(file.slots_per_batch),
            replica_buffer_soft: self.replica_buffer_soft.or(file.replica_buffer_soft),
            maxmemory: self.maxmemory.or(file.maxmemory),
            headroom: self.headroom.or(file.headroom),
            allow_oversized: self.allow_oversized || file.allow_oversized,
            side_by_side: self.side_by_side.or(file.side_by_side),
            blocked_share: self.blocked_share.or(file.blocked_share),
            round_trip: self.round_trip.or(file.round_trip),
            window: self.window.or(file.window),
            start: self.start.or(file.start),
        }
    }
}

/// What limits hang on in a cost profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallTerms {
    /// What each call costs besides its keys, nanoseconds.
    pub fixed_ns: u64,
    /// How far predicted times may be off, in thousandths of them.
    pub spread_permille: [u32; 2],
}

impl CallTerms {
    /// Those of what was saved.
    pub fn of(basis: &SavedBasis) -> CallTerms {
        CallTerms {
            fixed_ns: basis.call_fixed_ns,
            spread_permille: basis.cost_spread_permille,
        }
    }
}

impl From<&CostProfile> for CallTerms {
    fn from(cost: &CostProfile) -> CallTerms {
        let spread = cost.spread();
        CallTerms {
            fixed_ns: cost.call_fixed_ns(),
            spread_permille: [spread.low_permille, spread.high_permille],
        }
    }
}

/// The limits in force for a server of this cost profile.
///
/// # Errors
/// Wrong usage, when a limit makes no sense.
pub fn plan_limits(stated: &Stated, terms: CallTerms) -> Result<PlanLimits> {
    let Stated { keys, plan, .. } = stated;
    let defaults = PlanLimits::default();
    let [low_permille, high_permille] = terms.spread_permille;
    let mut limits = PlanLimits {
        latency_budget_ms: keys.latency_budget.unwrap_or(defaults.latency_budget_ms),
        safety_factor: keys.safety_factor.unwrap_or(defaults.safety_factor),
        call_fixed_us: terms.fixed_ns.div_ceil(1_000),
        prediction_low: f64::from(low_permille.min(1_000)) / 1_000.0,
        prediction_high: f64::from(high_permille.max(1_000)) / 1_000.0,
        keys_per_call_max: plan.keys_per_call.unwrap_or(defaults.keys_per_call_max),
        slots_per_batch_max: plan.slots_per_batch.unwrap_or(defaults.slots_per_batch_max),
        maxmemory_bytes: plan.maxmemory.filter(|&bytes| bytes > 0),
        headroom: plan.headroom.unwrap_or(defaults.headroom),
        allow_oversized: plan.allow_oversized,
        batches_side_by_side: plan.side_by_side.unwrap_or(defaults.batches_side_by_side),
        blocked_share: plan.blocked_share.unwrap_or(defaults.blocked_share),
        round_trip_us: plan.round_trip.unwrap_or(defaults.round_trip_us),
        window_ms: plan.window,
        starts_at_ms: plan.start,
        ..defaults
    };
    let PlanLimits {
        cluster_node_timeout_ms,
        proto_max_bulk_bytes,
        client_query_buffer_bytes,
        replica_buffer_hard_bytes,
        replica_buffer_soft_bytes,
        assumed,
        ..
    } = &mut limits;
    for (name, field, stated) in [
        (
            "cluster_node_timeout_ms",
            cluster_node_timeout_ms,
            keys.node_timeout,
        ),
        (
            "proto_max_bulk_bytes",
            proto_max_bulk_bytes,
            keys.proto_max_bulk_len,
        ),
        (
            "client_query_buffer_bytes",
            client_query_buffer_bytes,
            keys.client_query_buffer,
        ),
        (
            "replica_buffer_hard_bytes",
            replica_buffer_hard_bytes,
            keys.replica_buffer_hard,
        ),
        (
            "replica_buffer_soft_bytes",
            replica_buffer_soft_bytes,
            plan.replica_buffer_soft,
        ),
    ] {
        if let Some(stated) = stated {
            *field = stated;
            assumed.retain(|each| each != name);
        }
    }
    limits
        .validate()
        .map_err(|error| Refusal::usage(error.to_string()))?;
    Ok(limits)
}

/// From which predicted block and which payload on a key is listed by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Floors {
    /// Nanoseconds.
    pub block_ns: u64,
    /// Bytes.
    pub payload_bytes: u64,
}

impl Floors {
    /// Those that plans within these limits ask for.
    pub fn of(limits: &PlanLimits) -> Floors {
        let call_ms = limits
            .latency_budget_ms
            .min(limits.cluster_node_timeout_ms / 2) as f64
            / limits.factor();
        let block_ns = (call_ms * 1e6) as u64 / FLOOR_PART;
        let payload_bytes = limits
            .proto_max_bulk_bytes
            .min(limits.client_query_buffer_bytes)
            .min(limits.replica_buffer_hard_bytes)
            / FLOOR_PART;
        Floors {
            block_ns: block_ns
                .saturating_sub(limits.call_fixed_us.saturating_mul(1_000))
                .max(1),
            payload_bytes: payload_bytes.clamp(1, FLOOR_PAYLOAD_BYTES),
        }
    }

    /// The higher ones of two.
    #[must_use]
    pub fn max(self, other: Floors) -> Floors {
        Floors {
            block_ns: self.block_ns.max(other.block_ns),
            payload_bytes: self.payload_bytes.max(other.payload_bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use preshard_analyzer::Cost;
    use preshard_planner::plan::Verdict;
    use preshard_planner::verdict;

    use super::*;

    /// A key below both floors is one of many in a histogram; the planner can give no call to it, so none may need one.
    #[test]
    fn every_key_that_needs_a_call_of_its_own_is_listed_by_name() {
        let mut needing = 0;
        for latency_budget_ms in [1, 10, 100, 60_000] {
            for safety_factor in [1.0, 2.0, 7.5] {
                for replica_buffer_hard_bytes in [1 << 20, 256 << 20] {
                    let limits = PlanLimits {
                        latency_budget_ms,
                        safety_factor,
                        replica_buffer_hard_bytes,
                        ..PlanLimits::default()
                    };
                    let floors = Floors::of(&limits);
                    for step in 0..400u32 {
                        let grown = 1.08f64.powi(step as i32);
                        let cost = Cost {
                            block_ns: grown as u64,
                            restore_ns: grown as u64 / 2,
                        };
                        for payload_bytes in [1, grown as u64] {
                            if verdict(cost, payload_bytes, &limits) < Verdict::OwnCall {
                                continue;
                            }
                            needing += 1;
                            assert!(
                                cost.block_ns >= floors.block_ns
                                    || payload_bytes >= floors.payload_bytes,
                                "{cost:?} with {payload_bytes} bytes lies below {floors:?} under {limits:?}"
                            );
                        }
                    }
                }
            }
        }
        assert!(
            needing > 1_000,
            "only {needing} keys needed a call of their own"
        );
    }
}
