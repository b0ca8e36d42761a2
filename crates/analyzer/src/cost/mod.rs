//! How long the move of a key blocks, predicted from measured coefficients.
//!
//! The coefficients are data (`data/cost/*.toml`), one file per server line that was measured; the files say
//! how, and how far off they may be. `lines.toml` says what stands in for lines that were not measured.

mod file;
mod lines;

use preshard_parser::{DataType, Encoding, ValueFacts};

pub use file::ProfileError;
use file::{ClassFits, Fit, ProfileFile};

use crate::Cost;

/// The coefficients of one server line, and what they rest on.
///
/// Predictions are integers in nanoseconds, computed from coefficients in whole picoseconds (rounded up when
/// the profile is read) and rounded up once at the end, so they are the same on every machine. What
/// does not fit 64 bits is [`u64::MAX`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CostProfile {
    name: String,
    basis: String,
    compressed_string_ratio: u64,
    compact_elements_max: u64,
    call_ns: u64,
    key_block_ns: u64,
    key_restore_ns: u64,
    pending_block_ns: u64,
    pending_restore_ns: u64,
    string: ClassFits,
    compressed_string: ClassFits,
    list: ClassFits,
    stream: ClassFits,
    set: ClassFits,
    hash: ClassFits,
    hash_with_field_ttl: ClassFits,
    zset: ClassFits,
    compact: ClassFits,
    module: ClassFits,
}

impl CostProfile {
    /// Reads a profile from TOML; the files in `data/cost` are examples.
    ///
    /// # Errors
    /// [`ProfileError`] with the place and what is wrong there: unknown or missing fields, and coefficients
    /// that are negative, not finite, or above [`CostProfile::COEFFICIENT_MAX_NS`].
    pub fn parse(text: &str) -> Result<CostProfile, ProfileError> {
        ProfileFile::parse(text).map(CostProfile::from)
    }

    /// Largest coefficient that a profile may hold: a second per element or byte.
    pub const COEFFICIENT_MAX_NS: f64 = 1e9;

    /// The profile's name: `redis-7.0`...
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the numbers rest on, for people: `measured on Redis 7.0.15`,
    /// `Redis 7.2 was not measured; uses redis-7.0, measured on Redis 7.0.15`.
    pub fn basis(&self) -> &str {
        &self.basis
    }

    /// What each MIGRATE call costs besides its keys.
    pub fn call_fixed_ns(&self) -> u64 {
        self.call_ns
    }

    /// The predicted time of one move, before any safety factor and without [`CostProfile::call_fixed_ns`].
    ///
    /// `payload_bytes` is what DUMP returns. The kind of the value decides which coefficients count:
    /// - a string whose payload is much shorter than its content compresses, which is cheap;
    /// - a blob (listpack, intset...) is predicted by its bytes; where it has more elements than any default
    ///   setting allows, also as the table that it becomes when it is loaded;
    /// - a hash with any field TTL is predicted as if each field had one;
    /// - the type of a module value is unknown, so is its cost: it is predicted as the most expensive
    ///   shape of the same payload; and so are arrays and path hashes, which were not measured.
    pub fn predict(&self, data_type: DataType, value: &ValueFacts, payload_bytes: u64) -> Cost {
        let elements = value.elements.unwrap_or(0);
        let table = match data_type {
            DataType::String => {
                let compressed = value.content_bytes
                    >= payload_bytes.saturating_mul(self.compressed_string_ratio);
                let class = if compressed {
                    &self.compressed_string
                } else {
                    &self.string
                };
                return self.cost(class, 0, value.content_bytes);
            }
            DataType::List => return self.cost(&self.list, elements, value.content_bytes),
            DataType::Stream => {
                let blobs = self.cost(&self.stream, elements, value.content_bytes);
                let marks = value
                    .pending
                    .saturating_add(value.consumers)
                    .saturating_add(value.groups);
                return Cost {
                    block_ns: blobs
                        .block_ns
                        .saturating_add(marks.saturating_mul(self.pending_block_ns)),
                    restore_ns: blobs
                        .restore_ns
                        .saturating_add(marks.saturating_mul(self.pending_restore_ns)),
                };
            }
            DataType::Module | DataType::Array | DataType::PathHash => {
                return self.cost(&self.module, 0, payload_bytes);
            }
            DataType::Set => &self.set,
            DataType::Zset => &self.zset,
            DataType::Hash
                if value.fields_with_ttl > 0 || value.encoding == Encoding::ListpackEx =>
            {
                &self.hash_with_field_ttl
            }
            DataType::Hash => &self.hash,
        };
        if !value.encoding.is_compact() {
            return self.cost(table, elements, value.compressible_bytes);
        }
        let blob = self.cost(&self.compact, elements, value.content_bytes);
        if elements <= self.compact_elements_max {
            return blob;
        }
        let table = self.cost(table, elements, value.content_bytes);
        Cost {
            block_ns: blob.block_ns.max(table.block_ns),
            restore_ns: blob.restore_ns.max(table.restore_ns),
        }
    }

    fn cost(&self, class: &ClassFits, elements: u64, bytes: u64) -> Cost {
        let block_ns = self
            .key_block_ns
            .saturating_add(worst_ns(&class.block, elements, bytes));
        let restore_ns =
            self.key_restore_ns
                .saturating_add(worst_ns(&class.restore, elements, bytes));
        Cost {
            // The call waits for the RESTORE, so no profile can mean less.
            block_ns: block_ns.max(restore_ns),
            restore_ns,
        }
    }

    /// The worst of several profiles, whatever the key: the largest of all their fits.
    fn worst_of(name: &str, profiles: &[CostProfile]) -> Option<CostProfile> {
        let (first, rest) = profiles.split_first()?;
        let mut worst = first.clone();
        for other in rest {
            worst.raise_to(other);
        }
        let names: Vec<&str> = profiles.iter().map(CostProfile::name).collect();
        worst.name = name.to_owned();
        worst.basis = format!("the worst of {}", names.join(", "));
        Some(worst)
    }

    fn raise_to(&mut self, other: &CostProfile) {
        // The larger ratio calls fewer strings compressed; the smaller limit fewer blobs compact.
        self.compressed_string_ratio = self
            .compressed_string_ratio
            .max(other.compressed_string_ratio);
        self.compact_elements_max = self.compact_elements_max.min(other.compact_elements_max);
        self.call_ns = self.call_ns.max(other.call_ns);
        self.key_block_ns = self.key_block_ns.max(other.key_block_ns);
        self.key_restore_ns = self.key_restore_ns.max(other.key_restore_ns);
        self.pending_block_ns = self.pending_block_ns.max(other.pending_block_ns);
        self.pending_restore_ns = self.pending_restore_ns.max(other.pending_restore_ns);
        self.string.extend(&other.string);
        self.compressed_string.extend(&other.compressed_string);
        self.list.extend(&other.list);
        self.stream.extend(&other.stream);
        self.set.extend(&other.set);
        self.hash.extend(&other.hash);
        self.hash_with_field_ttl.extend(&other.hash_with_field_ttl);
        self.zset.extend(&other.zset);
        self.compact.extend(&other.compact);
        self.module.extend(&other.module);
    }
}

/// The largest of the fits at this point, in nanoseconds rounded up.
fn worst_ns(fits: &[Fit], elements: u64, bytes: u64) -> u64 {
    let worst_ps = fits
        .iter()
        .map(|fit| {
            let elements_ps = u128::from(fit.element_ps) * u128::from(elements);
            let bytes_ps = u128::from(fit.byte_ps) * u128::from(bytes);
            elements_ps.saturating_add(bytes_ps)
        })
        .max()
        .unwrap_or(0);
    // Nearly always the sum fits 64 bits, where dividing is many times faster.
    match u64::try_from(worst_ps) {
        Ok(worst_ps) => worst_ps.div_ceil(1_000),
        Err(_) => u64::try_from(worst_ps.div_ceil(1_000)).unwrap_or(u64::MAX),
    }
}
