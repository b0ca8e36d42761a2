//! Sets and ranges of slots.

use crate::{SLOT_COUNT, Slot};

/// An inclusive range of slots, as in `SLOTSRANGE first last`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SlotRange {
    /// First slot of the range.
    pub first: Slot,
    /// Last slot of the range, itself included; never below `first`.
    pub last: Slot,
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
        Slot::all().filter(|&slot| self.contains(slot))
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

impl std::fmt::Debug for SlotSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.ranges()).finish()
    }
}

impl FromIterator<Slot> for SlotSet {
    fn from_iter<I: IntoIterator<Item = Slot>>(slots: I) -> SlotSet {
        let mut set = SlotSet::new();
        for slot in slots {
            set.insert(slot);
        }
        set
    }
}
