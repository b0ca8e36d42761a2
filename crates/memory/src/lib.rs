//! What a key takes in the memory of a server that loads it, from the lengths of its parts.
//!
//! A leaf: it knows nothing of files. A [`Model`] is a server ([`Target`]), an [`Allocator`] and [`Settings`]; a
//! [`Weigher`] is told what a value is made of, part by part, and gives its [`Weight`]; [`Model::footprint`] adds the key
//! to it. [`Tables`] are what a node needs besides its keys.
//!
//! Two figures that never mix. *Used* bytes are what `used_memory` grows by: the usable sizes of all allocations.
//! *Reported* bytes are what `MEMORY USAGE key SAMPLES 0` answers, which leaves some of them out, counts others twice, and
//! differs from line to line.
//!
//! Everything is exact but for what servers draw by lot: the levels of skip list nodes, and which entries share a bucket
//! of a table. There the expectation is given, with its variance, which adds up over keys.

mod allocator;
pub mod double;
mod key;
mod model;
mod packed;
mod radix;
mod settings;
mod strings;
mod table;
mod tables;
mod target;
mod weigher;

pub use allocator::Allocator;
pub use key::Footprint;
pub use model::Model;
pub use packed::{Text, integer};
pub use settings::{Settings, SettingsError};
pub use tables::{Filling, KeyCounts, Tables};
pub use target::{Target, UnknownName};
pub use weigher::{
    Blob, Loaded, NAME_BYTES_MAX, Score, Stream, ValueKind, VectorSet, Weigher, Weight,
};
