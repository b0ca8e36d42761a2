//! The command line, literally. `options.rs` turns it into what the code works with.
//!
//! Options that want a number take values that begin with a hyphen, so that `-1` is told to be a wrong value and not an
//! unknown option.

mod compared;
mod cost;
mod limits;
mod plan;

use std::path::PathBuf;

use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum};
use preshard_analyzer::KeyName;
use preshard_slots::SlotSet;

pub use compared::{DiffArgs, PlanFormat, VerifyArgs, WhatIfArgs};
pub use cost::{CalibrateArgs, CostArgs};
pub use limits::{LimitArgs, PlanLimitArgs};
pub use plan::{BalanceBy, GoalArgs, MoverChoice, PlanArgs};

use crate::number::{parse_count, parse_db, parse_instant_ms, parse_member_bytes, parse_threads};
use crate::size::{parse_decompressed, parse_size};

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
    /// cluster-enabled matter (plans are for clusters in any case). What it says of rdbcompression, lazyfree-lazy-server-del,
    /// cluster-node-timeout, proto-max-bulk-len, client-query-buffer-limit, client-output-buffer-limit for replicas and
    /// maxmemory counts where no option or file of limits states it.
    #[arg(long, value_name = "FILE")]
    pub target_config: Option<PathBuf>,

    /// Compute memory for a server that is not in cluster mode.
    #[arg(long)]
    pub standalone: bool,
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
    /// One line of `preshard plan --key-list`.
    KeyList,
}
