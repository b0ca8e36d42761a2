//! The TOML form of a cost profile.

use serde::Deserialize;

use super::CostProfile;

/// Why a cost profile cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProfileError {
    /// The text is not a cost profile: the reader's words, with line and column.
    #[error("not a cost profile: {0}")]
    Invalid(String),
    /// A class has no fit to predict from.
    #[error("cost profile {profile}: class {class} has no fit for {part}")]
    NoFit {
        /// The profile.
        profile: String,
        /// The class of values.
        class: &'static str,
        /// `block` or `restore`.
        part: &'static str,
    },
}

/// Whole picoseconds, from nanoseconds in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(try_from = "f64")]
struct Picos(u64);

impl TryFrom<f64> for Picos {
    type Error = String;

    fn try_from(ns: f64) -> Result<Picos, String> {
        if (0.0..=CostProfile::COEFFICIENT_MAX_NS).contains(&ns) {
            // The product is below 2^40, where neighbouring floats are less than 2^-12 apart: taking a
            // thousandth off first undoes the representation error of decimals, not a real digit.
            Ok(Picos((ns * 1_000.0 - 1e-3).ceil().max(0.0) as u64))
        } else {
            Err(format!(
                "a coefficient is 0 to {:e} ns, not {ns}",
                CostProfile::COEFFICIENT_MAX_NS
            ))
        }
    }
}

/// One line through measured points.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fit {
    pub(super) element_ps: u64,
    pub(super) byte_ps: u64,
}

/// The fits of one class; the largest counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ClassFits {
    pub(super) block: Vec<Fit>,
    pub(super) restore: Vec<Fit>,
}

impl ClassFits {
    pub(super) fn extend(&mut self, other: &ClassFits) {
        self.block.extend_from_slice(&other.block);
        self.restore.extend_from_slice(&other.restore);
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct FitFile {
    #[serde(default, rename = "element_ns")]
    element: Picos,
    #[serde(default, rename = "byte_ns")]
    byte: Picos,
    #[serde(rename = "fitted")]
    _fitted: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClassFile {
    block: Vec<FitFile>,
    restore: Vec<FitFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CallFile {
    block_ns: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyFile {
    block_ns: u64,
    restore_ns: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PendingFile {
    block_ns: u64,
    restore_ns: u64,
    #[serde(rename = "fitted")]
    _fitted: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct ClassesFile {
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    name: String,
    measured_on: String,
    compressed_string_ratio: u64,
    compact_elements_max: u64,
    call: CallFile,
    key: KeyFile,
    #[serde(rename = "stream-pending")]
    stream_pending: PendingFile,
    class: ClassesFile,
}

/// A profile's file, read and checked.
pub(super) struct ProfileFile(RawFile);

impl ProfileFile {
    pub(super) fn parse(text: &str) -> Result<ProfileFile, ProfileError> {
        let file: RawFile =
            toml::from_str(text).map_err(|error| ProfileError::Invalid(error.to_string()))?;
        for (class, fits) in file.class.named() {
            for (part, fits) in [("block", &fits.block), ("restore", &fits.restore)] {
                if fits.is_empty() {
                    return Err(ProfileError::NoFit {
                        profile: file.name,
                        class,
                        part,
                    });
                }
            }
        }
        Ok(ProfileFile(file))
    }
}

impl ClassesFile {
    fn named(&self) -> [(&'static str, &ClassFile); 10] {
        [
            ("string", &self.string),
            ("compressed-string", &self.compressed_string),
            ("list", &self.list),
            ("stream", &self.stream),
            ("set", &self.set),
            ("hash", &self.hash),
            ("hash-with-field-ttl", &self.hash_with_field_ttl),
            ("zset", &self.zset),
            ("compact", &self.compact),
            ("module", &self.module),
        ]
    }
}

impl From<ProfileFile> for CostProfile {
    fn from(ProfileFile(file): ProfileFile) -> CostProfile {
        CostProfile {
            basis: format!("measured on {}", file.measured_on),
            name: file.name,
            compressed_string_ratio: file.compressed_string_ratio,
            compact_elements_max: file.compact_elements_max,
            call_ns: file.call.block_ns,
            key_block_ns: file.key.block_ns,
            key_restore_ns: file.key.restore_ns,
            pending_block_ns: file.stream_pending.block_ns,
            pending_restore_ns: file.stream_pending.restore_ns,
            string: file.class.string.into(),
            compressed_string: file.class.compressed_string.into(),
            list: file.class.list.into(),
            stream: file.class.stream.into(),
            set: file.class.set.into(),
            hash: file.class.hash.into(),
            hash_with_field_ttl: file.class.hash_with_field_ttl.into(),
            zset: file.class.zset.into(),
            compact: file.class.compact.into(),
            module: file.class.module.into(),
        }
    }
}

impl From<ClassFile> for ClassFits {
    fn from(file: ClassFile) -> ClassFits {
        let fits = |fits: Vec<FitFile>| {
            fits.into_iter()
                .map(|fit| Fit {
                    element_ps: fit.element.0,
                    byte_ps: fit.byte.0,
                })
                .collect()
        };
        ClassFits {
            block: fits(file.block),
            restore: fits(file.restore),
        }
    }
}
