//! One snapshot, from bytes to a profile.

use std::io;

use preshard_parser::Detail;

use crate::{CostProfile, Error, FileScan, KeyFacts, MemoryModel, Source};

/// What a scan computes.
#[derive(Clone, Copy)]
pub struct ScanOptions<'a> {
    /// Predicts how long keys block.
    pub cost: &'a CostProfile,
    /// Estimates their memory.
    pub memory: &'a dyn MemoryModel,
    /// How deep values are looked into.
    pub detail: Detail,
    /// Keys with a predicted block of at least this are listed by name.
    pub floor_block_ns: u64,
    /// Keys with a payload of at least this are listed by name.
    pub floor_payload_bytes: u64,
}

/// Is told how far a scan has come.
pub trait Progress: Sync {
    /// So many more bytes of the file are done.
    fn advance(&self, bytes: u64);
}

/// Receives the keys of a file in its order, a chunk at a time.
pub type Sink<'a> = dyn FnMut(&[KeyFacts<'_>]) -> io::Result<()> + 'a;

/// Scans one snapshot; `sink` sees all keys in file order, a chunk at a time.
///
/// # Errors
/// [`Error`] when the file is no snapshot or the sink fails. Damage inside the file is no error: what
/// was read before it is the result, marked by [`crate::FileSummary::damage`].
pub fn scan(
    source: &Source,
    options: &ScanOptions<'_>,
    progress: &dyn Progress,
    sink: &mut Sink<'_>,
) -> Result<FileScan, Error> {
    let _ = (source, options, progress, sink);
    todo!("waits for the parser")
}
