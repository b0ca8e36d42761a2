//! Takes off the wrappings of a snapshot, one after the other.

use std::io::{self, Read};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::gzip::Gzip;
use super::lz4::Lz4;
use super::recognise::{LOOKED_AT_BYTES, Recognised, recognise};
use super::zstd::Zstd;
use super::{Codec, Container, ContainerError, Decode, Fault, Problem};
use crate::limits::{
    DECOMPRESSED_BYTES_MAX, EXPANSION_FREE_BYTES, EXPANSION_MAX, TRAILING_LOOKED_AT_BYTES,
    WRAPPINGS_MAX,
};
use crate::source::ahead::Ahead;

/// A snapshot without its wrappings.
pub(in crate::source) struct Unwrapped {
    /// What was taken off, outermost first.
    pub(in crate::source) wrapping: Vec<Container>,
    /// The snapshot's bytes.
    pub(in crate::source) snapshot: Ahead,
    /// What stood behind the containers, once the snapshot's bytes were read to their end.
    pub(in crate::source) leftovers: Arc<Mutex<Vec<Leftover>>>,
}

/// Bytes behind the end of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leftover {
    /// The container that they follow, as an index into [`crate::source::Source::wrapping`].
    pub behind: usize,
    /// How many there are.
    pub bytes: u64,
    /// The first of them.
    pub first: Vec<u8>,
}

/// How much may be decoded.
#[derive(Debug, Clone)]
pub(in crate::source) struct Bounds {
    /// Most decoded bytes; `None` for [`DECOMPRESSED_BYTES_MAX`] and at most [`EXPANSION_MAX`] for each byte read.
    pub(in crate::source) decompressed_bytes_max: Option<u64>,
    /// Bytes of the file that were read.
    pub(in crate::source) file_bytes_read: Arc<AtomicU64>,
}

/// Takes off all wrappings.
///
/// # Errors
/// When a wrapping is of a kind that is not read, or there are too many.
pub(in crate::source) fn unwrap(
    file: Box<dyn Read + Send>,
    bounds: &Bounds,
) -> io::Result<Unwrapped> {
    let counted = Counted {
        inner: file,
        count: Arc::clone(&bounds.file_bytes_read),
    };
    let mut layer = Ahead::new(Box::new(counted));
    let mut within = None;
    let mut wrapping: Vec<Container> = Vec::new();
    let leftovers = Arc::new(Mutex::new(Vec::new()));
    loop {
        let (container, prefix_bytes) = match recognise(layer.ahead(LOOKED_AT_BYTES)) {
            Recognised::Plain => break,
            Recognised::Wrapped(container, prefix_bytes) => (container, prefix_bytes),
            Recognised::Refused(container, offset, problem) => {
                return Err(ContainerError {
                    container,
                    within,
                    offset: layer.offset() + offset as u64,
                    problem,
                }
                .into());
            }
        };
        if wrapping.len() == WRAPPINGS_MAX {
            let what = format!("it is wrapped more than {WRAPPINGS_MAX} times");
            return Err(ContainerError {
                container: container.stream_name(),
                within,
                offset: layer.offset(),
                problem: Problem::Unsupported(what),
            }
            .into());
        }
        layer.consume(prefix_bytes);
        let name = container.stream_name();
        let decoder: Box<dyn Decode> = match &container {
            Container::Gzip => Box::new(Gzip::new(layer)),
            Container::Zstd => Box::new(Zstd::new(layer, u64::MAX)?),
            Container::Lz4 => Box::new(Lz4::new(layer, u64::MAX)),
            Container::ValkeyEnvelope { codec: Codec::Lz4 } => Box::new(Lz4::new(layer, 1)),
            Container::ValkeyEnvelope { codec: Codec::Zstd } => Box::new(Zstd::new(layer, 1)?),
            Container::CaptureMarked { .. } | Container::CaptureSized { .. } => {
                wrapping.push(container);
                continue;
            }
        };
        layer = Ahead::new(Box::new(Layer {
            decoder,
            name,
            within,
            index: wrapping.len(),
            bounds: bounds.clone(),
            decoded_bytes: 0,
            ended: false,
            leftovers: Arc::clone(&leftovers),
        }));
        within = Some(name);
        wrapping.push(container);
    }
    Ok(Unwrapped {
        wrapping,
        snapshot: layer,
        leftovers,
    })
}

/// The bytes that a container holds.
struct Layer {
    decoder: Box<dyn Decode>,
    name: &'static str,
    within: Option<&'static str>,
    index: usize,
    bounds: Bounds,
    decoded_bytes: u64,
    ended: bool,
    leftovers: Arc<Mutex<Vec<Leftover>>>,
}

impl Layer {
    fn error(&mut self, problem: Problem) -> io::Error {
        ContainerError {
            container: self.name,
            within: self.within,
            offset: self.decoder.below().offset(),
            problem,
        }
        .into()
    }

    /// Refuses what no honest container holds.
    fn check_bounds(&mut self) -> io::Result<()> {
        let decoded = self.decoded_bytes;
        let max = self.bounds.decompressed_bytes_max;
        if decoded > max.unwrap_or(DECOMPRESSED_BYTES_MAX) {
            let max = max.unwrap_or(DECOMPRESSED_BYTES_MAX);
            let what = format!("it decodes to more than {max} bytes");
            return Err(self.error(Problem::TooLarge(what)));
        }
        let read = self.bounds.file_bytes_read.load(Ordering::Relaxed);
        if max.is_none() && decoded > EXPANSION_FREE_BYTES && decoded / EXPANSION_MAX > read {
            let what = format!("{read} bytes of the file decode to more than {decoded}");
            return Err(self.error(Problem::TooLarge(what)));
        }
        Ok(())
    }

    /// Reads what stands behind the last frame, so that the layers below are read to their ends as well.
    fn read_leftover(&mut self) -> io::Result<()> {
        let below = self.decoder.below();
        let mut first = Vec::new();
        let mut bytes = 0;
        loop {
            let available = below.fill()?;
            if available.is_empty() {
                break;
            }
            let wanted = TRAILING_LOOKED_AT_BYTES - first.len();
            first.extend(available.iter().take(wanted));
            let n = available.len();
            bytes += n as u64;
            below.consume(n);
        }
        if bytes > 0 {
            let mut leftovers = self
                .leftovers
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            leftovers.push(Leftover {
                behind: self.index,
                bytes,
                first,
            });
        }
        Ok(())
    }
}

impl Read for Layer {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.ended || into.is_empty() {
            return Ok(0);
        }
        match self.decoder.decode(into) {
            Ok(0) => {
                self.ended = true;
                self.read_leftover()?;
                Ok(0)
            }
            Ok(n) => {
                self.decoded_bytes += n as u64;
                self.check_bounds()?;
                Ok(n)
            }
            Err(fault) => {
                self.ended = true;
                Err(match fault {
                    Fault::Below(Some(error)) => error,
                    Fault::Below(None) => self.error(Problem::Truncated),
                    Fault::Here(problem) => self.error(problem),
                })
            }
        }
    }
}

/// Counts what is read of the file.
struct Counted {
    inner: Box<dyn Read + Send>,
    count: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let got = self.inner.read(into)?;
        self.count.fetch_add(got as u64, Ordering::Relaxed);
        Ok(got)
    }
}
