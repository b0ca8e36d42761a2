//! Zstandard (RFC 8878): frames, each of blocks, decoded by the format's own library.

use zstd::stream::raw::{DParameter, Decoder, InBuffer, Operation as _, OutBuffer};

use super::recognise::{self, is_skippable};
use super::{Decode, Fault, Problem, SKIPPABLE_HEADER_BYTES, damaged, no_frame, skip_frame};
use crate::limits::ZSTD_WINDOW_LOG_MAX;
use crate::source::ahead::Ahead;

/// Longest header of a frame, with its magic.
const HEADER_BYTES_MAX: usize = 18;
/// What is given to the library of a frame at first: enough to tell how long its header is.
const FIRST_BYTES: usize = 5;

pub(super) struct Zstd {
    below: Ahead,
    decoder: Decoder<'static>,
    /// How many bytes the library wants next; 0 between frames.
    wanted: usize,
    /// The last call filled the buffer, so more may be waiting inside.
    filled: bool,
    frames: u64,
    frames_max: u64,
}

impl Zstd {
    /// Decodes up to `frames_max` frames.
    pub(super) fn new(below: Ahead, frames_max: u64) -> std::io::Result<Zstd> {
        let mut decoder = Decoder::new()?;
        decoder.set_parameter(DParameter::WindowLogMax(ZSTD_WINDOW_LOG_MAX))?;
        Ok(Zstd {
            below,
            decoder,
            wanted: 0,
            filled: false,
            frames: 0,
            frames_max,
        })
    }

    /// Looks at the header of the next frame; false when there is none.
    fn next_frame(&mut self) -> Result<bool, Fault> {
        if self.frames == self.frames_max {
            return Ok(false);
        }
        while is_skippable(self.below.ahead(SKIPPABLE_HEADER_BYTES)) {
            skip_frame(&mut self.below)?;
        }
        let head = self.below.ahead(HEADER_BYTES_MAX);
        if let Some(header) = head.strip_prefix(&recognise::ZSTD) {
            if let Some(problem) = refusal(header) {
                return Err(Fault::Here(problem));
            }
            self.frames += 1;
            self.wanted = FIRST_BYTES;
            return Ok(true);
        }
        no_frame(&mut self.below, self.frames, "zstd")
    }
}

impl Decode for Zstd {
    fn decode(&mut self, into: &mut [u8]) -> Result<usize, Fault> {
        loop {
            if self.wanted == 0 && !self.next_frame()? {
                return Ok(0);
            }
            // The library gets no more than it asks for, which is one block, and first nothing as long as it may
            // hold output: an error makes it forget what it decoded in the same call.
            let input = match self.filled {
                true => &[],
                false => {
                    let input = self.below.fill()?;
                    if input.is_empty() {
                        return Err(Fault::Below(None));
                    }
                    input.get(..self.wanted).unwrap_or(input)
                }
            };
            let mut input = InBuffer::around(input);
            let mut output = OutBuffer::around(&mut *into);
            let wanted = self
                .decoder
                .run(&mut input, &mut output)
                .map_err(|error| damaged(error.to_string()))?;
            let (taken, made) = (input.pos(), output.pos());
            let flushing = std::mem::replace(&mut self.filled, made == into.len());
            self.below.consume(taken);
            self.wanted = wanted;
            if made > 0 {
                return Ok(made);
            }
            if taken == 0 && !flushing {
                return Err(damaged("a frame that leads nowhere"));
            }
        }
    }

    fn below(&mut self) -> &mut Ahead {
        &mut self.below
    }
}

/// What of a frame's header is not read, from behind its magic.
///
/// A header that is cut short is left for the library to find out.
fn refusal(header: &[u8]) -> Option<Problem> {
    let (&descriptor, rest) = header.split_first()?;
    let single_segment = descriptor & 0x20 != 0;
    let (window_byte, rest) = match single_segment {
        true => (None, rest),
        false => rest.split_first().map(|(&byte, rest)| (Some(byte), rest))?,
    };
    let dictionary_bytes = match descriptor & 0b11 {
        3 => 4,
        bytes => usize::from(bytes),
    };
    let (dictionary, rest) = rest.split_at_checked(dictionary_bytes)?;
    if dictionary.iter().any(|&byte| byte != 0) {
        let what = "a frame that needs a dictionary; compress without one";
        return Some(Problem::Unsupported(what.to_owned()));
    }
    let window_bytes = match (window_byte, descriptor >> 6) {
        (Some(byte), _) => {
            let base = 1_u64 << (10 + (byte >> 3));
            base + base / 8 * u64::from(byte & 7)
        }
        // The frame is its own window.
        (None, 0) => u64::from(*rest.first()?),
        (None, 1) => u64::from(u16::from_le_bytes(*rest.first_chunk()?)) + 256,
        (None, 2) => u64::from(u32::from_le_bytes(*rest.first_chunk()?)),
        (None, _) => u64::from_le_bytes(*rest.first_chunk()?),
    };
    (window_bytes > 1 << ZSTD_WINDOW_LOG_MAX).then(|| {
        Problem::Unsupported(format!(
            "a frame that needs a window of {window_bytes} bytes, as --long or --ultra of zstd make them; windows of up \
             to {} bytes are read (--long={ZSTD_WINDOW_LOG_MAX})",
            1_u64 << ZSTD_WINDOW_LOG_MAX
        ))
    })
}
