//! Reads Redis and Valkey snapshots (RDB files) entry by entry, without copying.
//!
//! - [`source`]: opens a file, by memory map or by reading.
//! - [`RdbReader`]: yields [`Record`]s; an [`Entry`] is a window, its value not yet looked at.
//! - [`Entry::measure`]: walks a value and tells its [`ValueFacts`].
mod rdb;
mod value;
pub use rdb::{DataType, Encoding, ModuleId, ValueType};
pub use value::{Detail, ValueFacts};
