//! From snapshot entries to a slot profile.
#![forbid(unsafe_code)]

mod histogram;
mod key_facts;
mod key_name;
mod profile;

pub use histogram::{CostBin, CostHistogram};
pub use key_facts::{Cost, KeyFacts, Sizes};
pub use key_name::KeyName;
pub use profile::{Merge, NamedKey, SlotFacts, SlotProfile};
