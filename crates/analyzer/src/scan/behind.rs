//! What stands behind the end of a snapshot. Servers ignore it; people must not.

use preshard_parser::source::{Container, MARK_BYTES, Trailing};

use crate::PartKind;

/// How snapshots of the two families begin.
const MAGICS: [&[u8]; 2] = [b"REDIS", b"VALKEY"];

/// The bytes behind the end, by what they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Behind {
    /// What the first of them are.
    pub(super) trailing: Trailing,
    /// All of them.
    pub(super) bytes: u64,
    /// The snapshot came as a capture of replication: commands behind it are those of the stream.
    pub(super) is_captured: bool,
    /// How long the snapshot is, as a capture says in front of it.
    pub(super) announced_bytes: Option<u64>,
    /// Another snapshot begins there.
    pub(super) begins_snapshot: bool,
    /// A capture ends in the middle of its mark.
    pub(super) mark_is_cut: bool,
}

impl Behind {
    /// Judges `bytes` bytes that begin with `first`, behind a snapshot that was wrapped in `wrapping`.
    pub(super) fn judge(first: &[u8], bytes: u64, wrapping: &[Container]) -> Behind {
        Behind {
            trailing: Trailing::judge(first, bytes, wrapping),
            bytes,
            is_captured: matches!(
                wrapping.last(),
                Some(Container::CaptureMarked { .. } | Container::CaptureSized { .. })
            ),
            announced_bytes: match wrapping.last() {
                Some(Container::CaptureSized { bytes }) => Some(*bytes),
                _ => None,
            },
            begins_snapshot: MAGICS.iter().any(|magic| first.starts_with(magic)),
            mark_is_cut: match wrapping.last() {
                Some(Container::CaptureMarked { mark }) => {
                    bytes < mark.len() as u64 && mark.starts_with(first)
                }
                _ => false,
            },
        }
    }

    /// Bytes that are commands.
    pub(super) fn commands(&self) -> u64 {
        match self.trailing {
            Trailing::Commands => self.bytes,
            // Behind its mark a server sends commands and nothing else.
            Trailing::EndMark { bytes_behind } => bytes_behind,
            _ => 0,
        }
    }

    /// The end mark of a capture.
    fn capture_end(&self) -> u64 {
        match self.trailing {
            Trailing::EndMark { .. } => MARK_BYTES as u64,
            _ => 0,
        }
    }

    /// Anything else.
    pub(super) fn other(&self) -> u64 {
        self.bytes
            .saturating_sub(self.capture_end())
            .saturating_sub(self.commands())
    }

    /// The parts of the file's account, those that are empty too.
    pub(super) fn parts(&self) -> [(PartKind, u64); 3] {
        [
            (PartKind::CaptureEnd, self.capture_end()),
            (PartKind::Commands, self.commands()),
            (PartKind::Trailing, self.other()),
        ]
    }
}
