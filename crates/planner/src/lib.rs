//! Plans slot migrations whose every step is bounded, and audits such plans.
//!
//! Sees slot profiles and topologies, never bytes of a snapshot.
#![forbid(unsafe_code)]

mod audit;
mod balance;
mod calls;
mod divide;
mod document;
mod error;
mod goal;
mod improve;
mod input;
mod level;
mod limits;
mod loads;
mod outcome;
pub mod plan;
mod planning;
mod remedy;
mod roster;
mod rule_report;
mod rules;
mod schedule;
mod survey;
mod verdict;

pub use audit::{Violation, audit};
pub use error::Error;
pub use goal::{Goal, MoveOrder};
pub use input::{PlanInput, PlanNode};
pub use limits::PlanLimits;
pub use plan::Plan;
pub use planning::plan;
pub use verdict::verdict;
