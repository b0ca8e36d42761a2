//! Reads Redis and Valkey snapshots (RDB files) entry by entry, without copying.
//!
//! - [`source::Source`] opens a file, a pipe or standard input, takes off what the snapshot is wrapped in, and gives
//!   its bytes, by memory map or as a stream.
//! - [`RdbReader`] frames it: each [`Record`] is a window with its absolute range. An [`Entry`]'s
//!   value has been skipped, not decoded.
//! - [`RdbStream`] does the same for a snapshot that is read in order and never held whole.
//! - [`Entry::measure`] walks one value and tells its [`ValueFacts`], as deep as [`Detail`] asks.
//! - [`salvage::survey`] tells what can be kept of a damaged snapshot.
//! - [`crc64`] is the checksum of the file, computable in pieces.
//!
//! Which servers' files are read, and what of them, stands in `README.md` beside the manifest.
//!
//! The crate knows nothing of slots or terminals, and of threads only that a stream is decoded by one of its own.
//! Format facts cite the servers' sources
//! (`src/rdb.h`, `src/rdb.c`, `src/listpack.c` ... of Redis, and the same files of Valkey).
//!
//! # Examples
//! ```
//! use preshard_parser::{RdbReader, RecordKind, source::{OpenOptions, Source}};
//!
//! let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/servers/redis-7.0/sets.rdb");
//! let source = Source::open(path.as_ref(), &OpenOptions::default())?;
//! let mut reader = RdbReader::new(source.bytes().expect("a plain file is mapped"))?;
//! let mut keys = 0;
//! while let Some(record) = reader.next_record()? {
//!     if let RecordKind::Entry(_) = record.kind {
//!         keys += 1;
//!     }
//! }
//! assert_eq!(keys, 12);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![cfg_attr(
    not(test),
    warn(
        clippy::indexing_slicing,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss
    )
)]

pub mod crc64;
mod error;
pub mod limits;
#[cfg(test)]
mod linear;
mod looks_like;
pub mod lzf;
mod rdb;
mod reader;
pub mod salvage;
pub mod source;
mod stream;
mod value;
mod watch;
mod window;

pub use error::{Error, ErrorKind};
pub use looks_like::looks_like;
pub use rdb::{
    DataType, Encoding, Entry, EntryHead, Family, Header, Measured, MeasuringReader, ModuleId,
    Prepare, RdbReader, Ready, Record, RecordKind, ShortString, SlotInfo, Str, Template, Value,
    ValueType,
};
pub use reader::{Cursor, Reader};
pub use stream::{Behind, Portion, RdbStream};
pub use value::{
    Detail, FieldSamples, MeasureOptions, Member, MemberOptions, MemberSink, MembersError,
    ModuleNumber, Sample, StreamEntry, StreamId, StreamInfo, ValueFacts,
};
pub use watch::Watch;
