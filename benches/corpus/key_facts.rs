//! What a scan would learn of a key, without a scan.

use preshard_analyzer::{Cost, KeyFacts, Sizes};
use preshard_parser::{DataType, Encoding, ValueFacts};
use preshard_slots::Slot;

/// The key number `i`, a string of so many bytes.
pub fn of_string(i: u64, slot: Slot, bytes: u64) -> KeyFacts<'static> {
    KeyFacts {
        db: 0,
        key: format!("key:{i}").into_bytes().into(),
        slot,
        data_type: DataType::String,
        value: ValueFacts {
            elements: Some(bytes),
            content_bytes: bytes,
            compressible_bytes: bytes,
            ..ValueFacts::empty(Encoding::Raw)
        },
        expires_at_ms: None,
        idle_s: None,
        lfu: None,
        loaded: None,
        sizes: Sizes {
            serialized_bytes: bytes,
            payload_bytes: bytes + 11,
            memory_bytes_estimate: Some(bytes + 90),
            memory_usage_estimate: Some(bytes + 90),
            memory_variance: 0,
        },
        cost: Cost {
            block_ns: 7_000 + bytes * 20,
            restore_ns: 5_000 + bytes * 2,
        },
        offset: i,
    }
}
