//! What is kept of damaged snapshots, and what must never come out of them.

mod anywhere;
mod fixtures;
mod made;
mod outcome;
mod overwritten;
mod templates;
mod time;
mod values;
