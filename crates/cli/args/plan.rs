//! What a plan is to reach, and how.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{
    CostArgs, InputArgs, LimitArgs, PlanFormat, PlanLimitArgs, TargetArgs, TopologyArgs, WhatIfArgs,
};
use crate::number::parse_count;
use crate::size::parse_size_limit;

/// `preshard plan`
#[derive(Debug, Args)]
pub struct PlanArgs {
    #[command(flatten)]
    pub input: InputArgs,

    #[command(flatten)]
    pub topology: TopologyArgs,

    #[command(flatten)]
    pub target: TargetArgs,

    #[command(flatten)]
    pub cost: CostArgs,

    /// What is printed on standard output.
    #[arg(short, long, value_enum, default_value_t = PlanFormat::Text)]
    pub format: PlanFormat,

    /// Write the plan document (JSON) to this file as well; the summary stays on standard output. Default: none is
    /// written. The file appears whole or not at all.
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,

    /// Write the keys that move to this file, one line of JSON each, with batch, wave, slot and what moves them.
    ///
    /// The backup is read a second time for it, and nothing is kept in memory: the lines come in the order of the backup. A
    /// sweep is not bound to them: it takes what the server returns, which is why its bound holds for any keys.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["goals", "sweeps"])]
    pub key_list: Option<PathBuf>,

    /// Plan although a snapshot is damaged or a shard is missing; the exit status is 5.
    ///
    /// Slots that may be incomplete are held. After a wrong checksum no slot can be named, so none is held for it: any
    /// figure may be wrong. With --salvage, which holds the slots that damage may touch, and where it may touch any, all
    /// of the node, this is needed for missing shards only, and for files that changed while they were read.
    #[arg(long)]
    pub allow_partial: bool,

    #[command(flatten)]
    pub goal: GoalArgs,

    #[command(flatten)]
    pub what_if: WhatIfArgs,

    #[command(flatten)]
    pub limits: LimitArgs,

    #[command(flatten)]
    pub plan_limits: PlanLimitArgs,

    /// Which commands move the slots.
    ///
    /// auto: the servers themselves where all of them are known to be able to (Valkey from 9.0 on by CLUSTER MIGRATESLOTS,
    /// Redis from 8.4 on by CLUSTER MIGRATION IMPORT), else MIGRATE. A backup tells which server its node runs; what nodes
    /// without a backup run is stated with --limits.
    #[arg(long, value_enum, default_value_t = MoverChoice::Auto, help_heading = "Limits")]
    pub mover: MoverChoice,
}

/// Who moves the slots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum MoverChoice {
    /// The servers where they can, else MIGRATE.
    Auto,
    /// CLUSTER SETSLOT and MIGRATE.
    Migrate,
    /// The servers themselves, or no plan.
    Atomic,
    /// A service such as ElastiCache or MemoryDB: what stands in its way, and no commands.
    Managed,
}

/// What a plan is to reach. Goals combine.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Goal")]
pub struct GoalArgs {
    /// Balance over all nodes.
    #[arg(long)]
    pub rebalance: bool,

    /// What nodes get equal parts of. Room is always room for memory.
    #[arg(long, value_enum, value_name = "WHAT", default_value_t)]
    pub balance_by: BalanceBy,

    /// Give a new node its share. NODE is a primary without slots; COUNT stands for so many nodes that do not exist yet
    /// (new-1, new-2 ...). May be repeated.
    #[arg(long, value_name = "NODE|COUNT")]
    pub add: Vec<String>,

    /// Empty a node. NODE is an id, the beginning of one (at least 8 characters), or host:port. May be repeated.
    #[arg(long, value_name = "NODE")]
    pub drain: Vec<String>,

    /// Shares of nodes other than 1: `10.0.0.1:7000=2,new-1=0.5`.
    #[arg(long, value_name = "NODE=W", value_delimiter = ',')]
    pub weights: Vec<String>,

    /// Move slots from one node to another: `0-100,200:10.0.0.1:7000->new-1`. May be repeated.
    #[arg(long = "move", value_name = "SLOTS:FROM->TO")]
    pub moves: Vec<String>,

    /// Leave these slots where they are: `0-100,200`. May be repeated.
    #[arg(long, value_name = "SLOTS")]
    pub keep: Vec<String>,

    /// Move at most so many slots: --move and --drain come first, then what helps the fullest nodes most.
    #[arg(long, value_name = "N", allow_hyphen_values = true, value_parser = parse_count::<u32>)]
    pub max_moves: Option<u32>,

    /// Move at most so much memory, a size; likewise.
    #[arg(long, value_name = "SIZE", allow_hyphen_values = true, value_parser = parse_size_limit)]
    pub max_bytes: Option<u64>,
}

/// What a plan balances by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum BalanceBy {
    /// Memory of the keys.
    #[default]
    Memory,
    /// Number of keys.
    Keys,
    /// What DUMP returns for the keys: about what they take on disk.
    Payload,
}
