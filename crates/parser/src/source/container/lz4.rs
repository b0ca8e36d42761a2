//! LZ4 frames (lz4 `doc/lz4_Frame_format.md`), and those that the `lz4` tool wrote before it had them.
//!
//! Only the blocks are left to a library. The frames are read here because the one of the library takes the end of
//! the file for the end of a frame, knows one old frame only, and clears megabytes for each of a million frames.

use std::hash::Hasher as _;
use std::io::Read as _;

use lz4_flex::block::decompress_into_with_dict;
use twox_hash::XxHash32;

use super::recognise::{self, is_skippable};
use super::{Decode, Fault, Problem, damaged, no_frame, skip_frame};
use crate::source::ahead::Ahead;

/// How far back a block may refer.
const HISTORY_BYTES: usize = 64 * 1_024;
/// Most bytes of a block in an old frame.
const LEGACY_BLOCK_BYTES: usize = 8 << 20;
/// Set in the length of a block that is stored as it is.
const STORED_AS_IS: u32 = 1 << 31;

pub(super) struct Lz4 {
    below: Ahead,
    frame: Option<Frame>,
    /// A block as it is stored.
    stored: Vec<u8>,
    /// Decoded bytes: what blocks may refer to, then what was not handed out yet, then room.
    window: Vec<u8>,
    /// Where the bytes of this frame begin in the window.
    begin: usize,
    handed_out: usize,
    end: usize,
    frames: u64,
    frames_max: u64,
}

struct Frame {
    block_bytes_max: usize,
    linked: bool,
    block_checksums: bool,
    content_checksum: Option<XxHash32>,
    content_bytes: Option<u64>,
    decoded_bytes: u64,
    legacy: bool,
}

impl Lz4 {
    /// Decodes up to `frames_max` frames.
    pub(super) fn new(below: Ahead, frames_max: u64) -> Lz4 {
        Lz4 {
            below,
            frame: None,
            stored: Vec::new(),
            window: Vec::new(),
            begin: 0,
            handed_out: 0,
            end: 0,
            frames: 0,
            frames_max,
        }
    }

    /// Reads the header of the next frame; false when there is none.
    fn next_frame(&mut self) -> Result<bool, Fault> {
        while self.frames < self.frames_max {
            let head = self.below.ahead(4);
            let frame = if head.starts_with(&recognise::LZ4) {
                self.below.consume(4);
                self.read_header()?
            } else if head.starts_with(&recognise::LZ4_LEGACY) {
                self.below.consume(4);
                Frame {
                    block_bytes_max: LEGACY_BLOCK_BYTES,
                    linked: false,
                    block_checksums: false,
                    content_checksum: None,
                    content_bytes: None,
                    decoded_bytes: 0,
                    legacy: true,
                }
            } else if is_skippable(head) {
                skip_frame(&mut self.below)?;
                continue;
            } else {
                return no_frame(&mut self.below, self.frames, "LZ4");
            };
            let history = if frame.linked {
                HISTORY_BYTES + frame.block_bytes_max
            } else {
                0
            };
            if self.window.len() < history + frame.block_bytes_max {
                self.window = vec![0; history + frame.block_bytes_max];
            }
            (self.begin, self.handed_out, self.end) = (0, 0, 0);
            self.frame = Some(frame);
            self.frames += 1;
            return Ok(true);
        }
        Ok(false)
    }

    fn read_header(&mut self) -> Result<Frame, Fault> {
        let mut descriptor = Vec::with_capacity(14);
        let [flags, sizes] = self.take::<2>()?;
        descriptor.extend([flags, sizes]);
        let has = |bit: u8| flags & bit != 0;
        let mut content_bytes = None;
        if has(0x08) {
            let bytes = self.take::<8>()?;
            descriptor.extend(bytes);
            content_bytes = Some(u64::from_le_bytes(bytes));
        }
        if has(0x01) {
            descriptor.extend(self.take::<4>()?);
        }
        let [stored] = self.take::<1>()?;
        let [_, computed, ..] = XxHash32::oneshot(0, &descriptor).to_le_bytes();
        if stored != computed {
            return Err(damaged("the checksum of a frame's header is another one"));
        }
        if flags >> 6 != 1 || has(0x02) || sizes & 0x8F != 0 {
            let what = format!(
                "a frame header with {flags:#04x} {sizes:#04x}, of which some is not known"
            );
            return Err(Fault::Here(Problem::Unsupported(what)));
        }
        if has(0x01) {
            let what = "a frame that needs a dictionary; compress without one";
            return Err(Fault::Here(Problem::Unsupported(what.to_owned())));
        }
        let block_bytes_max = match sizes >> 4 {
            4 => 64 << 10,
            5 => 256 << 10,
            6 => 1 << 20,
            7 => 4 << 20,
            other => {
                return Err(damaged(format!("blocks of size {other}, known are 4 to 7")));
            }
        };
        Ok(Frame {
            block_bytes_max,
            linked: !has(0x20),
            block_checksums: has(0x10),
            content_checksum: has(0x04).then(|| XxHash32::with_seed(0)),
            content_bytes,
            decoded_bytes: 0,
            legacy: false,
        })
    }

    /// Decodes the next block of a frame, or reads its end.
    fn next_block(&mut self, mut frame: Frame) -> Result<(), Fault> {
        if frame.legacy {
            // These frames have no end: another one may begin, or the file ends. One that holds nothing was cut.
            let head = self.below.ahead(4);
            let another = head.starts_with(&recognise::LZ4)
                || head.starts_with(&recognise::LZ4_LEGACY)
                || is_skippable(head);
            let ends = head.is_empty() && frame.decoded_bytes > 0;
            if another || ends {
                return match self.below.take_failure() {
                    Some(error) => Err(error.into()),
                    None => Ok(()),
                };
            }
        }
        let length = u32::from_le_bytes(self.take()?);
        if length == 0 && !frame.legacy {
            return self.check_end(frame);
        }
        let as_is = !frame.legacy && length & STORED_AS_IS != 0;
        let length = match as_is {
            true => length & !STORED_AS_IS,
            false => length,
        };
        let room = frame.block_bytes_max;
        // What cannot be compressed grows a little, and the old tool stores it so.
        let longest = match frame.legacy {
            true => room + room / 255 + 16,
            false => room,
        };
        if usize::try_from(length).map_or(true, |length| length > longest) {
            return Err(damaged(format!(
                "a block of {length} bytes in a frame whose blocks have up to {room}"
            )));
        }
        self.stored.clear();
        let got = (&mut self.below)
            .take(u64::from(length))
            .read_to_end(&mut self.stored)?;
        if (got as u64) < u64::from(length) {
            return Err(Fault::Below(None));
        }
        if frame.block_checksums
            && u32::from_le_bytes(self.take()?) != XxHash32::oneshot(0, &self.stored)
        {
            return Err(damaged("the checksum of a block is another one"));
        }
        self.slide(&frame);
        let made = self.decode_stored(&frame, as_is)?;
        let block = self
            .window
            .get(self.end..self.end + made)
            .unwrap_or_default();
        if let Some(checksum) = &mut frame.content_checksum {
            checksum.write(block);
        }
        frame.decoded_bytes += made as u64;
        self.end += made;
        self.frame = Some(frame);
        Ok(())
    }

    /// Makes room for a block behind what it may refer to.
    fn slide(&mut self, frame: &Frame) {
        if !frame.linked {
            (self.begin, self.handed_out, self.end) = (0, 0, 0);
        } else if self.window.len() - self.end < frame.block_bytes_max {
            let keep = self.end.saturating_sub(HISTORY_BYTES).max(self.begin);
            self.window.copy_within(keep..self.end, 0);
            (self.begin, self.end) = (0, self.end - keep);
            self.handed_out = self.end;
        }
    }

    fn decode_stored(&mut self, frame: &Frame, as_is: bool) -> Result<usize, Fault> {
        let (front, back) = self
            .window
            .split_at_mut_checked(self.end)
            .unwrap_or_default();
        let room = back.get_mut(..frame.block_bytes_max).unwrap_or_default();
        if as_is {
            return match room.get_mut(..self.stored.len()) {
                Some(room) => {
                    room.copy_from_slice(&self.stored);
                    Ok(self.stored.len())
                }
                None => Err(damaged("a block that is longer than its frame allows")),
            };
        }
        let history_from = match frame.linked {
            true => self.end.saturating_sub(HISTORY_BYTES).max(self.begin),
            false => self.end,
        };
        let history = front.get(history_from..).unwrap_or_default();
        decompress_into_with_dict(&self.stored, room, history)
            .map_err(|error| damaged(format!("a block that does not decode: {error}")))
    }

    fn check_end(&mut self, frame: Frame) -> Result<(), Fault> {
        if let Some(stored) = frame.content_bytes
            && stored != frame.decoded_bytes
        {
            return Err(damaged(format!(
                "a frame that says it holds {stored} bytes and holds {}",
                frame.decoded_bytes
            )));
        }
        if let Some(checksum) = frame.content_checksum
            && u32::from_le_bytes(self.take()?) != checksum.finish_32()
        {
            return Err(damaged("the checksum of what a frame holds is another one"));
        }
        Ok(())
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let Some(&bytes) = self.below.ahead(N).first_chunk::<N>() else {
            return Err(Fault::Below(self.below.take_failure()));
        };
        self.below.consume(N);
        Ok(bytes)
    }
}

impl Decode for Lz4 {
    fn decode(&mut self, into: &mut [u8]) -> Result<usize, Fault> {
        loop {
            let decoded = self.window.get(self.handed_out..self.end);
            if let Some(decoded) = decoded.filter(|decoded| !decoded.is_empty()) {
                let got = decoded.len().min(into.len());
                let (from, _) = decoded.split_at(got);
                let (to, _) = into.split_at_mut(got);
                to.copy_from_slice(from);
                self.handed_out += got;
                return Ok(got);
            }
            match self.frame.take() {
                Some(frame) => self.next_block(frame)?,
                None => {
                    if !self.next_frame()? {
                        return Ok(0);
                    }
                }
            }
        }
    }

    fn below(&mut self) -> &mut Ahead {
        &mut self.below
    }
}
