//! Runs of short strings: the fast way through large collections.
//!
//! Most elements of a hash, set or sorted set are strings of less than 16 KiB, integers, or strings that were as short when
//! they were compressed. A run of such elements is read from the bytes at hand with no more than the lengths looked
//! at, and told to the visitor as a whole. Whatever else comes (a longer string, a score that is no number, a length
//! that cannot be, the end of the bytes) ends the run, and the plain walk in [`super::collection`], which this one must
//! agree with, takes that element.

use super::visitor::{Role, Visitor};
use crate::rdb::{ENCODING_INT8, ENCODING_INT16, ENCODING_INT32, ENCODING_LZF, integer_text_len};
use crate::reader::Cursor;
use crate::{Error, lzf};

/// Elements that a visitor is told of at once.
const ELEMENTS_AT_ONCE: usize = 64;

/// What stands behind the strings of an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Behind {
    Nothing,
    /// The score of a sorted set's member.
    Score,
}

/// Passes over the elements in front, at most `max` of them, that are made of short strings, one for each role; how
/// many there were.
#[inline]
pub(super) fn pass<const STRINGS: usize, C: Cursor, V: Visitor>(
    c: &mut C,
    roles: [Role; STRINGS],
    behind: Behind,
    max: u64,
    v: &mut V,
) -> Result<u64, Error> {
    let Some(compressed) = v.takes_runs() else {
        return Ok(0);
    };
    let bytes = c.at_hand();
    let mut lengths = [[0; STRINGS]; ELEMENTS_AT_ONCE];
    let mut told = 0;
    let mut elements = 0;
    let mut passed = 0;
    while elements < max {
        let mut at = passed;
        let mut element = [0; STRINGS];
        let is_plain = element.iter_mut().all(|len| {
            let Some(string) = short_string(bytes, at, compressed) else {
                return false;
            };
            *len = string.len;
            at = string.end;
            true
        });
        if !is_plain {
            break;
        }
        if behind == Behind::Score {
            match bytes.get(at..).and_then(<[u8]>::first_chunk) {
                Some(score) if !f64::from_le_bytes(*score).is_nan() => at += size_of::<f64>(),
                _ => break,
            }
        }
        if at > bytes.len() {
            break;
        }
        if told == lengths.len() {
            v.run(roles, &lengths);
            told = 0;
        }
        if let Some(place) = lengths.get_mut(told) {
            *place = element;
            told += 1;
        }
        passed = at;
        elements += 1;
    }
    c.skip(passed as u64)?;
    v.run(roles, lengths.get(..told).unwrap_or_default());
    Ok(elements)
}

/// Whether compressed strings may be part of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compressed {
    PassedOver,
    /// They are looked into, one by one.
    LookedInto,
}

/// A string that was passed over.
struct Passed {
    /// Of the decoded string. A compressed one is less than 16 KiB as well.
    len: u32,
    end: usize,
}

/// From here on, the first byte of a string says in which other form it is.
const SPECIAL: u8 = 0xc0;

/// Passes over a string whose lengths take two bytes at most, if it is one.
#[inline(always)]
fn short_string(bytes: &[u8], at: usize, compressed: Compressed) -> Option<Passed> {
    let [first, second] = *bytes.get(at..)?.first_chunk()?;
    if first < 0x40 {
        return Some(Passed {
            len: u32::from(first),
            end: at + 1 + usize::from(first),
        });
    }
    if first < 0x80 {
        let len = u16::from(first & 0x3f) << 8 | u16::from(second);
        return Some(Passed {
            len: len.into(),
            end: at + 2 + usize::from(len),
        });
    }
    special_string(bytes, at, compressed)
}

/// The same of an integer or a compressed string.
#[inline]
fn special_string(bytes: &[u8], at: usize, compressed: Compressed) -> Option<Passed> {
    let [first, second] = *bytes.get(at..)?.first_chunk()?;
    match first.checked_sub(SPECIAL)? {
        ENCODING_INT8 => {
            let n = i8::from_le_bytes([second]);
            Some(integer(n.into(), at + 2))
        }
        ENCODING_INT16 => {
            let [_, a, b] = *bytes.get(at..)?.first_chunk()?;
            Some(integer(i16::from_le_bytes([a, b]).into(), at + 3))
        }
        ENCODING_INT32 => {
            let [_, a, b, c, d] = *bytes.get(at..)?.first_chunk()?;
            Some(integer(i32::from_le_bytes([a, b, c, d]).into(), at + 5))
        }
        ENCODING_LZF if compressed == Compressed::PassedOver => {
            let (stored, at) = short_length(bytes, at + 1)?;
            let (len, at) = short_length(bytes, at)?;
            lzf::check_claim(stored.into(), len.into(), 0).ok()?;
            Some(Passed {
                len: len.into(),
                end: at + usize::from(stored),
            })
        }
        _ => None,
    }
}

fn integer(n: i64, end: usize) -> Passed {
    Passed {
        len: u32::try_from(integer_text_len(n)).unwrap_or_default(),
        end,
    }
}

/// A length of one or two bytes, and what is behind it.
#[inline(always)]
fn short_length(bytes: &[u8], at: usize) -> Option<(u16, usize)> {
    let [first, second] = *bytes.get(at..)?.first_chunk()?;
    match first >> 6 {
        0 => Some((first.into(), at + 1)),
        1 => Some((u16::from(first & 0x3f) << 8 | u16::from(second), at + 2)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use preshard_memory::{Allocator, Model, Settings, Target};
    use proptest::prelude::*;

    use crate::rdb::{TemplateSource, Templates};
    use crate::reader::{Cursor, Reader};
    use crate::value::{MeasureOptions, measure};
    use crate::{Detail, Error, ValueFacts, ValueType};

    /// A reader that has nothing at hand, so that each element takes the plain way.
    struct OneByOne<'a>(Reader<'a>);

    impl Cursor for OneByOne<'_> {
        fn offset(&self) -> u64 {
            self.0.offset()
        }

        fn take(&mut self, n: usize) -> Result<&[u8], Error> {
            self.0.take(n)
        }

        fn skip(&mut self, n: u64) -> Result<(), Error> {
            self.0.skip(n)
        }
    }

    fn measured<C: Cursor>(
        c: &mut C,
        value_type: ValueType,
        options: MeasureOptions,
    ) -> (Result<ValueFacts, Error>, u64) {
        let templates = Templates::default();
        let facts = measure(c, value_type, TemplateSource::Defined(&templates), options);
        (facts, c.offset())
    }

    fn any_length() -> impl Strategy<Value = usize> {
        prop_oneof![0usize..4, 15usize..25, 60usize..70, 16_380usize..16_388]
    }

    prop_compose! {
        /// A string of any form; now and then one that no server writes.
        fn any_string()(
            form in 0u8..14,
            len in any_length(),
            stored in 0usize..80,
            bytes in any::<[u8; 4]>(),
        ) -> Vec<u8> {
            match form {
                0 => vec![0xc0, bytes[0]],
                1 => [&[0xc1][..], &bytes[..2]].concat(),
                2 => [&[0xc2][..], &bytes].concat(),
                3 | 4 => [vec![0xc3], length(stored, false), length(len, false), vec![7; stored]].concat(),
                5 => [length(len, true), vec![b'l'; len]].concat(),
                6 if bytes[0] < 10 => vec![bytes[1]],
                _ => [length(len, false), vec![b's'; len]].concat(),
            }
        }
    }

    fn length(n: usize, long: bool) -> Vec<u8> {
        match n {
            0..64 if !long => vec![n as u8],
            64..16_384 if !long => vec![0x40 | (n >> 8) as u8, n as u8],
            _ => [&[0x80][..], &(n as u32).to_be_bytes()].concat(),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        /// Facts, errors, and where the walk ends; also when the count announces more or fewer elements than there are, or
        /// bytes are missing.
        #[test]
        fn runs_tell_what_their_elements_do(
            strings in prop::collection::vec((any_string(), any::<f64>()), 0..40),
            kind in 0u8..3,
            announced in 0usize..42,
            cut in prop::option::of(0usize..200),
        ) {
            let value_type = [ValueType::Set, ValueType::Hash, ValueType::Zset][usize::from(kind)];
            let mut bytes = length(announced, false);
            for (string, score) in &strings {
                bytes.extend(string);
                if value_type == ValueType::Zset {
                    bytes.extend(score.to_le_bytes());
                }
            }
            bytes.truncate(cut.map_or(bytes.len(), |cut| bytes.len().saturating_sub(cut)));
            let target = Target::ALL[announced % Target::ALL.len()];
            let low = Settings { hash_max_entries: 9, set_max_intset_entries: 9, zset_max_entries: 9, ..Settings::default() };
            let model = Model::new(target, Allocator::Je4, low);
            for detail in [Detail::Counts, Detail::Elements, Detail::SoundElements] {
                for memory in [None, Some(&model)] {
                    let options = MeasureOptions { memory, ..detail.into() };
                    let by_run = measured(&mut Reader::new(&bytes, 5), value_type, options);
                    let plain = measured(&mut OneByOne(Reader::new(&bytes, 5)), value_type, options);
                    prop_assert_eq!(by_run, plain);
                }
            }
        }
    }
}
