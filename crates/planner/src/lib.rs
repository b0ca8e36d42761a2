//! Plans slot migrations whose every step is bounded, and audits such plans.
//!
//! Pure functions over values: no I/O, no clock, no threads. Sees slot profiles and owners of slots, never bytes
//! of a snapshot.
//!
//! - [`plan()`] makes a [`Plan`] from a [`PlanInput`], a [`Goal`] and [`PlanLimits`]: it surveys the slots (who owns
//!   them, what they hold, whether they may move), chooses what moves where, puts the moves into batches and runs
//!   them in thought, and writes everything down.
//! - [`Planner`] makes several for one profile.
//! - [`drift()`] holds a plan against a newer profile.
//! - [`audit()`] recomputes every rule from a finished plan, without any of the code that made it.
//! - [`verdict()`] judges one key.
#![forbid(unsafe_code)]

mod account;
mod audit;
mod choice;
mod course;
mod drift;
mod error;
mod goal;
mod input;
mod limits;
mod moves;
mod node_facts;
pub mod plan;
mod planning;
mod roster;
mod survey;
mod words;

pub use audit::{Violation, audit};
pub use drift::{Drift, Figure, Finding, MovedNow, Newer, Severity, drift};
pub use error::Error;
pub use goal::{Goal, Measure, MoveOrder};
pub use input::{Mover, PlanInput, PlanNode};
pub use limits::PlanLimits;
pub use moves::verdict::verdict;
pub use node_facts::{NodeFacts, name_of_server, server_named};
pub use plan::Plan;
pub use planning::{Planner, plan};
