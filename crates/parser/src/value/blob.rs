//! Compact blobs: their headers, and walks over their elements.
//!
//! All of them are read through a [`Cursor`], which may lie inside a compressed string.

use crate::Error;
use crate::rdb::{Form, StringHeader, TemplateSource};
use crate::reader::Cursor;
use crate::value::StreamId;

const END: u8 = 0xff;
/// Count in a listpack's or ziplist's header that means "walk to count".
const COUNT_UNKNOWN: u16 = u16::MAX;
/// Count in a zipmap's header from which on it means "walk to count".
const ZIPMAP_COUNT_UNKNOWN: u8 = 254;
/// Length byte of a zipmap, or previous length of a ziplist, that announces four more bytes.
const FOUR_BYTES_FOLLOW: u8 = 254;

/// A blob's layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Blob<'t> {
    /// redis `src/ziplist.c`
    Ziplist(Shape),
    /// redis `src/listpack.c`
    Listpack(Shape),
    /// A listpack of stream entries, whose count is not the number of elements; their ids count from this one.
    StreamNode(StreamId),
    /// A listpack of the values of a hash whose field names stand apart, behind the id of their template.
    Values(Names<'t>),
    /// redis `src/intset.c`
    Intset,
    /// redis 2.4 `src/zipmap.c`
    Zipmap,
}

/// Where the field names of a hash stand, if not with their values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Names<'t> {
    /// In the template that the values name.
    Template(TemplateSource<'t>),
    /// In front of the values, so many; the id means nothing.
    InFront(u64),
}

/// What the entries of a blob are, in turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// An element each.
    Elements,
    /// Member and score.
    Scored,
    /// Field and value.
    Fields,
    /// Field, value and absolute expiry, which is 0 for none.
    ExpiringFields,
    /// A field's value.
    Values,
}

impl Shape {
    /// Entries that make one element.
    pub(super) fn entries(self) -> u64 {
        match self {
            Shape::Elements | Shape::Values => 1,
            Shape::Scored | Shape::Fields => 2,
            Shape::ExpiringFields => 3,
        }
    }
}

/// What a blob's header tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BlobHeader {
    /// Entries; `None` when they must be walked to be counted.
    pub(super) entries: Option<u64>,
    /// Entries that there must be, where something else tells.
    pub(super) expected: Option<u64>,
    /// Bytes of an intset's integers; 0 for other blobs.
    width: u64,
    /// Bytes of the blob behind the header.
    left: u64,
}

impl Blob<'_> {
    /// What its entries are; a stream node has a structure of its own.
    pub(super) fn shape(self) -> Shape {
        match self {
            Blob::Ziplist(shape) | Blob::Listpack(shape) => shape,
            Blob::StreamNode(_) | Blob::Intset => Shape::Elements,
            Blob::Zipmap => Shape::Fields,
            Blob::Values(_) => Shape::Values,
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
            Blob::Ziplist(_) => {
                sized(
                    u32::from_le_bytes(c.take_array()?),
                    "ziplist's own length in its header",
                )?;
                c.skip(4)?;
                let entries = u16::from_le_bytes(c.take_array()?);
                Ok(BlobHeader::counted(entries, len.saturating_sub(10)))
            }
            Blob::Listpack(_) | Blob::StreamNode(_) | Blob::Values(_) => {
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
                    expected: None,
                    width,
                    left: len - 8,
                })
            }
            Blob::Zipmap => {
                let pairs = c.u8()?;
                let entries = (pairs < ZIPMAP_COUNT_UNKNOWN).then(|| 2 * u64::from(pairs));
                Ok(BlobHeader {
                    entries,
                    expected: None,
                    width: 0,
                    left: len.saturating_sub(1),
                })
            }
        }
    }

    /// Walks the entries behind the header to the blob's end and returns how many there were. `entry`
    /// gets the header of each, with its bytes next on the cursor, and consumes exactly those.
    pub(super) fn walk<C: Cursor>(
        self,
        c: &mut C,
        header: BlobHeader,
        entry: impl FnMut(StringHeader, &mut C) -> Result<(), Error>,
    ) -> Result<u64, Error> {
        match self {
            Blob::Ziplist(_) => walk_to_end(c, header.left, ziplist_entry, entry),
            Blob::Listpack(_) | Blob::StreamNode(_) | Blob::Values(_) => {
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
            expected: None,
            width: 0,
            left,
        }
    }

    /// Leaves out so many bytes, which were read already.
    pub(super) fn pass(&mut self, bytes: u64) {
        self.left = self.left.saturating_sub(bytes);
    }
}

/// Reads the next entry of a listpack, which must be an integer, and tells how many bytes it took.
pub(super) fn read_listpack_integer<C: Cursor>(c: &mut C) -> Result<(i64, u64), Error> {
    let offset = c.offset();
    let first = c.u8()?;
    let frame = listpack_entry(c, first, offset)?;
    let integer = expect_integer(frame.entry, offset)?;
    c.skip(frame.behind)?;
    Ok((integer, frame.framed))
}

/// The integer that an entry must be, because servers write nothing else there.
pub(super) fn expect_integer(entry: StringHeader, offset: u64) -> Result<i64, Error> {
    match entry.form {
        Form::Integer(n) => Ok(n),
        Form::Raw | Form::Lzf => {
            let found = format!("a string of {} bytes", entry.len);
            Err(Error::corrupt(offset, "integer", found))
        }
    }
}

/// How one entry lies in its blob.
struct EntryFrame {
    entry: StringHeader,
    /// Bytes that it takes, all of its framing included.
    framed: u64,
    /// Bytes of framing behind it.
    behind: u64,
}

fn walk_to_end<C: Cursor>(
    c: &mut C,
    mut left: u64,
    mut read_entry: impl FnMut(&mut C, u8, u64) -> Result<EntryFrame, Error>,
    mut entry: impl FnMut(StringHeader, &mut C) -> Result<(), Error>,
) -> Result<u64, Error> {
    let mut entries = 0;
    loop {
        let offset = c.offset();
        let first = c.u8()?;
        let framed = if first == END {
            1
        } else {
            let frame = read_entry(c, first, offset)?;
            entry(frame.entry, c)?;
            c.skip(frame.behind)?;
            entries += 1;
            frame.framed
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

/// An entry of a listpack whose first byte, at `offset`, was read; up to its bytes.
fn listpack_entry<C: Cursor>(c: &mut C, first: u8, offset: u64) -> Result<EntryFrame, Error> {
    let string = |head: u64, len: u64| (head, StringHeader::raw(len));
    let integer = |size: u64, value: i64| Ok((1 + size, StringHeader::integer(value)));
    let low = u64::from(first);
    let (head, entry) = match first {
        0x00..=0x7f => (1, StringHeader::integer(i64::from(first))),
        0x80..=0xbf => string(1, low & 0x3f),
        0xc0..=0xdf => {
            let raw = (i64::from(first & 0x1f) << 8) | i64::from(c.u8()?);
            integer(1, if raw >= 1 << 12 { raw - (1 << 13) } else { raw })?
        }
        0xe0..=0xef => string(2, (low & 0x0f) << 8 | u64::from(c.u8()?)),
        0xf0 => string(5, u64::from(u32::from_le_bytes(c.take_array()?))),
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
    let size = head + entry.stored;
    // The back length takes one byte for each seven bits; its limits are one below the powers except the first.
    let back = match size {
        0..=127 => 1,
        128..=16_382 => 2,
        16_383..=2_097_150 => 3,
        2_097_151..=268_435_454 => 4,
        _ => 5,
    };
    Ok(EntryFrame {
        entry,
        framed: size + back,
        behind: back,
    })
}

/// An entry of a ziplist, up to its bytes.
fn ziplist_entry<C: Cursor>(c: &mut C, first: u8, _offset: u64) -> Result<EntryFrame, Error> {
    let previous = if first == FOUR_BYTES_FOLLOW {
        c.skip(4)?;
        5
    } else {
        1
    };
    let offset = c.offset();
    let encoding = c.u8()?;
    let string = |head: u64, len: u64| (head, StringHeader::raw(len));
    let integer = |size: u64, value: i64| Ok((1 + size, StringHeader::integer(value)));
    let (head, entry) = match encoding {
        0x00..=0x3f => string(1, u64::from(encoding)),
        0x40..=0x7f => string(2, u64::from(encoding & 0x3f) << 8 | u64::from(c.u8()?)),
        0x80..=0xbf => string(5, u64::from(u32::from_be_bytes(c.take_array()?))),
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
    Ok(EntryFrame {
        entry,
        framed: previous + head + entry.stored,
        behind: 0,
    })
}

fn walk_intset<C: Cursor>(
    c: &mut C,
    header: BlobHeader,
    mut entry: impl FnMut(StringHeader, &mut C) -> Result<(), Error>,
) -> Result<u64, Error> {
    let entries = header.entries.unwrap_or(0);
    for _ in 0..entries {
        let integer = match header.width {
            2 => i64::from(i16::from_le_bytes(c.take_array()?)),
            4 => i64::from(i32::from_le_bytes(c.take_array()?)),
            _ => i64::from_le_bytes(c.take_array()?),
        };
        entry(StringHeader::integer(integer), c)?;
    }
    Ok(entries)
}

fn walk_zipmap<C: Cursor>(
    c: &mut C,
    left: u64,
    entry: impl FnMut(StringHeader, &mut C) -> Result<(), Error>,
) -> Result<u64, Error> {
    // A pair is a field, then a value with a count of unused bytes behind its length.
    let mut at_value = false;
    let pair_half = |c: &mut C, first: u8, _| {
        let (head, len) = match first {
            FOUR_BYTES_FOLLOW => (5, u64::from(u32::from_le_bytes(c.take_array()?))),
            len => (1, u64::from(len)),
        };
        let unused = if at_value { 1 + u64::from(c.u8()?) } else { 0 };
        at_value = !at_value;
        Ok(EntryFrame {
            entry: StringHeader::raw(len),
            framed: head + len + unused,
            behind: unused.saturating_sub(1),
        })
    };
    walk_to_end(c, left, pair_half, entry)
}

fn read_i24<C: Cursor>(c: &mut C) -> Result<i64, Error> {
    let [low, middle, high] = c.take_array()?;
    Ok(i64::from(i32::from_le_bytes([0, low, middle, high]) >> 8))
}
