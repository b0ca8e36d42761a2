//! The slot profile: what a scan produces, what merges, and all that the planner sees.

use std::cmp::Ordering;

use preshard_memory::{Filling, KeyCounts, Tables};
use preshard_parser::{DataType, Encoding};
use preshard_slots::{SLOT_COUNT, Slot, SlotSet};

use crate::key_facts::Expiring;
use crate::{Cost, CostHistogram, KeyFacts, KeyName, Sizes};

/// What one slot holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SlotFacts {
    /// Keys, named ones included.
    pub keys: u64,
    /// Keys with an expiry.
    pub expiring_keys: u64,
    /// Hashes with fields that expire.
    pub keys_with_expiring_fields: u64,
    /// Sum over all keys.
    pub serialized_bytes: u64,
    /// Sum over all keys.
    pub payload_bytes: u64,
    /// Sum over all keys whose memory can be known; saturates, as estimates may rest on false claims.
    pub memory_bytes_estimate: u64,
    /// Sum of the variances of these estimates, bytes squared; saturates.
    pub memory_variance: u64,
    /// Keys whose memory cannot be known (modules).
    pub memory_unknown_keys: u64,
    /// Sum of the predicted blocks of all keys, without per-call costs; saturates.
    pub block_ns: u64,
    /// The largest payload of one key.
    pub largest_payload_bytes: u64,
    /// The worst predicted block of one key.
    pub worst_block_ns: u64,
    /// Costs of the keys that are not in [`SlotProfile::named`].
    pub unnamed: CostHistogram,
}

/// A key that is large or slow enough to be listed by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedKey {
    /// Database number.
    pub db: u64,
    /// Its name.
    pub key: KeyName,
    /// Its slot.
    pub slot: Slot,
    /// Data type.
    pub data_type: DataType,
    /// How the value lies in the file.
    pub encoding: Encoding,
    /// Elements as the server counts them; `None` for modules.
    pub elements: Option<u64>,
    /// Absolute expiry, Unix milliseconds.
    pub expires_at_ms: Option<i64>,
    /// The three sizes.
    pub sizes: Sizes,
    /// The predicted time of one move.
    pub cost: Cost,
    /// Offset of the type byte in its file.
    pub offset: u64,
}

/// Why two profiles cannot be merged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Merge {
    /// They were computed with different cost profiles, memory models or floors.
    #[error("profiles differ in {what}: {left} and {right}")]
    Differ {
        /// What differs.
        what: &'static str,
        /// One side.
        left: String,
        /// The other.
        right: String,
    },
}

/// Per slot: counts, sizes and costs; and by name every key above a floor.
///
/// Merging is associative and free of order: sums and maxima per slot, and of the named keys the
/// [`SlotProfile::NAMES_MAX`] worst. Keys that fall out of the names are added to their slot's
/// histogram, so that bounds taken from it still cover them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotProfile {
    /// The cost profile that predicted the blocks (`redis-7.0`...).
    pub cost_profile: String,
    /// The server whose memory was estimated.
    pub tables: Tables,
    /// Keys with a predicted block of at least this are listed by name.
    pub floor_block_ns: u64,
    /// Keys with a payload of at least this are listed by name.
    pub floor_payload_bytes: u64,
    /// One row per slot.
    slots: Vec<SlotFacts>,
    /// Keys above the floor, worst first (see [`NamedKey::rank`]).
    named: Vec<NamedKey>,
    /// Keys above the floor that are not listed: too many, or a name over [`SlotProfile::NAME_BYTES_MAX`].
    names_dropped: u64,
    /// [`SlotProfile::NAMES_MAX`], but for tests.
    names_max: usize,
}

impl NamedKey {
    /// The order of named keys: worst block first, then largest payload, then slot, database and name.
    ///
    /// Total: where one key lies in two files (a slot in the middle of a migration), all else that is known of
    /// it decides, so that only keys equal in everything are equal here.
    pub fn rank(&self, other: &NamedKey) -> Ordering {
        let by_size = |key: &NamedKey| (key.cost.block_ns, key.sizes.payload_bytes);
        let by_name = |key: &NamedKey| (key.slot, key.db);
        let by_value = |key: &NamedKey| {
            (
                key.data_type,
                key.encoding,
                key.elements,
                key.cost,
                key.sizes,
            )
        };
        let by_place = |key: &NamedKey| (key.expires_at_ms, key.offset);
        by_size(other)
            .cmp(&by_size(self))
            .then_with(|| by_name(self).cmp(&by_name(other)))
            .then_with(|| self.key.cmp(&other.key))
            .then_with(|| by_value(self).cmp(&by_value(other)))
            .then_with(|| by_place(self).cmp(&by_place(other)))
    }

    /// Whether the key is listed by name under these floors.
    pub(crate) fn is_above(&self, floor_block_ns: u64, floor_payload_bytes: u64) -> bool {
        self.cost.block_ns >= floor_block_ns || self.sizes.payload_bytes >= floor_payload_bytes
    }
}

impl SlotProfile {
    /// Most keys that a profile lists by name.
    pub const NAMES_MAX: usize = 32_768;
    /// Longest key name that a profile keeps, in bytes: with [`SlotProfile::NAMES_MAX`] this bounds
    /// the names to 32 MiB.
    pub const NAME_BYTES_MAX: usize = 1_024;

    /// An empty profile.
    pub fn new(
        cost_profile: &str,
        tables: Tables,
        floor_block_ns: u64,
        floor_payload_bytes: u64,
    ) -> SlotProfile {
        SlotProfile {
            cost_profile: cost_profile.to_owned(),
            tables,
            floor_block_ns,
            floor_payload_bytes,
            slots: vec![SlotFacts::default(); usize::from(SLOT_COUNT)],
            named: Vec::new(),
            names_dropped: 0,
            names_max: SlotProfile::NAMES_MAX,
        }
    }

    /// Counts one key.
    pub fn add(&mut self, key: &KeyFacts<'_>) {
        let above_floor = self.is_above_floor(key);
        let expires = key.expiring();
        if above_floor && key.key.len() <= SlotProfile::NAME_BYTES_MAX {
            self.slots[key.slot.index()].add(expires, &key.sizes, key.cost);
            self.named.push(NamedKey::from_facts(key));
            if self.named.len() >= 2 * self.names_max {
                self.drop_surplus_names();
            }
        } else {
            self.names_dropped += u64::from(above_floor);
            self.add_unnamed(key.slot, expires, &key.sizes, key.cost);
        }
    }

    /// Whether a key is listed by name, or would be if its name were shorter.
    pub(crate) fn is_above_floor(&self, key: &KeyFacts<'_>) -> bool {
        key.cost.block_ns >= self.floor_block_ns
            || key.sizes.payload_bytes >= self.floor_payload_bytes
    }

    /// Counts one key that is not listed by name.
    pub(crate) fn add_unnamed(&mut self, slot: Slot, expires: Expiring, sizes: &Sizes, cost: Cost) {
        let facts = &mut self.slots[slot.index()];
        facts.add(expires, sizes, cost);
        facts.unnamed.add_keys(1, cost, sizes.payload_bytes);
    }

    /// Counts keys of one slot, none of which is listed by name.
    pub(crate) fn add_slot(&mut self, slot: Slot, facts: &SlotFacts) {
        self.slots[slot.index()].merge(facts);
    }

    /// Lists keys by name that are counted already, and counts those that another list has dropped.
    pub(crate) fn add_names(&mut self, named: Vec<NamedKey>, names_dropped: u64) {
        self.named.extend(named);
        self.names_dropped = self.names_dropped.saturating_add(names_dropped);
        self.finish();
    }

    /// The slots that hold keys.
    pub fn slots_with_keys(&self) -> SlotSet {
        Slot::all()
            .filter(|&slot| self.slot(slot).keys > 0)
            .collect()
    }

    /// Adds another profile's keys.
    ///
    /// # Errors
    /// [`Merge::Differ`] when the two were not computed alike.
    pub fn merge(&mut self, other: SlotProfile) -> Result<(), Merge> {
        let differ = |what, left: &dyn ToString, right: &dyn ToString| {
            Err(Merge::Differ {
                what,
                left: left.to_string(),
                right: right.to_string(),
            })
        };
        if self.cost_profile != other.cost_profile {
            return differ("cost profile", &self.cost_profile, &other.cost_profile);
        }
        if self.tables != other.tables {
            return differ("memory model", &self.tables, &other.tables);
        }
        if self.floor_block_ns != other.floor_block_ns {
            return differ("block floor", &self.floor_block_ns, &other.floor_block_ns);
        }
        if self.floor_payload_bytes != other.floor_payload_bytes {
            return differ(
                "payload floor",
                &self.floor_payload_bytes,
                &other.floor_payload_bytes,
            );
        }
        for (mine, theirs) in self.slots.iter_mut().zip(&other.slots) {
            mine.merge(theirs);
        }
        self.named.extend(other.named);
        self.names_dropped = self.names_dropped.saturating_add(other.names_dropped);
        self.finish();
        Ok(())
    }

    /// Puts the named keys into their final order and number; to be called after the last [`SlotProfile::add`].
    pub fn finish(&mut self) {
        self.named.sort_unstable_by(NamedKey::rank);
        self.drop_surplus_names();
    }

    /// What a slot holds.
    pub fn slot(&self, slot: Slot) -> &SlotFacts {
        &self.slots[slot.index()]
    }

    /// Moves the keys of some slots into a profile of their own, names included.
    ///
    /// Used where a file holds keys of slots that its node does not own. Dropped names stay counted here.
    pub fn take_slots(&mut self, slots: &SlotSet) -> SlotProfile {
        let mut taken = SlotProfile::new(
            &self.cost_profile,
            self.tables,
            self.floor_block_ns,
            self.floor_payload_bytes,
        );
        taken.names_max = self.names_max;
        for slot in slots.iter() {
            taken.slots[slot.index()] = std::mem::take(&mut self.slots[slot.index()]);
        }
        (taken.named, self.named) = std::mem::take(&mut self.named)
            .into_iter()
            .partition(|key| slots.contains(key.slot));
        taken
    }

    /// What the slot takes on the server, its own tables included where it has such.
    pub fn memory_of_slot(&self, slot: Slot) -> u64 {
        let facts = self.slot(slot);
        let tables = self.tables.of_slot(facts.key_counts(), Filling::KeyByKey);
        facts.memory_bytes_estimate.saturating_add(tables)
    }

    /// The keys above the floor, worst first.
    pub fn named(&self) -> &[NamedKey] {
        &self.named
    }

    /// Keys above the floor that are counted but not listed.
    pub fn names_dropped(&self) -> u64 {
        self.names_dropped
    }

    fn drop_surplus_names(&mut self) {
        if self.named.len() <= self.names_max {
            return;
        }
        self.named.sort_unstable_by(NamedKey::rank);
        for key in self.named.drain(self.names_max..) {
            let unnamed = &mut self.slots[key.slot.index()].unnamed;
            unnamed.add_keys(1, key.cost, key.sizes.payload_bytes);
            self.names_dropped += 1;
        }
    }
}

impl SlotFacts {
    /// The numbers of keys that tables hang on.
    pub fn key_counts(&self) -> KeyCounts {
        KeyCounts {
            keys: self.keys,
            expiring: self.expiring_keys,
            with_expiring_fields: self.keys_with_expiring_fields,
        }
    }

    /// Counts one key, but not in the histogram.
    fn add(&mut self, expires: Expiring, sizes: &Sizes, cost: Cost) {
        self.keys += 1;
        self.expiring_keys += u64::from(expires.key);
        self.keys_with_expiring_fields += u64::from(expires.fields);
        self.memory_variance = self.memory_variance.saturating_add(sizes.memory_variance);
        self.serialized_bytes += sizes.serialized_bytes;
        self.payload_bytes += sizes.payload_bytes;
        match sizes.memory_bytes_estimate {
            Some(bytes) => {
                self.memory_bytes_estimate = self.memory_bytes_estimate.saturating_add(bytes);
            }
            None => self.memory_unknown_keys += 1,
        }
        self.block_ns = self.block_ns.saturating_add(cost.block_ns);
        self.largest_payload_bytes = self.largest_payload_bytes.max(sizes.payload_bytes);
        self.worst_block_ns = self.worst_block_ns.max(cost.block_ns);
    }

    fn merge(&mut self, other: &SlotFacts) {
        self.keys += other.keys;
        self.expiring_keys += other.expiring_keys;
        self.keys_with_expiring_fields += other.keys_with_expiring_fields;
        self.memory_variance = self.memory_variance.saturating_add(other.memory_variance);
        self.serialized_bytes += other.serialized_bytes;
        self.payload_bytes += other.payload_bytes;
        self.memory_bytes_estimate = self
            .memory_bytes_estimate
            .saturating_add(other.memory_bytes_estimate);
        self.memory_unknown_keys += other.memory_unknown_keys;
        self.block_ns = self.block_ns.saturating_add(other.block_ns);
        self.largest_payload_bytes = self.largest_payload_bytes.max(other.largest_payload_bytes);
        self.worst_block_ns = self.worst_block_ns.max(other.worst_block_ns);
        self.unnamed.merge(&other.unnamed);
    }
}

impl NamedKey {
    fn from_facts(key: &KeyFacts<'_>) -> NamedKey {
        NamedKey {
            db: key.db,
            key: KeyName(key.key.as_ref().into()),
            slot: key.slot,
            data_type: key.data_type,
            encoding: key.value.encoding,
            elements: key.value.elements,
            expires_at_ms: key.expires_at_ms,
            sizes: key.sizes,
            cost: key.cost,
            offset: key.offset,
        }
    }
}

#[cfg(test)]
mod tests {
    use preshard_memory::{Allocator, Target};
    use preshard_parser::ValueFacts;
    use proptest::prelude::*;

    use super::*;

    /// Floors such that about half of the keys below are above one.
    const FLOOR_BLOCK_NS: u64 = 500;
    const FLOOR_PAYLOAD_BYTES: u64 = 700;

    fn tables() -> Tables {
        Tables::new(Target::Redis70, Allocator::Je3, true)
    }

    fn empty(names_max: usize) -> SlotProfile {
        SlotProfile {
            names_max,
            ..SlotProfile::new("cost", tables(), FLOOR_BLOCK_NS, FLOOR_PAYLOAD_BYTES)
        }
    }

    fn profile_of(keys: &[KeyFacts<'_>], names_max: usize) -> SlotProfile {
        let mut profile = empty(names_max);
        keys.iter().for_each(|key| profile.add(key));
        profile.finish();
        profile
    }

    prop_compose! {
        /// Few slots, names and costs, so that keys tie, and one key may even come twice.
        fn any_key()(
            slot in 0..4u16,
            name in 0..12u8,
            long_name in prop::bool::weighted(0.1),
            block_ns in prop::sample::select(vec![3u64, 499, 500, 900, 901]),
            payload_bytes in prop::sample::select(vec![0u64, 699, 700, 950]),
            known in any::<bool>(),
            expires in any::<bool>(),
        ) -> KeyFacts<'static> {
            let name_bytes = if long_name { SlotProfile::NAME_BYTES_MAX + 1 } else { 1 };
            KeyFacts {
                db: 0,
                key: vec![name; name_bytes].into(),
                slot: Slot::new(slot).expect("a slot"),
                data_type: DataType::String,
                value: ValueFacts {
                    elements: Some(payload_bytes),
                    content_bytes: payload_bytes,
                    compressible_bytes: payload_bytes,
                    ..ValueFacts::empty(Encoding::Raw)
                },
                expires_at_ms: expires.then_some(1),
                idle_s: None,
                lfu: None,
                loaded: None,
                sizes: Sizes {
                    serialized_bytes: payload_bytes,
                    payload_bytes,
                    memory_bytes_estimate: known.then_some(payload_bytes * 2),
                    memory_variance: if known { payload_bytes } else { 0 },
                    ..Sizes::default()
                },
                cost: Cost {
                    block_ns,
                    restore_ns: block_ns / 3,
                },
                offset: 0,
            }
        }
    }

    fn any_keys() -> impl Strategy<Value = Vec<KeyFacts<'static>>> {
        prop::collection::vec(any_key(), 0..60)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Names fall out at the cap while keys are added and while profiles are merged: when they do
        /// must not show in the result.
        #[test]
        fn merging_is_associative_and_free_of_order(
            (a, b, c) in (any_keys(), any_keys(), any_keys()),
            names_max in 1..20usize,
        ) {
            let of = |keys: &[KeyFacts<'_>]| profile_of(keys, names_max);
            let merge = |mut left: SlotProfile, right: SlotProfile| {
                left.merge(right).expect("computed alike");
                left
            };
            let all: Vec<KeyFacts<'_>> = [a.clone(), b.clone(), c.clone()].concat();
            let expected = of(&all);
            let reversed: Vec<KeyFacts<'_>> = all.iter().rev().cloned().collect();
            prop_assert!(of(&reversed) == expected, "keys in another order");
            prop_assert!(merge(merge(of(&a), of(&b)), of(&c)) == expected, "(a b) c");
            prop_assert!(merge(of(&a), merge(of(&b), of(&c))) == expected, "a (b c)");
            prop_assert!(merge(merge(of(&c), of(&a)), of(&b)) == expected, "(c a) b");
            prop_assert!(merge(empty(names_max), expected.clone()) == expected, "nothing and all");
        }

        /// Whatever the cap drops, the sums and the bounds of a slot still cover every key.
        #[test]
        fn dropped_names_are_still_counted_and_bounded(keys in any_keys(), names_max in 1..20usize) {
            let profile = profile_of(&keys, names_max);
            let above = keys.iter().filter(|key| {
                key.cost.block_ns >= FLOOR_BLOCK_NS || key.sizes.payload_bytes >= FLOOR_PAYLOAD_BYTES
            });
            prop_assert_eq!(above.count() as u64, profile.named().len() as u64 + profile.names_dropped());
            for slot in Slot::all().take(4) {
                let facts = profile.slot(slot);
                let here: Vec<&KeyFacts<'_>> = keys.iter().filter(|key| key.slot == slot).collect();
                let named: Vec<&NamedKey> =
                    profile.named().iter().filter(|key| key.slot == slot).collect();
                prop_assert_eq!(facts.keys, here.len() as u64);
                prop_assert_eq!(facts.unnamed.keys() + named.len() as u64, facts.keys);
                let payload: u64 = here.iter().map(|key| key.sizes.payload_bytes).sum();
                prop_assert_eq!(facts.payload_bytes, payload);
                let bound = facts.unnamed.worst_block_ns(u64::MAX)
                    + named.iter().map(|key| key.cost.block_ns).sum::<u64>();
                prop_assert!(bound >= facts.block_ns, "bound {bound} below the sum {}", facts.block_ns);
            }
        }

        /// Rows are all of a profile; with raised floors they are those of a scan that had these floors.
        #[test]
        fn rows_with_raised_floors_are_those_of_a_scan_with_them(
            keys in any_keys(),
            floor_block_ns in prop::sample::select(vec![1u64, 500, 900, 902]),
            floor_payload_bytes in prop::sample::select(vec![1u64, 700, 950, 2_000]),
        ) {
            // Of names too long to be kept nobody knows later which floors they are above.
            let keys: Vec<KeyFacts<'_>> =
                keys.into_iter().filter(|key| key.key.len() == 1).collect();
            let profile = profile_of(&keys, SlotProfile::NAMES_MAX);
            let mut rows = crate::SlotRows::of(&profile);
            prop_assert_eq!(rows.check(), Ok(()));
            prop_assert!(rows.clone().into_profile() == profile, "there and back");
            rows.raise_floors(floor_block_ns, floor_payload_bytes);
            let mut expected = SlotProfile::new(
                "cost",
                tables(),
                floor_block_ns.max(FLOOR_BLOCK_NS),
                floor_payload_bytes.max(FLOOR_PAYLOAD_BYTES),
            );
            keys.iter().for_each(|key| expected.add(key));
            expected.finish();
            prop_assert!(rows.into_profile() == expected, "raised");
        }

        #[test]
        fn what_is_taken_out_and_what_stays_make_the_whole(keys in any_keys()) {
            let whole = profile_of(&keys, 1_000);
            let slots: SlotSet = [Slot::new(1), Slot::new(3)].into_iter().flatten().collect();
            let mut rest = whole.clone();
            let taken = rest.take_slots(&slots);
            for slot in Slot::all().take(4) {
                let (from, other) = if slots.contains(slot) { (&taken, &rest) } else { (&rest, &taken) };
                prop_assert_eq!(from.slot(slot), whole.slot(slot));
                prop_assert_eq!(other.slot(slot), &SlotFacts::default());
            }
            prop_assert!(taken.named().iter().all(|key| slots.contains(key.slot)));
            rest.merge(taken).expect("computed alike");
            prop_assert!(rest == whole, "put together again");
        }
    }
}
