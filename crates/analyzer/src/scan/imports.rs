//! Slots that were being imported.

use preshard_slots::{SLOT_COUNT, Slot, SlotSet};

/// Ranges of slots, counted at their edges so that a file full of them takes no longer than any other.
pub(super) struct Imports {
    /// Per slot, ranges that begin there.
    begin: Vec<u64>,
    /// Per slot, ranges of which it is the last.
    end: Vec<u64>,
}

impl Imports {
    pub(super) fn new() -> Imports {
        let slots = usize::from(SLOT_COUNT);
        Imports {
            begin: vec![0; slots],
            end: vec![0; slots],
        }
    }

    /// Adds inclusive ranges; what lies beyond the last slot is no slot.
    pub(super) fn add(&mut self, ranges: &[(u64, u64)]) {
        let last_slot = u64::from(SLOT_COUNT - 1);
        for &(first, last) in ranges {
            if first <= last && first <= last_slot {
                self.begin[first as usize] += 1;
                self.end[last.min(last_slot) as usize] += 1;
            }
        }
    }

    pub(super) fn slots(&self) -> SlotSet {
        let mut open = 0u64;
        let mut slots = SlotSet::new();
        for slot in Slot::all() {
            open += self.begin[slot.index()];
            if open > 0 {
                slots.insert(slot);
            }
            open -= self.end[slot.index()];
        }
        slots
    }
}
