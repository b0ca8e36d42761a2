//! Keys that go to a profile one by one, in the order of their slots.
//!
//! Neighbouring keys of a file lie in slots far apart, and what is counted of a slot takes several cache lines: adding
//! each key as it comes would mean to wait for memory each time. So some thousands are gathered and sorted first.

use preshard_slots::{SLOT_COUNT, Slot};

use crate::key_facts::Expiring;
use crate::{Cost, Sizes, SlotProfile};

/// Keys that are gathered: about one for each slot, in less than a core's second-level cache.
const GATHERED: usize = 12_288;

/// Keys that have been gathered.
pub(super) struct Unnamed {
    keys: Vec<Key>,
    /// Places of `keys` in the order of their slots, made anew each time.
    sorted: Vec<u16>,
}

#[derive(Clone, Copy)]
struct Key {
    slot: Slot,
    expires: Expiring,
    sizes: Sizes,
    cost: Cost,
}

impl Unnamed {
    pub(super) fn new() -> Unnamed {
        Unnamed {
            keys: Vec::with_capacity(GATHERED),
            sorted: Vec::with_capacity(GATHERED),
        }
    }

    /// Adds a key that is not listed by name.
    pub(super) fn add(
        &mut self,
        slot: Slot,
        expires: Expiring,
        sizes: &Sizes,
        cost: Cost,
        profile: &mut SlotProfile,
    ) {
        self.keys.push(Key {
            slot,
            expires,
            sizes: *sizes,
            cost,
        });
        if self.keys.len() == GATHERED {
            self.empty_into(profile);
        }
    }

    /// Adds what was gathered to a profile.
    pub(super) fn empty_into(&mut self, profile: &mut SlotProfile) {
        self.sort();
        for &at in &self.sorted {
            let key = &self.keys[usize::from(at)];
            profile.add_unnamed(key.slot, key.expires, &key.sizes, key.cost);
        }
        self.keys.clear();
    }

    /// Sorts by counting: how many keys each slot has tells where they go.
    fn sort(&mut self) {
        let mut places = [0u16; SLOT_COUNT as usize + 1];
        for key in &self.keys {
            places[key.slot.index() + 1] += 1;
        }
        for slot in 1..places.len() {
            places[slot] += places[slot - 1];
        }
        self.sorted.resize(self.keys.len(), 0);
        for (at, key) in self.keys.iter().enumerate() {
            let place = &mut places[key.slot.index()];
            self.sorted[usize::from(*place)] = at as u16;
            *place += 1;
        }
    }
}
