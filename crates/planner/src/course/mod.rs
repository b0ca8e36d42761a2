//! In which order and how fast: batches, waves and windows, run in thought on the memory of the nodes.

pub(crate) mod node_memory;
pub(crate) mod pace;
pub(crate) mod replay;
pub(crate) mod schedule;
pub(crate) mod waves;
