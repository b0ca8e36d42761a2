//! How long the move of a key blocks, predicted from measured coefficients.

use preshard_parser::{DataType, ValueFacts};

use crate::{Cost, Server};

/// The coefficients of one server line, and what they rest on.
#[derive(Debug, Clone, PartialEq)]
pub struct CostProfile {
    name: String,
    basis: String,
}

/// Why a cost profile cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProfileError {
    /// The text is not a cost profile.
    #[error("not a cost profile: {0}")]
    Invalid(String),
}

impl CostProfile {
    /// Reads a profile from TOML.
    ///
    /// # Errors
    /// [`ProfileError`] naming the line and what is wrong with it.
    pub fn parse(text: &str) -> Result<CostProfile, ProfileError> {
        let _ = text;
        todo!()
    }

    /// A profile that comes with the program.
    pub fn built_in(name: &str) -> Option<CostProfile> {
        let _ = name;
        todo!()
    }

    /// The names that [`CostProfile::built_in`] knows.
    pub fn built_in_names() -> Vec<&'static str> {
        todo!()
    }

    /// The profile for a server: its own, or the one that stands in where none was measured.
    pub fn for_server(server: Option<&Server>) -> CostProfile {
        let _ = server;
        todo!()
    }

    /// Name of the profile: `redis-7.0`...
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the numbers rest on, for people: `measured on Redis 7.0.15`, `not measured; uses redis-7.0`.
    pub fn basis(&self) -> &str {
        &self.basis
    }

    /// What each MIGRATE call costs besides its keys.
    pub fn call_fixed_ns(&self) -> u64 {
        todo!()
    }

    /// The predicted time of one move.
    pub fn predict(&self, data_type: DataType, value: &ValueFacts, payload_bytes: u64) -> Cost {
        let _ = (data_type, value, payload_bytes);
        todo!()
    }
}
