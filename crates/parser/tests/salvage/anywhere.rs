//! Damage anywhere in a snapshot.

use std::collections::BTreeSet;
use std::ops::Range;

use preshard_parser::{RdbReader, RecordKind};

use crate::outcome::Name;

/// Marsaglia's xorshift: damage that is the same at every run.
pub struct Xorshift(pub u64);

impl Xorshift {
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Byte,
    FewBytes,
    Zeros,
    Removed,
    Inserted,
}

impl Kind {
    pub const ALL: [Kind; 5] = [
        Kind::Byte,
        Kind::FewBytes,
        Kind::Zeros,
        Kind::Removed,
        Kind::Inserted,
    ];

    /// Damages `bytes` at `at`; the bytes that are not what they were, or lie around what was put in or taken away.
    fn apply(self, bytes: &mut Vec<u8>, at: usize, random: &mut Xorshift) -> Range<usize> {
        let some =
            |random: &mut Xorshift, most: usize| 1 + random.below(most.min(bytes.len() - at));
        match self {
            Kind::Byte => {
                let old = bytes[at];
                bytes[at] = match random.below(4) {
                    0 => 0,
                    1 => 0xff,
                    2 => old ^ (1 << random.below(8)),
                    _ => random.below(256) as u8,
                };
                at..at + usize::from(bytes[at] != old)
            }
            Kind::FewBytes => {
                let len = some(random, 24);
                bytes[at..at + len].fill_with(|| random.below(256) as u8);
                at..at + len
            }
            Kind::Zeros => {
                let len = some(random, 512);
                bytes[at..at + len].fill(0);
                at..at + len
            }
            Kind::Removed => {
                let len = some(random, 40);
                bytes.drain(at..at + len);
                at..at + len
            }
            Kind::Inserted => {
                let len = 1 + random.below(40);
                let new: Vec<u8> = (0..len).map(|_| random.below(256) as u8).collect();
                bytes.splice(at..at, new);
                at..at
            }
        }
    }
}

/// What damage has hit.
#[derive(Debug, Default)]
pub struct Hit {
    /// Keys of which some bytes were hit.
    pub keys: BTreeSet<Name>,
    /// Whether all of it lies in values.
    pub values_only: bool,
    pub ranges: Vec<Range<usize>>,
}

/// Damages a sound snapshot in several places; `None` when nothing was changed.
pub fn damage(sound: &[u8], kinds: &[Kind], random: &mut Xorshift) -> Option<(Vec<u8>, Hit)> {
    // From back to front, so that places in front stay where they are.
    let mut places: Vec<usize> = kinds
        .iter()
        .map(|_| 9 + random.below(sound.len() - 9))
        .collect();
    places.sort_unstable();
    let mut bytes = sound.to_vec();
    let mut ranges = Vec::new();
    for (kind, at) in kinds.iter().zip(places).rev() {
        if at < bytes.len() {
            ranges.push(kind.apply(&mut bytes, at, random));
        }
    }
    (bytes != sound).then(|| (bytes, hit(sound, &ranges)))
}

fn hit(sound: &[u8], ranges: &[Range<usize>]) -> Hit {
    let mut hit = Hit {
        values_only: true,
        ..Hit::default()
    };
    let touches = |from: u64, to: u64| {
        ranges.iter().any(|range| {
            let (start, end) = (range.start as u64, range.end as u64);
            match range.is_empty() {
                true => from < start && start < to,
                false => start < to && from < end,
            }
        })
    };
    let mut reader = RdbReader::new(sound).expect("a header");
    while let Some(record) = reader.next_record().expect("sound") {
        let (start, end) = (record.range.start, record.range.end);
        if !touches(start, end) {
            continue;
        }
        match record.kind {
            RecordKind::Entry(entry) => {
                let name = entry.key.bytes().expect("a name").into_owned();
                hit.keys.insert((entry.db, name));
                hit.values_only &= !touches(start, entry.value_offset);
            }
            _ => hit.values_only = false,
        }
    }
    // What lies between two records is in no value.
    hit.values_only &= !hit.keys.is_empty();
    hit.ranges = ranges.to_vec();
    hit
}
