//! What a snapshot can be wrapped in, recognised by its first bytes and never by a name.

mod gzip;
mod layer;
mod lz4;
mod recognise;
mod zstd;

use std::fmt;
use std::io;

use super::ahead::Ahead;
pub use layer::Leftover;
pub(super) use layer::{Bounds, Unwrapped, unwrap};

/// One wrapping of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Container {
    /// gzip, of one or more members (RFC 1952).
    Gzip,
    /// Zstandard, of one or more frames (RFC 8878).
    Zstd,
    /// LZ4 frames, also those of the `lz4` tool before 2014.
    Lz4,
    /// The compressed stream that Valkey 9.2 writes with `rdbcompression lz4` or `zstd`: seven bytes, then one frame
    /// (valkey `src/compression_stream.h`).
    ValkeyEnvelope {
        /// What the frame is.
        codec: Codec,
    },
    /// What a replica receives without a file: `$EOF:` and a mark, the snapshot, the mark again (redis
    /// `src/replication.c`, `readSyncBulkPayload`).
    CaptureMarked {
        /// The mark, which follows the snapshot.
        mark: [u8; MARK_BYTES],
    },
    /// What a replica receives of a file: `$` and its length, then the file.
    CaptureSized {
        /// The length that it says.
        bytes: u64,
    },
}

/// Length of the mark around a capture (redis `src/rdb.h`, `RDB_EOF_MARK_SIZE`).
pub const MARK_BYTES: usize = 40;

/// The codecs of [`Container::ValkeyEnvelope`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Codec {
    /// An LZ4 frame.
    Lz4,
    /// A zstd frame.
    Zstd,
}

impl Container {
    /// A stable name for documents.
    pub fn word(&self) -> &'static str {
        match self {
            Container::Gzip => "gzip",
            Container::Zstd => "zstd",
            Container::Lz4 => "lz4",
            Container::ValkeyEnvelope { codec: Codec::Lz4 } => "valkey-compressed-lz4",
            Container::ValkeyEnvelope { codec: Codec::Zstd } => "valkey-compressed-zstd",
            Container::CaptureMarked { .. } => "replication-capture-marked",
            Container::CaptureSized { .. } => "replication-capture-sized",
        }
    }

    /// The name in errors of the stream.
    fn stream_name(&self) -> &'static str {
        match self {
            Container::Gzip => "gzip",
            Container::Zstd => "zstd",
            Container::Lz4 => "LZ4",
            Container::ValkeyEnvelope { codec: Codec::Lz4 } => "compressed Valkey snapshot (LZ4)",
            Container::ValkeyEnvelope { codec: Codec::Zstd } => "compressed Valkey snapshot (zstd)",
            Container::CaptureMarked { .. } | Container::CaptureSized { .. } => {
                "replication capture"
            }
        }
    }

    /// Whether it has to be decoded; a capture holds the snapshot as it is.
    pub fn is_compressed(&self) -> bool {
        !matches!(
            self,
            Container::CaptureMarked { .. } | Container::CaptureSized { .. }
        )
    }
}

impl fmt::Display for Container {
    /// The name for people: `gzip`, `replication capture`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.stream_name())
    }
}

/// What is wrong with a container. It comes inside an [`io::Error`], whose kind tells the cases apart for those who
/// only look there: `UnexpectedEof`, `InvalidData`, `Unsupported`, `FileTooLarge`. Any other kind is a failure of the
/// device or the pipe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerError {
    /// The container as people call it.
    pub container: &'static str,
    /// The container that holds it, when it is not the file itself.
    pub within: Option<&'static str>,
    /// How far the container had been read when it was noticed, in bytes of what holds it.
    pub offset: u64,
    /// What it is.
    pub problem: Problem,
}

/// The kinds of [`ContainerError`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// It ends before its own end.
    Truncated,
    /// It contradicts its format or its checksum.
    Damaged(String),
    /// It is of a kind that is not read.
    Unsupported(String),
    /// It decodes to more than it may.
    TooLarge(String),
}

impl fmt::Display for ContainerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ContainerError {
            container,
            within,
            offset,
            problem,
        } = self;
        let verb = match problem {
            Problem::Truncated => "truncated",
            Problem::Damaged(_) => "damaged",
            Problem::Unsupported(_) => "not supported",
            Problem::TooLarge(_) => "refused",
        };
        write!(f, "{container} {verb} at offset {offset:#x} ({offset}) of ")?;
        match within {
            None => f.write_str("the file")?,
            Some(within) => write!(f, "what the {within} holds")?,
        }
        match problem {
            Problem::Truncated => f.write_str(": it ends in the middle"),
            Problem::Damaged(what) | Problem::Unsupported(what) | Problem::TooLarge(what) => {
                write!(f, ": {what}")
            }
        }
    }
}

impl std::error::Error for ContainerError {}

impl ContainerError {
    /// What is wrong with a container, where that is why reading failed.
    pub fn of(error: &io::Error) -> Option<&ContainerError> {
        error.get_ref()?.downcast_ref()
    }

    /// Whether the container is damaged or cut short, rather than of a kind or a size that is not read.
    pub fn is_damage(&self) -> bool {
        matches!(self.problem, Problem::Truncated | Problem::Damaged(_))
    }
}

impl From<ContainerError> for io::Error {
    fn from(error: ContainerError) -> io::Error {
        let kind = match error.problem {
            Problem::Truncated => io::ErrorKind::UnexpectedEof,
            Problem::Damaged(_) => io::ErrorKind::InvalidData,
            Problem::Unsupported(_) => io::ErrorKind::Unsupported,
            Problem::TooLarge(_) => io::ErrorKind::FileTooLarge,
        };
        io::Error::new(kind, error)
    }
}

/// Why a decoder cannot go on.
enum Fault {
    /// The layer below failed, or ended.
    Below(Option<io::Error>),
    /// What it got is no such stream.
    Here(Problem),
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Fault {
        Fault::Below(Some(error))
    }
}

impl Fault {
    /// Whether bytes are missing or wrong, and nothing keeps what is around them from being read.
    fn is_damage(&self) -> bool {
        matches!(
            self,
            Fault::Below(None) | Fault::Here(Problem::Truncated | Problem::Damaged(_))
        )
    }

    fn into_error(
        self,
        container: &'static str,
        within: Option<&'static str>,
        offset: u64,
    ) -> io::Error {
        let problem = match self {
            Fault::Below(Some(error)) => return error,
            Fault::Below(None) => Problem::Truncated,
            Fault::Here(problem) => problem,
        };
        ContainerError {
            container,
            within,
            offset,
            problem,
        }
        .into()
    }
}

fn damaged(what: impl Into<String>) -> Fault {
    Fault::Here(Problem::Damaged(what.into()))
}

/// Magic and length of a frame that is skipped.
const SKIPPABLE_HEADER_BYTES: usize = 8;

/// Passes over a frame that zstd and LZ4 skip.
fn skip_frame(below: &mut Ahead) -> Result<(), Fault> {
    let Some(&[_, _, _, _, length @ ..]) = below
        .ahead(SKIPPABLE_HEADER_BYTES)
        .first_chunk::<SKIPPABLE_HEADER_BYTES>()
    else {
        return Err(Fault::Below(below.take_failure()));
    };
    below.consume(SKIPPABLE_HEADER_BYTES);
    let mut left = u64::from(u32::from_le_bytes(length));
    while left > 0 {
        let available = below.fill()?.len();
        if available == 0 {
            return Err(Fault::Below(None));
        }
        let step = usize::try_from(left).map_or(available, |left| left.min(available));
        below.consume(step);
        left -= step as u64;
    }
    Ok(())
}

/// No frame begins where one may: the stream ends here, unless it has none at all.
fn no_frame(below: &mut Ahead, frames: u64, format: &str) -> Result<bool, Fault> {
    if let Some(error) = below.take_failure() {
        return Err(error.into());
    }
    const MAGIC_BYTES: usize = 4;
    match frames {
        0 if below.ahead(MAGIC_BYTES).len() < MAGIC_BYTES => Err(Fault::Below(None)),
        0 => Err(damaged(format!("there is no frame of {format}"))),
        _ => Ok(false),
    }
}

/// Decodes one layer.
trait Decode: Send {
    /// Decodes some bytes; 0 at the end of the last frame, where what the layer below still holds is no frame.
    ///
    /// Bytes that were decoded in front of a fault are handed out before the fault is told.
    fn decode(&mut self, into: &mut [u8]) -> Result<usize, Fault>;

    /// The layer below.
    fn below(&mut self) -> &mut Ahead;
}
