//! Short strings by slot.
//!
//! A row takes half a cache line, so that adding a key touches no more than that: with millions of small keys in
//! scrambled order, waiting for the rows is what is left of the time.

use std::hint::black_box;

use preshard_parser::ShortString;
use preshard_slots::{SLOT_COUNT, Slot};

use super::ScanOptions;
use super::short::{Alike, AlikeId, Known, Short};
use super::unnamed::Unnamed;
use crate::key_facts::Expiring;
use crate::{CostHistogram, Sizes, SlotFacts, SlotProfile};

/// Bins of cost that a row has room for. The predicted times of short strings differ by little, so that more are rare.
const BINS: usize = 2;

/// What was counted, per slot.
pub(super) struct ShortRows {
    /// A row for each slot.
    rows: Box<[Row; SLOT_COUNT as usize]>,
    known: Known<Addend>,
    /// The predicted time of an empty string, which all others exceed.
    block_ns_min: u64,
    /// Sums over all rows: as long as they fit 32 bits, those of a row do.
    serialized_bytes: u64,
    memory_bytes: u64,
    block_ns_above_min: u64,
}

/// The sums are of 32 bits, so that all rows together stay in the cache of a core.
#[derive(Debug, Clone, Copy, Default)]
#[repr(align(32))]
struct Row {
    serialized_bytes: u32,
    memory_bytes: u32,
    /// Above [`ShortRows::block_ns_min`] for each key.
    block_ns_above_min: u32,
    expiring_keys: u32,
    bins: [Bin; BINS],
}

/// Keys whose predicted times fall into one bin of a histogram.
#[derive(Debug, Clone, Copy, Default)]
struct Bin {
    keys: u32,
    index: u16,
    /// The longest value, which also takes longest.
    value_bytes_max: u16,
}

/// What a key adds to its row.
#[derive(Debug, Clone, Copy, Default)]
struct Addend {
    serialized_bytes: u16,
    memory_bytes: u32,
    block_ns_above_min: u32,
    bin: u16,
    /// Whether a row can hold sums of such keys; else they go to the profile one by one.
    fits_rows: bool,
}

/// Most that a key may add to one sum of a row.
const ADDEND_MAX: u64 = 1 << 20;
/// Most keys that are added before sums are looked at, so that those of a row stay within 32 bits.
const KEYS_AT_ONCE: usize = 1_024;
/// Sums above which rows are emptied.
const SUM_MAX: u64 = u32::MAX as u64 - ADDEND_MAX * KEYS_AT_ONCE as u64;
/// Keys whose rows are touched at once.
const TOUCHED_KEYS: usize = 64;

/// Sums over keys.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct ShortTotals {
    pub(super) keys: u64,
    pub(super) expiring_keys: u64,
    pub(super) key_bytes: u64,
    pub(super) value_bytes: u64,
    pub(super) largest_value_bytes: u64,
    pub(super) serialized_bytes: u64,
    pub(super) payload_bytes: u64,
    pub(super) memory_bytes_estimate: u64,
    pub(super) memory_unknown_keys: u64,
}

impl ShortTotals {
    /// What follows from the lengths alone.
    fn of_lengths(keys: &[Short]) -> ShortTotals {
        let mut totals = ShortTotals {
            keys: keys.len() as u64,
            ..ShortTotals::default()
        };
        for key in keys {
            let id = key.alike();
            let value_bytes = u64::from(id.value_bytes());
            totals.expiring_keys += u64::from(id.expires());
            totals.key_bytes += id.key_bytes();
            totals.value_bytes += value_bytes;
            totals.largest_value_bytes = totals.largest_value_bytes.max(value_bytes);
            totals.serialized_bytes += ShortString::stored_bytes_of(id.value_bytes());
        }
        totals.payload_bytes =
            totals.serialized_bytes + totals.keys * ShortString::PAYLOAD_BYTES_AROUND;
        totals
    }

    fn add_memory(&mut self, sizes: &Sizes) {
        match sizes.memory_bytes_estimate {
            Some(bytes) => {
                self.memory_bytes_estimate = self.memory_bytes_estimate.saturating_add(bytes);
            }
            None => self.memory_unknown_keys += 1,
        }
    }
}

impl ShortRows {
    pub(super) fn new(options: &ScanOptions<'_>) -> ShortRows {
        ShortRows {
            rows: Box::new([Row::default(); SLOT_COUNT as usize]),
            known: Known::new(),
            block_ns_min: Alike::of(AlikeId::of_value(0), options).cost.block_ns,
            serialized_bytes: 0,
            memory_bytes: 0,
            block_ns_above_min: 0,
        }
    }

    /// Adds keys; those for which a row has no room are handed to `unnamed`.
    pub(super) fn add(
        &mut self,
        keys: &[Short],
        options: &ScanOptions<'_>,
        profile: &mut SlotProfile,
        unnamed: &mut Unnamed,
    ) -> ShortTotals {
        let mut totals = ShortTotals::of_lengths(keys);
        for keys in keys.chunks(KEYS_AT_ONCE) {
            self.add_some(keys, options, profile, unnamed, &mut totals);
            let sums = [
                self.serialized_bytes,
                self.memory_bytes,
                self.block_ns_above_min,
            ];
            if sums.iter().any(|&sum| sum > SUM_MAX) {
                self.empty_into(options, profile);
            }
        }
        totals
    }

    fn add_some(
        &mut self,
        keys: &[Short],
        options: &ScanOptions<'_>,
        profile: &mut SlotProfile,
        unnamed: &mut Unnamed,
        totals: &mut ShortTotals,
    ) {
        let ShortRows {
            rows,
            known,
            block_ns_min,
            ..
        } = self;
        let (mut serialized_bytes, mut memory_bytes, mut block_ns_above_min) = (0, 0, 0);
        for keys in keys.chunks(TOUCHED_KEYS) {
            touch(rows, keys);
            for &key in keys {
                let id = key.alike();
                let addend = known.get(id, || Addend::of(id, *block_ns_min, options));
                let row = &mut rows[usize::from(key.slot_number())];
                if addend.fits_rows && row.add(id, addend) {
                    serialized_bytes += u64::from(addend.serialized_bytes);
                    memory_bytes += u64::from(addend.memory_bytes);
                    block_ns_above_min += u64::from(addend.block_ns_above_min);
                } else {
                    let Alike { sizes, cost } = Alike::of(id, options);
                    totals.add_memory(&sizes);
                    let expires = Expiring {
                        key: id.expires(),
                        fields: false,
                    };
                    unnamed.add(key.slot(), expires, &sizes, cost, profile);
                }
            }
        }
        self.serialized_bytes += serialized_bytes;
        self.memory_bytes += memory_bytes;
        self.block_ns_above_min += block_ns_above_min;
        totals.memory_bytes_estimate = totals.memory_bytes_estimate.saturating_add(memory_bytes);
    }

    /// Adds what was counted to a profile.
    pub(super) fn empty_into(&mut self, options: &ScanOptions<'_>, profile: &mut SlotProfile) {
        for (row, slot) in self.rows.iter_mut().zip(Slot::all()) {
            if row.bins[0].keys > 0 {
                let facts = std::mem::take(row).facts(self.block_ns_min, options);
                profile.add_slot(slot, &facts);
            }
        }
        self.serialized_bytes = 0;
        self.memory_bytes = 0;
        self.block_ns_above_min = 0;
    }
}

/// Looks at the rows of some keys, so that the processor fetches them side by side: one after the other, while keys are
/// added, it would wait for each.
fn touch(rows: &[Row; SLOT_COUNT as usize], keys: &[Short]) {
    let touched = keys.iter().fold(0, |touched, key| {
        touched ^ rows[usize::from(key.slot_number())].expiring_keys
    });
    black_box(touched);
}

impl Addend {
    fn of(id: AlikeId, block_ns_min: u64, options: &ScanOptions<'_>) -> Addend {
        let Alike { sizes, cost } = Alike::of(id, options);
        let fitting = |n: u64| u32::try_from(n).ok().filter(|_| n <= ADDEND_MAX);
        let memory_bytes = sizes.memory_bytes_estimate.and_then(fitting);
        let block_ns_above_min = cost.block_ns.checked_sub(block_ns_min).and_then(fitting);
        Addend {
            serialized_bytes: u16::try_from(sizes.serialized_bytes).unwrap_or(u16::MAX),
            memory_bytes: memory_bytes.unwrap_or_default(),
            block_ns_above_min: block_ns_above_min.unwrap_or_default(),
            bin: CostHistogram::bin_of(cost.block_ns),
            fits_rows: memory_bytes.is_some() && block_ns_above_min.is_some(),
        }
    }
}

impl Row {
    /// Adds a key; false, and nothing is changed, when there is no room for its bin.
    #[inline(always)]
    fn add(&mut self, id: AlikeId, addend: &Addend) -> bool {
        let [first, second] = &mut self.bins;
        let bin = if first.index == addend.bin {
            first
        } else if first.keys == 0 {
            first.index = addend.bin;
            first
        } else if second.index == addend.bin || second.keys == 0 {
            second.index = addend.bin;
            second
        } else {
            return false;
        };
        bin.keys += 1;
        bin.value_bytes_max = bin.value_bytes_max.max(id.value_bytes());
        self.expiring_keys += u32::from(id.expires());
        self.serialized_bytes += u32::from(addend.serialized_bytes);
        self.memory_bytes += addend.memory_bytes;
        self.block_ns_above_min += addend.block_ns_above_min;
        true
    }

    fn facts(self, block_ns_min: u64, options: &ScanOptions<'_>) -> SlotFacts {
        let keys = self.bins.iter().map(|bin| u64::from(bin.keys)).sum();
        let serialized_bytes = u64::from(self.serialized_bytes);
        let mut facts = SlotFacts {
            keys,
            expiring_keys: u64::from(self.expiring_keys),
            serialized_bytes,
            payload_bytes: serialized_bytes + keys * ShortString::PAYLOAD_BYTES_AROUND,
            memory_bytes_estimate: u64::from(self.memory_bytes),
            block_ns: u64::from(self.block_ns_above_min) + keys * block_ns_min,
            ..SlotFacts::default()
        };
        for bin in self.bins.iter().filter(|bin| bin.keys > 0) {
            let longest = Alike::of(AlikeId::of_value(bin.value_bytes_max), options);
            let (payload_bytes, cost) = (longest.sizes.payload_bytes, longest.cost);
            facts.largest_payload_bytes = facts.largest_payload_bytes.max(payload_bytes);
            facts.worst_block_ns = facts.worst_block_ns.max(cost.block_ns);
            facts
                .unnamed
                .add_keys(u64::from(bin.keys), cost, payload_bytes);
        }
        facts
    }
}
