//! What is known of one key.

use std::borrow::Cow;

use preshard_parser::{DataType, ValueFacts};
use preshard_slots::Slot;

/// The three sizes of a key, which never mix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Sizes {
    /// The value as it lies in the file, without its type byte and key.
    pub serialized_bytes: u64,
    /// What DUMP returns and MIGRATE carries.
    pub payload_bytes: u64,
    /// RAM after load, an estimate; `None` where the size cannot be known (modules).
    pub memory_bytes_estimate: Option<u64>,
}

/// The predicted time of moving one key, without what each MIGRATE call costs anyway.
///
/// Before any safety factor; nanoseconds, so that sums stay exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Cost {
    /// How long the key stops the source: dump, transfer, RESTORE on the target, delete.
    pub block_ns: u64,
    /// The RESTORE part, which stops the target.
    pub restore_ns: u64,
}

/// What was learnt of one key, in file order; borrows the name from the file where it lies there unchanged.
#[derive(Debug, Clone)]
pub struct KeyFacts<'a> {
    /// Database number.
    pub db: u64,
    /// The key's name.
    pub key: Cow<'a, [u8]>,
    /// The slot the name hashes to.
    pub slot: Slot,
    /// The data type.
    pub data_type: DataType,
    /// Element counts and lengths.
    pub value: ValueFacts,
    /// Absolute expiry, Unix milliseconds.
    pub expires_at_ms: Option<i64>,
    /// Seconds since last use, where the file tells.
    pub idle_s: Option<u64>,
    /// LFU counter, where the file tells.
    pub lfu: Option<u8>,
    /// The three sizes.
    pub sizes: Sizes,
    /// The predicted time of one move.
    pub cost: Cost,
    /// Absolute offset of the value's type byte in the file.
    pub offset: u64,
}

/// What is known of a key in front of its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyHead<'a> {
    /// Database number.
    pub db: u64,
    /// The key's name.
    pub key: Cow<'a, [u8]>,
    /// The slot the name hashes to.
    pub slot: Slot,
    /// The data type.
    pub data_type: DataType,
    /// Absolute expiry, Unix milliseconds.
    pub expires_at_ms: Option<i64>,
    /// Seconds since last use, where the file tells.
    pub idle_s: Option<u64>,
    /// LFU counter, where the file tells.
    pub lfu: Option<u8>,
    /// Absolute offset of the value's type byte in the file.
    pub offset: u64,
}
