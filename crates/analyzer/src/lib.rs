//! From snapshot entries to a slot profile.
//!
//! - [`scan`]: one snapshot, its values measured in parallel, to a [`FileScan`]; [`scan_all`]: several at once.
//! - [`SlotProfile`]: per slot counts, sizes and costs; merges in any order.
//! - [`assemble`]: scans and a topology, joined into what the planner sees.
//! - [`CostProfile`], [`MemoryModel`]: what a key costs to move and to keep.
#![forbid(unsafe_code)]

mod assemble;
mod cost;
mod error;
mod histogram;
mod key_facts;
mod key_name;
mod memory;
mod profile;
mod scan;
mod server;
mod summary;
mod warning;

pub use assemble::{AssembleError, Assembly, NodeView, assemble};
pub use cost::{CostProfile, ProfileError};
pub use error::Error;
pub use histogram::{CostBin, CostHistogram};
pub use key_facts::{Cost, KeyFacts, Sizes};
pub use key_name::KeyName;
pub use memory::{MemoryModel, Rough1};
pub use profile::{Merge, NamedKey, SlotFacts, SlotProfile};
pub use scan::{Progress, ScanOptions, Sink, scan, scan_all};
pub use server::{Product, Server};
pub use summary::{
    AuxField, Checksum, Damage, DatabaseRow, FileScan, FileSummary, ModuleRow, SlotInfoCheck,
    TypeRow,
};
pub use warning::Warning;

/// Of the parser, what the types above are made of.
pub use preshard_parser::{DataType, Detail, Encoding, Family, Header, source::Source};
