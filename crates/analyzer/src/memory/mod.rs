//! How much memory a key takes on the server that loads it.

use preshard_parser::{DataType, ValueFacts};

/// Estimates the memory of keys.
pub trait MemoryModel: Sync {
    /// The model's name, which every figure is marked with.
    fn name(&self) -> &str;

    /// Memory of one key with everything it owns, in bytes; `None` where it cannot be known.
    fn estimate(
        &self,
        key_len: u64,
        has_expiry: bool,
        value: &ValueFacts,
        data_type: DataType,
    ) -> Option<u64>;
}

/// A first model, within tens of percent.
#[derive(Debug, Clone, Copy, Default)]
pub struct Rough1;

impl MemoryModel for Rough1 {
    fn name(&self) -> &str {
        "rough-1"
    }

    fn estimate(
        &self,
        _key_len: u64,
        _has_expiry: bool,
        _value: &ValueFacts,
        _data_type: DataType,
    ) -> Option<u64> {
        todo!()
    }
}
