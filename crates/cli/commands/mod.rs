//! One module a subcommand.

pub mod inspect;
pub mod keys;
pub mod plan;
pub mod schema;
pub mod slots;

use anyhow::{Context as _, Result};
use preshard_analyzer::{Checksum, FileSummary};

/// Sets up the threads that all work is done by.
///
/// # Errors
/// When the system refuses them.
fn start_threads(threads: Option<u16>) -> Result<()> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads.map_or(0, usize::from))
        .build_global()
        .context("cannot start threads")
}

/// Whether a file was read to its end and its bytes are those that the server wrote, as far as it tells.
fn is_whole(file: &FileSummary) -> bool {
    file.damage.is_none() && !matches!(file.checksum, Checksum::Wrong { .. })
}
