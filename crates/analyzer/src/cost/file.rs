//! The TOML form of a cost profile.

use serde::Deserialize;

use super::class::CostClass;
use super::fit::{Changes, ClassFits, Factors, Fit, Rate};
use super::{CostProfile, Spread};

/// Why a cost profile cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProfileError {
    /// The text is not a cost profile: the reader's words, with line and column.
    #[error("not a cost profile: {0}")]
    Invalid(String),
    /// A class has no fit to predict from.
    #[error(
        "cost profile {profile}: class {class} has no fit for {part} of values that lie in no cache"
    )]
    NoFit {
        /// The profile.
        profile: String,
        /// The class of values.
        class: &'static str,
        /// `block` or `restore`.
        part: &'static str,
    },
    /// The name is that of a profile that comes with the program, and the coefficients are others.
    #[error(
        "the cost profile is named {0} as one that comes with the program, and is another: give it a name of its own"
    )]
    NameTaken(String),
}

/// A coefficient in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Default, Deserialize)]
#[serde(try_from = "f64")]
pub(super) struct Nanos(pub(super) f64);

impl TryFrom<f64> for Nanos {
    type Error = String;

    fn try_from(ns: f64) -> Result<Nanos, String> {
        match (0.0..=CostProfile::COEFFICIENT_MAX_NS).contains(&ns) {
            true => Ok(Nanos(ns)),
            false => Err(format!(
                "a coefficient is 0 to {:e} ns, not {ns}",
                CostProfile::COEFFICIENT_MAX_NS
            )),
        }
    }
}

impl Nanos {
    /// Whole picoseconds.
    fn picos(self) -> u64 {
        // The product is below 2^40, where neighbouring floats are less than 2^-12 apart: taking a
        // thousandth off first undoes the representation error of decimals, not a real digit.
        (self.0 * 1_000.0 - 1e-3).ceil().max(0.0) as u64
    }
}

/// A part of a line through measured points on which points lie that are as low as that.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(try_from = "f64")]
pub(super) struct LowFactor(pub(super) f64);

/// The same for points that are as high.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(try_from = "f64")]
pub(super) struct HighFactor(pub(super) f64);

impl TryFrom<f64> for LowFactor {
    type Error = String;

    fn try_from(factor: f64) -> Result<LowFactor, String> {
        match (0.0..=1.0).contains(&factor) {
            true => Ok(LowFactor(factor)),
            false => Err(format!("a low factor is 0 to 1, not {factor}")),
        }
    }
}

impl TryFrom<f64> for HighFactor {
    type Error = String;

    fn try_from(factor: f64) -> Result<HighFactor, String> {
        match (1.0..=100.0).contains(&factor) {
            true => Ok(HighFactor(factor)),
            false => Err(format!("a high factor is 1 to 100, not {factor}")),
        }
    }
}

fn factors(low: LowFactor, high: HighFactor) -> Factors {
    Spread {
        low_permille: (low.0 * 1_000.0).round() as u32,
        high_permille: (high.0 * 1_000.0).round() as u32,
    }
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FitFile {
    #[serde(default)]
    pub(super) element_ns: Nanos,
    #[serde(default)]
    pub(super) byte_ns: Nanos,
    #[serde(default)]
    pub(super) cached: bool,
    pub(super) low: LowFactor,
    pub(super) high: HighFactor,
    pub(super) fitted: String,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ClassFile {
    pub(super) block: Vec<FitFile>,
    pub(super) restore: Vec<FitFile>,
    #[serde(default)]
    pub(super) del: Vec<FitFile>,
    #[serde(default)]
    pub(super) compression: Vec<FitFile>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SpreadFile {
    pub(super) low: LowFactor,
    pub(super) high: HighFactor,
    pub(super) fitted: String,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CallFile {
    pub(super) block_ns: u64,
    pub(super) low: LowFactor,
    pub(super) high: HighFactor,
    pub(super) fitted: String,
}

/// What a key costs, or a pending entry.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EachFile {
    pub(super) block_ns: u64,
    pub(super) restore_ns: u64,
    pub(super) low: LowFactor,
    pub(super) high: HighFactor,
    pub(super) fitted: String,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct ClassesFile {
    string: ClassFile,
    compressed_string: ClassFile,
    list: ClassFile,
    stream: ClassFile,
    set: ClassFile,
    hash: ClassFile,
    hash_with_field_ttl: ClassFile,
    zset: ClassFile,
    compact: ClassFile,
    module: ClassFile,
}

/// The text of a cost profile, read and checked: coefficients, and what is said of each.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProfileFile {
    pub(super) name: String,
    pub(super) measured_on: String,
    pub(super) compressed_string_ratio: u64,
    pub(super) compact_elements_max: u64,
    pub(super) uncached_elements_min: u64,
    pub(super) frees_lazily: bool,
    pub(super) del_basis: String,
    pub(super) compression_basis: String,
    pub(super) spread: SpreadFile,
    pub(super) call: CallFile,
    pub(super) key: EachFile,
    #[serde(rename = "stream-pending")]
    pub(super) stream_pending: EachFile,
    pub(super) class: ClassesFile,
}

impl ProfileFile {
    /// Reads and checks a profile.
    ///
    /// # Errors
    /// As [`CostProfile::parse`].
    pub fn parse(text: &str) -> Result<ProfileFile, ProfileError> {
        let file: ProfileFile =
            toml::from_str(text).map_err(|error| ProfileError::Invalid(error.to_string()))?;
        for class in CostClass::ALL {
            let fits = file.class.of(class);
            for (part, fits) in [("block", &fits.block), ("restore", &fits.restore)] {
                if fits.iter().all(|fit| fit.cached) {
                    return Err(ProfileError::NoFit {
                        profile: file.name,
                        class: class.name(),
                        part,
                    });
                }
            }
        }
        Ok(file)
    }

    /// The profile's name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl ClassesFile {
    pub(super) fn of(&self, class: CostClass) -> &ClassFile {
        match class {
            CostClass::String => &self.string,
            CostClass::CompressedString => &self.compressed_string,
            CostClass::List => &self.list,
            CostClass::Stream => &self.stream,
            CostClass::Set => &self.set,
            CostClass::Hash => &self.hash,
            CostClass::HashWithFieldTtl => &self.hash_with_field_ttl,
            CostClass::Zset => &self.zset,
            CostClass::Compact => &self.compact,
            CostClass::Module => &self.module,
        }
    }

    pub(super) fn of_mut(&mut self, class: CostClass) -> &mut ClassFile {
        match class {
            CostClass::String => &mut self.string,
            CostClass::CompressedString => &mut self.compressed_string,
            CostClass::List => &mut self.list,
            CostClass::Stream => &mut self.stream,
            CostClass::Set => &mut self.set,
            CostClass::Hash => &mut self.hash,
            CostClass::HashWithFieldTtl => &mut self.hash_with_field_ttl,
            CostClass::Zset => &mut self.zset,
            CostClass::Compact => &mut self.compact,
            CostClass::Module => &mut self.module,
        }
    }
}

impl From<&ProfileFile> for CostProfile {
    fn from(file: &ProfileFile) -> CostProfile {
        CostProfile {
            basis: format!("measured on {}", file.measured_on),
            name: file.name.clone(),
            compressed_string_ratio: file.compressed_string_ratio,
            compact_elements_max: file.compact_elements_max,
            uncached_elements_min: file.uncached_elements_min,
            some_free_lazily: file.frees_lazily,
            some_free_at_once: !file.frees_lazily,
            del_basis: file.del_basis.clone(),
            compression_basis: file.compression_basis.clone(),
            spread: factors(file.spread.low, file.spread.high),
            call_ns: file.call.block_ns,
            call_factors: factors(file.call.low, file.call.high),
            key_block_ns: file.key.block_ns,
            key_restore_ns: file.key.restore_ns,
            key_factors: factors(file.key.low, file.key.high),
            pending_block_ns: file.stream_pending.block_ns,
            pending_restore_ns: file.stream_pending.restore_ns,
            pending_factors: factors(file.stream_pending.low, file.stream_pending.high),
            classes: CostClass::ALL.map(|class| file.class.of(class).fits(file.frees_lazily)),
            transfer_byte_ps: 0,
            is_uncompressed: false,
            effects: Vec::new(),
        }
    }
}

impl ClassFile {
    fn fits(&self, frees_lazily: bool) -> ClassFits {
        // A class may have one fit of a part that does not hang on caches, and it counts in either case.
        let part = |fits: &[FitFile], cached: bool, factor: fn(&FitFile) -> f64| {
            let own = fits.iter().find(|fit| fit.cached == cached);
            let fit = own.or_else(|| fits.iter().find(|fit| !fit.cached));
            fit.map_or(Rate::default(), |fit| Rate {
                element_ps: Nanos(fit.element_ns.0 * factor(fit)).picos(),
                byte_ps: Nanos(fit.byte_ns.0 * factor(fit)).picos(),
            })
        };
        let changes = |cached| {
            let less_del = part(&self.del, cached, |fit| fit.low.0);
            let more_del = part(&self.del, cached, |fit| fit.high.0);
            Changes {
                without_del: if frees_lazily {
                    Rate::default()
                } else {
                    less_del
                },
                with_del: if frees_lazily {
                    more_del
                } else {
                    Rate::default()
                },
                without_compression: part(&self.compression, cached, |fit| fit.low.0),
            }
        };
        let fits = |fits: &[FitFile], is_block: bool| {
            let fit = |fit: &FitFile| Fit {
                element_ps: fit.element_ns.picos(),
                byte_ps: fit.byte_ns.picos(),
                is_cached: fit.cached,
                factors: factors(fit.low, fit.high),
                changes: if is_block {
                    changes(fit.cached)
                } else {
                    Changes::default()
                },
            };
            fits.iter().map(fit).collect()
        };
        ClassFits {
            block: fits(&self.block, true),
            restore: fits(&self.restore, false),
        }
    }
}
