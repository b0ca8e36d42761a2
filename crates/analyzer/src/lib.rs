//! From snapshot entries to a slot profile.
//!
//! - [`scan`]: one snapshot, its values measured in parallel, to a [`FileScan`]; [`scan_all`]: several at once.
//! - [`SlotProfile`]: per slot counts, sizes and costs; merges in any order.
//! - [`assemble`]: scans and a topology, joined into what the planner sees.
//! - [`CostProfile`], [`MemoryModel`]: what a key costs to move and to keep.
//!
//! # Examples
//! ```
//! use preshard_analyzer::{
//!     Allocator, CostProfile, MemoryModel, MemorySettings, Progress, ScanOptions, Target, scan,
//! };
//! use preshard_parser::{Detail, source::{OpenOptions, Source}};
//!
//! struct Silent;
//! impl Progress for Silent {
//!     fn advance(&self, _bytes: u64) {}
//! }
//!
//! let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/servers/redis-7.0/cluster.rdb");
//! let source = Source::open(path.as_ref(), &OpenOptions::default())?;
//! let cost = CostProfile::built_in("redis-7.0").ok_or("no such profile")?;
//! let memory = MemoryModel::new(Target::Redis70, Allocator::Je3, MemorySettings::default());
//! let options = ScanOptions {
//!     cost: &cost,
//!     memory: &memory,
//!     detail: Detail::Counts,
//!     reference_ms: None,
//!     floor_block_ns: 5_000_000,
//!     floor_payload_bytes: 1_000_000,
//!     chunk_bytes: ScanOptions::CHUNK_BYTES,
//!     salvage: false,
//! };
//! let scan = scan(&source, &options, &Silent, &mut |_keys| Ok(()))?;
//! assert!(scan.summary.damage.is_none());
//! assert_eq!(scan.summary.written_by.map(|server| server.line), Some((7, 0)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

mod account;
mod assemble;
mod claim;
mod cost;
mod error;
mod histogram;
mod key_facts;
mod key_name;
mod member_sizes;
mod memory;
mod prefixes;
mod profile;
mod salvage;
mod scan;
mod scanned;
mod server;
mod slot_rows;
mod summary;
mod warning;

pub use account::{Part, PartKind};
pub use assemble::{AssembleError, Assembly, NodeView, assemble, join};
pub use claim::{Claim, ClaimKind, ClaimVerdict};
pub mod calibration {
    //! Cost profiles from measured durations.
    pub use crate::cost::{
        Calibration, Carried, ClassFit, Errors, Log, LogError, Measurement, Origin, PartFit,
        calibrate,
    };
}

pub use cost::{CostClass, CostEffects, CostProfile, CostRange, ProfileError, ProfileFile, Spread};
pub use error::Error;
pub use histogram::{CostBin, CostHistogram};
pub use key_facts::{Cost, KeyFacts, KeyHead, Sizes};
pub use key_name::{KeyName, NotBase64, NotEscaped, is_hidden};
pub use member_sizes::{MemberSizes, SizeBucket, SizeHistogram, SizeOf};
pub use memory::{LoadedMemory, MemoryTarget};
pub use prefixes::{PrefixSums, Prefixes};
pub use profile::{Merge, NamedKey, SlotFacts, SlotProfile};
pub use salvage::{Gap, LostKey, Repair, Salvage, Touch};
pub use scan::{
    Disregard, Progress, ScanOptions, Seeker, Sink, Wanted, scan, scan_all, scan_but_for,
    scan_stream, seek,
};
pub use scanned::{FileFacts, Remark, Scanned};
pub use server::{Product, Server};
pub use slot_rows::{BadRows, SlotRows};
pub use summary::{
    AuxField, Checksum, Damage, DatabaseRow, FileScan, FileSummary, Layer, LibraryRow, ModuleRow,
    SlotInfoCheck, TypeRow,
};
pub use warning::Warning;

/// Of the memory model, what a scan is told and its results are made of.
pub use preshard_memory::{
    Allocator, Filling, Footprint, KeyCounts, Loaded, Model as MemoryModel,
    Settings as MemorySettings, SettingsError as MemorySettingsError, Tables, Target, UnknownName,
};

/// Of the parser, what the types above are made of.
pub use preshard_parser::{
    DataType, Detail, Encoding, Family, Header, Member, ModuleNumber, Sample, StreamEntry,
    StreamId, source::Source,
};
