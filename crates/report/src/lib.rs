//! Versioned documents of preshard, and their renderings.
//!
//! A document ([`document`]) is the public contract: it holds every figure that a reader may want,
//! already computed. The renderers ([`text`], [`csv`], [`json`]) only put figures into a medium, so that
//! two of them can never disagree. [`schema`] derives the JSON Schemas from the same types.
//!
//! The crate knows nothing of files, threads or terminals: it writes to whatever it is handed.
#![forbid(unsafe_code)]

pub mod csv;
pub mod document;
mod figure;
pub mod json;
pub mod schema;
pub mod text;
mod words;

pub use document::{
    FORMAT_VERSION, InspectDocument, KeyRecord, PlanDocument, ProfileDocument, SlotsDocument, Tool,
};
