//! The frontier: frames a snapshot and cuts it into bounded chunks.

use std::ops::Range;

use preshard_parser::salvage::Sound;
use preshard_parser::{Detail, Error, Header, RdbReader, Record, RecordKind};

/// Most records in a chunk. With two hundred bytes each, and as much for what is learnt of it, a chunk
/// stays in the cache of a core between one step and the next.
pub(super) const CHUNK_RECORDS_MAX: usize = 4_096;

/// Bytes of file after which a chunk is closed; one record may exceed it. Decoded key names count as
/// well, because compressed names are decompressed while they are measured.
pub(super) const CHUNK_BYTES: u64 = 8 << 20;

/// Neighbouring records, framed and not yet looked into.
pub(super) struct Chunk<'a> {
    /// The records, in file order.
    pub(super) records: Vec<Record<'a>>,
    /// The bytes they take.
    pub(super) range: Range<u64>,
    /// Why no chunk follows.
    pub(super) stop: Option<Stop>,
    /// No chunk follows because what was to be read ends here.
    pub(super) is_last: bool,
}

/// Why reading stopped.
pub(super) enum Stop {
    /// The end of the snapshot.
    Ended(End),
    /// Bytes that cannot be read.
    Damaged(Error),
}

/// The end of a snapshot.
pub(super) struct End {
    /// Offset of the EOF opcode: in front of it may stand attributes that no key follows.
    pub(super) from: u64,
    /// Such attributes in all.
    pub(super) lost_attributes: u64,
    /// Offset behind the EOF opcode: the checksum covers what is before it.
    pub(super) checksum_from: u64,
    /// The checksum as stored; `None` in versions without.
    pub(super) stored: Option<u64>,
    /// Offset behind the snapshot.
    pub(super) offset: u64,
}

impl End {
    /// Takes the end mark from behind records, if it is there.
    pub(super) fn take(records: &mut Vec<Record<'_>>) -> Option<End> {
        let last = records.pop_if(|record| matches!(record.kind, RecordKind::End { .. }))?;
        End::new(&last)
    }

    fn new(record: &Record<'_>) -> Option<End> {
        let RecordKind::End { checksum } = record.kind else {
            return None;
        };
        Some(End {
            from: record.offset,
            lost_attributes: record.lost_attributes,
            checksum_from: record.offset + 1,
            stored: checksum,
            offset: record.range.end,
        })
    }

    /// Bytes that the checksum itself takes.
    pub(super) fn checksum_bytes(&self) -> u64 {
        self.offset - self.checksum_from
    }
}

/// Cuts a snapshot into chunks.
pub(super) struct Frontier<'a> {
    reader: RdbReader<'a>,
    offset: u64,
    /// Where what is to be read ends, unless the snapshot does before.
    until: u64,
}

impl<'a> Frontier<'a> {
    pub(super) fn new(bytes: &'a [u8], detail: Detail) -> Result<Frontier<'a>, Error> {
        Ok(Frontier {
            reader: RdbReader::new(bytes)?.with_detail(detail),
            offset: 0,
            until: u64::MAX,
        })
    }

    /// A frontier over a part of a damaged snapshot.
    pub(super) fn within(bytes: &'a [u8], sound: &Sound, detail: Detail) -> Frontier<'a> {
        Frontier {
            reader: sound.reader(bytes, detail),
            offset: sound.range.start,
            until: sound.range.end,
        }
    }

    pub(super) fn header(&self) -> Header {
        self.reader.header()
    }

    /// Frames the next chunk into `records`, a buffer that is used again; behind a chunk that stopped it is
    /// empty.
    pub(super) fn next_chunk(&mut self, mut records: Vec<Record<'a>>) -> Chunk<'a> {
        let start = self.offset;
        records.clear();
        let mut weight = 0u64;
        let stop = loop {
            let is_full = records.len() == CHUNK_RECORDS_MAX || weight >= CHUNK_BYTES;
            if is_full || self.offset >= self.until {
                break None;
            }
            match self.reader.next_record() {
                Ok(Some(record)) => {
                    self.offset = record.range.end;
                    if let Some(end) = End::new(&record) {
                        break Some(Stop::Ended(end));
                    }
                    weight = weight.saturating_add(record.weight());
                    records.push(record);
                }
                Ok(None) => {
                    break Some(Stop::Ended(End {
                        from: self.offset,
                        lost_attributes: 0,
                        checksum_from: self.offset,
                        stored: None,
                        offset: self.offset,
                    }));
                }
                Err(error) => break Some(Stop::Damaged(error)),
            }
        };
        Chunk {
            records,
            range: start..self.offset,
            is_last: self.offset >= self.until,
            stop,
        }
    }
}
