//! Redis Cluster slots: which slot a key belongs to, sets of slots, and who owns them.
//!
//! A leaf crate: it knows nothing of files, snapshots or plans.

mod crc16;
mod error;
mod hasher;
mod slot;
mod slot_set;
mod tag;
pub mod topology;

pub use error::Error;
pub use hasher::SlotHasher;
pub use slot::{SLOT_COUNT, Slot};
pub use slot_set::{SlotRange, SlotSet};
pub use tag::hash_tag;
pub use topology::{Node, NodeId, Topology};
