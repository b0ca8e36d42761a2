//! One module a subcommand.

pub mod calibrate;
mod compare;
pub mod diff;
pub mod inspect;
mod key;
pub mod keys;
pub mod plan;
pub mod schema;
pub mod slots;
pub mod verify;

use anyhow::{Context as _, Result};

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
