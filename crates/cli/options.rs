//! From the literal command line to what the code works with.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use preshard_analyzer::{
    Allocator, CostProfile, MemoryModel, MemorySettings, MemoryTarget, Tables, Target, UnknownName,
};
use preshard_parser::source::{Mmap, OpenOptions};
use preshard_planner::PlanLimits;

use crate::args::{LimitArgs, MmapChoice, PlanLimitArgs, ReadArgs, TargetArgs};
use crate::exit::Refusal;
use crate::input::shown;

/// Keys with this part of what a call may have are listed by name: the planner gives keys above a tenth a
/// call of their own, and plans more exactly the more of them it knows.
const FLOOR_PART: u64 = 20;
/// Keys of this payload are listed by name whatever they cost: the size that people call big.
const FLOOR_PAYLOAD_BYTES: u64 = 10_000_000;

/// How inputs are read.
#[derive(Debug)]
pub struct ReadOptions {
    /// Whether files are mapped, and how much they may decode to.
    pub open: OpenOptions,
    /// The cost profile that was asked for by name.
    pub target: Option<CostProfile>,
    /// Whose memory is computed.
    pub memory: MemoryOptions,
    /// The time before which expiries are past, Unix milliseconds, where one was asked for.
    pub now_ms: Option<i64>,
    /// Whether reading goes on behind damage.
    pub salvage: bool,
    /// Whether nobody wants to see the progress.
    pub quiet: bool,
    /// The inputs.
    pub inputs: Vec<PathBuf>,
}

impl ReadOptions {
    /// Resolves the arguments.
    ///
    /// # Errors
    /// Wrong usage, when no such target or allocator is known; a configuration that cannot be read or used.
    pub fn new(inputs: Vec<PathBuf>, args: ReadArgs, server: TargetArgs) -> Result<ReadOptions> {
        let memory = MemoryOptions::new(&server)?;
        let target = match server.target {
            None => None,
            Some(name) => Some(CostProfile::for_target(&name).ok_or_else(|| {
                let known = CostProfile::target_names().join(", ");
                Refusal::usage(format!("no target {name:?}; known are {known}"))
            })?),
        };
        Ok(ReadOptions {
            open: OpenOptions {
                mmap: match args.mmap {
                    MmapChoice::Auto => Mmap::Auto,
                    MmapChoice::Never => Mmap::Never,
                },
                max_decompressed_bytes: args.max_decompressed,
            },
            target,
            memory,
            now_ms: None,
            salvage: args.salvage,
            quiet: args.no_progress,
            inputs,
        })
    }

    /// Has times and memory computed as a document has them. What it names that is not known here stays as it is: nothing
    /// can be compared with it then, which is told where it is tried.
    pub fn compute_as(&mut self, cost_profile: &str, memory_model: &str) {
        self.target = CostProfile::built_in(cost_profile);
        if let Ok(tables) = memory_model.parse::<Tables>() {
            self.memory.compute_as(tables);
        }
    }
}

/// Whose memory is computed.
#[derive(Debug)]
pub struct MemoryOptions {
    /// The server that was asked for; by default the one that wrote the snapshot.
    pub target: Option<MemoryTarget>,
    allocator: Allocator,
    settings: MemorySettings,
    is_standalone: bool,
    is_allocator_stated: bool,
    is_config_stated: bool,
    /// What of it was assumed or told, in words.
    pub basis: String,
}

impl MemoryOptions {
    fn new(args: &TargetArgs) -> Result<MemoryOptions> {
        let allocator = match &args.allocator {
            None => Allocator::Je3,
            Some(name) => name.parse().map_err(|error: UnknownName| {
                Refusal::usage(format!(
                    "{error}; for jemalloc-5.3.0 and before it is je3 (official builds) or je4 (packages of Debian and \
                     Ubuntu), from jemalloc-5.3.1 on je3p or je4p, for libc glibc"
                ))
            })?,
        };
        let mut settings = match &args.target_config {
            None => MemorySettings::default(),
            Some(path) => saved_settings(path)?,
        };
        settings.cluster &= !args.standalone;
        Ok(MemoryOptions {
            target: args.target.as_deref().and_then(MemoryTarget::for_line),
            basis: basis(args, allocator),
            allocator,
            settings,
            is_standalone: args.standalone,
            is_allocator_stated: args.allocator.is_some(),
            is_config_stated: args.target_config.is_some(),
        })
    }

    fn compute_as(&mut self, tables: Tables) {
        self.target = Some(MemoryTarget {
            target: tables.target(),
            is_own: true,
            basis: tables.target().to_string(),
        });
        self.allocator = tables.allocator();
        self.settings.cluster = tables.is_cluster();
    }

    /// A plan is for a cluster, whatever server its settings were saved from.
    ///
    /// # Errors
    /// Wrong usage, when a server outside of cluster mode was asked for.
    pub fn for_cluster(&mut self) -> Result<()> {
        if self.is_standalone {
            return Err(Refusal::usage(
                "--standalone is for a server outside of cluster mode, and a plan moves slots of a cluster",
            ));
        }
        self.settings.cluster = true;
        Ok(())
    }

    /// The option that asks for other memory than what was computed when a profile was saved, and what it was then.
    pub fn option_against(
        &self,
        saved: Tables,
        settings: &BTreeMap<String, i64>,
    ) -> Option<String> {
        if self
            .target
            .as_ref()
            .is_some_and(|target| target.target != saved.target())
        {
            return Some(format!("--target, and was saved for {}", saved.target()));
        }
        if self.is_allocator_stated && self.allocator != saved.allocator() {
            return Some(format!(
                "--allocator, and was saved for {}",
                saved.allocator()
            ));
        }
        if self.is_standalone && saved.is_cluster() {
            return Some("--standalone, and was saved for a cluster".to_owned());
        }
        let differs = self.is_config_stated
            && self
                .settings
                .values()
                .iter()
                .any(|(name, value)| settings.get(*name) != Some(value));
        differs.then(|| "--target-config, and was saved with other settings".to_owned())
    }

    /// The model of a server line.
    pub fn model(&self, target: Target) -> MemoryModel {
        MemoryModel::new(target, self.allocator, self.settings.clone())
    }
}

/// What a memory model rests on besides the server line.
fn basis(args: &TargetArgs, allocator: Allocator) -> String {
    let allocator = match args.allocator {
        Some(_) => format!("allocator {allocator}"),
        None => format!("allocator {allocator} assumed (--allocator)"),
    };
    match &args.target_config {
        Some(path) => format!("{allocator}, settings of {}", shown(path)),
        None => format!("{allocator}, default settings"),
    }
}

/// Longest saved configuration: a server's has a few hundred lines.
const CONFIG_BYTES_MAX: u64 = 4 << 20;

fn saved_settings(path: &Path) -> Result<MemorySettings> {
    let mut text = Vec::new();
    let read = File::open(path).and_then(|file| file.take(CONFIG_BYTES_MAX).read_to_end(&mut text));
    read.with_context(|| format!("cannot read {}", shown(path)))?;
    // Values may hold anything; the settings that are looked for are plain.
    let text = String::from_utf8_lossy(&text);
    MemorySettings::parse(&text).with_context(|| format!("cannot use {}", shown(path)))
}

/// The limits in force for a server whose cost profile has this fixed cost of a call.
///
/// # Errors
/// Wrong usage, when a limit makes no sense.
pub fn plan_limits(
    keys: &LimitArgs,
    plan: Option<&PlanLimitArgs>,
    call_fixed_ns: u64,
) -> Result<PlanLimits> {
    let mut limits = PlanLimits {
        latency_budget_ms: keys.latency_budget,
        safety_factor: keys.safety_factor,
        call_fixed_us: call_fixed_ns.div_ceil(1_000),
        ..PlanLimits::default()
    };
    let soft = plan.and_then(|plan| plan.replica_buffer_soft);
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
        ("replica_buffer_soft_bytes", replica_buffer_soft_bytes, soft),
    ] {
        if let Some(stated) = stated {
            *field = stated;
            assumed.retain(|each| each != name);
        }
    }
    if let Some(plan) = plan {
        limits.keys_per_call_max = plan.keys_per_call;
        limits.slots_per_batch_max = plan.slots_per_batch;
        limits.maxmemory_bytes = plan.maxmemory.filter(|&bytes| bytes > 0);
        limits.headroom = plan.headroom;
        limits.allow_oversized = plan.allow_oversized;
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
            / limits.safety_factor;
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
