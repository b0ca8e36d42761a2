//! How long the move of a key blocks, predicted from measured coefficients.
//!
//! The coefficients are data (`data/cost/*.toml`), one file per server line that was measured; the files say
//! how, and how far off they may be. `lines.toml` says what stands in for lines that were not measured.
//!
//! A profile tells three things of a value: the time to plan with ([`CostProfile::predict`], the worst that its fits
//! say, as if nothing lay in a cache), the range in which the time will lie ([`CostProfile::range`]), and the time that
//! was measured of such a value on an idle server ([`CostProfile::as_measured`]), which is what measurements are compared
//! with. Settings that change cost make another profile of it ([`CostProfile::under`]).

mod calibrate;
mod class;
mod effects;
mod file;
mod fit;
mod lines;
mod range;

use preshard_parser::{DataType, ValueFacts};

pub use calibrate::{
    Calibration, Carried, ClassFit, Errors, Log, LogError, Measurement, Origin, PartFit, calibrate,
};
pub use class::CostClass;
use class::Shape;
pub use effects::CostEffects;
pub use file::{ProfileError, ProfileFile};
use fit::{ClassFits, Factors, Fit, times_ps};
pub use range::{CostRange, Spread};

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
    uncached_elements_min: u64,
    /// Whether any of the servers that were measured freed lazily, and any at once.
    some_free_lazily: bool,
    some_free_at_once: bool,
    del_basis: String,
    compression_basis: String,
    spread: Spread,
    call_ns: u64,
    call_factors: Factors,
    key_block_ns: u64,
    key_restore_ns: u64,
    key_factors: Factors,
    pending_block_ns: u64,
    pending_restore_ns: u64,
    pending_factors: Factors,
    classes: [ClassFits; CostClass::ALL.len()],
    transfer_byte_ps: u64,
    /// Payloads are as long as what is in them: nothing is compressed.
    is_uncompressed: bool,
    effects: Vec<String>,
}

impl CostProfile {
    /// Reads a profile from TOML; the files in `data/cost` are examples.
    ///
    /// # Errors
    /// [`ProfileError`] with the place and what is wrong there: unknown or missing fields, and coefficients
    /// that are negative, not finite, or above [`CostProfile::COEFFICIENT_MAX_NS`].
    pub fn parse(text: &str) -> Result<CostProfile, ProfileError> {
        ProfileFile::parse(text).map(|file| CostProfile::from(&file))
    }

    /// Largest coefficient that a profile may hold: a second per element or byte.
    pub const COEFFICIENT_MAX_NS: f64 = 1e9;

    /// The profile's name: `redis-7.0`..., and the settings that change it: `redis-7.0 with rdbcompression no`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the numbers rest on, for people: `measured on Redis 7.0.15`,
    /// `Redis 7.2 was not measured; uses redis-7.0, measured on Redis 7.0.15`.
    pub fn basis(&self) -> &str {
        &self.basis
    }

    /// The settings that were stated, whether or not they change anything here.
    pub fn effects(&self) -> &[String] {
        &self.effects
    }

    /// What each MIGRATE call costs besides its keys.
    pub fn call_fixed_ns(&self) -> u64 {
        self.call_ns
    }

    /// The predicted time of one move to plan with, before any safety factor and without
    /// [`CostProfile::call_fixed_ns`]; `payload_bytes` is what DUMP returns.
    pub fn predict(&self, data_type: DataType, value: &ValueFacts, payload_bytes: u64) -> Cost {
        let shape = self.shape(data_type, value, payload_bytes);
        let of = |class: CostClass| {
            let fits = &self.classes[class.index()];
            let worst = |fits: &[Fit]| {
                let times = fits.iter().map(|fit| fit.ps(shape.elements, shape.bytes));
                ns_up(times.max().unwrap_or(0))
            };
            Cost {
                block_ns: self.key_block_ns.saturating_add(worst(&fits.block)),
                restore_ns: self.key_restore_ns.saturating_add(worst(&fits.restore)),
            }
        };
        let mut cost = of(shape.class);
        if let Some(table) = shape.table {
            cost = worse(cost, of(table));
        }
        // The call waits for the RESTORE, so no profile can mean less.
        cost.block_ns = cost.block_ns.max(cost.restore_ns);
        if shape.marks > 0 {
            let marks = |ns: u64| shape.marks.saturating_mul(ns);
            cost.block_ns = cost.block_ns.saturating_add(marks(self.pending_block_ns));
            cost.restore_ns = cost
                .restore_ns
                .saturating_add(marks(self.pending_restore_ns));
        }
        cost.block_ns = cost
            .block_ns
            .saturating_add(self.transfer_ns(value, payload_bytes));
        cost
    }

    fn shape(&self, data_type: DataType, value: &ValueFacts, payload_bytes: u64) -> Shape {
        Shape::of(
            data_type,
            value,
            payload_bytes,
            self.compressed_string_ratio,
            self.compact_elements_max,
        )
    }

    /// What the network takes beyond the loopback that was measured.
    fn transfer_ns(&self, value: &ValueFacts, payload_bytes: u64) -> u64 {
        if self.transfer_byte_ps == 0 {
            return 0;
        }
        let bytes = match self.is_uncompressed {
            true => payload_bytes.max(value.content_bytes),
            false => payload_bytes,
        };
        ns_up(times_ps(self.transfer_byte_ps, bytes))
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
        let bases = |basis: fn(&CostProfile) -> &str| {
            let each = profiles.iter();
            let each = each.map(|profile| format!("{} for {}", basis(profile), profile.name));
            each.collect::<Vec<String>>().join(", ")
        };
        worst.del_basis = bases(|profile| &profile.del_basis);
        worst.compression_basis = bases(|profile| &profile.compression_basis);
        Some(worst)
    }

    fn raise_to(&mut self, other: &CostProfile) {
        // The larger ratio calls fewer strings compressed; the smaller limit fewer blobs compact.
        self.compressed_string_ratio = self
            .compressed_string_ratio
            .max(other.compressed_string_ratio);
        self.compact_elements_max = self.compact_elements_max.min(other.compact_elements_max);
        self.uncached_elements_min = self.uncached_elements_min.max(other.uncached_elements_min);
        self.some_free_lazily |= other.some_free_lazily;
        self.some_free_at_once |= other.some_free_at_once;
        self.spread = self.spread.widened_to(other.spread);
        self.call_ns = self.call_ns.max(other.call_ns);
        self.call_factors = self.call_factors.widened_to(other.call_factors);
        self.key_block_ns = self.key_block_ns.max(other.key_block_ns);
        self.key_restore_ns = self.key_restore_ns.max(other.key_restore_ns);
        self.key_factors = self.key_factors.widened_to(other.key_factors);
        self.pending_block_ns = self.pending_block_ns.max(other.pending_block_ns);
        self.pending_restore_ns = self.pending_restore_ns.max(other.pending_restore_ns);
        self.pending_factors = self.pending_factors.widened_to(other.pending_factors);
        for (fits, others) in self.classes.iter_mut().zip(&other.classes) {
            fits.extend(others);
        }
    }
}

fn worse(one: Cost, other: Cost) -> Cost {
    Cost {
        block_ns: one.block_ns.max(other.block_ns),
        restore_ns: one.restore_ns.max(other.restore_ns),
    }
}

/// Nanoseconds, rounded up.
fn ns_up(ps: u128) -> u64 {
    // Nearly always the sum fits 64 bits, where dividing is many times faster.
    match u64::try_from(ps) {
        Ok(ps) => ps.div_ceil(1_000),
        Err(_) => u64::try_from(ps.div_ceil(1_000)).unwrap_or(u64::MAX),
    }
}
