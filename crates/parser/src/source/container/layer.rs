//! Takes off the wrappings of a snapshot, one after the other.

use std::io::{self, Read};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::gzip::Gzip;
use super::lz4::Lz4;
use super::recognise::{LOOKED_AT_BYTES, Recognised, is_skippable, recognise};
use super::zstd::Zstd;
use super::{
    Codec, Container, ContainerError, Decode, Fault, Problem, SKIPPABLE_HEADER_BYTES, no_frame,
    skip_frame,
};
use crate::limits::{
    DECOMPRESSED_BYTES_MAX, EXPANSION_FREE_BYTES, EXPANSION_MAX, TRAILING_LOOKED_AT_BYTES,
    WRAPPINGS_MAX,
};
use crate::source::ahead::Ahead;

/// A snapshot without its wrappings.
pub(in crate::source) struct Unwrapped {
    /// What was taken off, outermost first.
    pub(in crate::source) wrapping: Vec<Container>,
    /// Where each of them begins in what holds it; behind them, where the snapshot does.
    pub(in crate::source) starts: Vec<u64>,
    /// The snapshot's bytes.
    pub(in crate::source) snapshot: Ahead,
    /// The ends of the containers, once the snapshot's bytes were read to their end.
    pub(in crate::source) leftovers: Arc<Mutex<Vec<Leftover>>>,
}

/// The end of a container, which was reached and where all of its checksums are right, and the bytes behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leftover {
    /// The container that they follow, as an index into [`crate::source::Source::wrapping`].
    pub behind: usize,
    /// Where they begin in what holds the container.
    pub at: u64,
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
    /// Bytes of the file that were consumed.
    pub(in crate::source) file_bytes_consumed: Arc<AtomicU64>,
}

/// Takes off all wrappings.
///
/// # Errors
/// When a wrapping is of a kind that is not read, or there are too many.
pub(in crate::source) fn unwrap(
    file: Box<dyn Read + Send>,
    bounds: &Bounds,
) -> io::Result<Unwrapped> {
    let mut layer = Ahead::counting(file, Arc::clone(&bounds.file_bytes_consumed));
    let mut within = None;
    let mut wrapping: Vec<Container> = Vec::new();
    let mut starts = Vec::new();
    let leftovers = Arc::new(Mutex::new(Vec::new()));
    loop {
        starts.push(layer.offset());
        // Such frames stand in front of a frame of zstd or LZ4, and which of them it is only that one tells.
        let mut skipped = false;
        while is_skippable(layer.ahead(SKIPPABLE_HEADER_BYTES)) {
            skip_frame(&mut layer)
                .map_err(|fault| fault.into_error("zstd", within, layer.offset()))?;
            skipped = true;
        }
        let head = layer.ahead(LOOKED_AT_BYTES);
        let head = head.get(..LOOKED_AT_BYTES).unwrap_or(head);
        let (container, prefix_bytes) = match recognise(head) {
            Recognised::Wrapped(container @ (Container::Zstd | Container::Lz4), prefix_bytes) => {
                (container, prefix_bytes)
            }
            _ if skipped => {
                no_frame(&mut layer, 0, "zstd or LZ4")
                    .map_err(|fault| fault.into_error("zstd", within, layer.offset()))?;
                break;
            }
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
            refusal: None,
            ended: false,
            leftovers: Arc::clone(&leftovers),
        }));
        within = Some(name);
        wrapping.push(container);
    }
    Ok(Unwrapped {
        wrapping,
        starts,
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
    /// Why no more is decoded, once what was decoded is handed out.
    refusal: Option<String>,
    ended: bool,
    leftovers: Arc<Mutex<Vec<Leftover>>>,
}

impl Layer {
    /// How many bytes may be decoded before it is to be judged whether more may be; 0 when no more may be.
    fn allowance(&self) -> u64 {
        let max = self.bounds.decompressed_bytes_max;
        let left = max.unwrap_or(DECOMPRESSED_BYTES_MAX) - self.decoded_bytes;
        left.min(EXPANSION_FREE_BYTES - self.decoded_bytes % EXPANSION_FREE_BYTES)
    }

    /// Refuses what expands as no honest container does. It is judged at the same bytes however the file comes in.
    fn judge_expansion(&mut self) {
        let decoded = self.decoded_bytes;
        let consumed = self.bounds.file_bytes_consumed.load(Ordering::Relaxed);
        if self.bounds.decompressed_bytes_max.is_none()
            && decoded.is_multiple_of(EXPANSION_FREE_BYTES)
            && decoded / EXPANSION_MAX > consumed
        {
            self.refusal = Some(format!(
                "it decodes to more than {EXPANSION_MAX} bytes for each byte of the file; --max-decompressed SIZE allows it"
            ));
        }
    }

    fn read_some(&mut self, into: &mut [u8]) -> Result<usize, Fault> {
        if let Some(refusal) = self.refusal.take() {
            return Err(Fault::Here(Problem::TooLarge(refusal)));
        }
        let allowance = self.allowance();
        if allowance == 0 {
            // It may end right here.
            let decoded = self.decoded_bytes;
            return match self.decoder.decode(&mut [0])? {
                0 => Ok(0),
                _ => Err(Fault::Here(Problem::TooLarge(format!(
                    "it decodes to more than {decoded} bytes; --max-decompressed SIZE allows more"
                )))),
            };
        }
        let most = usize::try_from(allowance).map_or(into.len(), |most| most.min(into.len()));
        let got = self
            .decoder
            .decode(into.get_mut(..most).unwrap_or_default())?;
        self.decoded_bytes += got as u64;
        if got > 0 {
            self.judge_expansion();
        }
        Ok(got)
    }

    /// Whether the container around this one, which is damaged, is damaged as well: that explains it. It is read to its
    /// end for that.
    fn damage_around(&mut self) -> Option<io::Error> {
        let below = self.decoder.below();
        loop {
            match below.fill() {
                Ok([]) => return None,
                Ok(available) => {
                    let n = available.len();
                    below.consume(n);
                }
                Err(error) => return ContainerError::of(&error).is_some().then_some(error),
            }
        }
    }

    /// Reads what stands behind the last frame, so that the layers below are read to their ends as well.
    fn read_leftover(&mut self) -> io::Result<()> {
        let below = self.decoder.below();
        let at = below.offset();
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
        let mut leftovers = self
            .leftovers
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        leftovers.push(Leftover {
            behind: self.index,
            at,
            bytes,
            first,
        });
        Ok(())
    }
}

impl Read for Layer {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.ended || into.is_empty() {
            return Ok(0);
        }
        match self.read_some(into) {
            Ok(0) => {
                self.ended = true;
                self.read_leftover()?;
                Ok(0)
            }
            Ok(got) => Ok(got),
            Err(fault) => {
                self.ended = true;
                let offset = self.decoder.below().offset();
                if self.within.is_some()
                    && fault.is_damage()
                    && let Some(error) = self.damage_around()
                {
                    return Err(error);
                }
                Err(fault.into_error(self.name, self.within, offset))
            }
        }
    }
}
