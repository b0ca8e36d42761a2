//! How much memory a key takes on the server that loads it.

mod rough;

use preshard_parser::{DataType, ValueFacts};

pub use rough::Rough1;

/// Estimates the memory of keys: what they take of `used_memory`, allocator rounding included, which
/// is not what MEMORY USAGE answers.
pub trait MemoryModel: Sync {
    /// The model's name, which every figure is marked with.
    fn name(&self) -> &str;

    /// Memory of one key with everything it owns, in bytes; `None` where it cannot be known.
    ///
    /// `key_len` is the length of its name in bytes.
    fn estimate(
        &self,
        key_len: u64,
        has_expiry: bool,
        value: &ValueFacts,
        data_type: DataType,
    ) -> Option<u64>;
}
