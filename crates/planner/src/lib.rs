//! Plans slot migrations whose every step is bounded, and audits such plans.
//!
//! Sees slot profiles and topologies, never bytes of a snapshot.
#![forbid(unsafe_code)]

mod goal;
mod limits;
pub mod plan;

pub use goal::{Goal, MoveOrder};
pub use limits::PlanLimits;
pub use plan::Plan;
