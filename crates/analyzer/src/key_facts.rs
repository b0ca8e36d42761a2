//! What is known of one key.

use std::borrow::Cow;

use preshard_memory::{Footprint, Loaded};
use preshard_parser::{DataType, ValueFacts};
use preshard_slots::Slot;

/// The three sizes of a key, which never mix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Sizes {
    /// The value as it lies in the file, without its type byte and key.
    pub serialized_bytes: u64,
    /// What DUMP returns and MIGRATE carries.
    pub payload_bytes: u64,
    /// What `used_memory` grows by when the server loads the key, the buckets of its tables left out; `None` where it
    /// cannot be known (modules but vector sets, for one).
    pub memory_bytes_estimate: Option<u64>,
    /// What `MEMORY USAGE key SAMPLES 0` answers then, which is another figure; `None` likewise.
    pub memory_usage_estimate: Option<u64>,
    /// The variance of both, bytes squared: what servers draw by lot. 0 where nothing is.
    pub memory_variance: u64,
}

impl Sizes {
    /// Those of a key with its memory, where that is known.
    pub fn new(serialized_bytes: u64, payload_bytes: u64, memory: Option<Footprint>) -> Sizes {
        Sizes {
            serialized_bytes,
            payload_bytes,
            memory_bytes_estimate: memory.map(|memory| memory.used_bytes),
            memory_usage_estimate: memory.map(|memory| memory.reported_bytes),
            memory_variance: memory.map_or(0, |memory| memory.variance),
        }
    }
}

/// What of a key expires.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Expiring {
    /// The key.
    pub(crate) key: bool,
    /// Fields of the hash that it holds.
    pub(crate) fields: bool,
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
    /// How the server keeps the value once it has loaded it, where its memory is known.
    pub loaded: Option<Loaded>,
    /// The three sizes.
    pub sizes: Sizes,
    /// The predicted time of one move.
    pub cost: Cost,
    /// Absolute offset of the value's type byte in the file.
    pub offset: u64,
}

impl KeyFacts<'_> {
    pub(crate) fn expiring(&self) -> Expiring {
        Expiring {
            key: self.expires_at_ms.is_some(),
            fields: self.value.fields_with_ttl > 0,
        }
    }
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
