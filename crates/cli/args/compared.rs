//! The arguments of questions that compare: goals with each other, a plan with a backup, two backups.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{DocumentFormat, LimitArgs, OutputArgs, ReadArgs, TargetArgs, TopologyArgs};
use crate::number::{
    parse_count, parse_duration_ms, parse_instant_ms, parse_part, parse_separator,
};

/// How plans are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PlanFormat {
    /// For people.
    Text,
    /// One document; see `preshard schema plan`, and `preshard schema compare` for several goals.
    Json,
    /// One row a goal, for --goal and --sweep, or a row for whatever grew.
    Csv,
}

/// Several goals beside each other.
#[derive(Debug, Args)]
#[command(next_help_heading = "What if")]
pub struct WhatIfArgs {
    /// Compare goals instead of writing one plan: each --goal is one, in the words of the options above with blanks between,
    /// `--goal "add=2 drain=10.0.0.1:7000" --goal rebalance`.
    #[arg(long = "goal", value_name = "WORDS", conflicts_with_all = ["rebalance", "add", "drain", "weights", "moves", "output"])]
    pub goals: Vec<String>,

    /// Compare numbers of shards: `shards=6..24` for all from 6 to 24, `shards=6,9,12` for these.
    ///
    /// Memory is balanced over so many. More than there are are added: primaries without slots, then nodes that do not exist
    /// yet. Of fewer, those that hold least memory are drained.
    #[arg(long = "sweep", value_name = "shards=N..M", conflicts_with_all = ["rebalance", "add", "drain", "weights", "moves", "output"])]
    pub sweeps: Vec<String>,
}

impl WhatIfArgs {
    /// Whether goals are to be compared.
    pub fn is_asked(&self) -> bool {
        !self.goals.is_empty() || !self.sweeps.is_empty()
    }
}

/// `preshard verify`
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// The plan document that `preshard plan -o FILE` wrote.
    #[arg(value_name = "PLAN")]
    pub plan: PathBuf,

    /// Newer backups or saved profiles of the same cluster. Without any, only the plan itself is checked.
    #[arg(value_name = "INPUT")]
    pub inputs: Vec<PathBuf>,

    #[command(flatten)]
    pub read: ReadArgs,

    #[command(flatten)]
    pub topology: TopologyArgs,

    /// Compute memory with the settings in this file, as the plan was made with.
    #[arg(long, value_name = "FILE")]
    pub target_config: Option<PathBuf>,

    /// Most that the plan's age may be, a time: from when the oldest backup was written that it was made from, to when the
    /// newest was written that it is held against, or to --now. Default: any age.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, value_parser = parse_duration_ms)]
    pub max_age: Option<u64>,

    /// Growth of a slot or a key that is not worth a note, as a part of what was planned.
    #[arg(long, value_name = "PART", allow_hyphen_values = true, default_value_t = 0.1, value_parser = parse_part)]
    pub tolerance: f64,

    /// The time that the plan's age counts to: ISO 8601 (2026-03-01T12:00:00Z) or Unix seconds.
    ///
    /// Default: when the newest INPUT was written, as it tells. The clock of this machine is never asked; for now it is
    /// `--now "$(date +%s)"`.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, value_parser = parse_instant_ms)]
    pub now: Option<i64>,

    /// How the result is written.
    #[arg(short, long, value_enum, default_value_t = DocumentFormat::Text)]
    pub format: DocumentFormat,

    #[command(flatten)]
    pub output: OutputArgs,
}

/// `preshard diff`
#[derive(Debug, Args)]
pub struct DiffArgs {
    /// The older backup: a snapshot, a directory of them, or a saved profile.
    #[arg(value_name = "OLD")]
    pub old: PathBuf,

    /// The newer one.
    #[arg(value_name = "NEW")]
    pub new: PathBuf,

    #[command(flatten)]
    pub read: ReadArgs,

    #[command(flatten)]
    pub topology: TopologyArgs,

    #[command(flatten)]
    pub target: TargetArgs,

    /// Most rows of each list.
    #[arg(long, value_name = "N", allow_hyphen_values = true, default_value = "20", value_parser = parse_count::<usize>)]
    pub top: usize,

    /// The character that ends the prefix of a name: `user:` of `user:17:cart`.
    #[arg(long, value_name = "CHAR", allow_hyphen_values = true, default_value = ":", value_parser = parse_separator)]
    pub separator: u8,

    /// How the result is written.
    #[arg(short, long, value_enum, default_value_t = PlanFormat::Text)]
    pub format: PlanFormat,

    #[command(flatten)]
    pub output: OutputArgs,

    #[command(flatten)]
    pub limits: LimitArgs,
}
