//! Compact blobs: their headers, and walks over their elements.
//!
//! All of them are read through a [`Cursor`], which may lie inside a compressed string.

use crate::Error;
use crate::rdb::integer_text_len;
use crate::reader::Cursor;

const END: u8 = 0xff;
/// Count in a listpack's or ziplist's header that means "walk to count".
const COUNT_UNKNOWN: u16 = u16::MAX;
/// Count in a zipmap's header from which on it means "walk to count".
const ZIPMAP_COUNT_UNKNOWN: u8 = 254;
/// Length byte of a zipmap, or previous length of a ziplist, that announces four more bytes.
const FOUR_BYTES_FOLLOW: u8 = 254;

/// A blob's layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Blob {
    /// redis `src/ziplist.c`
    Ziplist {
        /// Entries that make one element: 2 for field and value, or member and score.
        per_element: u64,
    },
    /// redis `src/listpack.c`
    Listpack {
        /// Entries that make one element: 3 for field, value and TTL.
        per_element: u64,
    },
    /// A listpack of stream entries, whose count is not the number of elements.
    StreamNode,
    /// redis `src/intset.c`
    Intset,
    /// redis 2.4 `src/zipmap.c`
    Zipmap,
}

/// What a blob's header tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BlobHeader {
    /// Entries; `None` when they must be walked to be counted.
    pub(super) entries: Option<u64>,
    /// Bytes of an intset's integers; 0 for other blobs.
    width: u64,
    /// Bytes of the blob behind the header.
    left: u64,
}

impl Blob {
    /// Entries that make one element.
    pub(super) fn entries_per_element(self) -> u64 {
        match self {
            Blob::Ziplist { per_element } | Blob::Listpack { per_element } => per_element,
            Blob::StreamNode | Blob::Intset => 1,
            Blob::Zipmap => 2,
        }
    }

    /// Reads the header of a blob of `len` bytes and checks the sizes in it.
    pub(super) fn read_header<C: Cursor>(self, c: &mut C, len: u64) -> Result<BlobHeader, Error> {
        let offset = c.offset();
        let sized = |total: u32, expected| match u64::from(total) == len {
            true => Ok(()),
            false => Err(Error::corrupt(
                offset,
                expected,
                format!("{total} in a blob of {len}"),
            )),
        };
        match self {
            Blob::Ziplist { .. } => {
                sized(
                    u32::from_le_bytes(c.take_array()?),
                    "ziplist's own length in its header",
                )?;
                c.skip(4)?;
                let entries = u16::from_le_bytes(c.take_array()?);
                Ok(BlobHeader::counted(entries, len.saturating_sub(10)))
            }
            Blob::Listpack { .. } | Blob::StreamNode => {
                sized(
                    u32::from_le_bytes(c.take_array()?),
                    "listpack's own length in its header",
                )?;
                let entries = u16::from_le_bytes(c.take_array()?);
                Ok(BlobHeader::counted(entries, len.saturating_sub(6)))
            }
            Blob::Intset => {
                let width = u64::from(u32::from_le_bytes(c.take_array()?));
                let entries = u64::from(u32::from_le_bytes(c.take_array()?));
                if !matches!(width, 2 | 4 | 8) {
                    return Err(Error::corrupt(
                        offset,
                        "integers of 2, 4 or 8 bytes",
                        format!("{width}"),
                    ));
                }
                if 8 + width * entries != len {
                    let found = format!("{entries} of {width} bytes in a blob of {len}");
                    return Err(Error::corrupt(
                        offset,
                        "integers that fill the intset",
                        found,
                    ));
                }
                Ok(BlobHeader {
                    entries: Some(entries),
                    width,
                    left: len - 8,
                })
            }
            Blob::Zipmap => {
                let pairs = c.u8()?;
                let entries = (pairs < ZIPMAP_COUNT_UNKNOWN).then(|| 2 * u64::from(pairs));
                Ok(BlobHeader {
                    entries,
                    width: 0,
                    left: len.saturating_sub(1),
                })
            }
        }
    }

    /// Walks the entries behind the header to the blob's end, calls `entry` with the length of each
    /// as text or bytes, and returns how many there were.
    pub(super) fn walk<C: Cursor>(
        self,
        c: &mut C,
        header: BlobHeader,
        entry: &mut dyn FnMut(u64),
    ) -> Result<u64, Error> {
        match self {
            Blob::Ziplist { .. } => walk_to_end(c, header.left, ziplist_entry, entry),
            Blob::Listpack { .. } | Blob::StreamNode => {
                walk_to_end(c, header.left, listpack_entry, entry)
            }
            Blob::Intset => walk_intset(c, header, entry),
            Blob::Zipmap => walk_zipmap(c, header.left, entry),
        }
    }
}

impl BlobHeader {
    fn counted(entries: u16, left: u64) -> BlobHeader {
        let entries = (entries != COUNT_UNKNOWN).then_some(u64::from(entries));
        BlobHeader {
            entries,
            width: 0,
            left,
        }
    }
}

/// What one entry turned out to be.
struct EntryLen {
    /// Bytes that it takes, all of its framing included.
    framed: u64,
    /// Length as text or bytes.
    content: u64,
}

fn walk_to_end<C: Cursor>(
    c: &mut C,
    mut left: u64,
    mut read_entry: impl FnMut(&mut C, u8) -> Result<EntryLen, Error>,
    entry: &mut dyn FnMut(u64),
) -> Result<u64, Error> {
    let mut entries = 0;
    loop {
        let offset = c.offset();
        let first = c.u8()?;
        let framed = if first == END {
            1
        } else {
            let len = read_entry(c, first)?;
            entry(len.content);
            entries += 1;
            len.framed
        };
        left = match left.checked_sub(framed) {
            Some(left) if (left == 0) == (first == END) => left,
            _ => {
                return Err(Error::corrupt(
                    offset,
                    "end mark at the blob's end",
                    format!("{left} bytes left"),
                ));
            }
        };
        if first == END {
            return Ok(entries);
        }
    }
}

fn listpack_entry<C: Cursor>(c: &mut C, first: u8) -> Result<EntryLen, Error> {
    let offset = c.offset();
    let string = |c: &mut C, head: u64, len: u64| c.skip(len).map(|()| (head + len, len));
    let integer = |size: u64, value: i64| Ok((1 + size, integer_text_len(value)));
    let low = u64::from(first);
    let (size, content) = match first {
        0x00..=0x7f => (1, integer_text_len(i64::from(first))),
        0x80..=0xbf => string(c, 1, low & 0x3f)?,
        0xc0..=0xdf => {
            let raw = (i64::from(first & 0x1f) << 8) | i64::from(c.u8()?);
            (
                2,
                integer_text_len(if raw >= 1 << 12 { raw - (1 << 13) } else { raw }),
            )
        }
        0xe0..=0xef => {
            let len = (low & 0x0f) << 8 | u64::from(c.u8()?);
            string(c, 2, len)?
        }
        0xf0 => {
            let len = u64::from(u32::from_le_bytes(c.take_array()?));
            string(c, 5, len)?
        }
        0xf1 => integer(2, i64::from(i16::from_le_bytes(c.take_array()?)))?,
        0xf2 => integer(3, read_i24(c)?)?,
        0xf3 => integer(4, i64::from(i32::from_le_bytes(c.take_array()?)))?,
        0xf4 => integer(8, i64::from_le_bytes(c.take_array()?))?,
        _ => {
            return Err(Error::corrupt(
                offset,
                "listpack entry",
                format!("byte {first:#04x}"),
            ));
        }
    };
    // The back length takes one byte for each seven bits; its limits are one below the powers except the first.
    let back = match size {
        0..=127 => 1,
        128..=16_382 => 2,
        16_383..=2_097_150 => 3,
        2_097_151..=268_435_454 => 4,
        _ => 5,
    };
    c.skip(back)?;
    Ok(EntryLen {
        framed: size + back,
        content,
    })
}

fn ziplist_entry<C: Cursor>(c: &mut C, first: u8) -> Result<EntryLen, Error> {
    let previous = if first == FOUR_BYTES_FOLLOW {
        c.skip(4)?;
        5
    } else {
        1
    };
    let offset = c.offset();
    let encoding = c.u8()?;
    let string = |c: &mut C, head: u64, len: u64| c.skip(len).map(|()| (head + len, len));
    let integer = |size: u64, value: i64| Ok((1 + size, integer_text_len(value)));
    let (size, content) = match encoding {
        0x00..=0x3f => string(c, 1, u64::from(encoding))?,
        0x40..=0x7f => {
            let len = u64::from(encoding & 0x3f) << 8 | u64::from(c.u8()?);
            string(c, 2, len)?
        }
        0x80..=0xbf => {
            let len = u64::from(u32::from_be_bytes(c.take_array()?));
            string(c, 5, len)?
        }
        0xc0 => integer(2, i64::from(i16::from_le_bytes(c.take_array()?)))?,
        0xd0 => integer(4, i64::from(i32::from_le_bytes(c.take_array()?)))?,
        0xe0 => integer(8, i64::from_le_bytes(c.take_array()?))?,
        0xf0 => integer(3, read_i24(c)?)?,
        0xfe => integer(1, i64::from(i8::from_le_bytes(c.take_array()?)))?,
        0xf1..=0xfd => integer(0, i64::from(encoding & 0x0f) - 1)?,
        _ => {
            return Err(Error::corrupt(
                offset,
                "ziplist entry encoding",
                format!("byte {encoding:#04x}"),
            ));
        }
    };
    Ok(EntryLen {
        framed: previous + size,
        content,
    })
}

fn walk_intset<C: Cursor>(
    c: &mut C,
    header: BlobHeader,
    entry: &mut dyn FnMut(u64),
) -> Result<u64, Error> {
    let entries = header.entries.unwrap_or(0);
    for _ in 0..entries {
        entry(integer_text_len(match header.width {
            2 => i64::from(i16::from_le_bytes(c.take_array()?)),
            4 => i64::from(i32::from_le_bytes(c.take_array()?)),
            _ => i64::from_le_bytes(c.take_array()?),
        }));
    }
    Ok(entries)
}

fn walk_zipmap<C: Cursor>(c: &mut C, left: u64, entry: &mut dyn FnMut(u64)) -> Result<u64, Error> {
    // A pair is a field, then a value with a count of unused bytes behind its length.
    let mut at_value = false;
    let pair_half = |c: &mut C, first: u8| {
        let (head, len) = match first {
            FOUR_BYTES_FOLLOW => (5, u64::from(u32::from_le_bytes(c.take_array()?))),
            len => (1, u64::from(len)),
        };
        let unused = if at_value { 1 + u64::from(c.u8()?) } else { 0 };
        at_value = !at_value;
        c.skip(len + unused.saturating_sub(1))?;
        Ok(EntryLen {
            framed: head + len + unused,
            content: len,
        })
    };
    walk_to_end(c, left, pair_half, entry)
}

fn read_i24<C: Cursor>(c: &mut C) -> Result<i64, Error> {
    let [low, middle, high] = c.take_array()?;
    Ok(i64::from(i32::from_le_bytes([0, low, middle, high]) >> 8))
}
