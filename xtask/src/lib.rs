//! Tasks of the repository: real servers for its tests, fixtures made by them, and one command
//! that runs every test. See `cargo xtask help`.
#![forbid(unsafe_code)]

mod answers;
mod apt;
pub mod big_list;
mod check_rdb;
pub mod cluster;
pub mod corpus;
mod fixture;
mod memory;
mod node;
mod random;
mod record_memory;
mod servers;
mod test_run;
pub mod variety;

pub use answers::{Answers, KeyAnswer};
pub use check_rdb::{CheckError, CheckVerdict};
pub use fixture::make_cluster_fixture;
pub use memory::measure_memory;
pub use node::Node;
pub use record_memory::record_memory;
pub use servers::{Line, Server};
pub use test_run::run_tests;

use std::path::{Path, PathBuf};

/// The repository's root.
pub fn repository_root() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().unwrap_or(manifest).to_owned()
}
