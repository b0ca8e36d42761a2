//! What times are predicted from.

use std::path::PathBuf;

use clap::Args;

use super::OutputArgs;
use crate::number::{parse_bandwidth, parse_factor, parse_round_trip_ns, parse_yes};

/// What moves cost.
#[derive(Debug, Args)]
#[command(next_help_heading = "Cost of a move")]
pub struct CostArgs {
    /// Predict times from this cost profile: a file that `preshard calibrate` wrote, or a name that --target knows.
    ///
    /// Default: that of --target, or of the server that wrote the snapshot. Memory stays that of --target.
    #[arg(long, value_name = "FILE|NAME")]
    pub cost_profile: Option<PathBuf>,

    /// `rdbcompression` of the sources. With no, MIGRATE does not try to compress long strings. Default: as --target-config
    /// says, or else yes.
    #[arg(long, value_name = "yes|no", value_parser = parse_yes)]
    pub rdbcompression: Option<bool>,

    /// `lazyfree-lazy-server-del` of the sources. With yes, the source deletes what it has moved in the background. Default: as
    /// --target-config says, or else no on Redis and yes on Valkey from 8.0 on.
    #[arg(long, value_name = "yes|no", value_parser = parse_yes)]
    pub lazyfree_lazy_server_del: Option<bool>,

    /// Predict MIGRATE with COPY, after which the source keeps the key.
    #[arg(long)]
    pub migrate_copy: bool,

    /// Network between the nodes, bits per second: 1gbit, 500mbit. Adds 8 / RATE for each byte of payload. Default: loopback,
    /// where times were measured.
    #[arg(long, value_name = "RATE", allow_hyphen_values = true, value_parser = parse_bandwidth)]
    pub bandwidth: Option<u64>,

    /// Round trip between source and target, a time down to a microsecond: 500us. Adds once to each call. Default:
    /// loopback.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, value_parser = parse_round_trip_ns)]
    pub node_round_trip: Option<u64>,

    /// How many times as long a byte takes on its way with TLS. Nobody has measured it: state what you know. Default: no TLS.
    #[arg(long, value_name = "FACTOR", allow_hyphen_values = true, value_parser = parse_factor)]
    pub tls_factor: Option<f64>,
}

/// `preshard calibrate`
#[derive(Debug, Args)]
pub struct CalibrateArgs {
    /// Measured MIGRATE calls: CSV, or the NDJSON that a runbook logs; `-` is standard input.
    #[arg(value_name = "LOG")]
    pub log: PathBuf,

    /// Start from this cost profile: a file, or redis-7.0, redis-8.0 or valkey-9.1. Of what the log does not tell, it decides.
    #[arg(long, value_name = "FILE|NAME", default_value = "redis-7.0")]
    pub base: PathBuf,

    /// Name of the profile, which plans show. Default: `calibrated-` and the name of the log without its ending.
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,

    #[command(flatten)]
    pub output: OutputArgs,
}
