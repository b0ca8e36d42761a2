//! Why a scan has no result at all.

use std::io;

/// Why nothing can be said of a file.
///
/// A snapshot that can be read in part is no error: see [`crate::FileSummary::damage`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file is no snapshot, or one of a version that is not known.
    #[error(transparent)]
    NotASnapshot(#[from] preshard_parser::Error),
    /// The file cannot be read.
    #[error("cannot read the snapshot")]
    Read(#[source] io::Error),
    /// To find out what can be kept of a damaged snapshot, all of it must be at hand.
    #[error("a snapshot that can only be read in order cannot be salvaged")]
    NotAtHand,
    /// The receiver of the keys failed.
    #[error("cannot hand on the keys")]
    Sink(#[source] io::Error),
}
