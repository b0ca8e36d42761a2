//! The command line, literally. `options.rs` turns it into what the code works with.
//!
//! Options that want a number take values that begin with a hyphen, so that `-1` is told to be a wrong value and not an
//! unknown option.

mod compared;

use std::path::PathBuf;

use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum};
use preshard_analyzer::KeyName;
use preshard_slots::SlotSet;

pub use compared::{DiffArgs, PlanFormat, VerifyArgs, WhatIfArgs};

use crate::number::{
    parse_bandwidth, parse_count, parse_db, parse_duration_ms, parse_duration_us, parse_factor,
    parse_instant_ms, parse_member_bytes, parse_part, parse_round_trip_ns, parse_share,
    parse_threads, parse_yes,
};
use crate::size::{parse_decompressed, parse_maxmemory, parse_size, parse_size_limit};

/// Look before you reshard: plan Redis and Valkey slot migrations from backups.
///
/// Reads RDB snapshots, finds the keys that would break a slot migration, and writes a plan whose every
/// step is predicted, bounded and checked. It never connects to a server and never writes to a backup.
///
/// INPUT is a snapshot (.rdb), a directory made by `redis-cli --cluster backup` (nodes.json and one snapshot
/// per primary), a data directory of a server (nodes.conf and its snapshot), a directory of snapshots, `-` for
/// standard input, or a profile saved by `slots --save`. Several may be given. What an input is is decided by its content, and so is what it is wrapped in:
/// gzip, zstd, LZ4 frames, the compressed snapshots of Valkey 9.2, and captures of replication (`$EOF:` and
/// `$<bytes>`), up to four of them around each other.
#[derive(Debug, Parser)]
#[command(name = "preshard", version, propagate_version = true, after_long_help = EXIT_STATUS, max_term_width = 100)]
pub struct CommandLine {
    /// What is asked.
    #[command(subcommand)]
    pub command: Command,
}

/// The exit statuses, as every help ends with them.
const EXIT_STATUS: &str = "\
Exit status:
  0  fine
  1  an input cannot be read or an output cannot be written
  2  wrong usage
  3  a policy is violated: a plan that was verified is void
  4  no safe plan reaches the goal; the document says why
  5  the result comes from a damaged or partial input, or was refused for that";

/// The questions.
#[derive(Debug, Subcommand)]
#[expect(clippy::large_enum_variant, reason = "there is one of it")]
pub enum Command {
    /// Tell what is in a backup, whether it is whole, and who wrote it.
    #[command(after_long_help = include_str!("help/inspect.txt"))]
    Inspect(InspectArgs),
    /// List the keys that are largest or slowest to move, or all keys.
    #[command(after_long_help = include_str!("help/keys.txt"))]
    Keys(KeysArgs),
    /// Tell where the bytes sit: per slot and per shard.
    #[command(after_long_help = include_str!("help/slots.txt"))]
    Slots(SlotsArgs),
    /// Plan a migration: what can be moved safely, in which batches, how long it takes, what cannot move.
    #[command(after_long_help = include_str!("help/plan.txt"))]
    Plan(PlanArgs),
    /// Fit a cost profile to measured durations, and tell how well it fits.
    #[command(after_long_help = include_str!("help/calibrate.txt"))]
    Calibrate(CalibrateArgs),
    /// Tell whether a plan still holds: against its own rules, its age, and a newer backup.
    #[command(after_long_help = include_str!("help/verify.txt"))]
    Verify(VerifyArgs),
    /// Tell what grew from one backup to the next: shards, slots, prefixes and keys.
    #[command(after_long_help = include_str!("help/diff.txt"))]
    Diff(DiffArgs),
    /// Print the JSON Schema of a document.
    #[command(after_long_help = include_str!("help/schema.txt"))]
    Schema(SchemaArgs),
}

/// What is read, and how.
#[derive(Debug, Args)]
pub struct InputArgs {
    /// Snapshots and directories of them, or `-` for a snapshot on standard input; see `preshard --help`.
    #[arg(value_name = "INPUT", required = true)]
    pub inputs: Vec<PathBuf>,

    #[command(flatten)]
    pub read: ReadArgs,
}

/// How inputs are read.
#[derive(Debug, Clone, Copy, Args)]
pub struct ReadArgs {
    /// Threads to work with, 1 to 256. The output is the same for any number. Default: all cores. One file keeps at most 16 of
    /// them busy, and takes up to 128 MiB with 8 of them.
    #[arg(long, value_name = "N", allow_hyphen_values = true, value_parser = parse_threads)]
    pub threads: Option<u16>,

    /// Map snapshots into memory (auto) or read them (never).
    ///
    /// The output is the same. Mapping is faster; reading holds a window of the file at a time, whatever its length.
    /// Pipes, standard input and compressed snapshots are always read.
    #[arg(long, value_enum, default_value_t = MmapChoice::Auto, value_name = "WHEN")]
    pub mmap: MmapChoice,

    /// Most bytes that a compressed snapshot may decode to, a size.
    ///
    /// Default: 1 TiB, and no more than 1,100 bytes for each byte of the file. A size that is stated holds alone.
    #[arg(long, value_name = "SIZE", allow_hyphen_values = true, value_parser = parse_decompressed)]
    pub max_decompressed: Option<u64>,

    /// Of a damaged snapshot, also give what lies behind the damage; the exit status is 5.
    ///
    /// The checksum locates one changed byte, and mostly a few in a row: all keys but one come out then. Otherwise the
    /// counts of keys that the snapshot has of itself tell keys from bytes of values that look like keys, as long as
    /// one value was damaged. What cannot be told apart is left out, and said: how many bytes, which keys, which slots.
    ///
    /// Bytes changed inside a name or a string that the checksum does not locate look like what was written: damage that
    /// shows in one place does not exclude damage that shows nowhere. Several damaged places may, seldom, look like
    /// one and a key that never was. Before Redis 3.2 snapshots have no counts: behind damage that
    /// the checksum does not locate, nothing is given.
    ///
    /// Only for files that can be mapped: decompress others first. Not with --key.
    #[arg(long)]
    pub salvage: bool,

    /// Show no progress bar. There is none anyway when standard error is no terminal.
    #[arg(long)]
    pub no_progress: bool,
}

/// Who owns the slots.
#[derive(Debug, Args)]
pub struct TopologyArgs {
    /// Take the owners of slots from this file: nodes.json, nodes.conf, or the saved output of CLUSTER NODES,
    /// CLUSTER SHARDS or CLUSTER SLOTS.
    ///
    /// Default: nodes.json or nodes.conf of the input directory. Without any, each snapshot is taken for one shard that
    /// owns the slots of its keys, and the output says so.
    #[arg(long, value_name = "FILE")]
    pub topology: Option<PathBuf>,
}

/// The server that is planned for.
#[derive(Debug, Args)]
pub struct TargetArgs {
    /// Predict times and memory for this server. Default: the server that wrote the snapshot.
    ///
    /// redis-6.2, redis-7.0, redis-7.2, redis-7.4, redis-8.0, redis-8.2, redis-8.4, redis-8.6, valkey-7.2, valkey-8.0,
    /// valkey-8.1, valkey-9.0, valkey-9.1, or conservative: the worst times of all that were measured, and memory as of the
    /// server that wrote the snapshot.
    #[arg(long, value_name = "NAME")]
    pub target: Option<String>,

    /// Compute memory for this allocator of the server: je3, je4, je3p, je4p or glibc.
    ///
    /// INFO memory names it (mem_allocator), but not its quantum. je3: jemalloc as official builds and images bundle it.
    /// je4: jemalloc-5.2 and 5.3.0 of packages of Debian and Ubuntu. je3p, je4p: the same from jemalloc-5.3.1 on. glibc: libc.
    /// Assumed unless stated: je3.
    #[arg(long, value_name = "NAME")]
    pub allocator: Option<String>,

    /// Compute memory with the settings in this file: the saved output of CONFIG GET '*', or a configuration file.
    ///
    /// What is not in it has its default. The limits of compact encodings, list-compress-depth, maxmemory with its policy and
    /// cluster-enabled matter (plans are for clusters in any case); the limits of a plan are stated by options of their own.
    #[arg(long, value_name = "FILE")]
    pub target_config: Option<PathBuf>,

    /// Compute memory for a server that is not in cluster mode.
    #[arg(long)]
    pub standalone: bool,
}

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

/// The time that expiries are compared with.
#[derive(Debug, Args)]
pub struct ReferenceArgs {
    /// Count expiries before this instant as past: ISO 8601 (2026-03-01T12:00:00Z) or Unix seconds.
    ///
    /// Default: when the snapshot was written, as it tells (from RDB 7 on). The clock of this machine is never asked, so
    /// that the same snapshot gives the same answer; for now it is `--now "$(date +%s)"`.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, value_parser = parse_instant_ms)]
    pub now: Option<i64>,
}

/// Whether snapshots are mapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum MmapChoice {
    /// Map regular files.
    Auto,
    /// Read every file, a window at a time.
    Never,
}

/// Where the result goes.
#[derive(Debug, Args)]
pub struct OutputArgs {
    /// Write to this file instead of standard output. It appears whole or not at all. `-` is standard output.
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// What a single key must stay within.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Limits")]
pub struct LimitArgs {
    /// Take limits from this file (TOML): the names of these options without their hyphens, and what is known of single
    /// nodes; see the end of `preshard plan --help`. What the command line says counts before what the file says.
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

/// `preshard inspect`
#[derive(Debug, Args)]
pub struct InspectArgs {
    #[command(flatten)]
    pub input: InputArgs,

    #[command(flatten)]
    pub target: TargetArgs,

    /// Read each snapshot a second time with an independent reader (the crate rdb) and compare keys, types, numbers of
    /// elements and expiries; tell what it cannot compare.
    ///
    /// A difference is reported and ends the program with status 1. That reader knows Redis formats 1 to 13, and neither
    /// streams nor modules. Standard input and pipes cannot be read a second time, and are refused.
    #[arg(long)]
    pub cross_check: bool,

    /// Look at every element, to tell how long elements are, together and the longest, per type.
    ///
    /// Costs the decompression of everything that is compressed. Numbers of elements, hash fields with TTLs and what
    /// streams hold are told without it.
    #[arg(long)]
    pub elements: bool,

    #[command(flatten)]
    pub reference: ReferenceArgs,

    /// How the result is written.
    #[arg(short, long, value_enum, default_value_t = DocumentFormat::Text)]
    pub format: DocumentFormat,

    #[command(flatten)]
    pub output: OutputArgs,
}

/// Text for people or one document for machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DocumentFormat {
    /// For people.
    Text,
    /// One document; see `preshard schema`.
    Json,
}

/// `preshard keys`
#[derive(Debug, Args)]
pub struct KeysArgs {
    #[command(flatten)]
    pub input: InputArgs,

    #[command(flatten)]
    pub target: TargetArgs,

    #[command(flatten)]
    pub cost: CostArgs,

    /// How the result is written.
    #[arg(short, long, value_enum, default_value_t = KeysFormat::Text)]
    pub format: KeysFormat,

    #[command(flatten)]
    pub output: OutputArgs,

    #[command(flatten)]
    pub reference: ReferenceArgs,

    /// Show the first N keys of the order. Default: 20 for text, all keys for ndjson and csv.
    #[arg(long, value_name = "N", allow_hyphen_values = true, value_parser = parse_count::<usize>)]
    pub top: Option<usize>,

    /// Order of the keys: largest first, or as they lie in the file.
    ///
    /// Default: block for text and whenever --top is given, file otherwise. Any order but file needs --top with ndjson
    /// and csv, because memory must not grow with the number of keys. Keys that come to the same are in the order of the
    /// files; predicted times are compared in nanoseconds, finer than they are shown.
    #[arg(long, value_enum, value_name = "ORDER")]
    pub sort: Option<KeyOrder>,

    /// Only keys of this type: string, list, set, zset (or sortedset), hash, stream, module. May be repeated.
    #[arg(
        short,
        long = "type",
        value_name = "TYPE",
        value_enum,
        value_delimiter = ','
    )]
    pub types: Vec<KeyType>,

    /// Only keys of this database. May be repeated.
    #[arg(long = "db", value_name = "N", allow_hyphen_values = true, value_delimiter = ',', value_parser = parse_db)]
    pub dbs: Vec<u64>,

    /// Only keys in these slots: `0-5460,10923`.
    #[arg(long = "slot", value_name = "SLOTS", allow_hyphen_values = true, value_parser = SlotSet::parse)]
    pub slots: Option<SlotSet>,

    /// Only keys whose payload is at least this size.
    #[arg(long, value_name = "SIZE", allow_hyphen_values = true, default_value = "0", hide_default_value = true, value_parser = parse_size)]
    pub min_payload: u64,

    #[command(flatten)]
    pub one: OneKeyArgs,

    #[command(flatten)]
    pub limits: LimitArgs,
}

/// One key instead of many.
#[derive(Debug, Args)]
#[command(next_help_heading = "One key", group(ArgGroup::new("one_key").args(["key", "key_base64"])))]
pub struct OneKeyArgs {
    /// Show this key only, wherever it is, with all that is known of it.
    ///
    /// Control characters, bytes that are no UTF-8 and backslashes as preshard prints them: `\n`, `\xff`, `\u{200b}`,
    /// `\\`.
    #[arg(long, value_name = "KEY", value_parser = KeyName::unescape, allow_hyphen_values = true, conflicts_with_all = ["key_base64", "top", "sort", "types", "slots", "min_payload", "salvage"])]
    pub key: Option<KeyName>,

    /// As --key, with the key in base64.
    #[arg(long, value_name = "CODE", value_parser = KeyName::from_base64, allow_hyphen_values = true, conflicts_with_all = ["top", "sort", "types", "slots", "min_payload", "salvage"])]
    pub key_base64: Option<KeyName>,

    /// Show the members of the key, with their lengths and how those are distributed.
    ///
    /// Members are shown as they pass: the key is never held, however long it is.
    #[arg(long, requires = "one_key")]
    pub members: bool,

    /// Bytes that are shown of each member, 1 to 65536. Default: 64 for text, 256 for ndjson and csv.
    ///
    /// A string is shown whole, in pieces of so many bytes.
    #[arg(long, value_name = "N", allow_hyphen_values = true, value_parser = parse_member_bytes, requires = "members")]
    pub member_bytes: Option<usize>,
}

impl OneKeyArgs {
    /// The key, however it was written.
    pub fn key(&self) -> Option<&KeyName> {
        self.key.as_ref().or(self.key_base64.as_ref())
    }
}

/// How keys are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum KeysFormat {
    /// A table for people.
    Text,
    /// One JSON object a line, with stable fields; see `preshard schema keys`.
    Ndjson,
    /// A table whose first columns are those of rdb-tools; `size_in_bytes` is the memory estimate.
    Csv,
}

/// Orders of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum KeyOrder {
    /// Predicted block of a move.
    Block,
    /// What MIGRATE carries.
    Payload,
    /// Estimated memory.
    Memory,
    /// Bytes in the file.
    Serialized,
    /// Number of elements (bytes for strings).
    Elements,
    /// As the keys lie in the file.
    File,
}

/// Data types of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum KeyType {
    String,
    List,
    Set,
    #[value(alias = "sortedset")]
    Zset,
    Hash,
    Stream,
    Array,
    #[value(name = "pathhash")]
    PathHash,
    Module,
}

/// `preshard slots`
#[derive(Debug, Args)]
pub struct SlotsArgs {
    #[command(flatten)]
    pub input: InputArgs,

    #[command(flatten)]
    pub topology: TopologyArgs,

    #[command(flatten)]
    pub target: TargetArgs,

    #[command(flatten)]
    pub cost: CostArgs,

    /// How the result is written.
    #[arg(short, long, value_enum, default_value_t = SlotsFormat::Text)]
    pub format: SlotsFormat,

    #[command(flatten)]
    pub output: OutputArgs,

    /// Keep what was scanned in this file, a saved profile: `slots`, `plan`, `verify` and `diff` take it in place of the
    /// snapshots.
    ///
    /// It holds sums and costs by slot, the names of large and slow keys, and who owned the slots; a few MB for any number
    /// of keys. Keys are named from a part of what --latency-budget and the other limits let a call have: save with the
    /// limits that plans will be made with. The file appears whole or not at all.
    #[arg(long, value_name = "FILE")]
    pub save: Option<PathBuf>,

    /// Show the N slots with most memory; text only, the other formats carry all.
    #[arg(long, value_name = "N", allow_hyphen_values = true, default_value = "20", value_parser = parse_count::<usize>)]
    pub top: usize,

    #[command(flatten)]
    pub limits: LimitArgs,
}

/// How slots are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SlotsFormat {
    /// For people.
    Text,
    /// One document; see `preshard schema slots`.
    Json,
    /// One row for each slot with keys.
    Csv,
}

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

/// `preshard schema`
#[derive(Debug, Args)]
pub struct SchemaArgs {
    /// Which document.
    #[arg(value_enum)]
    pub document: SchemaChoice,
}

/// Documents with a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SchemaChoice {
    /// `preshard plan --format json`, `plan.json`.
    Plan,
    /// `preshard inspect --format json`.
    Inspect,
    /// `preshard slots --format json`.
    Slots,
    /// One line of `preshard keys --format ndjson`.
    Keys,
    /// One line of `preshard keys --key KEY --members --format ndjson`.
    Members,
    /// `preshard slots --save`.
    Profile,
    /// `preshard verify --format json`.
    Verify,
    /// `preshard plan --sweep ... --format json`.
    Compare,
    /// `preshard diff --format json`.
    Diff,
}
