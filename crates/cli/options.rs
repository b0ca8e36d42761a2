//! From the literal command line to what the code works with.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use preshard_analyzer::{
    Allocator, CostEffects, CostProfile, MemoryModel, MemorySettings, MemoryTarget, Tables, Target,
    UnknownName,
};
use preshard_parser::source::{Mmap, OpenOptions};

use crate::args::{CostArgs, MmapChoice, ReadArgs, TargetArgs};
use crate::exit::Refusal;
use crate::input::shown;

/// How inputs are read.
#[derive(Debug)]
pub struct ReadOptions {
    /// Whether files are mapped, and how much they may decode to.
    pub open: OpenOptions,
    /// The cost profile that was asked for.
    pub target: Option<CostProfile>,
    /// What changes costs.
    pub effects: CostEffects,
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
            effects: CostEffects::default(),
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

    /// With what the costs of moves are predicted from.
    ///
    /// # Errors
    /// Wrong usage, when no such profile is known; a profile that cannot be read or used.
    pub fn predicting(mut self, args: &CostArgs) -> Result<ReadOptions> {
        if let Some(named) = &args.cost_profile {
            self.target = Some(cost_profile(named)?);
        }
        let stated = CostEffects {
            rdbcompression: args.rdbcompression,
            lazyfree_lazy_server_del: args.lazyfree_lazy_server_del,
            copy: args.migrate_copy,
            bandwidth_bits: args.bandwidth,
            round_trip_ns: args.node_round_trip,
            tls_permille: args.tls_factor.map(|factor| (factor * 1e3).round() as u32),
        };
        self.effects = match &self.memory.saved {
            Some(text) => stated.or_settings(text),
            None => stated,
        };
        Ok(self)
    }
}

/// Longest cost profile: one has a few kilobytes.
pub const COST_PROFILE_BYTES_MAX: u64 = 1 << 20;

/// The profile in a file, or the one that comes with the program by this name.
///
/// # Errors
/// Wrong usage, when it is neither; a file that cannot be read or used.
fn cost_profile(named: &Path) -> Result<CostProfile> {
    if let Some(profile) = named.to_str().and_then(CostProfile::for_target) {
        return Ok(profile);
    }
    if !named.exists() {
        let known = CostProfile::target_names().join(", ");
        return Err(Refusal::usage(format!(
            "no file {}, and no cost profile of that name; known are {known}",
            shown(named)
        )));
    }
    let text = read_text(named, COST_PROFILE_BYTES_MAX)?;
    CostProfile::parse_own(&text).with_context(|| format!("cannot use {}", shown(named)))
}

/// Whose memory is computed.
#[derive(Debug)]
pub struct MemoryOptions {
    /// The server that was asked for; by default the one that wrote the snapshot.
    pub target: Option<MemoryTarget>,
    allocator: Allocator,
    settings: MemorySettings,
    is_standalone: bool,
    /// The saved configuration, for what else it holds.
    saved: Option<String>,
    is_allocator_stated: bool,
    is_config_stated: bool,
    /// What of it was assumed or told, in words.
    pub basis: String,
}

impl MemoryOptions {
    /// The saved configuration of a target, for what else it holds.
    pub fn saved(&self) -> Option<&str> {
        self.saved.as_deref()
    }

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
        let saved = match &args.target_config {
            None => None,
            Some(path) => Some(read_text(path, CONFIG_BYTES_MAX)?),
        };
        let mut settings = match (&saved, &args.target_config) {
            (Some(text), Some(path)) => MemorySettings::parse(text)
                .with_context(|| format!("cannot use {}", shown(path)))?,
            _ => MemorySettings::default(),
        };
        settings.cluster &= !args.standalone;
        Ok(MemoryOptions {
            target: args.target.as_deref().and_then(MemoryTarget::for_line),
            basis: basis(args, allocator),
            allocator,
            settings,
            saved,
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

/// The text of a file, of its beginning where it is too long for what it is to be.
///
/// # Errors
/// When it cannot be read.
pub fn read_text(path: &Path, bytes_max: u64) -> Result<String> {
    let mut text = Vec::new();
    let read = File::open(path).and_then(|file| file.take(bytes_max).read_to_end(&mut text));
    read.with_context(|| format!("cannot read {}", shown(path)))?;
    // Values may hold anything; what is looked for is plain.
    Ok(String::from_utf8_lossy(&text).into_owned())
}
