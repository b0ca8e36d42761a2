//! Sets and ranges of slots.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Error, SLOT_COUNT, Slot};

/// An inclusive range of slots, as in `SLOTSRANGE first last`; in documents `[first, last]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SlotRange {
    /// First slot of the range.
    pub first: Slot,
    /// Last slot of the range, itself included; never below `first`.
    pub last: Slot,
}

impl SlotRange {
    /// The range from `first` to `last`, or `None` when they are the wrong way round.
    pub fn new(first: Slot, last: Slot) -> Option<SlotRange> {
        (first <= last).then_some(SlotRange { first, last })
    }

    /// The slots of the range in ascending order.
    pub fn iter(self) -> impl DoubleEndedIterator<Item = Slot> {
        (self.first.number()..=self.last.number()).filter_map(Slot::new)
    }
}

impl fmt::Display for SlotRange {
    /// `5460` or `0-5460`, as in `CLUSTER NODES`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.first)?;
        if self.last > self.first {
            write!(f, "-{}", self.last)?;
        }
        Ok(())
    }
}

impl FromStr for SlotRange {
    type Err = Error;

    /// Reads one slot, or two with a hyphen between.
    fn from_str(text: &str) -> Result<SlotRange, Error> {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let (first, last): (Slot, Slot) = (first.parse()?, last.parse()?);
        SlotRange::new(first, last).ok_or(Error::RangeReversed { first, last })
    }
}

impl Serialize for SlotRange {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (self.first, self.last).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for SlotRange {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<SlotRange, D::Error> {
        let (first, last) = <(Slot, Slot)>::deserialize(deserializer)?;
        SlotRange::new(first, last)
            .ok_or_else(|| serde::de::Error::custom(Error::RangeReversed { first, last }))
    }
}

/// A set of slots, one bit each.
#[derive(Clone, PartialEq, Eq)]
pub struct SlotSet {
    bits: Box<[u64; SLOT_COUNT as usize / 64]>,
}

impl SlotSet {
    /// The empty set.
    pub fn new() -> SlotSet {
        SlotSet {
            bits: Box::new([0; SLOT_COUNT as usize / 64]),
        }
    }

    /// Reads slots and ranges with commas between, as in `0-5460,5470`. Blanks around the
    /// commas and slots named more than once are fine.
    ///
    /// # Errors
    /// An empty text, anything that is no slot from 0 to 16383, a range that ends before it begins.
    ///
    /// # Examples
    /// ```
    /// use preshard_slots::SlotSet;
    /// let slots = SlotSet::parse("5470, 0-5460")?;
    /// assert_eq!(slots.len(), 5462);
    /// assert_eq!(slots.to_string(), "0-5460,5470");
    /// # Ok::<(), preshard_slots::Error>(())
    /// ```
    pub fn parse(text: &str) -> Result<SlotSet, Error> {
        text.split(',')
            .map(|range| range.trim_ascii().parse::<SlotRange>())
            .collect()
    }

    /// Adds a slot; true when it was not in the set before.
    pub fn insert(&mut self, slot: Slot) -> bool {
        let fresh = !self.contains(slot);
        self.bits[slot.index() / 64] |= 1 << (slot.index() % 64);
        fresh
    }

    /// Takes a slot out; true when it was in the set.
    pub fn remove(&mut self, slot: Slot) -> bool {
        let present = self.contains(slot);
        self.bits[slot.index() / 64] &= !(1 << (slot.index() % 64));
        present
    }

    /// Whether the slot is in the set.
    pub fn contains(&self, slot: Slot) -> bool {
        self.bits[slot.index() / 64] >> (slot.index() % 64) & 1 == 1
    }

    /// Number of slots in the set.
    pub fn len(&self) -> usize {
        self.bits
            .iter()
            .map(|word| word.count_ones() as usize)
            .sum()
    }

    /// Whether the set holds no slot.
    pub fn is_empty(&self) -> bool {
        self.bits.iter().all(|&word| word == 0)
    }

    /// The slots in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = Slot> + '_ {
        self.bits.iter().zip(0u16..).flat_map(|(&word, index)| {
            let mut rest = word;
            std::iter::from_fn(move || {
                let bit = rest.trailing_zeros() as u16;
                rest &= rest.checked_sub(1)?;
                Slot::new(index * 64 + bit)
            })
        })
    }

    /// The slots that are not in the set.
    pub fn complement(&self) -> SlotSet {
        SlotSet {
            bits: Box::new(self.bits.map(|word| !word)),
        }
    }

    /// The set as maximal ranges, ascending.
    pub fn ranges(&self) -> Vec<SlotRange> {
        let mut ranges: Vec<SlotRange> = Vec::new();
        for slot in self.iter() {
            match ranges.last_mut() {
                Some(range) if range.last.number() + 1 == slot.number() => range.last = slot,
                _ => ranges.push(SlotRange {
                    first: slot,
                    last: slot,
                }),
            }
        }
        ranges
    }
}

impl Default for SlotSet {
    fn default() -> SlotSet {
        SlotSet::new()
    }
}

impl fmt::Debug for SlotSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{self}}}")
    }
}

impl fmt::Display for SlotSet {
    /// The set's maximal ranges with commas between, so that [`SlotSet::parse`] reads it back;
    /// nothing for the empty set.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, range) in self.ranges().iter().enumerate() {
            let comma = if i > 0 { "," } else { "" };
            write!(f, "{comma}{range}")?;
        }
        Ok(())
    }
}

impl FromStr for SlotSet {
    type Err = Error;

    fn from_str(text: &str) -> Result<SlotSet, Error> {
        SlotSet::parse(text)
    }
}

impl Extend<Slot> for SlotSet {
    fn extend<I: IntoIterator<Item = Slot>>(&mut self, slots: I) {
        for slot in slots {
            self.insert(slot);
        }
    }
}

impl FromIterator<Slot> for SlotSet {
    fn from_iter<I: IntoIterator<Item = Slot>>(slots: I) -> SlotSet {
        let mut set = SlotSet::new();
        set.extend(slots);
        set
    }
}

impl FromIterator<SlotRange> for SlotSet {
    fn from_iter<I: IntoIterator<Item = SlotRange>>(ranges: I) -> SlotSet {
        ranges.into_iter().flat_map(SlotRange::iter).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(number: u16) -> Slot {
        Slot::new(number).unwrap()
    }

    #[test]
    fn reads_slots_and_ranges_in_any_order() {
        let set = SlotSet::parse("5470,16383 , 0-3,2-4").unwrap();
        let expected: Vec<Slot> = [0, 1, 2, 3, 4, 5470, 16383].map(slot).into();
        assert_eq!(set.iter().collect::<Vec<_>>(), expected);
        assert_eq!(set.len(), 7);
        assert_eq!(set.to_string(), "0-4,5470,16383");
        assert_eq!(SlotSet::parse("0-16383").unwrap().len(), 16384);
    }

    #[test]
    fn refuses_what_is_no_slot() {
        for (text, wrong) in [
            ("", ""),
            ("1,", ""),
            (",1", ""),
            ("1-16384", "16384"),
            ("a-3", "a"),
            ("1-2-3", "2-3"),
            ("1 2", "1 2"),
            ("1- 2", " 2"),
        ] {
            assert_eq!(
                SlotSet::parse(text),
                Err(Error::slot_text(wrong)),
                "{text:?}"
            );
        }
        assert_eq!(
            SlotSet::parse("7-5").unwrap_err().to_string(),
            "slot range 7-5 ends before it begins"
        );
    }

    /// Any set is what its text says, checked against a set of numbers.
    #[test]
    fn text_and_ranges_agree_with_a_plain_set() {
        let mut state = 7u64;
        for density in [0, 1, 2, 30, 200, 255] {
            let mut plain = std::collections::BTreeSet::new();
            let mut set = SlotSet::new();
            for s in Slot::all() {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                if state >> 56 < density {
                    assert!(set.insert(s));
                    assert!(!set.insert(s));
                    plain.insert(s);
                }
            }
            assert_eq!(set.len(), plain.len());
            assert_eq!(set.is_empty(), plain.is_empty());
            assert!(set.iter().eq(plain.iter().copied()));
            assert_eq!(set.complement().len() + set.len(), 16384);
            assert!(set.complement().iter().all(|s| !plain.contains(&s)));
            assert_eq!(set.ranges().into_iter().collect::<SlotSet>(), set);
            for pair in set.ranges().windows(2) {
                assert!(pair[0].last.number() + 1 < pair[1].first.number());
            }
            if !plain.is_empty() {
                assert_eq!(SlotSet::parse(&set.to_string()).as_ref(), Ok(&set));
            }
            for s in plain {
                assert!(set.remove(s));
                assert!(!set.remove(s));
            }
            assert!(set.is_empty());
        }
    }

    #[test]
    fn documents_hold_ranges_as_pairs() {
        let range = SlotRange::new(slot(5), slot(9)).unwrap();
        assert_eq!(serde_json::to_string(&range).unwrap(), "[5,9]");
        assert_eq!(serde_json::from_str::<SlotRange>("[5,9]").unwrap(), range);
        assert!(serde_json::from_str::<SlotRange>("[9,5]").is_err());
        assert!(serde_json::from_str::<SlotRange>("[9,16384]").is_err());
    }
}
