//! gzip (RFC 1952): members of a header, deflated bytes, and a trailer with their checksum and length.

use flate2::{Crc, Decompress, FlushDecompress, Status};

use super::recognise::GZIP;
use super::{Decode, Fault, damaged};
use crate::source::ahead::Ahead;

pub(super) struct Gzip {
    below: Ahead,
    inflate: Decompress,
    checksum: Crc,
    place: Place,
    members: u64,
    /// A fault behind bytes that were handed out.
    fault: Option<Fault>,
}

enum Place {
    Between,
    Deflated,
    Trailer,
}

const METHOD_DEFLATE: u8 = 8;
const FLAG_HEADER_CRC: u8 = 0x02;
const FLAG_EXTRA: u8 = 0x04;
const FLAG_NAME: u8 = 0x08;
const FLAG_COMMENT: u8 = 0x10;
const FLAGS_RESERVED: u8 = 0xE0;

impl Gzip {
    pub(super) fn new(below: Ahead) -> Gzip {
        Gzip {
            below,
            inflate: Decompress::new(false),
            checksum: Crc::new(),
            place: Place::Between,
            members: 0,
            fault: None,
        }
    }

    /// Reads the header of the next member; false when there is none.
    fn next_member(&mut self) -> Result<bool, Fault> {
        if !self.below.ahead(GZIP.len()).starts_with(GZIP) {
            return match self.below.take_failure() {
                Some(error) => Err(error.into()),
                None => Ok(false),
            };
        }
        let mut header = Header {
            below: &mut self.below,
            checksum: Crc::new(),
        };
        header.skip()?;
        self.inflate.reset(false);
        self.checksum.reset();
        self.members += 1;
        Ok(true)
    }

    /// Inflates into an empty buffer; the bytes, and whether the member's deflated bytes end behind them.
    fn inflate(&mut self, into: &mut [u8]) -> Result<(usize, bool), Fault> {
        let input = self.below.fill()?;
        if input.is_empty() {
            return Err(Fault::Below(None));
        }
        let (in_before, out_before) = (self.inflate.total_in(), self.inflate.total_out());
        let status = self.inflate.decompress(input, into, FlushDecompress::None);
        let taken = self.inflate.total_in() - in_before;
        let made = self.inflate.total_out() - out_before;
        let (taken, made) = (narrow(taken), narrow(made));
        self.below.consume(taken);
        self.checksum.update(into.get(..made).unwrap_or_default());
        match status {
            Ok(Status::StreamEnd) => Ok((made, true)),
            Ok(_) if taken > 0 || made > 0 => Ok((made, false)),
            Ok(_) => Err(damaged("deflated bytes that lead nowhere")),
            Err(_) => {
                let fault = damaged("deflated bytes that make no sense");
                if made == 0 {
                    return Err(fault);
                }
                self.fault = Some(fault);
                Ok((made, false))
            }
        }
    }

    fn check_trailer(&mut self) -> Result<(), Fault> {
        const TRAILER_BYTES: usize = 8;
        let Some(&[a, b, c, d, length @ ..]) = self
            .below
            .ahead(TRAILER_BYTES)
            .first_chunk::<TRAILER_BYTES>()
        else {
            return Err(Fault::Below(self.below.take_failure()));
        };
        let stored = u32::from_le_bytes([a, b, c, d]);
        if stored != self.checksum.sum() {
            return Err(damaged(format!(
                "the checksum of what it holds is {:#010x}, it says {stored:#010x}",
                self.checksum.sum()
            )));
        }
        // The length is counted modulo 2^32, and so does the checksum's own counter.
        let stored = u32::from_le_bytes(length);
        if stored != self.checksum.amount() {
            return Err(damaged(format!(
                "the length of what it holds is {} modulo 2^32, it says {stored}",
                self.checksum.amount()
            )));
        }
        self.below.consume(TRAILER_BYTES);
        Ok(())
    }
}

impl Decode for Gzip {
    fn decode(&mut self, into: &mut [u8]) -> Result<usize, Fault> {
        if let Some(fault) = self.fault.take() {
            return Err(fault);
        }
        loop {
            match self.place {
                Place::Between => {
                    if !self.next_member()? {
                        return Ok(0);
                    }
                    self.place = Place::Deflated;
                }
                Place::Deflated => {
                    let (made, ends) = self.inflate(into)?;
                    if ends {
                        self.place = Place::Trailer;
                    }
                    if made > 0 {
                        return Ok(made);
                    }
                }
                Place::Trailer => {
                    self.check_trailer()?;
                    self.place = Place::Between;
                }
            }
        }
    }

    fn below(&mut self) -> &mut Ahead {
        &mut self.below
    }
}

/// Both counts are of one call, which got buffers of `usize` lengths.
fn narrow(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

/// The header of a member. Names and comments are passed over however long they say they are.
struct Header<'b> {
    below: &'b mut Ahead,
    checksum: Crc,
}

impl Header<'_> {
    fn skip(&mut self) -> Result<(), Fault> {
        let [_, _, method, flags, _, _, _, _, _, _] = self.take::<10>()?;
        if method != METHOD_DEFLATE {
            return Err(damaged(format!(
                "compression method {method}, there is only {METHOD_DEFLATE}"
            )));
        }
        if flags & FLAGS_RESERVED != 0 {
            return Err(damaged(format!(
                "flags {flags:#04x}, of which some have no meaning"
            )));
        }
        if flags & FLAG_EXTRA != 0 {
            let length = u16::from_le_bytes(self.take()?);
            for _ in 0..length {
                self.take::<1>()?;
            }
        }
        for flag in [FLAG_NAME, FLAG_COMMENT] {
            while flags & flag != 0 && self.take()? != [0] {}
        }
        if flags & FLAG_HEADER_CRC != 0 {
            let [low, high, ..] = self.checksum.sum().to_le_bytes();
            if self.take()? != [low, high] {
                return Err(damaged("the checksum of a header is another one"));
            }
        }
        Ok(())
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let Some(&bytes) = self.below.ahead(N).first_chunk::<N>() else {
            return Err(Fault::Below(self.below.take_failure()));
        };
        self.below.consume(N);
        self.checksum.update(&bytes);
        Ok(bytes)
    }
}
