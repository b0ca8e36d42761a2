//! Plans slot migrations whose every step is bounded, and audits such plans.
//!
//! Sees slot profiles and topologies, never bytes of a snapshot.
#![forbid(unsafe_code)]

mod audit;
mod error;
mod goal;
mod input;
mod limits;
pub mod plan;
mod planning;
mod rules;
mod verdict;

pub use audit::{Violation, audit};
pub use error::Error;
pub use goal::{Goal, MoveOrder};
pub use input::{PlanInput, PlanNode};
pub use limits::PlanLimits;
pub use plan::Plan;
pub use planning::plan;
pub use verdict::verdict;
