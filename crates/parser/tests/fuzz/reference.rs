//! A second decoder of the compact encodings: over whole slices, and slow. It shares no code with the
//! reader and leaves out what no reader needs (previous lengths, back lengths, the order of integers).

/// The entries of a blob.
#[derive(Debug)]
pub struct Decoded {
    /// Each of them.
    pub entries: Vec<Entry>,
    /// How many the header says there are; `None` where it leaves that open.
    pub told: Option<usize>,
}

/// An entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// A string of so many bytes.
    String(u64),
    /// An integer.
    Integer(i64),
}

impl Entry {
    /// Its length as text or bytes.
    pub fn len(self) -> u64 {
        match self {
            Entry::String(len) => len,
            Entry::Integer(n) => n.to_string().len() as u64,
        }
    }
}

pub mod decode {
    use super::Decoded;
    use super::Entry::{self, Integer, String};

    fn le(bytes: &[u8]) -> u64 {
        bytes
            .iter()
            .rev()
            .fold(0, |n, &byte| n << 8 | u64::from(byte))
    }

    fn signed(bytes: &[u8]) -> i64 {
        let unused = 64 - 8 * bytes.len() as u32;
        (le(bytes) as i64) << unused >> unused
    }

    /// The bytes between a header of `header` bytes, whose first four are the blob's length, and its end mark.
    fn inside(blob: &[u8], header: usize) -> Option<&[u8]> {
        let sized = blob.len() > header && le(&blob[..4]) == blob.len() as u64;
        let (&end, _) = blob.split_last()?;
        (sized && end == 0xff).then(|| &blob[header..blob.len() - 1])
    }

    fn told(count: &[u8]) -> Option<usize> {
        match le(count) {
            0xffff => None,
            n => Some(n as usize),
        }
    }

    pub fn intset(blob: &[u8]) -> Option<Decoded> {
        let width = le(blob.get(..4)?) as usize;
        let count = le(blob.get(4..8)?) as usize;
        let integers = &blob[8..];
        if ![2, 4, 8].contains(&width) || integers.len() != width * count {
            return None;
        }
        Some(Decoded {
            entries: integers.chunks(width).map(|n| Integer(signed(n))).collect(),
            told: Some(count),
        })
    }

    pub fn listpack(blob: &[u8]) -> Option<Decoded> {
        let mut rest = inside(blob, 6)?;
        let mut entries = Vec::new();
        while let Some(&first) = rest.first() {
            let string = |head: usize, len: u64| (head + len as usize, String(len));
            let (size, entry): (usize, Entry) = match first {
                0x00..=0x7f => (1, Integer(i64::from(first))),
                0x80..=0xbf => string(1, u64::from(first & 63)),
                0xc0..=0xdf => {
                    let raw = i64::from(first & 31) << 8 | i64::from(*rest.get(1)?);
                    (2, Integer(raw << 51 >> 51))
                }
                0xe0..=0xef => string(2, u64::from(first & 15) << 8 | u64::from(*rest.get(1)?)),
                0xf0 => string(5, le(rest.get(1..5)?)),
                0xf1 => (3, Integer(signed(rest.get(1..3)?))),
                0xf2 => (4, Integer(signed(rest.get(1..4)?))),
                0xf3 => (5, Integer(signed(rest.get(1..5)?))),
                0xf4 => (9, Integer(signed(rest.get(1..9)?))),
                _ => return None,
            };
            // The smallest size of each back length but the first is one less than a power of 2^7.
            let back = 1 + [128, 16_383, 2_097_151, 268_435_455]
                .iter()
                .filter(|&&least| size >= least)
                .count();
            rest = rest.get(size + back..)?;
            entries.push(entry);
        }
        Some(Decoded {
            entries,
            told: told(&blob[4..6]),
        })
    }

    pub fn ziplist(blob: &[u8]) -> Option<Decoded> {
        let mut rest = inside(blob, 10)?;
        let mut entries = Vec::new();
        while let Some(&previous) = rest.first() {
            // An end mark that is not the last byte.
            if previous == 0xff {
                return None;
            }
            rest = rest.get(if previous == 0xfe { 5 } else { 1 }..)?;
            let encoding = *rest.first()?;
            let string = |head: usize, len: u64| (head + len as usize, String(len));
            let integer = |rest: &[u8], size: usize| {
                Some((1 + size, Integer(signed(rest.get(1..1 + size)?))))
            };
            let (size, entry): (usize, Entry) = match encoding {
                0x00..=0x3f => string(1, u64::from(encoding)),
                0x40..=0x7f => string(2, u64::from(encoding & 63) << 8 | u64::from(*rest.get(1)?)),
                0x80..=0xbf => {
                    let big_endian: [u8; 4] = rest.get(1..5)?.try_into().ok()?;
                    string(5, u64::from(u32::from_be_bytes(big_endian)))
                }
                0xc0 => integer(rest, 2)?,
                0xd0 => integer(rest, 4)?,
                0xe0 => integer(rest, 8)?,
                0xf0 => integer(rest, 3)?,
                0xfe => integer(rest, 1)?,
                0xf1..=0xfd => (1, Integer(i64::from(encoding) - 0xf1)),
                _ => return None,
            };
            rest = rest.get(size..)?;
            entries.push(entry);
        }
        Some(Decoded {
            entries,
            told: told(&blob[8..10]),
        })
    }

    pub fn zipmap(blob: &[u8]) -> Option<Decoded> {
        let (&count, rest) = blob.split_first()?;
        let (&end, mut rest) = rest.split_last()?;
        let mut entries = Vec::new();
        while let (Some(&first), 0xff) = (rest.first(), end) {
            let (head, len) = match first {
                255 => return None,
                254 => (5, le(rest.get(1..5)?)),
                len => (1, u64::from(len)),
            };
            let is_value = entries.len() % 2 == 1;
            let unused = if is_value {
                1 + usize::from(*rest.get(head)?)
            } else {
                0
            };
            rest = rest.get(head + len as usize + unused..)?;
            entries.push(String(len));
        }
        (end == 0xff).then_some(Decoded {
            entries,
            told: (count < 254).then_some(2 * usize::from(count)),
        })
    }
}
