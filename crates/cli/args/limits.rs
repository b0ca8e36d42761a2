//! What moves must stay within.

use std::path::PathBuf;

use clap::Args;

use crate::number::{
    parse_count, parse_duration_ms, parse_duration_us, parse_factor, parse_instant_ms, parse_part,
    parse_share,
};
use crate::size::{parse_maxmemory, parse_size_limit};

/// What a single key must stay within.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Limits")]
pub struct LimitArgs {
    /// Take limits from this file (TOML): the names of these options without their hyphens, and what is known of single
    /// nodes; see the end of `preshard plan --help`. What the command line says counts before what the file says, but for what
    /// the file says of a single node.
    #[arg(long, value_name = "FILE")]
    pub limits: Option<PathBuf>,

    /// Longest acceptable stop of a node, a time. Predicted blocks, times the safety factor, stay below it. Default: 100ms.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, value_parser = parse_duration_ms)]
    pub latency_budget: Option<u64>,

    /// The cluster's `cluster-node-timeout`, the least of all nodes, a time. Nothing comes near half of it.
    /// Assumed unless stated: 15s.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, value_parser = parse_duration_ms)]
    pub node_timeout: Option<u64>,

    /// Factor on every predicted block before it is compared with a limit: for slower machines, TLS, and the error
    /// of the prediction. Default: 2.
    #[arg(long, value_name = "FACTOR", allow_hyphen_values = true, value_parser = parse_factor)]
    pub safety_factor: Option<f64>,

    /// `proto-max-bulk-len` of the targets, a size: no payload may reach it. Assumed unless stated: 512mb.
    #[arg(long, value_name = "SIZE", allow_hyphen_values = true, value_parser = parse_size_limit)]
    pub proto_max_bulk_len: Option<u64>,

    /// `client-query-buffer-limit` of the targets, a size: no payload may reach it. Assumed unless stated: 1gb.
    #[arg(long, value_name = "SIZE", allow_hyphen_values = true, value_parser = parse_size_limit)]
    pub client_query_buffer: Option<u64>,

    /// Hard `client-output-buffer-limit replica` of the targets, a size: no payload may reach it, or the target loses
    /// its replicas. Assumed unless stated: 256mb.
    #[arg(long, value_name = "SIZE", allow_hyphen_values = true, value_parser = parse_size_limit)]
    pub replica_buffer_hard: Option<u64>,
}

/// What a plan must stay within besides.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Limits")]
pub struct PlanLimitArgs {
    /// Most keys in one MIGRATE call; nothing is gained above 100. Default: 100.
    #[arg(long, value_name = "N", allow_hyphen_values = true, value_parser = parse_count::<u32>)]
    pub keys_per_call: Option<u32>,

    /// Most slots in one batch: what an operator waits for, watches and may stop after. Default: 256.
    #[arg(long, value_name = "N", allow_hyphen_values = true, value_parser = parse_count::<u32>)]
    pub slots_per_batch: Option<u32>,

    /// Soft `client-output-buffer-limit replica` of the targets, a size: most payload of a batch with more than one
    /// slot. Assumed unless stated: 64mb.
    #[arg(long, value_name = "SIZE", allow_hyphen_values = true, value_parser = parse_size_limit)]
    pub replica_buffer_soft: Option<u64>,

    /// `maxmemory` of every node, a size; 0 is no limit. Without it, room on the targets is not checked, and the plan
    /// says so. For nodes of different size see --limits.
    #[arg(long, value_name = "SIZE", allow_hyphen_values = true, value_parser = parse_maxmemory)]
    pub maxmemory: Option<u64>,

    /// Part of maxmemory that stays free on a target, 0 to 1. Default: 0.2.
    #[arg(long, value_name = "PART", allow_hyphen_values = true, value_parser = parse_part)]
    pub headroom: Option<f64>,

    /// Let keys move that exceed the latency budget, each in a call of its own. Keys near the failover clock or over a
    /// payload limit still stay.
    #[arg(long)]
    pub allow_oversized: bool,

    /// Most batches at a time, each between two nodes of its own. Default: 1.
    ///
    /// A client that talks to all nodes waits for each that is silent: the worst calls of batches side by side stay within
    /// the latency budget together.
    #[arg(long, value_name = "N", allow_hyphen_values = true, value_parser = parse_count::<u32>)]
    pub side_by_side: Option<u32>,

    /// Part of any second, or of any ten latency budgets where that is longer, that a node may be blocked, 0.15 to 1: the
    /// source rests behind each call. With 1 there are no pauses. Default: 0.5.
    #[arg(long, value_name = "PART", allow_hyphen_values = true, value_parser = parse_share)]
    pub blocked_share: Option<f64>,

    /// One round trip between the machine that runs the plan and the nodes, a time, such as 0.5ms. Assumed unless stated:
    /// 0.5ms. For predicted times only.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, value_parser = parse_duration_us)]
    pub round_trip: Option<u64>,

    /// Run only in windows of this length, a time, such as 4h: each wave of batches surely ends in the window that it begins
    /// in, and the plan says how many windows it takes.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, value_parser = parse_duration_ms)]
    pub window: Option<u64>,

    /// When the plan is to begin: ISO 8601 (2026-03-01T12:00:00Z) or Unix seconds. Keys with a name that expire before are
    /// planned as gone. Default: nobody knows, so that all keys count as there.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, value_parser = parse_instant_ms)]
    pub start: Option<i64>,
}
