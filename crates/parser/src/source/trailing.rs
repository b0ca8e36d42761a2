//! What stands behind a snapshot.

use super::Container;
use crate::looks_like::is_command;

/// What the bytes behind a snapshot's end are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Trailing {
    /// There are none, and there need not be any.
    Nothing,
    /// The mark that ends a capture, and behind it so many bytes of what the server sent next.
    EndMark {
        /// Bytes behind the mark.
        bytes_behind: u64,
    },
    /// A capture that does not end with its mark: it was cut short, or something else stands there.
    MarkMissing,
    /// Commands: those of an append-only file behind its preamble, or those that a server sent behind the snapshot.
    Commands,
    /// Something else.
    Unknown,
}

impl Trailing {
    /// Judges `bytes` bytes behind a snapshot, the first of which are `first`.
    ///
    /// [`crate::limits::TRAILING_LOOKED_AT_BYTES`] of them are enough. `wrapping` is that of the snapshot; for what
    /// stood behind a container it is the wrapping outside of that container.
    pub fn judge(first: &[u8], bytes: u64, wrapping: &[Container]) -> Trailing {
        if let Some(Container::CaptureMarked { mark }) = wrapping.last() {
            return match first.strip_prefix(mark) {
                Some(_) => Trailing::EndMark {
                    bytes_behind: bytes.saturating_sub(mark.len() as u64),
                },
                None => Trailing::MarkMissing,
            };
        }
        if bytes == 0 {
            return Trailing::Nothing;
        }
        match is_command(first) {
            true => Trailing::Commands,
            false => Trailing::Unknown,
        }
    }
}
